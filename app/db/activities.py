"""What becomes of an activity besides its roster: it is renamed, or deleted. Rosters come in through `intake`."""

from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import reads
from app.db.cipher import OrganisationCipher
from app.db.comparisons import compare_others
from app.db.free_text import name_place, open_text, seal_text
from app.db.schema import activity, organisation
from app.db.verbs import call_verb
from app.errors import NotFound, PreconditionFailed, RunUnderWay

_MISSING = "There is no such activity."


async def rename_activity(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    activity_id: UUID,
    display_name: str,
    *,
    made_by: UUID | None,
    if_match: Callable[[int | None], bool],
) -> reads.Row:
    """Gives an activity of the cipher's organisation another name, in a new version; gives it as it is then.

    The same name is no new version. Its last run is that of the key `made_by`, if one is given. `if_match` is asked
    with the version that is there. Raises NotFound, and PreconditionFailed.
    """
    organisation_id, place = cipher.organisation_id, name_place(activity_id)
    sealed = await _check(conn, organisation_id, activity_id, if_match)
    if display_name != open_text(cipher, sealed, place):
        await conn.execute(
            sa.update(activity)
            .where(activity.c.organisation_id == organisation_id, activity.c.id == activity_id)
            .values(display_name_sealed=seal_text(cipher, display_name, place), version=activity.c.version + 1)
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
) -> bytes:
    """Keeps all rosters of the organisation as they are, and looks whether the activity is in the version wanted.

    Gives its name, sealed.
    """
    held = sa.select(organisation.c.id).where(organisation.c.id == organisation_id)
    await conn.execute(held.with_for_update(key_share=True))
    found = await conn.execute(
        sa.select(activity.c.version, activity.c.display_name_sealed).where(
            activity.c.organisation_id == organisation_id,
            activity.c.id == activity_id,
            activity.c.deleted_at.is_(None),
        )
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(_MISSING)
    if not if_match(row.version):
        raise PreconditionFailed("The activity is not in the version that If-Match names.")
    return bytes(row.display_name_sealed)
