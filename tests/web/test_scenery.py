"""What pictures are made of can be made with the address that a stack has: that of the workers' role."""

import asyncio

from app.db.cipher import new_key
from app.db.engine import close
from app.local.postgres import as_role
from app.roles import WORKER
from tests.database.factories import Tenant, engine_of
from tests.web.scenery import make_keys


def test_each_kind_of_reader_gets_a_key(database_url: str) -> None:
    async def number() -> str:
        engine = engine_of(database_url)
        made = await Tenant.make(engine)
        await close(engine)
        return made.number

    keys = make_keys(as_role(database_url, WORKER), f"k1:{new_key()}", asyncio.run(number()))
    assert keys.keys() == {"masked", "auditor", "empty", "operator"}
