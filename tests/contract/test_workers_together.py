"""What several workers share: one token, one knowledge of whether Skolverket is there."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.limits import slot_spacing
from app.domain.intents import Accepted
from app.domain.stages import Stage
from app.jobs.bearer import Bearer
from app.jobs.calls import Calls, Queues, Slot
from app.jobs.deadline import Deadline, NoTime
from app.runtime import target_of
from app.settings import Settings
from app.target import CallHooks, Connection, TargetError, TryAgain
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import Tenant, engine_of

WORKERS = 6
TIMEOUT = 5.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url, pool=2 * WORKERS)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def _door(skolverket: Skolverket, tenant: Tenant, timeout: float = TIMEOUT) -> AsyncIterator[Calls]:
    target = target_of(skolverket.settings(skolverket_calls_per_second=100, skolverket_reads_per_second=100))
    deadline = Deadline.after(20)
    bearer = Bearer(tenant.engine, tenant.cipher, target, tenant.organisation_id, deadline, timeout, Random(1))
    async with target.connected(timeout) as connection:
        yield Calls(tenant.engine, target.limits, bearer, connection, Queues())


def _sending(connection: Connection) -> Callable[[str, CallHooks], Awaitable[Accepted]]:
    return lambda token, hooks: connection.submit(Stage.PERSONS, b'{"data":[]}', token, hooks)


async def _open(tenant: Tenant, service: str, probe_in: timedelta = timedelta()) -> None:
    await tenant.do(
        "UPDATE circuit SET failures = 9, failing_since = clock_timestamp(), opened_at = clock_timestamp(),"
        " probe_at = clock_timestamp() + :probe_in, code = 'timeout' WHERE service = :service",
        service=service,
        probe_in=probe_in,
    )


async def _worker(skolverket: Skolverket, tenant: Tenant, calls: int = 1) -> list[str]:
    """Makes a worker's calls one after the other; gives what became of each: `taken` or a fault's code."""

    async def note(conn: AsyncConnection, *, again: bool) -> bool:
        return True

    became = []
    async with _door(skolverket, tenant) as door:
        for _ in range(calls):
            try:
                taken = await door.sending("send", _sending(door.connection), note)
            except TargetError as fault:
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
    await _open(tenant, "provisioning", timedelta(minutes=1))
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


async def test_a_probe_whose_connection_took_long_closes_the_circuit(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """It is too late for its slot and takes another one, although the circuit is open: it must not wait for itself."""
    tenant = await Tenant.make(engine)
    await _open(tenant, "provisioning")
    async with _door(skolverket, tenant) as door:
        token = await door.bearer.token()
        async with door._probing:
            slot = Slot("alive", "reads", time.monotonic() - 1, 1, None)
            await door._made(slot, door.connection.alive, token.value)
    assert await tenant.value("SELECT count(*) FROM circuit WHERE opened_at IS NOT NULL") == 0


async def test_what_stands_at_the_door_says_nothing_of_the_service(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """A call that is too late waits for another slot, and a 429 keeps everybody: it never left, and is no outage."""
    tenant = await Tenant.make(engine)
    async with _door(skolverket, tenant, timeout=1) as door:
        token = await door.bearer.token()
        await tenant.do("UPDATE call_limit SET next_at = clock_timestamp() + interval '1 minute'")
        late = Slot("send", "calls", time.monotonic() - 1, 1, None)
        with pytest.raises(NoTime):
            await door._made(late, _sending(door.connection), token.value)
    assert await tenant.value("SELECT sum(failures) FROM circuit") == 0
    assert _made(skolverket) == {"transaction": 1}


@pytest.mark.parametrize(("late", "moved"), [(0, 0), (0.3, 1)])
async def test_a_late_call_costs_the_others_one_slot_at_most(
    skolverket: Skolverket, engine: AsyncEngine, late: float, moved: float
) -> None:
    """Were all its lateness added, a busy machine would slow down without an end."""
    tenant = await Tenant.make(engine)
    asked = "SELECT extract(epoch FROM next_at)::float FROM call_limit WHERE bucket = 'calls'"
    async with _door(skolverket, tenant) as door:
        token = await door.bearer.token()
        await tenant.do("UPDATE call_limit SET next_at = clock_timestamp() + interval '1 minute'")
        before = await tenant.value(asked)
        began = time.monotonic() - late if late else time.monotonic() + 5
        slot = Slot("send", "calls", began, 1, None)
        await door._made(slot, _sending(door.connection), token.value)
    spacing = slot_spacing(door.limits.calls_per_second).total_seconds()
    assert await tenant.value(asked) - before == pytest.approx(moved * spacing, abs=0.0005)


@pytest.mark.parametrize("looks", [1, 2], ids=["before its slot", "at the door"])
async def test_a_call_that_goes_again_is_looked_at_again(
    skolverket: Skolverket, engine: AsyncEngine, looks: int
) -> None:
    """Between the refusal of its token and the new one its run may have been cancelled: then it stays here.

    What had been answered to it is still the refusal, wherever it stood when it was kept from leaving again.
    """
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "revoke_tokens", "times": 1})
    looked = 0

    async def until_cancelled(conn: AsyncConnection, *, again: bool) -> bool:
        nonlocal looked
        looked += again
        if looked and looks > 1:
            # The database is slow: the call is too late for its slot, and takes another.
            await conn.execute(sa.text("SELECT pg_sleep(0.5)"))
        return looked < looks

    async with _door(skolverket, tenant) as door:
        with pytest.raises(TryAgain) as fault:
            await door.sending("send", _sending(door.connection), until_cancelled)
    assert (fault.value.code, fault.value.http_status, looked) == ("token_refused", 403, looks)
    assert _made(skolverket) == {"transaction": 2, "bulk": 1}


async def test_one_organisation_without_papers_leaves_the_probe_to_others(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """What keeps it from asking is its own: the next one may probe at once, and closes the circuit for all."""
    bare, other = await Tenant.make(engine), await Tenant.make(engine)
    await _open(bare, "authorisation")
    target = target_of(Settings(skolverket_authorisation_url="https://127.0.0.1:1/transaction"))
    bearer = Bearer(bare.engine, bare.cipher, target, bare.organisation_id, Deadline.after(20), TIMEOUT, Random(1))
    with pytest.raises(TryAgain, match="no_certificate"):
        await bearer.token()
    assert await _worker(skolverket, other) == ["taken"]
    assert await bare.value("SELECT count(*) FROM circuit WHERE opened_at IS NOT NULL") == 0
