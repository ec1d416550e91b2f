"""The loop that keeps the target's open data fresh: programmes, exams, and every organisation with its school units.

The holder of an egress runs it: its reading calls have a share of the limit. What cannot be read stays as it was seen.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random, SystemRandom

import structlog
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import reference
from app.db.reference import Due, Item
from app.jobs.calls import Calls
from app.jobs.pacer import NoPermit, Pacer, Place
from app.logs import describe_exception
from app.settings import Settings
from app.target import OpenItem, RateLimit, SlowDown, Target, TargetError, TryAgain

log = structlog.get_logger(__name__)

# How often the holder looks for what is due, and for organisations that are new (s).
_LOOK = 20.0
# A failure is followed by another try after so long, and by later ones after twice as long each time.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# Whoever holds a subject has so long for the call; then somebody else may try.
_LEASE = timedelta(seconds=120)


def next_wait(
    every: timedelta, luck: float, *, failed: bool, waited: timedelta | None = None, asked: timedelta | None = None
) -> timedelta:
    """Decides how long after a try a subject is read again.

    After a success `every`, a tenth more or less; after a failure sooner: twice as long as `waited` before it, and at
    least as long as the target `asked` for. `luck`, from 0 to 1, keeps workers and subjects apart.
    """
    if not failed:
        return every * (0.9 + 0.2 * luck)
    wait = min(max(_FIRST_WAIT, 2 * (waited or timedelta())), _LONGEST_WAIT, every)
    return max(wait * (0.8 + 0.4 * luck), asked or timedelta())


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a call found: an organisation with its school units, or all items of a kind."""

    items: list[Item]
    units: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading call, which leaves with its permit."""

    pacer: Pacer
    place: Place

    async def leave(self) -> None:
        await self.pacer.permit(self.place)

    def gone(self) -> None:
        self.pacer.written(self.place)

    def woken(self, limit: RateLimit) -> None:
        pass


class Refresher:
    """Reads again what is due, by the `calls` of the process that holds an egress."""

    def __init__(
        self, settings: Settings, engine: AsyncEngine, target: Target, calls: Calls, random: Random | None = None
    ) -> None:
        self._calls = calls
        self._settings = settings
        self._target = target
        self._engine = engine
        self._random = random or SystemRandom()

    async def run(self, stop: asyncio.Event) -> None:
        """Refreshes until told to stop; never raises."""
        while not stop.is_set():
            try:
                await self.run_once(stop)
            except Exception as problem:  # Postgres may be away for a while
                log.error("open data: refresh failed", **describe_exception(problem))
            await _paused(stop, _LOOK * self._random.uniform(0.8, 1.2))

    async def run_once(self, stop: asyncio.Event) -> None:
        """Refreshes everything that is due, one call after the other."""
        async with self._engine.begin() as conn:
            await reference.add_subjects(conn)
        while not stop.is_set():
            async with self._engine.begin() as conn:
                due = await reference.claim_due(conn, _LEASE)
            if due is None:
                return
            try:
                await self._refresh(due)
            except NoPermit:
                # The subject is left to whoever calls next.
                return

    async def _refresh(self, due: Due) -> None:
        try:
            seen = await self._read(due)
            async with self._engine.begin() as conn:
                await self._keep(conn, due, seen)
        except TargetError as fault:
            await self._failed(due, fault)
        except DataError:
            # JSON has texts that Postgres can't hold, such as one with U+0000.
            await self._failed(due, TryAgain("answer_unreadable"))

    async def _read(self, due: Due) -> _Seen:
        pacer = self._calls.pacers["reads"]
        # The service's own calls have one share together, as an organisation has.
        place = await pacer.join(None)
        try:
            async with self._target.open_data(self._settings.skolverket_timeout) as open_data:
                hooks = _Reading(pacer, place)
                if due.subject == reference.PROGRAMMES:
                    return _Seen(_kept(await open_data.programmes(hooks)))
                if due.subject == reference.EXAMS:
                    return _Seen(_kept(await open_data.exams(hooks)))
                found = await open_data.organisation(due.subject, hooks)
                return _Seen([]) if found is None else _Seen(_kept([found.item]), _kept(found.school_units))
        finally:
            pacer.leave(place)

    async def _keep(self, conn: AsyncConnection, due: Due, seen: _Seen) -> None:
        wait = next_wait(self._settings.open_data_refresh, self._random.random(), failed=False)
        if not await reference.note_refreshed(conn, due, wait):
            return
        if due.subject == reference.PROGRAMMES:
            await reference.replace_all(conn, "programme", seen.items)
        elif due.subject == reference.EXAMS:
            await reference.replace_all(conn, "exam", seen.items)
        else:
            await reference.replace_organisation(conn, due.subject, next(iter(seen.items), None), seen.units)

    async def _failed(self, due: Due, fault: TargetError) -> None:
        wait = next_wait(
            self._settings.open_data_refresh,
            self._random.random(),
            failed=True,
            waited=due.waited,
            asked=fault.retry_after,
        )
        # By id: an organisation's number looks like a civic number.
        about = due.subject if due.subject in (reference.PROGRAMMES, reference.EXAMS) else "organisation"
        log.warning(
            "open data: not refreshed",
            subject=about,
            organisation_id=str(due.organisation_id),
            code=fault.code,
            http_status=fault.http_status,
            again_in=round(wait.total_seconds()),
        )
        async with self._engine.begin() as conn:
            await reference.note_failure(conn, due, wait, fault.code)
        if isinstance(fault, SlowDown):
            await self._calls.keep_pause("reads", fault.retry_after or timedelta(seconds=1))


def _kept(items: Sequence[OpenItem]) -> list[Item]:
    return [Item(item.id, item.code, item.raw) for item in items]


async def _paused(stop: asyncio.Event, seconds: float) -> bool:
    """Waits for so long or until told to stop; tells whether it was."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
