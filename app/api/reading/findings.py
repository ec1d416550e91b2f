"""What is wrong with a roster, for one viewer: before anything of it is sent."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.dependencies import Parts
from app.api.finding_names import names_of
from app.api.http import cursors
from app.api.reading.activities import check_activity as check_own_activity
from app.api.reading.disclosures import Disclosure
from app.api.reading.narrowed import only_own, opened_cursor, sealed_cursor
from app.api.reading.unnamed import unnamed_among
from app.db import findings, reads
from app.db.cipher import OrganisationCipher
from app.db.findings import ORIGINS, FindingFilter
from app.db.unit_activities import activities_within
from app.domain.issues import COUNTED, OF_MEMBERS
from app.domain.kinds import Kind, tells_school
from app.errors import NotFound
from app.views import Row, Shown
from app.views.codes import shown_code, sought_codes, unshown_codes
from app.views.finding import cause_place, show_finding_causes
from app.views.issue import show_finding
from app.views.viewer import Viewer

# Of each code.
_EXAMPLES: Final = 5


async def list_findings(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    activity_id: UUID,
    wanted: FindingFilter,
    *,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Shown], str | None]:
    """Gives a page of the findings of an activity's roster, in the roster's order, and the next page's cursor.

    Raises NotFound without the activity, and BadRequest for a cursor of another list.
    """
    wanted = replace(wanted, codes=sought_codes(wanted.codes, viewer), unshown=unshown_codes(viewer))
    wanted = replace(wanted, protected=viewer.may_see_protected)
    listed = ("findings", activity_id, *map(sorted, (wanted.kinds, wanted.codes, wanted.severities)))
    if viewer.school_units is not None:
        await check_own_activity(parts, viewer, activity_id)
        wanted, cursor = replace(wanted, of_units=sorted(viewer.units)), opened_cursor(cipher, viewer, cursor)
    after = cursors.read(cursor, (Kind, cursors.number, _origin, cursors.number), *listed)
    if after is not None:
        after = (after[0], after[1] + COUNTED, *after[2:])
    disclosure = Disclosure(viewer)
    async with parts.snapshot(viewer.organisation_id) as conn:
        await check_activity(conn, viewer, activity_id)
        rows = await findings.list_findings(conn, viewer.organisation_id, activity_id, wanted, after=after, limit=limit)
        cut, following = cursors.page(rows, limit, _place_of, *listed)
        names = await names_of(conn, cipher, disclosure, (each for row in cut for each in row["ids"] or ()))
    unnamed = await _unnamed(parts, viewer, cut)
    shown = [show_finding(row, viewer, names, unnamed) for row in cut]
    own = await only_own(parts, viewer, shown, (row["object_id"] for row in cut))
    await disclosure.write(parts, "read_findings", activity_id=activity_id, after=after)
    return own, sealed_cursor(cipher, viewer, following)


async def list_finding_causes(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, activity_id: UUID
) -> list[Shown]:
    """Gives what is wrong with an activity's roster by its codes, with examples; raises NotFound without the activity.

    Errors come first, and of these the commonest.
    """
    if viewer.school_units is not None:
        await check_own_activity(parts, viewer, activity_id)
    disclosure = Disclosure(viewer)
    async with parts.snapshot(viewer.organisation_id) as conn:
        await check_activity(conn, viewer, activity_id)
        rows = await _by_code(conn, viewer, activity_id)
        about = (each for row in rows for each in (row["object_id"], *(row["ids"] or ())) if each is not None)
        names = await names_of(conn, cipher, disclosure, about)
    await disclosure.write(parts, "read_finding_causes", activity_id=activity_id)
    by_code: dict[str, list[Row]] = {}
    for row in rows:
        by_code.setdefault(shown_code(row["code"], viewer), []).append(row)
    shown = show_finding_causes(by_code.values(), viewer, names, await _unnamed(parts, viewer, rows))
    return await only_own(parts, viewer, shown, (row["object_id"] for row in rows if row["object_id"] is not None))


async def _by_code(conn: AsyncConnection, viewer: Viewer, activity_id: UUID) -> Sequence[Row]:
    """Gives the first findings of each code with how often it was `found`, for a narrowed viewer in their objects."""
    of, protected, unshown = viewer.organisation_id, viewer.may_see_protected, unshown_codes(viewer)
    if viewer.school_units is None:
        whole = await findings.list_by_code(conn, of, activity_id, examples=_EXAMPLES, protected=protected)
        unseen: Mapping[UUID, int] = {}
        if not protected and any(row["code"] == OF_MEMBERS for row in whole):
            unseen = await findings.count_of_unseen_members(conn, of, [activity_id])
        return [
            {**row, "found": row["found"] - (unseen.get(activity_id, 0) if row["code"] == OF_MEMBERS else 0)}
            for row in whole
            if row["code"] not in unshown
        ]
    within = await activities_within(conn, of, viewer.units, [activity_id], protected=protected)
    rows: list[Row] = []
    for code, found in ((within[activity_id]["by_code"] if activity_id in within else None) or {}).items():
        if code in unshown:
            continue
        wanted = FindingFilter(codes=[code], of_units=sorted(viewer.units), protected=protected)
        first = await findings.list_findings(conn, of, activity_id, wanted, after=None, limit=_EXAMPLES)
        rows += [{**row, "found": found} for row in first[:_EXAMPLES]]
    return rows


async def page_finding_causes(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, activity_id: UUID, *, limit: int, cursor: str | None
) -> tuple[Sequence[Shown], str | None]:
    """Gives a page of the same; raises BadRequest as well, for a cursor of another list."""
    listed = ("finding causes", activity_id)
    after = cursors.read(cursor, (cursors.number, cursors.number, cursors.text), *listed)
    shown = await list_finding_causes(parts, cipher, viewer, activity_id)
    return cursors.cut(shown, limit, after, cause_place, *listed)


async def check_activity(conn: AsyncConnection, viewer: Viewer, activity_id: UUID) -> None:
    """Raises NotFound when the viewer's organisation has no such activity."""
    if await reads.roster_version(conn, viewer.organisation_id, activity_id) is None:
        raise NotFound("There is no such activity.")


async def _unnamed(parts: Parts, viewer: Viewer, rows: Iterable[Row]) -> Set[UUID]:
    """Gives whom groups and other persons do not name among those who are spoken of, and who names none of these."""
    names = (row for row in rows if tells_school(row["kind"]) or row["kind"] == Kind.PERSONS)
    spoken_of = (each for row in names for each in row["ids"] or ())
    speaking = (row["object_id"] for row in rows if row["ids"] and not tells_school(row["kind"]) and row["object_id"])
    return await unnamed_among(parts, viewer, (*spoken_of, *speaking))


def _origin(part: Any) -> str:
    if part not in ORIGINS:
        raise ValueError
    return str(part)


def _place_of(row: Row) -> tuple[Any, ...]:
    return (row["kind"], row["ordinal"] - COUNTED, row["origin"], row["number"])
