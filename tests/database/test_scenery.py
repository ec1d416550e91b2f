"""What pictures of the pages are made of can be made with the address that a stack has: that of the workers' role."""

import asyncio

from app.db.cipher import new_key
from app.local.postgres import as_role
from app.roles import WORKER
from tests.database.factories import Tenant
from tests.web.scenery import make_keys


async def test_each_kind_of_reader_gets_a_key(database_url: str, tenant: Tenant) -> None:
    keys = await asyncio.to_thread(make_keys, as_role(database_url, WORKER), f"k1:{new_key()}", tenant.number)
    assert keys.keys() == {"masked", "auditor", "empty", "operator"}
