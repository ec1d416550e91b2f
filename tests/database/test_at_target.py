"""What Skolverket holds from before of the records that failed: asked where it matters, and heeded by dependants."""

from datetime import timedelta
from random import Random
from uuid import UUID

from app.db import at_target, batches
from app.db.claims import Claim, load_snapshot
from app.domain.conclusion import Finish, conclude
from app.domain.open_work import work
from tests.database.factories import Run, Tenant


async def _failed(tenant: Tenant, policy: str = "continue") -> tuple[Run, Claim, UUID]:
    """Lets the staff person of a run's roster fail, with the job still held."""
    run = await tenant.new_run(policy=policy)
    held = await tenant.claim(run.jobs[0])
    staff = (await run.objects(1))[1]
    await tenant.answer(held, await tenant.accepted(held), {staff: "error"})
    return run, held, UUID(staff)


async def _note(tenant: Tenant, held: Claim, asked: UUID, *, there: bool) -> None:
    async with tenant.engine.begin() as conn:
        await at_target.note_at_target(conn, held, [asked], {asked} if there else set())


async def _is_unasked(tenant: Tenant, held: Claim) -> bool:
    async with tenant.engine.begin() as conn:
        return (await load_snapshot(conn, held)).unasked


async def test_a_failed_record_is_asked_for_once(tenant: Tenant) -> None:
    _, held, staff = await _failed(tenant)
    assert await _is_unasked(tenant, held)
    async with tenant.engine.begin() as conn:
        assert await at_target.unasked(conn, held) == [staff]
    await _note(tenant, held, staff, there=True)
    assert not await _is_unasked(tenant, held)


async def test_under_halt_nobody_asks(tenant: Tenant) -> None:
    _, held, _ = await _failed(tenant, "halt")
    assert not await _is_unasked(tenant, held)


async def test_after_a_cancel_nobody_asks_and_the_job_is_not_done(tenant: Tenant) -> None:
    """Else a retry would begin with the next one, and what Skolverket holds would block others."""
    run, held, _ = await _failed(tenant)
    await run.cancel()
    async with tenant.engine.begin() as conn:
        seen = await load_snapshot(conn, held)
    assert not work(seen)
    assert conclude(seen, (), timedelta(hours=1), Random(1)) == Finish("cancelled")


async def test_what_skolverket_holds_blocks_nobody(tenant: Tenant) -> None:
    run, held, staff = await _failed(tenant)
    await _note(tenant, held, staff, there=True)
    await tenant.finish(held)
    duties = await tenant.claim(run.jobs[1])
    assert await tenant.write(duties) is not None
    assert (
        await tenant.value("SELECT count(*) FROM record WHERE job_id = :job AND status = 'skipped'", job=run.jobs[1])
        == 0
    )


async def test_what_it_does_not_hold_still_does(tenant: Tenant) -> None:
    run, held, staff = await _failed(tenant)
    await _note(tenant, held, staff, there=False)
    await tenant.finish(held)
    assert await tenant.write(await tenant.claim(run.jobs[1])) is None


async def test_nobody_to_ask_counts_as_not_held(tenant: Tenant) -> None:
    """After the horizon of faults the job ends; what is unknown is not relied upon."""
    run, held, _ = await _failed(tenant)
    async with tenant.engine.begin() as conn:
        await batches.expire(conn, held)
    assert not await _is_unasked(tenant, held)
    await tenant.finish(held)
    assert await tenant.write(await tenant.claim(run.jobs[1])) is None


async def test_a_retry_asks_anew(tenant: Tenant) -> None:
    """What was held then may be gone: those that fail again are looked up again."""
    run, held, staff = await _failed(tenant)
    await _note(tenant, held, staff, there=True)
    await run.cancel()
    await tenant.finish(held, "failed")
    await run.retry()
    assert await tenant.value("SELECT count(*) FROM at_target") == 0
    again = await tenant.claim(run.jobs[0])
    await tenant.answer(again, await tenant.accepted(again), {str(staff): "error"})
    assert await _is_unasked(tenant, again)
