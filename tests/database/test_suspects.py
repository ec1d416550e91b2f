"""What a death of a process says of the jobs that it had in hand, and how those are tried that may be its cause."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

import pytest

from app.db import claims
from app.db.claims import Claim, claim_jobs
from app.db.egress import close_epoch, going_on, take_egress
from app.domain.conclusion import Finish, Hold, conclude
from app.jobs.transactions import settle
from tests.database.drain import HORIZON
from tests.database.factories import Tenant, make_job

HERE = "here"


class Machine:
    """Workers at one egress: each claims and dies, and the next one takes over."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.epoch: UUID | None = None
        self.serial = 0

    async def take_over(self) -> None:
        """Has a new worker take over from one whose beat stands still."""
        self.serial += 1
        async with self.tenant.engine.begin() as conn:
            there = await going_on(conn)
            self.epoch = await take_egress(conn, HERE, UUID(int=self.serial), there[0] if there else None)
        assert self.epoch is not None

    async def claim(self, most: int = 100, wanted: Sequence[UUID] | None = None) -> list[Claim]:
        if self.epoch is None:
            await self.take_over()
        assert self.epoch is not None
        async with self.tenant.engine.begin() as conn:
            return await claim_jobs(conn, self.epoch, most, wanted)

    async def claim_all(self) -> UUID:
        """Claims what is due; gives the epoch that has it."""
        await self.claim()
        assert self.epoch is not None
        return self.epoch

    async def deaths(self, count: int) -> None:
        """Has so many workers in a row die with whatever is there in hand, and the waits pass."""
        for _ in range(count):
            await self.claim()
            await self.take_over()
            await self.wait_over()

    async def wait_over(self) -> None:
        await self.tenant.do(
            "UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE due_at > clock_timestamp()"
        )


@pytest.fixture
def machine(tenant: Tenant) -> Machine:
    return Machine(tenant)


async def row_of(tenant: Tenant, job_id: UUID) -> tuple[int, int, int]:
    """Gives the deaths in a row at which a job was in hand, as the only suspect, and the seconds until it is due."""
    [row] = await tenant.rows(
        "SELECT worker_deaths, sole_deaths, extract(epoch FROM due_at - clock_timestamp()) AS due_in FROM job"
        " WHERE id = :job",
        job=job_id,
    )
    return row["worker_deaths"], row["sole_deaths"], round(row["due_in"])


async def test_a_first_death_accuses_nobody_and_a_second_makes_suspects(tenant: Tenant, machine: Machine) -> None:
    """These wait, for longer each time; what came in between is not suspect."""
    first = await make_job(tenant, "queued")
    await machine.claim()
    await machine.take_over()
    assert await row_of(tenant, first) == (1, 0, 0)
    second = await make_job(tenant, "queued")
    await machine.claim()
    await machine.take_over()
    assert await row_of(tenant, first) == (2, 0, 60)
    assert await row_of(tenant, second) == (1, 0, 0)


async def test_a_death_with_suspects_in_hand_accuses_these_alone(tenant: Tenant, machine: Machine) -> None:
    suspects = [await make_job(tenant, "queued") for _ in range(2)]
    await machine.deaths(2)
    innocent = await make_job(tenant, "queued")
    assert len(await machine.claim()) == 3
    await machine.take_over()
    assert await row_of(tenant, innocent) == (0, 0, 0)
    assert [await row_of(tenant, each) for each in suspects] == [(3, 0, 120)] * 2


async def test_suspects_are_admitted_half_as_many_after_each_further_death(tenant: Tenant, machine: Machine) -> None:
    for _ in range(20):
        await make_job(tenant, "queued")
    await machine.deaths(2)
    admitted = []
    for _ in range(6):
        admitted.append(len(await machine.claim()))
        assert await machine.claim() == []
        # Only those that were in hand are accused; the others are left out of it here.
        await tenant.do("UPDATE job SET holder = NULL, worker_deaths = 99, fence = claim WHERE holder IS NULL")
        await machine.take_over()
        await tenant.do("UPDATE job SET worker_deaths = (SELECT min(worker_deaths) FROM job), fence = claim")
        await machine.wait_over()
    assert admitted == [16, 8, 4, 2, 1, 1]


async def test_a_step_that_ends_clears_its_job(tenant: Tenant, machine: Machine) -> None:
    job_id = await make_job(tenant, "queued")
    await machine.deaths(2)
    [held] = await machine.claim()
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, HORIZON)
    assert (await row_of(tenant, job_id))[:2] == (0, 0)


async def test_the_only_suspect_twice_gets_a_process_to_itself(tenant: Tenant, machine: Machine) -> None:
    """What is in hand comes to its end first; nothing is claimed beside it, also not what somebody asks for."""
    poison = await make_job(tenant, "queued")
    await machine.deaths(4)
    assert (await row_of(tenant, poison))[:2] == (4, 2)
    await tenant.do("UPDATE job SET due_at = due_at + interval '1 minute', fence = claim")
    other, later = await make_job(tenant, "queued"), await make_job(tenant, "queued")
    [held] = await machine.claim(1, [other])
    await machine.wait_over()
    assert await machine.claim() == await machine.claim(1, [later]) == []
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, HORIZON)
    assert [each.job_id for each in await machine.claim()] == [poison]
    assert await machine.claim() == await machine.claim(1, [later]) == []


async def test_what_kills_workers_again_and_again_for_an_hour_fails(tenant: Tenant, machine: Machine) -> None:
    """Not before, and no other with it."""
    poison = await make_job(tenant, "queued")
    await machine.deaths(5)
    assert (await row_of(tenant, poison))[:2] == (5, 3)
    [held] = await machine.claim()
    assert not held.opened.kills
    await machine.take_over()
    await machine.wait_over()
    await tenant.do("UPDATE job SET suspect_since = suspect_since - interval '1 hour', fence = claim")
    [held] = await machine.claim()
    decision = conclude(held.opened, [], HORIZON, Random(1))
    assert decision == Finish("failed", "worker_lost")


async def test_a_pause_does_not_shorten_the_wait_of_a_suspect(tenant: Tenant, machine: Machine) -> None:
    """Neither what comes to rest in it nor what still waits when it ends is tried before its time."""
    await tenant.new_run()
    job_id = await tenant.value("SELECT id FROM job WHERE status = 'queued'")
    await machine.deaths(1)
    await machine.claim()
    await machine.take_over()
    due = "SELECT due_at FROM job WHERE id = :job AND worker_deaths = 2"
    before = await tenant.value(due, job=job_id)
    for changed in (tenant.pause, tenant.resume, tenant.pause):
        await changed()
        assert await tenant.value(due, job=job_id) == before
        assert await machine.claim() == []
    await machine.wait_over()
    [held] = await machine.claim()
    async with tenant.engine.begin() as conn:
        await settle(conn, held, Hold())
    assert await tenant.value("SELECT status FROM job WHERE id = :job", job=job_id) == "held"
    await tenant.resume()
    assert await row_of(tenant, job_id) == (2, 0, 60)


async def test_of_a_process_that_lives_nobody_died(tenant: Tenant, machine: Machine) -> None:
    """It was taken for dead with a suspect in hand, alone: neither counts any more, and it is due at once."""
    job_id = await make_job(tenant, "queued")
    await machine.deaths(2)
    stopped = await machine.claim_all()
    await machine.take_over()
    assert await row_of(tenant, job_id) == (3, 1, 120)
    await wake_up(tenant, stopped)
    assert await row_of(tenant, job_id) == (2, 0, 0)
    assert await tenant.value("SELECT suspect_since IS NULL FROM job WHERE id = :job", job=job_id)
    await wake_up(tenant, stopped)
    assert (await row_of(tenant, job_id))[:2] == (2, 0), "it is taken back once"


async def test_what_another_death_has_accused_since_stays(tenant: Tenant, machine: Machine) -> None:
    job_id = await make_job(tenant, "queued")
    stopped = await machine.claim_all()
    await machine.take_over()
    await machine.deaths(1)
    await wake_up(tenant, stopped)
    assert (await row_of(tenant, job_id))[:2] == (2, 0)


async def test_a_job_that_somebody_has_in_hand_is_cleared_too(tenant: Tenant, machine: Machine) -> None:
    job_id = await make_job(tenant, "queued")
    stopped = await machine.claim_all()
    await machine.take_over()
    [held] = await machine.claim()
    await wake_up(tenant, stopped)
    assert (await row_of(tenant, job_id))[0] == 0
    async with tenant.engine.begin() as conn:
        await claims.hold(conn, held)


async def test_a_step_in_which_the_loop_stood_still_is_accused_alone(tenant: Tenant, machine: Machine) -> None:
    guilty, other = await make_job(tenant, "queued"), await make_job(tenant, "queued")
    epoch = await machine.claim_all()
    await tenant.do("SELECT close_epoch(:epoch, true, :job)", epoch=epoch, job=guilty)
    assert await row_of(tenant, guilty) == (1, 1, 0)
    assert await row_of(tenant, other) == (0, 0, 0)
    assert await tenant.value("SELECT bool_and(holder IS NULL) FROM job")


async def wake_up(tenant: Tenant, epoch: UUID) -> None:
    """Has the process of an epoch that others have ended say that it lives."""
    async with tenant.engine.begin() as conn:
        await close_epoch(conn, epoch)
