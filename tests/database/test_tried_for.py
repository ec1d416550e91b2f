"""For how long something has been tried: it grows at each failed try, and decides which of them was the last."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import answers, claims
from app.db.claims import Claim
from app.db.engine import close
from app.domain.verdicts import RecordChange
from tests.database.drain import HORIZON
from tests.database.factories import HOUR, MINUTE, Tenant, pupil
from tests.database.virtual_time import FORWARD, virtualise

NOTHING = timedelta()
SECOND = timedelta(seconds=1)
HALF = 30 * SECOND
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def tenant(database_url: str, engine: AsyncEngine) -> Tenant:
    """An organisation whose database has a clock that the test moves."""
    virtualise(database_url)
    await close(engine)
    return await Tenant.make(engine)


@pytest.mark.parametrize(
    ("before", "failed_ago", "planned", "becomes"),
    [
        pytest.param(None, None, None, NOTHING, id="the first failed try"),
        pytest.param(HOUR, None, None, NOTHING, id="the first since it was answered"),
        pytest.param(None, MINUTE, MINUTE, MINUTE, id="the second"),
        pytest.param(HOUR, MINUTE, MINUTE, HOUR + MINUTE, id="a later one, when it was planned"),
        pytest.param(HOUR, 5 * SECOND, MINUTE, HOUR + 5 * SECOND, id="sooner than planned"),
        pytest.param(HOUR, MINUTE + HALF, MINUTE, HOUR + MINUTE + HALF, id="half a minute late"),
        pytest.param(HOUR, 9 * HOUR, MINUTE, HOUR + MINUTE + HALF, id="hours late, since nobody was there to try"),
        pytest.param(HOUR, 9 * HOUR, 9 * HOUR, 10 * HOUR, id="hours late by plan"),
        pytest.param(HOUR, 29 * SECOND, NOTHING, HOUR + 29 * SECOND, id="no wait was planned"),
        pytest.param(HOUR, -3 * HOUR, MINUTE, HOUR, id="the clock was set back"),
    ],
)
async def test_a_failed_try_counts_the_time_since_the_one_before(
    tenant: Tenant,
    before: timedelta | None,
    failed_ago: timedelta | None,
    planned: timedelta | None,
    becomes: timedelta,
) -> None:
    found = await tenant.value(
        "SELECT tried_longer(CAST(:before AS interval), CAST(:failed_at AS timestamptz), CAST(:planned AS interval),"
        " :now)",
        before=before,
        failed_at=None if failed_ago is None else NOW - failed_ago,
        planned=planned,
        now=NOW,
    )
    assert found == becomes


async def _pass(tenant: Tenant, by: timedelta) -> None:
    await tenant.do(FORWARD, by=by)


async def _tried_for(tenant: Tenant, table: str, held: Claim) -> timedelta:
    """Reads for how long a job or its only record has been tried, to the second."""
    key = "id" if table == "job" else "job_id"
    found = await tenant.value(f"SELECT tried_for FROM {table} WHERE {key} = :job", job=held.job_id)
    return timedelta(seconds=round(found.total_seconds()))


async def _fault(tenant: Tenant, held: Claim) -> None:
    async with tenant.engine.begin() as conn:
        await claims.note_fault(conn, held, {"code": "timeout"})


async def _rest(tenant: Tenant, held: Claim, planned: timedelta, passes: timedelta) -> Claim:
    """Lets go of a job for `planned`, and claims it when so much time has passed."""
    async with tenant.engine.begin() as conn:
        await claims.snooze(conn, held, planned)
    await _pass(tenant, passes)
    return await tenant.claim(held.job_id)


async def test_of_a_job_planned_rests_count_and_downtime_does_not(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    await _fault(tenant, held)
    held = await _rest(tenant, held, MINUTE, MINUTE)
    await _fault(tenant, held)
    assert await _tried_for(tenant, "job", held) == MINUTE
    # Two rests until the next try, for a circuit or for others' answers.
    held = await _rest(tenant, held, MINUTE, MINUTE)
    held = await _rest(tenant, held, MINUTE, 2 * MINUTE)
    await _fault(tenant, held)
    assert await _tried_for(tenant, "job", held) == 3 * MINUTE + HALF
    held = await _rest(tenant, held, MINUTE, 7 * HOUR)
    await _fault(tenant, held)
    assert await _tried_for(tenant, "job", held) == 4 * MINUTE + 2 * HALF
    await tenant.note_accepted(held)
    await _pass(tenant, MINUTE)
    await _fault(tenant, held)
    assert await _tried_for(tenant, "job", held) == NOTHING


async def _one(tenant: Tenant, contact: bool = True) -> Claim:
    """Claims a job of one record; its target has taken a batch before, unless told otherwise."""
    held = await tenant.claim((await tenant.new_run({"persons": [pupil()]})).jobs[0])
    if contact:
        await tenant.note_accepted(held)
    return held


async def _lose(tenant: Tenant, held: Claim, again_in: timedelta = NOTHING) -> None:
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, "timeout", again_in, HORIZON)


async def _refuse(tenant: Tenant, held: Claim, again_in: timedelta = NOTHING) -> None:
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        await answers.requeue_batch(conn, tenant.cipher, held, batch_id, 503, b"[]", again_in, HORIZON)


async def _again(tenant: Tenant, held: Claim, again_in: timedelta = NOTHING) -> None:
    batch_id = await tenant.accepted(held)
    ids: Sequence[UUID] = await tenant.value("SELECT record_ids FROM batch WHERE id = :batch", batch=batch_id)
    changes = [RecordChange(each, "pending", again_in=again_in, faulty=True) for each in ids]
    async with tenant.engine.begin() as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", changes, NOTHING, horizon=HORIZON)


_TRIES = {"lost": (_lose, "timeout"), "refused": (_refuse, "http_503"), "answered": (_again, None)}


async def test_of_a_record_the_waits_of_its_job_count_and_downtime_does_not(tenant: Tenant) -> None:
    held = await _one(tenant)
    await _lose(tenant, held, again_in=MINUTE)
    held = await _rest(tenant, held, 2 * MINUTE, 3 * MINUTE)
    await _lose(tenant, held, again_in=MINUTE)
    assert await _tried_for(tenant, "record", held) == 3 * MINUTE
    held = await _rest(tenant, held, 2 * MINUTE, HOUR)
    await _lose(tenant, held)
    assert await _tried_for(tenant, "record", held) == 6 * MINUTE + HALF


async def _ended(tenant: Tenant, held: Claim) -> Sequence[Mapping[str, Any]]:
    return await tenant.rows(
        "SELECT status, issues, due_at, completed_at IS NOT NULL AS ended FROM record WHERE job_id = :job",
        job=held.job_id,
    )


async def _old(tenant: Tenant, held: Claim, tried_for: timedelta, table: str = "record") -> None:
    """Makes a job or its record one that has been tried for so long."""
    key = "id" if table == "job" else "job_id"
    await tenant.do(
        f"UPDATE {table} SET tried_for = :tried_for, fence = :claim WHERE {key} = :job",
        tried_for=tried_for,
        claim=held.number,
        job=held.job_id,
    )


@pytest.mark.parametrize("kind", _TRIES)
async def test_a_record_is_given_up_at_the_failed_try_after_the_horizon(tenant: Tenant, kind: str) -> None:
    """Not before, and never by the time that passes: there is always one try more."""
    fail, cause = _TRIES[kind]
    held = await _one(tenant)
    await fail(tenant, held)
    await _old(tenant, held, HORIZON - MINUTE)
    await _pass(tenant, 29 * SECOND)
    await fail(tenant, held)
    [row] = await _ended(tenant, held)
    assert (row["status"], row["issues"], row["ended"]) == ("pending", None, False)
    await _old(tenant, held, HORIZON)
    await _pass(tenant, 9 * HOUR)
    await fail(tenant, held)
    [row] = await _ended(tenant, held)
    said = {"code": "gave_up", "severity": "error"} | ({"cause": cause} if cause else {})
    assert (row["status"], row["issues"], row["due_at"], row["ended"]) == ("error", [said], None, True)


async def test_a_record_that_succeeds_at_last_is_not_given_up(tenant: Tenant) -> None:
    held = await _one(tenant)
    await _lose(tenant, held)
    await _old(tenant, held, 2 * HORIZON)
    await tenant.answer(held, await tenant.accepted(held))
    [row] = await _ended(tenant, held)
    assert (row["status"], row["issues"]) == ("succeeded", None)


@pytest.mark.parametrize("whose", ["nothing was ever taken", "the job has been tried for as long"])
async def test_a_fault_of_the_whole_job_gives_up_no_single_record(tenant: Tenant, whose: str) -> None:
    held = await _one(tenant, contact=whose != "nothing was ever taken")
    await _lose(tenant, held)
    await _old(tenant, held, 2 * HORIZON)
    if whose == "the job has been tried for as long":
        await _fault(tenant, held)
        await _old(tenant, held, HORIZON, "job")
    await _lose(tenant, held)
    [row] = await _ended(tenant, held)
    assert (row["status"], row["issues"]) == ("pending", None)
