"""What operators change, of whichever organisation: pauses, and how runs go on. Whoever waits hears of it at once."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auditing import write_change
from app.api.dependencies import Parts
from app.api.http.problems import Forbidden
from app.api.reading import operations as reading
from app.api.schemas.requests import RetryRequest
from app.db import operations, pauses, runs
from app.db.acting import EVERYBODY
from app.db.activity_queue import WakeUp
from app.domain.plan import OF_PERSONS
from app.errors import NotFound
from app.views import Shown

_Change = Callable[[AsyncConnection, pauses.Place], Awaitable[list[WakeUp]]]


async def pause(parts: Parts, who: str, number: str, activity_id: UUID | None, reason: str) -> Shown:
    """Lets nothing new of an activity leave, or without one of the whole organisation; raises NotFound.

    `who` is the handle of the operator's key. Gives the pauses that are in force.
    """

    async def change(conn: AsyncConnection, place: pauses.Place) -> list[WakeUp]:
        return await pauses.pause(conn, place, cipher=None, who=who, reason=reason)

    return await _set(parts, "operator_pause", number, activity_id, change)


async def resume(parts: Parts, who: str, number: str, activity_id: UUID | None) -> Shown:
    """Lets an activity, or without one the whole organisation, go on; raises NotFound."""

    async def change(conn: AsyncConnection, place: pauses.Place) -> list[WakeUp]:
        return await pauses.resume(conn, place, by="operator", who=who)

    return await _set(parts, "operator_resume", number, activity_id, change)


async def cancel(parts: Parts, run_id: UUID) -> Shown:
    """Sends nothing more of a run; raises NotFound, and a Conflict when it has ended."""
    return await _change(parts, "operator_cancel", run_id, lambda conn, of: runs.cancel_run(conn, of, run_id))


async def retry(parts: Parts, run_id: UUID, asked: RetryRequest) -> Shown:
    """Lets a failed or cancelled run go on; raises NotFound, and a Conflict when it can't.

    Raises Forbidden for what its organisation alone allows.
    """
    if not set(OF_PERSONS).isdisjoint(asked.allow or ()):
        raise Forbidden(f"Its organisation alone may allow {' and '.join(OF_PERSONS)}.")
    return await _change(
        parts,
        "operator_retry",
        run_id,
        lambda conn, of: runs.retry_run(conn, of, run_id, asked.on_record_error, asked.allow, asked.stops),
    )


async def _set(parts: Parts, name: str, number: str, activity_id: UUID | None, change: _Change) -> Shown:
    async with parts.transaction(name, of=EVERYBODY) as conn:
        organisation_id = await operations.find_organisation(conn, number)
        if organisation_id is None:
            raise NotFound("There is no such organisation.")
        place = pauses.Place(organisation_id, activity_id)
        wake_ups = await change(conn, place)
        await write_change(conn, organisation_id, name, activity_id=activity_id)
        shown = await reading.pauses(conn, number, place)
    parts.runs.changed_here(activity_id or organisation_id)
    parts.diagnosis.forget()
    await parts.runtime.notifier.wake_up(wake_ups)
    return shown


async def _change(
    parts: Parts, name: str, run_id: UUID, change: Callable[[AsyncConnection, UUID], Awaitable[Sequence[WakeUp]]]
) -> Shown:
    async with parts.transaction(name, of=EVERYBODY) as conn:
        row = await operations.find_run(conn, run_id)
        if row is None:
            raise NotFound("There is no such run.")
        wake_ups = await change(conn, row["organisation_id"])
        await write_change(conn, row["organisation_id"], name, run_id=run_id, activity_id=row["activity_id"])
        shown = await reading.changed_run(conn, run_id)
    parts.runs.changed_here(row["activity_id"])
    parts.diagnosis.forget()
    await parts.runtime.notifier.wake_up(wake_ups)
    return shown
