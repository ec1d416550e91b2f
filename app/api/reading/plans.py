"""Plans, made and read for one viewer: what a run would do, told without a call of Skolverket."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auditing import write_change
from app.api.dependencies import Parts, check_allowed, check_made_by, viewer_of
from app.api.http import cursors
from app.api.http.lists import MOST_NAMED
from app.api.http.problems import Busy
from app.api.reading.disclosures import Disclosure
from app.api.reading.unnamed import unnamed_in
from app.api.schemas.requests import PlanRequest
from app.db import plans, reads
from app.db.cipher import OrganisationCipher
from app.db.planning import PlanOvertaken, make_plan
from app.db.plans import ItemFilter
from app.domain.kinds import Kind
from app.domain.plan import Decision
from app.errors import NotFound
from app.security.keys import Caller
from app.views import Shown
from app.views.codes import sought_codes
from app.views.issue import Names, spoken_of
from app.views.plan import show_item, show_plan
from app.views.sealed import open_name, open_plan_item
from app.views.viewer import Viewer


async def make(
    parts: Parts, cipher: OrganisationCipher, planner: Caller, activity_id: UUID, asked: PlanRequest
) -> Shown:
    """Makes a plan of an activity as it was `asked` for, and gives it.

    Raises NotFound without the activity, Forbidden for what the planner may not allow, and Busy while too many plans
    are being made, or persons who are in it are being erased.
    """
    check_allowed(viewer_of(planner, parts), asked.allow)

    async def made(conn: AsyncConnection, plan_id: UUID) -> None:
        await write_change(conn, planner.organisation_id, "make_plan", activity_id=activity_id, plan=str(plan_id))

    async with _place(parts, planner.organisation_id):
        try:
            plan_id = await make_plan(
                parts.runtime.engine,
                cipher,
                parts.runtime.target.published,
                activity_id,
                on_record_error=asked.on_record_error,
                allow=asked.allow,
                key_id=planner.key_id,
                key_name=planner.key_name,
                share=parts.intake_share,
                made=made,
            )
        except PlanOvertaken:
            raise Busy("Persons who are in the roster are being erased at the moment.") from None
    async with parts.statement(planner.organisation_id) as conn:
        row = await plans.find_plan(conn, planner.organisation_id, plan_id)
    if row is None:
        raise NotFound("Newer plans of this activity have been made meanwhile.")
    return show_plan(row, viewer_of(planner, parts))


async def list_plans(
    parts: Parts, viewer: Viewer, activity_id: UUID, *, limit: int, cursor: str | None
) -> tuple[list[Shown], str | None]:
    """Gives a page of the plans that are kept of an activity, the newest first, and the next page's cursor.

    Raises NotFound without the activity, and BadRequest for a cursor of another list.
    """
    listed = ("plans", activity_id)
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    async with parts.statement(viewer.organisation_id) as conn:
        version = await reads.roster_version(conn, viewer.organisation_id, activity_id)
    if version is None:
        raise NotFound("There is no such activity.")
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await plans.list_plans(
            conn, viewer.organisation_id, activity_id, made_by=viewer.runs_made_by, after=after, limit=limit
        )
    cut, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["id"]), *listed)
    return [show_plan(row, viewer) for row in cut], following


async def list_withheld(parts: Parts, viewer: Viewer, of: Sequence[Shown]) -> frozenset[str]:
    """Gives what keeps persons back in one `of` these plans unless it is allowed; nothing without `protected`."""
    if not viewer.may_see_protected:
        return frozenset()
    async with parts.statement(viewer.organisation_id) as conn:
        return await plans.list_withheld(conn, viewer.organisation_id, [each["id"] for each in of])


async def get_plan(parts: Parts, viewer: Viewer, plan_id: UUID) -> Shown:
    """Gives a plan with its counts; raises NotFound, and Forbidden for a plan of another key."""
    return show_plan(await _visible_plan(parts, viewer, plan_id), viewer)


async def list_plan_items(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    plan_id: UUID,
    wanted: ItemFilter,
    *,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Shown], str | None]:
    """Gives a page of what a plan says of each object, and the next page's cursor.

    Raises NotFound, Forbidden for a plan of another key, and BadRequest for a cursor of another list.
    """
    wanted = replace(wanted, codes=sought_codes(wanted.codes, viewer))
    filters = map(sorted, (wanted.stages, wanted.decisions, wanted.marks, wanted.codes))
    listed = ("plan_items", plan_id, *filters)
    after = cursors.read(cursor, (Kind, cursors.number), *listed)
    async with parts.snapshot(viewer.organisation_id) as conn:
        marked_since = (await _found_plan(conn, viewer, plan_id))["marked_since"]
        rows = await plans.list_items(
            conn,
            viewer.organisation_id,
            plan_id,
            wanted,
            protected=viewer.may_see_protected,
            others=viewer.may_see_names,
            marked_since=marked_since,
            after=after,
            limit=limit,
        )
    cut, following = cursors.page(rows, limit, lambda row: (row["kind"], row["ordinal"]), *listed)
    opened = [open_plan_item(row, cipher) for row in cut]
    disclosure = Disclosure(viewer)
    # Of what others' runs have sent nothing is shown without `history`.
    disclosure.add(row for row in opened if not (row["decision"] == Decision.LEFT and viewer.runs_made_by is not None))
    names = await _names(parts, cipher, disclosure, plan_id, opened)
    unnamed = await unnamed_in(parts, viewer, opened, "payload", "old", "new")
    shown: list[Shown] = []
    for row in opened:
        if len(shown) % 20 == 0:
            await asyncio.sleep(0)
        shown.append(show_item(row, viewer, names, unnamed, marked_since=marked_since))
    await disclosure.write(parts, "read_plan", plan=str(plan_id), after=after)
    return shown, following


@asynccontextmanager
async def _place(parts: Parts, organisation_id: UUID) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        try:
            await held.enter_async_context(parts.plan_places.take(organisation_id, parts.timeout.place))
        except TimeoutError:
            raise Busy("Too many plans are being made at the moment.") from None
        yield


async def _names(
    parts: Parts, cipher: OrganisationCipher, disclosure: Disclosure, plan_id: UUID, opened: Sequence[Shown]
) -> Names:
    """Gives the names of the objects that messages speak of: one more statement, if they speak of any."""
    viewer = disclosure.viewer
    references = sorted(spoken_of(opened, viewer.published))[:MOST_NAMED]
    if not references:
        return {}
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await plans.list_named(conn, viewer.organisation_id, plan_id, references)
    return disclosure.names(open_name(row, cipher) for row in rows)


async def _visible_plan(parts: Parts, viewer: Viewer, plan_id: UUID) -> Any:
    async with parts.statement(viewer.organisation_id) as conn:
        return await _found_plan(conn, viewer, plan_id)


async def _found_plan(conn: AsyncConnection, viewer: Viewer, plan_id: UUID) -> Any:
    row = await plans.find_plan(conn, viewer.organisation_id, plan_id)
    if row is None:
        raise NotFound("There is no such plan.")
    check_made_by(viewer, row["requested_by_id"])
    return row
