"""Workers as rows: what each has met, what all have met together, and that no figure falls when one is forgotten."""

from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import workers
from app.db.workers import Tally, Workers
from tests.database.factories import Tenant


def met() -> Tally:
    """Three claims, one of them after a death."""
    return Tally(in_progress=2, claims=3, reaped=1, lost=1, wake_ups=4)


async def note(engine: AsyncEngine, worker: UUID, tally: Tally) -> None:
    async with engine.begin() as conn:
        await workers.note_worker(conn, worker, "test", tally)


async def together(engine: AsyncEngine) -> Workers:
    async with engine.connect() as conn:
        return await workers.all_workers(conn)


async def test_a_worker_says_what_it_has_met_since_it_started(engine: AsyncEngine) -> None:
    """Said twice, it counts once: the figures are the whole worker's, not what was added."""
    worker = uuid4()
    for _ in range(2):
        await note(engine, worker, met())
    seen = await together(engine)
    assert seen == Workers(1, 2, 3, 1, 1, 4)


async def test_the_figures_of_all_workers_are_added_up(engine: AsyncEngine) -> None:
    for _ in range(3):
        await note(engine, uuid4(), met())
    seen = await together(engine)
    assert (seen.alive, seen.in_progress, seen.claims, seen.reaped, seen.lost, seen.wake_ups) == (3, 6, 9, 3, 3, 12)


async def test_without_any_worker_there_are_none(engine: AsyncEngine) -> None:
    seen = await together(engine)
    assert seen == Workers(0, 0, 0, 0, 0, 0)


async def test_one_that_has_ended_or_says_nothing_any_more_is_not_there(engine: AsyncEngine, tenant: Tenant) -> None:
    ended, silent, there = (uuid4() for _ in range(3))
    for worker in (ended, silent, there):
        await note(engine, worker, met())
    async with engine.begin() as conn:
        await workers.note_end(conn, ended)
    await tenant.do("UPDATE worker SET seen_at = seen_at - interval '31 s' WHERE id = :id", id=silent)
    seen = await together(engine)
    assert (seen.alive, seen.in_progress, seen.claims) == (1, 2, 9)


async def test_no_figure_falls_when_old_workers_are_forgotten(engine: AsyncEngine, tenant: Tenant) -> None:
    """Twice, so that the past is added to what is past already."""
    for claims in (3, 6):
        await note(engine, uuid4(), met())
        await tenant.do("UPDATE worker SET seen_at = seen_at - interval '25 hours'")
        async with engine.begin() as conn:
            await workers.add_up_the_past(conn)
        seen = await together(engine)
        assert seen == Workers(0, 0, claims, claims // 3, claims // 3, 4 * claims // 3)
        assert await tenant.value("SELECT count(*) FROM worker") == 1
