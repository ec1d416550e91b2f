"""Batches that are taken back before they left: afterwards their records are as if they had never been taken."""

from app.db import batches
from tests.database.factories import Tenant

_RECORDS = (
    "SELECT object_id, status, attempts, sent, batch_id, due_at, fault_since, remarks FROM record ORDER BY ordinal"
)


async def test_what_is_taken_back_is_as_it_was(tenant: Tenant) -> None:
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    before = await tenant.rows(_RECORDS)
    await tenant.written(held)
    assert await tenant.rows(_RECORDS) != before
    async with tenant.engine.begin() as conn:
        await batches.drop_written(conn, held)
    assert await tenant.rows(_RECORDS) == before
    assert await tenant.rows("SELECT id FROM batch") == []
