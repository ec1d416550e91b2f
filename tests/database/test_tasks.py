"""Tasks: each is one process's at a time, who has lost it changes nothing, and none waits longer than its kind may."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import checks, egress, tasks
from app.db.tasks import Task
from app.jobs.tasks import check_organisation, inside
from app.jobs.tasks.kind import Store, TaskKind, kept_tidy
from app.jobs.tasks.loop import TaskLoop
from app.skolverket.published import PUBLISHED
from app.target import CredentialFinding, Credentials, Target
from tests.database.epochs import begin_epoch
from tests.database.factories import HOUR, KEPT, MINUTE, Tenant, the_cipher
from tests.database.virtual_time import FORWARD, virtualise

KINDS = {"one": HOUR, "other": HOUR}


async def added(engine: AsyncEngine, *keys: str) -> None:
    async with engine.begin() as conn:
        for key in keys or ("",):
            await tasks.add(conn, "one", key)


async def begun(engine: AsyncEngine) -> UUID:
    async with engine.begin() as conn:
        return await begin_epoch(conn)


async def claim(
    engine: AsyncEngine, epoch: UUID | None = None, most: int = 1, kinds: Mapping[str, timedelta] = KINDS
) -> list[Task]:
    """Claims for an epoch, or without one for a time."""
    async with engine.begin() as conn:
        if epoch is None:
            return await tasks.claim_for_a_time(conn, kinds, most, MINUTE)
        return await tasks.claim_for_epoch(conn, epoch, kinds, most)


async def row(engine: AsyncEngine) -> dict[str, Any]:
    """Reads the one task that there is, with how long it is until it is due."""
    async with engine.connect() as conn:
        found = await conn.execute(sa.text("SELECT *, due_at - clock_timestamp() AS until FROM task"))
        return dict(found.mappings().one())


async def end(conn: AsyncConnection, epoch: UUID, *, died: bool) -> None:
    """Ends an epoch, as whoever sees its beat stand still does, or as its own process does."""
    if not died:
        await egress.close_epoch(conn, epoch)
        return
    seen = next(each for each in await egress.going_on(conn) if each.id == epoch)
    assert await egress.end_epoch(conn, seen, UUID(int=7)) is not None


async def test_a_task_that_is_there_stays_as_it_is(engine: AsyncEngine) -> None:
    await added(engine)
    [held] = await claim(engine)
    await added(engine)
    assert (await row(engine))["claim"] == held.claim


@pytest.mark.parametrize("calls", [True, False])
async def test_each_task_is_given_out_once(engine: AsyncEngine, calls: bool) -> None:
    await added(engine, "a", "b", "c")
    epochs = [await begun(engine) if calls else None for _ in range(6)]
    given = await asyncio.gather(*(claim(engine, epoch) for epoch in epochs))
    assert sorted(each.key for claimed in given for each in claimed) == ["a", "b", "c"]


async def test_only_asked_kinds_are_given_out_and_what_has_been_due_longest_first(engine: AsyncEngine) -> None:
    await added(engine, "later", "first")
    async with engine.begin() as conn:
        await tasks.add(conn, "other")
        await conn.execute(sa.text("UPDATE task SET due_at = due_at - interval '1 min' WHERE key = 'first'"))
    assert [each.key for each in await claim(engine, kinds={"one": HOUR})] == ["first"]
    assert [each.key for each in await claim(engine, most=9, kinds={"one": HOUR})] == ["later"]


async def test_nobody_claims_what_calls_who_may_not_call(engine: AsyncEngine) -> None:
    await added(engine)
    epoch = await begun(engine)
    async with engine.begin() as conn:
        await egress.release(conn, epoch)
    assert await claim(engine, epoch) == []


@pytest.mark.parametrize("calls", [True, False])
async def test_what_is_done_is_due_again_when_that_is_said(engine: AsyncEngine, calls: bool) -> None:
    await added(engine)
    [held] = await claim(engine, await begun(engine) if calls else None)
    async with engine.begin() as conn:
        assert await tasks.done(conn, held, MINUTE)
    found = await row(engine)
    assert MINUTE - timedelta(seconds=20) < found["until"] <= MINUTE
    assert (found["holder"], found["leased_until"], found["failure"]) == (None, None, None)
    assert found["done_at"] is not None


@pytest.mark.parametrize("calls", [True, False])
async def test_what_is_done_for_good_is_gone(engine: AsyncEngine, calls: bool) -> None:
    await added(engine)
    [held] = await claim(engine, await begun(engine) if calls else None)
    async with engine.begin() as conn:
        assert await tasks.done(conn, held, None)
        assert await conn.scalar(sa.text("SELECT count(*) FROM task")) == 0


async def test_what_is_to_be_done_once_more_stays_until_then(engine: AsyncEngine) -> None:
    await added(engine)
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE task SET again_at = clock_timestamp() + interval '1 min'"))
    [held] = await claim(engine)
    async with engine.begin() as conn:
        assert await tasks.done(conn, held, None)
    found = await row(engine)
    assert timedelta() < found["until"] <= MINUTE
    assert found["again_at"] is None


async def test_how_long_a_failure_was_waited_for_is_known_until_a_success(engine: AsyncEngine) -> None:
    await added(engine)
    [held] = await claim(engine)
    assert held.waited is None

    async def next_one() -> Task:
        async with engine.begin() as conn:
            await conn.execute(
                sa.text(
                    "UPDATE task SET due_at = due_at - interval '1 hour', failed_at = failed_at - interval '1 hour',"
                    " done_at = done_at - interval '1 hour'"
                )
            )
        [again] = await claim(engine)
        return again

    for attempt, wait in ((1, MINUTE), (2, 2 * MINUTE)):
        async with engine.begin() as conn:
            assert await tasks.failed(conn, held, wait, "timeout")
        found = await row(engine)
        assert (found["failure"], found["attempt"]) == ("timeout", attempt)
        held = await next_one()
        assert held.waited is not None
        assert abs(held.waited - wait) < timedelta(seconds=1)
    async with engine.begin() as conn:
        await tasks.done(conn, held, MINUTE)
    found = await row(engine)
    assert (found["failure"], found["attempt"]) == ("timeout", 0), "it stays to be shown"
    assert (await next_one()).waited is None


async def test_whoever_has_lost_a_task_changes_nothing(engine: AsyncEngine) -> None:
    await added(engine)
    [late] = await claim(engine)
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE task SET leased_until = leased_until - interval '1 hour'"))
    [held] = await claim(engine)
    before = await row(engine)
    async with engine.begin() as conn:
        assert not await tasks.done(conn, late, MINUTE)
        assert not await tasks.done(conn, late, None)
        assert not await tasks.failed(conn, late, MINUTE, "timeout")
        assert not await tasks.let_go(conn, late)
    assert {**await row(engine), "until": 0} == {**before, "until": 0}
    async with engine.begin() as conn:
        assert await tasks.let_go(conn, held)
        assert not await tasks.done(conn, held, MINUTE), "it has been given back"


@pytest.mark.parametrize("died", [True, False])
async def test_what_an_epoch_had_is_free_when_it_has_ended(engine: AsyncEngine, died: bool) -> None:
    await added(engine)
    first, second = await begun(engine), await begun(engine)
    [late] = await claim(engine, first)
    assert await claim(engine, second) == [], "it is the first one's"
    async with engine.begin() as conn:
        await end(conn, first, died=died)
        assert not await tasks.done(conn, late, MINUTE)
    [held] = await claim(engine, second)
    assert held.claim > late.claim
    found = await row(engine)
    assert (found["attempt"], found["failure"]) == ((1, "worker_lost") if died else (0, None))


async def test_what_was_in_hand_at_deaths_in_a_row_waits(engine: AsyncEngine) -> None:
    await added(engine)
    waits = []
    for _ in range(3):
        epoch = await begun(engine)
        async with engine.begin() as conn:
            await conn.execute(sa.text("UPDATE task SET due_at = clock_timestamp()"))
        assert await claim(engine, epoch)
        async with engine.begin() as conn:
            await end(conn, epoch, died=True)
        waits.append(round((await row(engine))["until"] / MINUTE))
    assert waits == [0, 1, 2]


async def failing(engine: AsyncEngine, epoch: UUID) -> None:
    """Has the one task fail in an epoch that goes on."""
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE task SET due_at = clock_timestamp()"))
    [held] = await claim(engine, epoch)
    async with engine.begin() as conn:
        await tasks.failed(conn, held, MINUTE, "timeout")


async def dying(engine: AsyncEngine) -> UUID:
    """Has an epoch be taken for dead with the one task in hand."""
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE task SET due_at = clock_timestamp()"))
    epoch = await begun(engine)
    assert await claim(engine, epoch)
    async with engine.begin() as conn:
        await end(conn, epoch, died=True)
    return epoch


async def living(engine: AsyncEngine, epoch: UUID) -> None:
    """Has the process of an epoch say that it lives."""
    async with engine.begin() as conn:
        await end(conn, epoch, died=False)


FAILURE = ("attempt", "failed_at", "failure")


@pytest.mark.parametrize("failed_before", [0, 2])
async def test_who_was_taken_for_dead_and_lives_has_not_lost_its_tasks(engine: AsyncEngine, failed_before: int) -> None:
    """What had failed before stays as it was, and nothing waits for the death that was none."""
    await added(engine)
    going_on = await begun(engine)
    for _ in range(failed_before):
        await failing(engine, going_on)
    before = await row(engine)
    epoch = await dying(engine)
    accused = await row(engine)
    assert (accused["attempt"], accused["failure"]) == (failed_before + 1, "worker_lost")
    await living(engine, epoch)
    found = await row(engine)
    assert [found[name] for name in FAILURE] == [before[name] for name in FAILURE]
    assert found["until"] <= timedelta()
    await living(engine, epoch)
    assert [(await row(engine))[name] for name in FAILURE] == [before[name] for name in FAILURE], "once is enough"


async def test_what_has_failed_since_a_death_stays_failed(engine: AsyncEngine) -> None:
    await added(engine)
    epoch = await dying(engine)
    await failing(engine, await begun(engine))
    before = await row(engine)
    await living(engine, epoch)
    found = await row(engine)
    assert [found[name] for name in FAILURE] == [before[name] for name in FAILURE]
    assert (found["attempt"], found["failure"]) == (2, "timeout")


async def test_of_two_deaths_the_one_that_was_none_is_taken_back(engine: AsyncEngine) -> None:
    await added(engine)
    await dying(engine)
    first = await row(engine)
    await living(engine, await dying(engine))
    found = await row(engine)
    assert [found[name] for name in FAILURE] == [first[name] for name in FAILURE]


async def test_what_has_been_done_since_keeps_its_time(engine: AsyncEngine) -> None:
    await added(engine)
    epoch = await dying(engine)
    [held] = await claim(engine, await begun(engine))
    async with engine.begin() as conn:
        assert await tasks.done(conn, held, HOUR)
    await living(engine, epoch)
    found = await row(engine)
    assert [found[name] for name in FAILURE] == [0, None, None]
    assert found["until"] > MINUTE


async def test_a_step_that_is_known_to_be_what_stood_still_accuses_no_task(engine: AsyncEngine) -> None:
    await added(engine)
    epoch = await begun(engine)
    assert await claim(engine, epoch)
    async with engine.begin() as conn:
        await conn.execute(
            sa.text("SELECT close_epoch(:epoch, true, :guilty)"), {"epoch": epoch, "guilty": UUID(int=9)}
        )
    found = await row(engine)
    assert ([found[name] for name in FAILURE], found["holder"]) == ([0, None, None], None)


async def test_what_its_process_does_not_know_is_free_again(engine: AsyncEngine) -> None:
    await added(engine, "known", "forgotten")
    epoch = await begun(engine)
    claimed = await claim(engine, epoch, 2)
    async with engine.begin() as conn:
        await tasks.free_forgotten(conn, epoch, [each for each in claimed if each.key == "known"])
    assert [each.key for each in await claim(engine, epoch, 9)] == ["forgotten"]


async def test_a_task_waits_for_the_end_of_its_job(engine: AsyncEngine, tenant: Tenant) -> None:
    run = await tenant.new_run()
    await added(engine)
    await tenant.do("UPDATE task SET after_job = :job", job=run.jobs[0])
    epoch = await begun(engine)
    assert await claim(engine, epoch) == []
    await tenant.play(run.jobs[0])
    assert len(await claim(engine, epoch)) == 1


async def test_a_time_too_far_ahead_is_rewritten_once(database_url: str, engine: AsyncEngine) -> None:
    """The clock is set back by three hours: nothing waits for longer than its kind may, nor does that move on."""
    virtualise(database_url)
    await added(engine, "waits", "held")
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE task SET due_at = due_at + interval '1 hour' WHERE key = 'waits'"))
    assert [each.key for each in await claim(engine)] == ["held"]

    async def forward(by: timedelta) -> set[str]:
        async with engine.begin() as conn:
            await conn.execute(sa.text(FORWARD), {"by": by})
        return {each.key for each in await claim(engine, most=9)}

    for by in (-3 * HOUR, MINUTE, HOUR - 2 * MINUTE):
        assert await forward(by) == set()
    # The lease of the one has passed as well, though it ended three hours later by the clock of before.
    assert await forward(MINUTE + timedelta(seconds=1)) == {"waits", "held"}


async def test_whatever_is_kept_for_a_while_is_put_away(tenant: Tenant) -> None:
    """Idempotency keys after a day, epochs that have a later one, workers that are gone; and again a minute later."""
    await tenant.do(
        """
        INSERT INTO idempotency_key
            (organisation_id, api_key_id, digest, request_digest, run_id, body_sealed, created_at)
        SELECT :organisation, :key, sha256(body::bytea), sha256(''), gen_random_uuid(), body::bytea,
            clock_timestamp() - age
        FROM (VALUES ('old', interval '25 hours'), ('young', interval '23 hours')) AS made (body, age)
        """,
        organisation=tenant.organisation_id,
        key=tenant.key_id,
    )
    await tenant.do(
        """
        INSERT INTO worker (id, version, seen_at) SELECT gen_random_uuid(), 'x', clock_timestamp() - age
        FROM (VALUES (interval '25 hours'), (interval '26 hours')) AS made (age);
        INSERT INTO egress (name) VALUES ('here');
        INSERT INTO epoch (id, egress, number, worker, state, ended_at)
        SELECT gen_random_uuid(), 'here', number, gen_random_uuid(), 'ended', clock_timestamp() - interval '2 days'
        FROM generate_series(1, 3) AS number
        """
    )
    kinds = inside(tenant.engine, the_cipher(), PUBLISHED, KEPT)
    await TaskLoop(tenant.engine, kinds).run_once()
    assert await tenant.value("SELECT string_agg(body_sealed, ',') FROM idempotency_key") == b"young"
    assert await tenant.value("SELECT count(*) FROM worker") == 1
    assert await tenant.value("SELECT max(number) || ' of ' || count(*) FROM epoch") == "3 of 1"
    assert await tenant.value("SELECT count(*) FROM task WHERE due_at > clock_timestamp()") == sum(
        each.every is not None for each in kinds.values()
    )


async def test_a_task_that_breaks_harms_no_other(engine: AsyncEngine) -> None:
    async def breaks(_: Task) -> Store:
        raise ValueError

    async def does_nothing(_: AsyncConnection) -> None:
        pass

    kinds = {"one": TaskKind("one", HOUR, HOUR, breaks), "other": kept_tidy("other", HOUR, does_nothing)}
    await added(engine)
    await TaskLoop(engine, kinds).run_once()
    async with engine.connect() as conn:
        found = await conn.execute(sa.text("SELECT kind, failure, done_at IS NOT NULL FROM task ORDER BY kind"))
        assert found.all() == [("one", "internal", False), ("other", None, True)]


async def test_a_task_that_does_not_end_holds_up_no_end(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.tasks.loop._END_WITHIN", 0.1)
    begun, stop = asyncio.Event(), asyncio.Event()

    async def stands_still(_: Task) -> Store:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await added(engine)
    running = asyncio.create_task(TaskLoop(engine, {"one": TaskKind("one", HOUR, HOUR, stands_still)}).run(stop))
    async with asyncio.timeout(10):
        await begun.wait()
        stop.set()
        await running
    assert (await row(engine))["leased_until"] is not None


@pytest.mark.parametrize("waits", [True, False])
async def test_a_check_is_made_for_those_who_wait_for_it(engine: AsyncEngine, tenant: Tenant, waits: bool) -> None:
    """What came of it is there for them, and goes by itself; who has stopped waiting has no call made."""
    finding, asked = CredentialFinding("ok", "made_up", "All is well."), list[Credentials]()

    class Checking:
        async def check_credentials(self, who: Credentials, _within: float) -> Sequence[CredentialFinding]:
            asked.append(who)
            return [finding]

    async with engine.begin() as conn:
        check, epoch = await checks.ask(conn, tenant.organisation_id), await begin_epoch(conn)
        if not waits:
            await conn.execute(sa.text("UPDATE task SET again_at = clock_timestamp()"))
    kind = check_organisation.kind(engine, cast("Target", Checking()), 1.0)
    loop = TaskLoop(engine, {kind.name: kind}, epoch)
    await loop.run_once()
    async with engine.begin() as conn:
        assert await checks.take(conn, check) == ([asdict(finding)] if waits else None)
        await conn.execute(sa.text("UPDATE task SET due_at = clock_timestamp()"))
    await loop.run_once()
    assert await tenant.value("SELECT count(*) FROM task") == 0
    assert [each.number for each in asked] == ([tenant.number] if waits else [])
