"""A call that was noted and is late: whether it may still leave is asked anew."""

import pytest

from app.db import batches
from app.db.claims import Claim
from app.db.verbs import LeaseLost
from tests.database.factories import Tenant


async def _may_leave(tenant: Tenant, held: Claim) -> bool:
    async with tenant.engine.begin() as conn:
        return await batches.may_leave(conn, held)


async def test_a_late_call_leaves_unless_its_run_has_been_cancelled_since(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.called(held)
    assert await _may_leave(tenant, held)
    await run.cancel()
    assert not await _may_leave(tenant, held)


async def test_the_late_call_of_an_old_claim_does_not_leave(tenant: Tenant) -> None:
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.called(held)
    await tenant.do("UPDATE job SET lease_until = clock_timestamp(), fence = claim WHERE id = :job", job=held.job_id)
    await tenant.claim(held.job_id)
    with pytest.raises(LeaseLost):
        await _may_leave(tenant, held)
