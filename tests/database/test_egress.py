"""The right to call from an address: one process has it, others take over, and what a claim is worth meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy.exc import IntegrityError

from app.db import claims, egress
from app.db.egress import Epoch, Pauses
from app.db.engine import close
from app.jobs import egress as at_work
from app.jobs.egress import Egress
from app.runtime import target_of
from app.settings import Settings
from tests.conftest import NOWHERE
from tests.database.epochs import begin_epoch, claim
from tests.database.factories import Tenant, engine_of, make_job, the_cipher

HERE = "here"


async def take(tenant: Tenant, seen: Epoch | None = None, worker: UUID | None = None) -> UUID | None:
    async with tenant.engine.begin() as conn:
        return await egress.take_egress(conn, HERE, worker or uuid4(), seen)


async def seen(tenant: Tenant, epoch: UUID) -> Epoch:
    async with tenant.engine.connect() as conn:
        return next(each for each in await egress.going_on(conn) if each.id == epoch)


async def in_progress(tenant: Tenant, epoch: UUID, *jobs: UUID) -> list[claims.Claim]:
    async with tenant.engine.begin() as conn:
        return await claims.claim_jobs(conn, epoch, 9, jobs)


async def state_of(tenant: Tenant, job_id: UUID) -> tuple[bool, int]:
    """Tells whether a job is held, and how many deaths it has seen."""
    [row] = await tenant.rows("SELECT holder, worker_deaths FROM job WHERE id = :job", job=job_id)
    return row["holder"] is not None, row["worker_deaths"]


async def held(tenant: Tenant) -> UUID:
    """Takes the egress."""
    taken = await take(tenant)
    assert taken is not None
    return taken


async def test_one_process_has_the_right_to_call(tenant: Tenant) -> None:
    first = await held(tenant)
    assert await take(tenant) is None
    async with tenant.engine.begin() as conn:
        await egress.release(conn, first)
    second = await held(tenant)
    assert await tenant.value("SELECT number FROM epoch WHERE id = :id", id=second) == 2


async def test_of_many_that_take_it_at_once_one_gets_it(tenant: Tenant) -> None:
    got = await asyncio.gather(*(take(tenant) for _ in range(5)))
    assert len([each for each in got if each]) == 1


async def test_whoever_has_seen_the_beat_stand_still_takes_over_and_frees_what_was_in_progress(tenant: Tenant) -> None:
    job_id = await make_job(tenant, "queued")
    first = await held(tenant)
    [before] = await in_progress(tenant, first, job_id)
    second = await take(tenant, await seen(tenant, first))
    assert second is not None
    assert await state_of(tenant, job_id) == (False, 1)
    [claim] = await in_progress(tenant, second, job_id)
    assert (claim.number > before.number, claim.lost_before) == (True, True)


async def test_nobody_takes_over_from_a_beat_that_has_moved(tenant: Tenant) -> None:
    first = await held(tenant)
    before = await seen(tenant, first)
    async with tenant.engine.begin() as conn:
        assert await egress.beat(conn, first)
        assert await egress.end_epoch(conn, before, uuid4()) is None
    assert await take(tenant, before) is None
    assert (await seen(tenant, first)).beat == before.beat + 1


async def test_a_process_that_lives_and_takes_over_from_itself_was_no_death(tenant: Tenant) -> None:
    worker, job_id = uuid4(), await make_job(tenant, "queued")
    first = await take(tenant, worker=worker)
    assert first is not None
    await in_progress(tenant, first, job_id)
    assert await take(tenant, await seen(tenant, first), worker) is not None
    assert await state_of(tenant, job_id) == (False, 0)


async def test_who_leaves_keeps_what_it_has_in_hand_while_its_beat_moves(tenant: Tenant) -> None:
    """And when it stands still that is no death: it had been told to end."""
    job_id = await make_job(tenant, "queued")
    first = await held(tenant)
    await in_progress(tenant, first, job_id)
    async with tenant.engine.begin() as conn:
        await egress.release(conn, first)
    await held(tenant)
    assert await state_of(tenant, job_id) == (True, 0)
    async with tenant.engine.begin() as conn:
        assert await egress.beat(conn, first)
    leaving = await seen(tenant, first)
    async with tenant.engine.begin() as conn:
        assert await egress.end_epoch(conn, leaving, uuid4()) == 1
        assert not await egress.beat(conn, first)
    assert await state_of(tenant, job_id) == (False, 0)


async def test_an_epoch_that_closes_frees_what_is_left(tenant: Tenant) -> None:
    job_id = await make_job(tenant, "queued")
    first = await held(tenant)
    await in_progress(tenant, first, job_id)
    async with tenant.engine.begin() as conn:
        await egress.close_epoch(conn, first)
    assert await state_of(tenant, job_id) == (False, 0)
    assert await take(tenant) is not None


async def test_a_job_that_its_holder_does_not_know_is_free_again(tenant: Tenant) -> None:
    """The answer to its claim got lost; what the holder knows stays its own, under this very claim."""
    known, forgotten, again = [await make_job(tenant, "queued") for _ in range(3)]
    epoch = await held(tenant)
    numbers = {each.job_id: each.number for each in await in_progress(tenant, epoch, known, forgotten, again)}
    async with tenant.engine.begin() as conn:
        mine = {known: numbers[known], again: numbers[again] - 1}
        assert (await egress.free_forgotten(conn, epoch, mine))[0] == 2
    assert [await state_of(tenant, each) for each in (known, forgotten, again)] == [(True, 0), (False, 0), (False, 0)]


async def test_a_job_of_an_epoch_that_has_ended_is_free_again(tenant: Tenant) -> None:
    """It was claimed in the moment in which the epoch was ended."""
    job_id = await make_job(tenant, "queued")
    first = await held(tenant)
    await in_progress(tenant, first, job_id)
    await tenant.do("UPDATE epoch SET state = 'ended', ended_at = clock_timestamp() WHERE id = :id", id=first)
    second = await held(tenant)
    async with tenant.engine.begin() as conn:
        assert await egress.free_forgotten(conn, second, {}, {}) == (1, {})


async def test_a_claim_of_which_the_news_may_be_on_its_way_is_not_taken_for_a_forgotten_one(tenant: Tenant) -> None:
    """As that of a job which follows from the end of another: the next look frees it, if it is still the same claim."""
    job_id = await make_job(tenant, "queued")
    epoch = await held(tenant)
    [one] = await in_progress(tenant, epoch, job_id)
    found, earlier = {job_id: one.number}, {job_id: one.number - 1}
    async with tenant.engine.begin() as conn:
        assert await egress.free_forgotten(conn, epoch, {}, {}) == (0, found)
        assert await egress.free_forgotten(conn, epoch, {}, earlier) == (0, found)
        assert await egress.free_forgotten(conn, epoch, found, found) == (0, {})
        assert await egress.free_forgotten(conn, epoch, {}, found) == (1, found)


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        ("UPDATE epoch SET state = 'holds' WHERE state = 'leaves'", "epoch_lifecycle"),
        ("UPDATE epoch SET state = 'leaves', ended_at = NULL WHERE state = 'ended'", "epoch_final"),
        ("UPDATE epoch SET worker = gen_random_uuid() WHERE state = 'holds'", "epoch_identity"),
        ("UPDATE epoch SET state = 'ended' WHERE state = 'holds'", "ck_epoch_ended_has_its_time"),
        (
            "INSERT INTO epoch (id, egress, number, worker) SELECT gen_random_uuid(), egress, 99, worker FROM epoch"
            " WHERE state = 'holds'",
            "uq_epoch_holds",
        ),
    ],
)
async def test_the_database_refuses(tenant: Tenant, change: str, guard: str) -> None:
    for state in ("ended", "leaves"):
        epoch = await held(tenant)
        async with tenant.engine.begin() as conn:
            await (egress.close_epoch if state == "ended" else egress.release)(conn, epoch)
    await held(tenant)
    with pytest.raises(IntegrityError) as refused:
        await tenant.do(change)
    assert isinstance(refused.value.orig, CheckViolation | UniqueViolation)
    assert refused.value.orig.diag.constraint_name == guard


async def test_pauses_are_there_for_a_successor(tenant: Tenant) -> None:
    """The longest that was asked for, of each kind; and whether there was somebody before."""
    async with tenant.engine.begin() as conn:
        assert await egress.pauses(conn, HERE) == Pauses()
        await begin_epoch(conn, egress=HERE)
        assert await egress.pauses(conn, HERE) == Pauses(after_another=False)
        for seconds in (60, 30):
            await egress.note_pause(conn, HERE, "calls", timedelta(seconds=seconds))
        left = await egress.pauses(conn, HERE)
    assert timedelta(seconds=55) < left.calls <= timedelta(seconds=60)
    assert left.reads == timedelta()
    [first] = await tenant.rows("SELECT id FROM epoch")
    await take(tenant, await seen(tenant, first["id"]))
    async with tenant.engine.connect() as conn:
        assert (await egress.pauses(conn, HERE)).after_another


async def test_epochs_of_long_ago_are_forgotten_but_for_the_latest(tenant: Tenant) -> None:
    for _ in range(3):
        epoch = await held(tenant)
        async with tenant.engine.begin() as conn:
            await egress.close_epoch(conn, epoch)
    await tenant.do("SET LOCAL session_replication_role = replica")
    async with tenant.engine.begin() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text("UPDATE epoch SET ended_at = ended_at - interval '25 hours'"))
        await egress.forget_past_epochs(conn)
    assert [row["number"] for row in await tenant.rows("SELECT number FROM epoch")] == [3]


# Whole workers, without a Skolverket: their jobs have no records.


@asynccontextmanager
async def working(database_url: str, **settings: object) -> AsyncIterator[Egress]:
    engine, beats = engine_of(database_url), engine_of(database_url, pool=1)
    nowhere = {name.lower(): address for name, address in NOWHERE.items()}
    given = Settings.model_validate({"sweep_seconds": 0.2, **nowhere, **settings})
    worker = Egress(given, engine, beats, the_cipher(), target_of(given), asyncio.Event())
    task = asyncio.create_task(worker.run())
    try:
        yield worker
        worker.stopping.set()
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for each in (engine, beats):
            await close(each)


async def until(look: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while not await look():  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)


def holder(tenant: Tenant) -> Callable[[], Awaitable[UUID | None]]:
    async def read() -> UUID | None:
        found: UUID | None = await tenant.value("SELECT worker FROM epoch WHERE state = 'holds'")
        return found

    return read


async def test_without_a_notifier_what_is_due_is_carried_on(tenant: Tenant, database_url: str) -> None:
    run = await tenant.new_run({})
    async with working(database_url):
        await until(lambda: tenant.value("SELECT status = 'succeeded' FROM run WHERE id = :run", run=run.id))


async def test_when_the_holder_is_told_to_end_another_one_takes_over_at_once(tenant: Tenant, database_url: str) -> None:
    """And not before: two workers of one address are never both at it."""
    who = holder(tenant)
    async with working(database_url) as first:
        await until(who)
        async with working(database_url) as second:
            await until(
                lambda: tenant.value(
                    "SELECT count(*) = 2 FROM worker WHERE seen_at > clock_timestamp() - interval '1s'"
                )
            )
            assert await who() == first.worker
            first.stopping.set()

            async def is_the_second() -> bool:
                return await who() == second.worker

            async with asyncio.timeout(3):
                await until(is_the_second)
    states = await tenant.rows("SELECT state FROM epoch ORDER BY number")
    assert [row["state"] for row in states] == ["ended", "ended"]


async def test_when_the_holder_dies_another_one_takes_over(
    tenant: Tenant, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "TAKEN_OVER_AFTER", 1.5)
    dead, job_id = await held(tenant), (await tenant.new_run({})).jobs[0]
    await in_progress(tenant, dead, job_id)
    async with working(database_url, egress=HERE) as worker:

        async def taken() -> bool:
            return await holder(tenant)() == worker.worker

        await until(taken)
        await until(lambda: tenant.value("SELECT status = 'succeeded' FROM job WHERE id = :job", job=job_id))


async def test_workers_at_two_addresses_both_call(tenant: Tenant, database_url: str) -> None:
    async with working(database_url, egress="one"), working(database_url, egress="two"):
        await until(lambda: tenant.value("SELECT count(*) = 2 FROM epoch WHERE state = 'holds'"))


async def test_a_holder_whose_epoch_was_ended_begins_anew(tenant: Tenant, database_url: str) -> None:
    """It has been taken for dead: what it would write is dropped, and it stands by like any other."""
    async with working(database_url) as worker:
        await until(holder(tenant))
        await tenant.do("UPDATE epoch SET state = 'ended', ended_at = clock_timestamp()")

        async def again() -> bool:
            return await holder(tenant)() == worker.worker

        await until(again)
    assert await tenant.value("SELECT max(number) FROM epoch") == 2


async def test_a_holder_that_was_taken_for_dead_says_that_it_lives(tenant: Tenant, database_url: str) -> None:
    """As one that was stopped, or cut off from Postgres: nothing that it had in hand counts as what it died of."""
    job_id = (await tenant.new_run()).jobs[0]
    await tenant.do("UPDATE job SET due_at = clock_timestamp() + interval '1 hour' WHERE id = :job", job=job_id)
    async with working(database_url) as worker:
        await until(holder(tenant))
        async with tenant.engine.begin() as conn:
            # Its beats wait: who has seen one come ends no epoch.
            await conn.execute(sa.text("SELECT FROM epoch FOR UPDATE"))
            [epoch] = await egress.going_on(conn)
            await conn.execute(sa.text("UPDATE job SET due_at = clock_timestamp() WHERE id = :job"), {"job": job_id})
            assert await claim(conn, job_id, epoch=epoch.id)
            assert await egress.end_epoch(conn, epoch, uuid4()) is not None
            died = sa.text("SELECT worker_deaths FROM job WHERE id = :job")
            assert await conn.scalar(died, {"job": job_id}) == 1
            await conn.execute(
                sa.text("UPDATE job SET due_at = clock_timestamp() + interval '4 min', fence = claim WHERE id = :job"),
                {"job": job_id},
            )
        await until(
            lambda: tenant.value("SELECT worker_deaths = 0 AND accused_by IS NULL FROM job WHERE id = :job", job=job_id)
        )
        assert worker.worker
