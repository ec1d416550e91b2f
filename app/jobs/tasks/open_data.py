"""The target's open data is kept fresh: programmes, exams, and every organisation with its school units.

Its reading calls have a share of the limit. What cannot be read stays as it was seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import findings, reference
from app.db.reference import Item
from app.db.tasks import Task
from app.jobs.calls import Calls
from app.jobs.pacer import Pacer, Place
from app.jobs.tasks.kind import Store, TaskKind
from app.settings import Settings
from app.target import OpenItem, RateLimit, SlowDown, Target

# A failure is followed by another try within so long, and a target may ask for as much.
_LONGEST_FAILURE = timedelta(hours=1)


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

    async def leave(self) -> float:
        return await self.pacer.permit(self.place)

    def gone(self) -> None:
        self.pacer.written(self.place)

    def woken(self, limit: RateLimit) -> None:
        pass


def kind(settings: Settings, target: Target, calls: Calls) -> TaskKind:
    """Makes the kind, whose tasks make their calls by `calls`."""
    every = settings.open_data_refresh

    async def do(task: Task) -> Store:
        try:
            seen = await _read(task.key, settings, target, calls)
        except SlowDown as fault:
            await calls.keep_pause("reads", fault.retry_after or timedelta(seconds=1))
            raise

        async def store(conn: AsyncConnection) -> None:
            if await _keep(conn, task.key, seen):
                await findings.look_again(conn, task.organisation_id)

        return store

    return TaskKind(reference.OPEN_DATA, max(1.1 * every, _LONGEST_FAILURE), every, do, reference.add_subjects)


async def _read(subject: str, settings: Settings, target: Target, calls: Calls) -> _Seen:
    pacer = calls.pacers["reads"]
    # The service's own calls have one share together, as an organisation has.
    place = await pacer.join(None)
    try:
        async with target.open_data(settings.skolverket_timeout) as open_data:
            hooks = _Reading(pacer, place)
            if subject == reference.PROGRAMMES:
                return _Seen(_kept(await open_data.programmes(hooks)))
            if subject == reference.EXAMS:
                return _Seen(_kept(await open_data.exams(hooks)))
            found = await open_data.organisation(subject, hooks)
            return _Seen([]) if found is None else _Seen(_kept([found.item]), _kept(found.school_units))
    finally:
        pacer.leave(place)


async def _keep(conn: AsyncConnection, subject: str, seen: _Seen) -> bool:
    if subject == reference.PROGRAMMES:
        return await reference.replace_all(conn, "programme", seen.items)
    if subject == reference.EXAMS:
        return await reference.replace_all(conn, "exam", seen.items)
    return await reference.replace_organisation(conn, subject, next(iter(seen.items), None), seen.units)


def _kept(items: Sequence[OpenItem]) -> list[Item]:
    return [Item(item.id, item.code, item.raw) for item in items]
