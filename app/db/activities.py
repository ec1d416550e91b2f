"""What becomes of an activity besides its roster: it is renamed, or deleted. Rosters come in through `intake`."""

from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import reads
from app.db.comparisons import compare_others
from app.db.schema import activity, organisation
from app.db.verbs import call_verb
from app.errors import NotFound, PreconditionFailed, RunUnderWay

_MISSING = "There is no such activity."


async def rename_activity(
    conn: AsyncConnection,
    organisation_id: UUID,
    activity_id: UUID,
    display_name: str,
    *,
    made_by: UUID | None,
    if_match: Callable[[int | None], bool],
) -> reads.Row:
    """Gives an activity another name, in a new version; gives the activity as it is then.

    Its last run is that of the key `made_by`, if one is given. `if_match` is asked with the version that is there.
    Raises NotFound, and PreconditionFailed.
    """
    await _check(conn, organisation_id, activity_id, if_match)
    await conn.execute(
        sa.update(activity)
        .where(activity.c.organisation_id == organisation_id, activity.c.id == activity_id)
        .values(
            display_name=display_name,
            # The same name is no new version.
            version=activity.c.version + sa.cast(activity.c.display_name != display_name, sa.Integer),
        )
    )
    row = await reads.find_activity(conn, organisation_id, activity_id, made_by=made_by)
    assert row is not None  # noqa: S101 - it is held
    return row


async def delete_activity(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, *, if_match: Callable[[int | None], bool]
) -> None:
    """Deletes an activity with what its roster has; its runs stay.

    `if_match` is asked with the version that is there. Raises NotFound, PreconditionFailed, and RunUnderWay while a run
    of it is under way.
    """
    await _check(conn, organisation_id, activity_id, if_match)
    given = await call_verb(
        conn, "delete_activity(:organisation, :activity)", {"organisation": organisation_id, "activity": activity_id}
    )
    match given.get("refused"):
        case "under_way":
            raise RunUnderWay("A run of this activity is under way: let it finish, or cancel it.")
        case "no_activity":
            raise NotFound(_MISSING)
    await compare_others(conn, organisation_id, [UUID(each) for each in given["others"]])


async def _check(
    conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, if_match: Callable[[int | None], bool]
) -> None:
    """Keeps all rosters of the organisation as they are, and looks whether the activity is in the version wanted."""
    held = sa.select(organisation.c.id).where(organisation.c.id == organisation_id)
    await conn.execute(held.with_for_update(key_share=True))
    version = await reads.roster_version(conn, organisation_id, activity_id)
    if version is None:
        raise NotFound(_MISSING)
    if not if_match(version):
        raise PreconditionFailed("The activity is not in the version that If-Match names.")
