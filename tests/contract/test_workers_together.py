"""What several workers share: one token, one knowledge of whether Skolverket is there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.stages import Stage
from app.jobs.bearer import Bearer
from app.jobs.calls import Calls, Queues
from app.jobs.deadline import Deadline
from app.skolverket.client import Accepted, opened
from app.skolverket.faults import SkolverketError
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import Tenant, engine_of

WORKERS = 6
PATIENCE = 5.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url, pool=2 * WORKERS)
    yield engine
    await engine.dispose()


async def _worker(skolverket: Skolverket, tenant: Tenant, calls: int = 1) -> list[str]:
    """Makes a worker's calls one after the other; gives what became of each: `taken` or a fault's code."""

    async def note(_: AsyncConnection) -> bool:
        return True

    settings = skolverket.settings(skolverket_calls_per_second=100, skolverket_reads_per_second=100)
    became = []
    async with opened(PATIENCE) as http:
        deadline = Deadline.after(20)
        bearer = Bearer(tenant.engine, tenant.cipher, settings, tenant.organisation_id, deadline, PATIENCE, Random(1))
        door = Calls(tenant.engine, settings, bearer, http, Queues())
        for _ in range(calls):
            try:
                taken = await door.sending(lambda token: door.api.send(Stage.PERSONS, b'{"data":[]}', token), note)
            except SkolverketError as fault:
                became.append(fault.code)
            else:
                assert isinstance(taken, Accepted)
                became.append("taken")
    return became


async def _together(skolverket: Skolverket, tenant: Tenant, calls: int = 1) -> Counter[str]:
    became = await asyncio.gather(*(_worker(skolverket, tenant, calls) for _ in range(WORKERS)))
    return Counter(each for one in became for each in one)


def _made(skolverket: Skolverket) -> Counter[str]:
    return Counter(call["path"].rpartition("/")[2] for call in skolverket.ledger())


async def test_a_token_is_fetched_once_however_many_want_it(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)
    assert await _together(skolverket, tenant) == {"taken": WORKERS}
    assert _made(skolverket) == {"transaction": 1, "bulk": WORKERS}


async def test_tokens_that_are_revoked_are_renewed_once(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """All the workers meet the refusal, one fetches; each call goes again with the new token."""
    tenant = await Tenant.make(engine)
    await _worker(skolverket, tenant)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "revoke_tokens", "times": 1})
    assert await _together(skolverket, tenant) == {"taken": WORKERS}
    assert _made(skolverket)["transaction"] == 2


async def test_a_token_that_is_refused_for_ever_is_not_fetched_for_ever(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 403})
    assert await _together(skolverket, tenant, calls=3) == {"token_refused": 3 * WORKERS}
    assert _made(skolverket)["transaction"] == 2


async def test_while_nobody_is_there_only_a_probe_leaves(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """The circuit is open: every worker waits; once the service answers a probe, all go on."""
    tenant = await Tenant.make(engine)
    await _worker(skolverket, tenant)
    await tenant.do(
        "UPDATE circuit SET failures = 9, failing_since = clock_timestamp(), opened_at = clock_timestamp(),"
        " probe_at = clock_timestamp() + interval '1 minute', code = 'http_503' WHERE service = 'provisioning'"
    )
    skolverket.forget()
    assert await _together(skolverket, tenant) == {"circuit_open": WORKERS}
    assert skolverket.ledger() == []

    skolverket.faults({"match": {"path": "/alive"}, "action": "status", "status": 503, "times": 1})
    await tenant.do("UPDATE circuit SET probe_at = clock_timestamp() WHERE opened_at IS NOT NULL")
    assert await _together(skolverket, tenant) == {"circuit_open": WORKERS}
    assert _made(skolverket) == {"alive": 1}

    await tenant.do("UPDATE circuit SET probe_at = clock_timestamp() WHERE opened_at IS NOT NULL")
    assert await _worker(skolverket, tenant) == ["taken"]
    assert _made(skolverket) == {"alive": 2, "bulk": 1}
    assert await _together(skolverket, tenant) == {"taken": WORKERS}
