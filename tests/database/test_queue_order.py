"""The order of an activity queue's runs, kept by the schema alone: nobody passes a run that waits."""

import psycopg
import pytest

from tests.database.factories import Tenant
from tests.database.statements import START, end_rest, end_run


async def test_no_run_starts_before_one_that_waits_ahead_of_it(tenant: Tenant, database_url: str) -> None:
    """Not even while the activity queue is free."""
    ended = await tenant.new_run({})
    waiting, late = await tenant.accept(ended.activity_id), await tenant.accept(ended.activity_id)
    with psycopg.connect(database_url) as connection:
        for statement in (end_rest("cancelled"), end_run("cancelled")):
            connection.execute(statement.encode(), {"id": ended.id})
        with pytest.raises(psycopg.errors.CheckViolation) as refusal, connection.transaction():
            connection.execute(START.encode(), {"id": late.id})
        assert refusal.value.diag.constraint_name == "run_order"
        connection.execute(START.encode(), {"id": waiting.id})
