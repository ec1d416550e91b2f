"""A call without an answer leaves a repair of its objects, and what a repair sends never meets another call of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.db import answers, batches, repairs, tasks
from app.db.claims import Claim
from app.db.repairs import REPAIR, Repair
from app.db.tasks import Task
from app.domain.kinds import Kind
from app.skolverket.published import PUBLISHED
from tests.database import epochs
from tests.database.factories import MINUTE, Object, Run, Tenant, make_batch, pupil, the_cipher

QUARTER = timedelta(minutes=15)


async def due(tenant: Tenant, epoch: UUID | None = None) -> list[Task]:
    """Claims the repairs that are due."""
    async with tenant.engine.begin() as conn:
        epoch = epoch or await epochs.begin_epoch(conn)
        return await tasks.claim_for_epoch(conn, epoch, {REPAIR: QUARTER}, 9)


async def row(tenant: Tenant) -> dict[str, Any]:
    [found] = await tenant.rows(
        "SELECT *, due_at - clock_timestamp() AS until, again_at - clock_timestamp() AS again FROM task"
    )
    return found


async def lose(tenant: Tenant, held: Claim, batch_id: UUID, code: str = "timeout") -> None:
    async with tenant.engine.begin() as conn:
        await answers.mark_lost(conn, held, batch_id, code, timedelta())


async def load(tenant: Tenant, task: Task) -> Repair:
    async with tenant.engine.connect() as conn:
        found = await repairs.load(conn, the_cipher(), task)
    assert found is not None
    return found


async def call(tenant: Tenant, task: Task, repair: Repair) -> bool:
    async with tenant.engine.begin() as conn:
        return await repairs.call(conn, task, repair.kind, repair.accepted)


async def lost_batch(tenant: Tenant, *persons: Object) -> Run:
    """Has a run of some persons lose a call, send again and come to its end."""
    run = await tenant.new_run({"persons": list(persons)})
    held = await tenant.claim(run.jobs[0])
    await lose(tenant, held, await tenant.called(held))
    await tenant.die(held)
    await tenant.play(run.jobs[0])
    return run


@pytest.mark.parametrize("how", ["lost", "its process died", "its answer lacks some", "abandoned"])
async def test_a_call_without_an_answer_leaves_a_repair(tenant: Tenant, how: str) -> None:
    held, batch_id = await make_batch(tenant, "called" if how != "its answer lacks some" else "accepted")
    match how:
        case "lost":
            await lose(tenant, held, batch_id)
        case "its process died":
            await tenant.die(held)
            assert await tenant.value("SELECT count(*) FROM task") == 0
            await tenant.claim(held.job_id)
        case "its answer lacks some":
            async with tenant.engine.begin() as conn:
                await answers.apply_answer(
                    conn, tenant.cipher, held, batch_id, b"{}", [], MINUTE, lost=("answer_incomplete", MINUTE)
                )
        case _:
            async with tenant.engine.begin() as conn:
                await answers.abandon_outstanding(conn, held, "no_contact")
    found = await row(tenant)
    assert (found["kind"], found["key"], found["after_job"]) == (REPAIR, str(batch_id), held.job_id)
    assert found["organisation_id"] == tenant.organisation_id
    assert timedelta() < QUARTER - found["again"] < MINUTE


async def test_what_found_no_connection_has_not_left(tenant: Tenant) -> None:
    held, batch_id = await make_batch(tenant, "called")
    await lose(tenant, held, batch_id, "no_connection")
    assert await tenant.value("SELECT count(*) FROM task") == 0


async def test_it_is_due_when_its_job_has_ended_and_once_more_later(tenant: Tenant) -> None:
    held, batch_id = await make_batch(tenant, "lost")
    assert await due(tenant) == []
    await tenant.die(held)
    await tenant.play(held.job_id)
    [task] = await due(tenant)
    assert task.key == str(batch_id)
    async with tenant.engine.begin() as conn:
        assert await tasks.done(conn, task, None)
    assert await due(tenant) == []
    found = await row(tenant)
    assert QUARTER - MINUTE < found["until"] <= QUARTER
    await tenant.do("UPDATE task SET due_at = clock_timestamp()")
    [task] = await due(tenant)
    async with tenant.engine.begin() as conn:
        assert await tasks.done(conn, task, None)
    assert await tenant.value("SELECT count(*) FROM task") == 0


async def test_a_process_that_was_too_late_asks_at_once(tenant: Tenant) -> None:
    _, batch_id = await make_batch(tenant, "called")
    async with tenant.engine.begin() as conn:
        await repairs.ask(conn, tenant.organisation_id, batch_id)
    assert [each.key for each in await due(tenant)] == [str(batch_id)]


async def test_it_asks_at_once_of_a_repair_that_waits_too(tenant: Tenant) -> None:
    _, batch_id = await make_batch(tenant, "lost")
    async with tenant.engine.begin() as conn:
        await repairs.ask(conn, tenant.organisation_id, batch_id)
    assert [each.key for each in await due(tenant)] == [str(batch_id)]


async def test_it_is_about_what_was_accepted_last_by_whichever_run(tenant: Tenant) -> None:
    person, hidden = pupil(), pupil(securityMarking="Sekretessmarkering")
    await lost_batch(tenant, person, hidden)
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    await tenant.play(newer.jobs[0])
    [task] = await due(tenant)
    repair = await load(tenant, task)
    assert repair.kind is Kind.PERSONS
    found = {str(each.id): each for each in repair.accepted}
    assert found.keys() == {person["id"], hidden["id"]}
    assert "Örjan".encode() in (found[person["id"]].plain or b"")
    assert {each: one.protected for each, one in found.items()} == {person["id"]: False, hidden["id"]: True}


async def lose_marked(tenant: Tenant) -> Task:
    """Has an unmarked person accepted, then sent with a marking in a call without an answer, which leaves a repair."""
    person = pupil(securityMarking="Ingen")
    first = await tenant.new_run({"persons": [person]})
    for job in first.jobs:
        await tenant.play(job)
    await tenant.store({"persons": [{**person, "securityMarking": "Sekretessmarkering"}]}, first.activity_id)
    run = await tenant.accept(first.activity_id)
    held = await tenant.claim(run.jobs[0])
    await tenant.called(held)
    await run.cancel()
    async with tenant.engine.begin() as conn:
        await answers.abandon_outstanding(conn, held, "cancelled")
    await tenant.finish(held, "cancelled")
    [task] = await due(tenant)
    return task


async def test_nobody_is_sent_again_with_a_weaker_marking_than_a_current_roster_has(tenant: Tenant) -> None:
    task = await lose_marked(tenant)
    assert (await load(tenant, task)).accepted == []


async def test_a_repair_is_not_called_once_a_roster_marks_more_strongly(tenant: Tenant) -> None:
    person = pupil(securityMarking="Ingen")
    run = await lost_batch(tenant, person)
    [task] = await due(tenant)
    repair = await load(tenant, task)
    assert [each.protected for each in repair.accepted] == [False]
    await tenant.store({"persons": [{**person, "securityMarking": "Sekretessmarkering"}]}, run.activity_id)
    assert not await call(tenant, task, repair)


async def mark_elsewhere(tenant: Tenant, person: Object) -> None:
    """Has an upload mark somebody in a roster that does so no more."""
    elsewhere = await tenant.store({"persons": [{**person, "securityMarking": "Sekretessmarkering"}]})
    await tenant.store({"persons": []}, elsewhere)


async def test_whom_an_upload_has_marked_is_not_sent_again_unmarked(tenant: Tenant) -> None:
    """Whatever has become of its roster: the call that is lost may have brought the marking."""
    person = pupil(securityMarking="Ingen")
    await lost_batch(tenant, person)
    [task] = await due(tenant)
    before = await load(tenant, task)
    assert [str(each.id) for each in before.accepted] == [person["id"]]
    await mark_elsewhere(tenant, person)
    assert (await load(tenant, task)).accepted == []
    assert not await call(tenant, task, before)


async def test_whose_run_is_forgotten_counts_as_protected_in_it(tenant: Tenant) -> None:
    """The target is not asked for somebody of whom nothing says that this may be done."""
    person = pupil()
    await lost_batch(tenant, person)
    await tenant.do("UPDATE object SET accepted_job_id = gen_random_uuid()")
    [task] = await due(tenant)
    assert [each.protected for each in (await load(tenant, task)).accepted] == [True]


async def test_what_was_never_accepted_is_not_in_it(tenant: Tenant) -> None:
    _, batch_id = await make_batch(tenant, "lost")
    async with tenant.engine.begin() as conn:
        await repairs.ask(conn, tenant.organisation_id, batch_id)
    [task] = await due(tenant)
    assert (await load(tenant, task)).accepted == []


async def test_what_is_seen_at_the_target_has_landed(tenant: Tenant) -> None:
    await lost_batch(tenant, pupil(), pupil())
    [task] = await due(tenant)
    repair = await load(tenant, task)
    seen = [repair.accepted[0].id]
    for _ in range(2):
        async with tenant.engine.begin() as conn:
            await repairs.note_seen(conn, repair, seen)
    assert [each["id"] for each in await tenant.rows("SELECT id FROM object WHERE landed_at IS NOT NULL")] == seen


async def test_while_a_repair_is_called_no_job_calls_with_its_objects(tenant: Tenant) -> None:
    """What was written is discarded, what is not written waits; and both go when the answer of the repair is known."""
    person = pupil()
    await lost_batch(tenant, person)
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    held = await tenant.claim(newer.jobs[0])
    out = await tenant.written(held)
    [task] = await due(tenant)
    assert await call(tenant, task, await load(tenant, task))
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id) is None
    assert await tenant.write(held) is None
    async with tenant.engine.begin() as conn:
        await repairs.answered(conn, task)
    await tenant.die(held)
    await tenant.play(newer.jobs[0])
    assert await tenant.value("SELECT status FROM job WHERE id = :job", job=newer.jobs[0]) == "succeeded"


async def test_a_repair_is_not_called_while_a_job_has_a_call_with_its_objects(tenant: Tenant) -> None:
    person = pupil()
    await lost_batch(tenant, person)
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    held = await tenant.claim(newer.jobs[0])
    [task] = await due(tenant)
    repair = await load(tenant, task)
    batch_id = await tenant.accepted(held)
    assert not await call(tenant, task, repair)
    await tenant.answer(held, batch_id)
    assert not await call(tenant, task, repair), "what it would send is no longer what was accepted last"
    assert await call(tenant, task, await load(tenant, task))


async def test_two_repairs_do_not_call_with_one_object_at_once(tenant: Tenant) -> None:
    person = pupil()
    for _ in range(2):
        await lost_batch(tenant, person)
    one, other = await due(tenant)
    assert await call(tenant, one, await load(tenant, one))
    assert not await call(tenant, other, await load(tenant, other))


async def test_nobody_calls_for_a_repair_that_is_somebody_elses(tenant: Tenant) -> None:
    await lost_batch(tenant, pupil())
    [task] = await due(tenant)
    async with tenant.engine.begin() as conn:
        assert await tasks.let_go(conn, task)
    assert not await call(tenant, task, await load(tenant, task))


@pytest.mark.parametrize("how", ["it failed", "its process died", "its process does not know it"])
async def test_a_repair_whose_own_call_has_no_answer_is_done_once_more(tenant: Tenant, how: str) -> None:
    await lost_batch(tenant, pupil())
    await tenant.do("UPDATE task SET again_at = NULL")
    async with tenant.engine.begin() as conn:
        epoch = await epochs.begin_epoch(conn)
    [task] = await due(tenant, epoch)
    assert await call(tenant, task, await load(tenant, task))
    async with tenant.engine.begin() as conn:
        match how:
            case "it failed":
                await tasks.failed(conn, task, timedelta(), "timeout")
            case "its process died":
                await conn.execute(
                    sa.text("SELECT end_epoch(id, beat, gen_random_uuid()) FROM epoch WHERE id = :id"), {"id": epoch}
                )
            case _:
                await tasks.free_forgotten(conn, epoch, [])
    found = await row(tenant)
    assert (found["holder"], found["under_way"]) == (None, None)
    assert QUARTER - MINUTE < found["again"] <= QUARTER
