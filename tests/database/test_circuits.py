"""What all workers know of whether Skolverket's services are there."""

from datetime import timedelta
from random import Random

import pytest

from app.db.circuits import circuits, is_open, note_answer, note_outage, until_probe
from app.db.claims import note_fault, snooze
from app.jobs.problems import job_problem
from tests.database.factories import Tenant

SERVICE = "provisioning"
TIMEOUT = timedelta(seconds=10)


async def _outage(tenant: Tenant) -> bool:
    async with tenant.engine.begin() as conn:
        return await note_outage(conn, SERVICE, "http_503", Random(1))


async def _answer(tenant: Tenant) -> bool:
    async with tenant.engine.begin() as conn:
        return await note_answer(conn, SERVICE)


async def _open(tenant: Tenant) -> None:
    await _outage(tenant)
    await tenant.do("UPDATE circuit SET failing_since = failing_since - interval '1 minute' WHERE failures > 0")
    while not await _outage(tenant):
        pass


async def _wait(tenant: Tenant) -> timedelta | None:
    async with tenant.engine.begin() as conn:
        return await until_probe(conn, SERVICE, Random(1), TIMEOUT)


async def test_failures_in_a_row_open_it_once(tenant: Tenant) -> None:
    assert [await _outage(tenant) for _ in range(8)] == [False] * 8, "all at once is one cut"
    await tenant.do("UPDATE circuit SET failing_since = failing_since - interval '3 seconds' WHERE failures > 0")
    assert [await _outage(tenant) for _ in range(3)] == [True, False, False]
    async with tenant.engine.begin() as conn:
        authorisation, provisioning = await circuits(conn)
    assert (provisioning.failures, provisioning.code) == (11, "http_503")
    assert (authorisation.failures, authorisation.opened_at) == (0, None)


async def test_an_answer_in_between_begins_the_count_anew(tenant: Tenant) -> None:
    for _ in range(4):
        await _outage(tenant)
    assert not await _answer(tenant)
    await _outage(tenant)
    await tenant.do("UPDATE circuit SET failing_since = failing_since - interval '1 minute' WHERE failures > 0")
    assert not await _outage(tenant)


async def test_while_it_is_open_one_probes_and_the_others_wait(tenant: Tenant) -> None:
    assert await _wait(tenant) is None
    await _open(tenant)
    wait = await _wait(tenant)
    assert wait is not None
    assert timedelta(seconds=1) < wait <= timedelta(seconds=2)
    await tenant.do("UPDATE circuit SET probe_at = clock_timestamp() WHERE opened_at IS NOT NULL")
    assert await _wait(tenant) is None, "the one who asks first may probe"
    wait = await _wait(tenant)
    assert wait is not None
    assert wait > timedelta(seconds=9), "the others wait until the probe must have ended"


async def test_an_answer_closes_it_and_jobs_that_waited_for_it_go_on(tenant: Tenant) -> None:
    """Those that wait for something else stay as they are."""
    first, second = [await tenant.claim((await tenant.new_run()).jobs[0]) for _ in range(2)]
    await _open(tenant)
    for held, code in ((first, "circuit_open"), (second, "timeout")):
        async with tenant.engine.begin() as conn:
            await note_fault(conn, held, job_problem(code))
            await snooze(conn, held, timedelta(hours=1))
    assert await _answer(tenant)
    async with tenant.engine.begin() as conn:
        assert not await is_open(conn, SERVICE)
    due = "SELECT due_at <= clock_timestamp() AND notified_at IS NULL FROM job WHERE id = :job"
    assert await tenant.value(due, job=first.job_id)
    assert not await tenant.value(due, job=second.job_id)


@pytest.mark.parametrize("opened", [False, True])
async def test_everybody_sees_whether_it_is_open(tenant: Tenant, opened: bool) -> None:
    if opened:
        await _open(tenant)
    async with tenant.engine.begin() as conn:
        assert await is_open(conn, SERVICE) is opened
