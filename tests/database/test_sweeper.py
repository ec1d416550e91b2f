"""The sweeper: what no wake-up has helped is claimed all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.db.activity_queue import WakeUp
from app.jobs.advance import Advance
from app.jobs.notifier import Notifier, pool
from app.jobs.sweeper import HIGH_WATER, Sweeper
from app.local.server import free_port
from app.runtime import target_of
from app.settings import Settings
from tests.database.factories import Run, Tenant, the_cipher

NOTIFIED = "SELECT wake_up FROM job WHERE id = :job"
CLAIM = "SELECT claim FROM job WHERE id = :job"


@pytest.fixture
async def notifier(redis_url: str) -> AsyncIterator[Notifier]:
    bell = Notifier(redis_url)
    yield bell
    await bell.close()


def sweeper(tenant: Tenant, notifier: Notifier) -> Sweeper:
    return Sweeper(Advance(Settings(), tenant.engine, the_cipher(), notifier, target_of(Settings())))


async def sweep(tenant: Tenant, notifier: Notifier) -> None:
    """Sweeps once, and lets the steps that were begun come to their end."""
    stop = asyncio.Event()
    swept = sweeper(tenant, notifier)
    await swept.run_once(stop)
    stop.set()
    await swept.run(stop)


async def due_since(tenant: Tenant, seconds: float) -> Run:
    """A run without records, whose first job has been due for a while: its step makes no call."""
    run = await tenant.new_run({})
    await tenant.do(
        f"UPDATE job SET due_at = clock_timestamp() - interval '{seconds} s', notified_at = due_at WHERE id = :job",
        job=run.jobs[0],
    )
    return run


async def test_without_a_notifier_what_is_due_is_taken_at_once(tenant: Tenant) -> None:
    run = await due_since(tenant, 0)
    await sweep(tenant, Notifier(f"redis://127.0.0.1:{free_port()}/0"))
    assert await tenant.value(CLAIM, job=run.jobs[0]) == 1


async def test_a_job_that_nobody_hears_of_is_notified_for_again(tenant: Tenant, notifier: Notifier) -> None:
    run = await due_since(tenant, 3)
    await tenant.do("UPDATE job SET notified_at = due_at WHERE id = :job", job=run.jobs[0])
    before = await tenant.value(NOTIFIED, job=run.jobs[0])
    await sweep(tenant, notifier)
    assert await tenant.value(NOTIFIED, job=run.jobs[0]) == before + 1
    assert await tenant.value(CLAIM, job=run.jobs[0]) == 0, "it is left to whoever receives the wake-up"


async def test_a_job_that_stays_unheard_is_taken_without_the_notifier(tenant: Tenant, notifier: Notifier) -> None:
    """A notifier may take wake-ups that reach nobody."""
    run = await due_since(tenant, 6)
    await sweep(tenant, notifier)
    assert await tenant.value(CLAIM, job=run.jobs[0]) == 1


async def test_wake_ups_for_later_keep_nobody_from_ringing_now(tenant: Tenant, notifier: Notifier) -> None:
    run = await due_since(tenant, 3)
    await tenant.do("UPDATE job SET notified_at = due_at WHERE id = :job", job=run.jobs[0])
    await notifier.wake_up([WakeUp(run.jobs[1], 1000 + n, 300) for n in range(HIGH_WATER + 1)])
    before = await tenant.value(NOTIFIED, job=run.jobs[0])
    await sweep(tenant, notifier)
    assert await tenant.value(NOTIFIED, job=run.jobs[0]) == before + 1


async def test_an_idempotency_key_is_forgotten_after_a_day(tenant: Tenant, notifier: Notifier) -> None:
    await tenant.do(
        """
        INSERT INTO idempotency_key (organisation_id, key, request_digest, status, headers, body, created_at)
        SELECT :organisation, name, 'x', 202, '{}', '""', clock_timestamp() - age
        FROM (VALUES ('old', interval '25 hours'), ('young', interval '23 hours')) AS made (name, age)
        """,
        organisation=tenant.organisation_id,
    )
    await sweep(tenant, notifier)
    assert await tenant.value("SELECT string_agg(key, ',') FROM idempotency_key") == "young"


async def test_every_connection_to_the_notifier_fails_when_it_goes_silent(redis_url: str) -> None:
    """The first one too, over which it was asked whether it is there."""
    made = pool(redis_url)
    first = await made.connection_pool.get_connection()
    assert first.socket_timeout is not None
    await made.connection_pool.release(first)
    await made.aclose()
