"""A cancelled run whose call got no answer: what it may be that has arrived, and what is noted of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.db import answers, batches, repairs, unanswered
from app.db.claims import Claim
from app.domain.batching import encode
from app.domain.intents import Unanswered
from app.domain.open_work import JobSnapshot
from app.domain.repair import to_send_again
from app.skolverket.published import PUBLISHED
from tests.database.factories import MINUTE, Object, Run, Tenant, pupil
from tests.database.test_faults import GONE, WHOLE, spoil
from tests.database.test_repairs import due, load, lose

_PROTECTED = "Sekretessmarkering"


async def seen(tenant: Tenant, held: Claim) -> JobSnapshot:
    async with tenant.engine.begin() as conn:
        return await batches.open_job(conn, held)


async def listed(tenant: Tenant, held: Claim, after: int = -1) -> Sequence[Unanswered]:
    async with tenant.engine.connect() as conn:
        return await unanswered.unanswered(conn, tenant.cipher, held, after)


async def note(tenant: Tenant, held: Claim, *persons: Object) -> JobSnapshot:
    async with tenant.engine.begin() as conn:
        return await unanswered.note_arrived(conn, held, [UUID(each["id"]) for each in persons])


async def record(run: Run, person: Object) -> dict[str, Any]:
    [row] = await run.tenant.rows(
        "SELECT status, attempts, received, issues, completed_at IS NOT NULL AS done FROM record"
        " WHERE job_id = :job AND object_id = :id",
        job=run.jobs[0],
        id=UUID(person["id"]),
    )
    return row


async def lost(tenant: Tenant, *persons: Object, code: str = "timeout") -> tuple[Run, Claim]:
    """Has a cancelled run with a call of which nobody knows what became."""
    run = await tenant.new_run({"persons": list(persons)})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    await run.cancel()
    await lose(tenant, held, batch_id, code)
    return run, held


async def test_what_was_called_without_an_answer_is_open_in_a_cancelled_run(tenant: Tenant) -> None:
    """With what was sent, in the order of the roster; a protected person is nobody's to compare."""
    persons = [pupil() for _ in range(3)]
    _, held = await lost(tenant, *persons, pupil(securityMarking=_PROTECTED))
    assert (await seen(tenant, held)).look_up_at
    assert [(str(each.id), each.plain) for each in await listed(tenant, held)] == [
        (each["id"], encode(PUBLISHED.sendable(each))) for each in persons
    ]
    assert [str(each.id) for each in await listed(tenant, held, after=1)] == [persons[2]["id"]]


@pytest.mark.parametrize("how", ["it goes on", "it found no connection", "it was answered", "all are protected"])
async def test_nothing_else_is(tenant: Tenant, how: str) -> None:
    person = pupil(**({"securityMarking": _PROTECTED} if how == "all are protected" else {}))
    _, held = await lost(tenant, person, code="no_connection" if how == "it found no connection" else "timeout")
    if how == "it goes on":
        await tenant.do("UPDATE run SET cancel_requested_at = NULL")
    if how == "it was answered":
        await tenant.do("UPDATE run SET cancel_requested_at = NULL")
        await tenant.answer(held, await tenant.accepted(held))
    assert (await seen(tenant, held)).look_up_at is None
    if how != "it goes on":
        assert await listed(tenant, held) == []


@pytest.mark.parametrize("later", ["it was refused", "it found no connection"])
async def test_what_became_of_a_later_try_is_no_answer_to_the_first(tenant: Tenant, later: str) -> None:
    run, held = await lost(tenant, pupil())
    await tenant.do("UPDATE run SET cancel_requested_at = NULL")
    again = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        if later == "it was refused":
            await answers.requeue_batch(conn, tenant.cipher, held, again, 503, b"", MINUTE, 60 * MINUTE)
        else:
            await answers.mark_lost(conn, held, again, "no_connection", MINUTE, 60 * MINUTE)
    await run.cancel()
    assert (await seen(tenant, held)).look_up_at
    assert len(await listed(tenant, held)) == 1


async def test_a_call_of_a_time_that_is_still_to_come_is_looked_up_at_once(tenant: Tenant) -> None:
    """The clock was ahead when it was called: nobody waits until it is there again."""
    _, held = await lost(tenant, pupil())
    await tenant.do(
        "WITH free AS (SELECT set_config('session_replication_role', 'replica', true))"
        " UPDATE batch SET called_at = clock_timestamp() + interval '3 hours' FROM free"
    )
    found = await seen(tenant, held)
    assert found.look_up_at is not None
    assert found.look_up_at <= found.now


@pytest.mark.parametrize(("usual", "wait"), [(None, 2), ("4 s", 4), ("1 hour", 10)])
async def test_it_is_looked_up_when_an_answer_would_usually_be_there(
    tenant: Tenant, usual: str | None, wait: int
) -> None:
    """Counted from when it was called, and ten seconds at most."""
    _, held = await lost(tenant, pupil())
    if usual is not None:
        await tenant.do(
            "INSERT INTO answer_time (kind, usual) VALUES ('persons', CAST(:usual AS interval))", usual=usual
        )
    called_at = await tenant.value("SELECT called_at FROM batch")
    assert (await seen(tenant, held)).look_up_at == called_at + timedelta(seconds=wait)


async def test_a_call_of_a_process_that_died_is_unanswered_too(tenant: Tenant) -> None:
    run = await tenant.new_run({"persons": [pupil()]})
    held = await tenant.claim(run.jobs[0])
    await tenant.called(held)
    await run.cancel()
    await tenant.die(held)
    assert (await tenant.claim(run.jobs[0])).opened.look_up_at


async def test_what_has_arrived_is_a_warning_and_known_as_accepted(tenant: Tenant) -> None:
    """So that its repair does not put back what was accepted before; what has not arrived stays as it was."""
    arrived, other = pupil(), pupil()
    activity_id = await tenant.store({"persons": [arrived, other]})
    await tenant.play((await tenant.accept(activity_id)).jobs[0])
    changed = [{**each, "givenName": "Örjan"} for each in (arrived, other)]
    run, held = await lost(tenant, *changed)
    before_it = await record(run, other)
    left = await note(tenant, held, arrived)
    assert (left.counts.warnings, left.counts.pending, left.look_up_at is None) == (1, 1, False)
    assert await record(run, arrived) == {
        "status": "warning",
        "attempts": 1,
        "received": None,
        "issues": [{"code": "found_without_answer", "severity": "warning"}],
        "done": True,
    }
    assert await record(run, other) == before_it
    await tenant.finish(held, "cancelled")
    [task] = await due(tenant)
    repair = await load(tenant, task)
    there = {UUID(each["id"]): PUBLISHED.sendable(each) for each in (changed[0], other)}
    assert to_send_again(repair.accepted, there) == []


@pytest.mark.parametrize("how", ["accepted in a later upload", "in a call of another run"])
async def test_what_may_be_the_doing_of_another_run_is_left_alone(tenant: Tenant, how: str) -> None:
    person = pupil()
    run, held = await lost(tenant, person)
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    if how == "accepted in a later upload":
        await tenant.play(newer.jobs[0])
    else:
        await tenant.called(await tenant.claim(newer.jobs[0]))
    assert (await note(tenant, held, person)).counts.pending == 1
    assert (await record(run, person))["status"] == "pending"


@pytest.mark.parametrize("how", [GONE, WHOLE], ids=["is missing", "does not open"])
async def test_what_can_not_be_read_keeps_no_cancelled_run_waiting(tenant: Tenant, how: str) -> None:
    person = pupil()
    _, held = await lost(tenant, person)
    await spoil(tenant, how, person["id"])
    assert [each.plain for each in await listed(tenant, held)] == [None]


async def test_a_run_that_goes_on_after_all_sends_what_has_not_arrived(tenant: Tenant) -> None:
    arrived, other = pupil(), pupil()
    run, held = await lost(tenant, arrived, other)
    await note(tenant, held, arrived)
    await tenant.finish(held, "cancelled")
    await run.retry()
    held = await tenant.claim(run.jobs[0])
    out = await tenant.written(held)
    assert await tenant.value("SELECT record_ids FROM batch WHERE id = :batch", batch=out.id) == [UUID(other["id"])]


async def test_a_step_of_a_cancelled_run_comes_to_its_end(tenant: Tenant) -> None:
    """The target of these tests finds nothing, and answers at once."""
    await tenant.do("INSERT INTO answer_time (kind, usual) VALUES ('persons', '0')")
    run, held = await lost(tenant, pupil())
    await tenant.die(held)
    await tenant.play(run.jobs[0])
    assert (await run.status(), (await run.statuses())[0]) == ("cancelled", "cancelled")
    assert await tenant.value("SELECT due_at <= clock_timestamp() FROM task WHERE kind = :kind", kind=repairs.REPAIR)
    assert timedelta() < await tenant.value("SELECT again_at - clock_timestamp() FROM task")
