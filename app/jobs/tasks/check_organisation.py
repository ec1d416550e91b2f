"""A command asks whether an organisation's certificate, key, number and addresses fit together, and waits."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import checks
from app.db.acting import EVERYBODY
from app.db.engine import transaction
from app.db.tasks import Task
from app.jobs.tasks.kind import Store, TaskKind
from app.target import CredentialFinding, Credentials, Target

_LONGEST = timedelta(minutes=10)


def kind(engine: AsyncEngine, target: Target, timeout: float) -> TaskKind:
    """Makes the kind; each call may take `timeout` seconds."""

    async def do(task: Task) -> Store:
        async with transaction(engine, "load_check", of=task.organisation_id or EVERYBODY) as conn:
            who = await checks.asked(conn, task)
        found: Sequence[CredentialFinding] = ()
        if who is not None:
            found = await target.check_credentials(Credentials(**who), timeout)

        async def store(conn: AsyncConnection) -> None:
            await checks.note(conn, task, [asdict(each) for each in found])

        return store

    return TaskKind(checks.CHECK, _LONGEST, None, do)
