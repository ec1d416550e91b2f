"""A roster that has lost everything is not sent by mistake."""

import pytest

from app.errors import RosterShrinks
from tests.database.factories import Run, Tenant, pupil


async def _emptied(tenant: Tenant, run: Run) -> None:
    await tenant.store({}, run.activity_id)


async def _played(run: Run) -> Run:
    for job_id in run.jobs:
        await run.tenant.play(job_id)
    return run


async def test_an_empty_roster_over_one_that_was_sent_is_refused(tenant: Tenant) -> None:
    """Nothing is written; once it was allowed, an empty one shrinks nothing any more."""
    run = await _played(await tenant.new_run({"persons": [pupil(), pupil()]}))
    await _emptied(tenant, run)
    before = await tenant.dump()
    with pytest.raises(RosterShrinks, match="2 were sent"):
        await tenant.accept(run.activity_id, allow=("weaker_marking",))
    assert await tenant.dump() == before
    empty = await tenant.accept(run.activity_id, allow=("shrinks",))
    assert await tenant.value("SELECT allow FROM run WHERE id = :run", run=empty.id) == ["shrinks"]
    await tenant.accept(run.activity_id)


async def test_an_empty_roster_behind_one_that_is_going_to_be_sent_is_refused(tenant: Tenant) -> None:
    run = await tenant.new_run({"persons": [pupil()]})
    await _emptied(tenant, run)
    with pytest.raises(RosterShrinks):
        await tenant.accept(run.activity_id)


async def test_what_was_never_sent_is_no_measure(tenant: Tenant) -> None:
    """An activity that begins empty, and one whose run was cancelled before anything left."""
    await tenant.new_run({})
    run = await tenant.new_run({"persons": [pupil()]})
    await run.cancel()
    await _emptied(tenant, run)
    await tenant.accept(run.activity_id)


async def test_what_was_sent_before_a_run_failed_is_a_measure(tenant: Tenant) -> None:
    person, other = pupil(), pupil()
    run = await tenant.new_run({"persons": [person, other]})
    await tenant.play(run.jobs[0], {person["id"]: "error"})
    assert await run.status() == "failed"
    await _emptied(tenant, run)
    with pytest.raises(RosterShrinks):
        await tenant.accept(run.activity_id)


async def test_a_roster_that_keeps_one_object_is_sent(tenant: Tenant) -> None:
    """How much it has shrunk is a finding."""
    person = pupil()
    run = await _played(await tenant.new_run({"persons": [person, pupil(), pupil()]}))
    await tenant.store({"persons": [person]}, run.activity_id)
    await tenant.accept(run.activity_id)
