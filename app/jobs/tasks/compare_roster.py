"""A roster is held against others anew, since one with the same objects has changed."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.acting import EVERYBODY
from app.db.comparisons import COMPARE_ROSTER, compare_anew
from app.db.engine import transaction
from app.db.tasks import Task
from app.jobs.tasks.kind import Later, Store, TaskKind

_LONGEST = timedelta(minutes=10)
_ANOTHER_TIME = timedelta(seconds=1)


def kind(engine: AsyncEngine) -> TaskKind:
    """Makes the kind: such a task is done once, and again when it has been asked for meanwhile."""

    async def do(task: Task) -> Store:
        # In a transaction of its own: whoever changes a roster holds the organisation and then asks for this task.
        async with transaction(engine, "compare_roster", of=task.organisation_id or EVERYBODY) as conn:
            if not await compare_anew(conn, task.key):
                raise Later(_ANOTHER_TIME)
        return _nothing_more

    return TaskKind(COMPARE_ROSTER, _LONGEST, None, do)


async def _nothing_more(_: AsyncConnection) -> None:
    pass
