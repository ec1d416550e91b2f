"""Activities, for one viewer."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from app.api.dependencies import Parts
from app.api.http import cursors
from app.db import reads
from app.errors import NotFound
from app.views import Row, Shown
from app.views.activity import show_activity
from app.views.viewer import Viewer


async def list_activities(
    parts: Parts, viewer: Viewer, *, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """Gives a page of the organisation's activities, the newest first, and the next page's cursor.

    Raises BadRequest for a cursor of another list.
    """
    after: tuple[Any, ...] | None = cursors.read(cursor, (cursors.moment, cursors.uuid), "activities")
    async with parts.statement() as conn:
        rows = await reads.list_activities(
            conn, viewer.organisation_id, made_by=viewer.runs_made_by, after=after, limit=limit
        )
    cut, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["id"]), "activities")
    return [show_activity(row, viewer) for row in cut], following


async def runs_going_on(parts: Parts, viewer: Viewer, activity_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Gives the runs that go on of these activities, by activity; an activity has one at a time."""
    async with parts.statement() as conn:
        rows = await reads.runs_going_on(conn, viewer.organisation_id, activity_ids)
    return {row["activity_id"]: row for row in rows}


async def get_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> Shown:
    """Gives an activity; raises NotFound without it."""
    return show_activity(await find_activity(parts, viewer, activity_id), viewer)


async def find_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> Row:
    """Gives an activity as it is stored, with the last run that the viewer may see; raises NotFound without it."""
    async with parts.statement() as conn:
        row = await reads.find_activity(conn, viewer.organisation_id, activity_id, made_by=viewer.runs_made_by)
    if row is None:
        raise NotFound("There is no such activity.")
    return row
