"""Activities, for one viewer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.api.dependencies import Parts, cipher_of
from app.api.http import cursors
from app.api.http.answers import Polled
from app.api.reading.narrowed import own_counts
from app.db import reads
from app.db.findings import count_of_unseen_members
from app.db.unit_activities import activities_within
from app.domain.issues import OF_MEMBERS
from app.errors import NotFound
from app.views import Row, Shown
from app.views.activity import show_activity
from app.views.narrowed import narrow_activity
from app.views.sealed import open_activity
from app.views.viewer import Viewer


async def list_activities(
    parts: Parts, viewer: Viewer, *, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """Gives a page of the organisation's activities, the newest first, and the next page's cursor.

    Raises BadRequest for a cursor of another list.
    """
    after: tuple[Any, ...] | None = cursors.read(cursor, (cursors.moment, cursors.uuid), "activities")

    def key(row: Row) -> tuple[Any, ...]:
        return (row["created_at"], row["id"])

    found: list[tuple[Row, Shown]] = []
    while len(found) <= limit:
        async with parts.statement(viewer.organisation_id) as conn:
            rows = await reads.list_activities(
                conn, viewer.organisation_id, made_by=viewer.runs_made_by, after=after, limit=limit
            )
        found += await _shown(parts, viewer, [open_activity(row, cipher_of(parts, viewer)) for row in rows])
        if len(rows) <= limit or viewer.school_units is None:
            break
        # Of a narrowed viewer's there may have been fewer among them.
        after = key(rows[-1])
    cut, following = cursors.page(found, limit, lambda each: key(each[0]), "activities")
    return [shown for _, shown in cut], following


async def runs_going_on(parts: Parts, viewer: Viewer, activity_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Gives the runs that go on of these activities, by activity; an activity has one at a time."""
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await reads.runs_going_on(conn, viewer.organisation_id, activity_ids)
    if viewer.school_units is not None:
        own = await own_counts(parts, viewer, [row["id"] for row in rows])
        rows = [row for row in rows if row["id"] in own]
    return {row["activity_id"]: row for row in rows}


async def get_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> Shown:
    """Gives an activity; raises NotFound without it, and for a narrowed viewer without an object of theirs in it."""
    found = await _shown(parts, viewer, [await find_activity(parts, viewer, activity_id)])
    if not found:
        raise _missing()
    return found[0][1]


async def poll_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> Polled:
    """Gives what a viewer is answered of an activity, under the ETag that If-Match takes from who may change it."""
    if viewer.school_units is not None:
        return Polled.of(await get_activity(parts, viewer, activity_id), finished=True)
    row = await find_activity(parts, viewer, activity_id)
    return Polled.of_version(await shown_activity(parts, viewer, row), row["version"])


async def shown_activity(parts: Parts, viewer: Viewer, row: Row) -> Shown:
    """Shows an opened activity to a viewer who is not narrowed."""
    [(_, shown)] = await _whole(parts, viewer, [row])
    return shown


async def check_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> None:
    """Raises NotFound without the activity, and for a narrowed viewer without an object of theirs in its roster."""
    async with parts.statement(viewer.organisation_id) as conn:
        if viewer.school_units is None:
            found = await reads.roster_version(conn, viewer.organisation_id, activity_id) is not None
        else:
            found = bool(
                await activities_within(
                    conn, viewer.organisation_id, viewer.units, [activity_id], protected=viewer.may_see_protected
                )
            )
    if not found:
        raise _missing()


async def find_activity(parts: Parts, viewer: Viewer, activity_id: UUID) -> Row:
    """Gives an activity with its name opened, and the last run that the viewer may see; raises NotFound without it."""
    async with parts.statement(viewer.organisation_id) as conn:
        row = await reads.find_activity(conn, viewer.organisation_id, activity_id, made_by=viewer.runs_made_by)
    if row is None:
        raise _missing()
    return open_activity(row, cipher_of(parts, viewer))


async def _shown(parts: Parts, viewer: Viewer, rows: Sequence[Row]) -> list[tuple[Row, Shown]]:
    """Shows activities, to a narrowed viewer those alone that have objects of theirs, counted by these."""
    if viewer.school_units is None:
        return await _whole(parts, viewer, rows)
    async with parts.statement(viewer.organisation_id) as conn:
        within = await activities_within(
            conn, viewer.organisation_id, viewer.units, [row["id"] for row in rows], protected=viewer.may_see_protected
        )
    counts = await own_counts(parts, viewer, [row["run_id"] for row in rows if row["run_id"] is not None])
    return [
        (row, narrow_activity(show_activity(row, viewer), within[row["id"]], viewer, counts.get(row["run_id"], {})))
        for row in rows
        if row["id"] in within
    ]


async def _whole(parts: Parts, viewer: Viewer, rows: Sequence[Row]) -> list[tuple[Row, Shown]]:
    unseen: Mapping[UUID, int] = {}
    if viewer.may_see_names and not viewer.may_see_protected:
        of_members = [row["id"] for row in rows if OF_MEMBERS in row["findings_by_code"]]
        if of_members:
            async with parts.statement(viewer.organisation_id) as conn:
                unseen = await count_of_unseen_members(conn, viewer.organisation_id, of_members)
    return [(row, show_activity(row, viewer, unseen.get(row["id"], 0))) for row in rows]


def _missing() -> NotFound:
    return NotFound("There is no such activity.")
