"""Within limits, as the server counts: two users of the shared limit in parallel never make it say 429."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.batching import encode
from app.domain.intents import Accepted
from app.domain.stages import Stage
from app.jobs.bearer import Bearer
from app.jobs.calls import Calls, Queues
from app.jobs.deadline import Deadline, NoTime
from app.runtime import target_of
from app.skolverket.published import BODY_FORM
from app.target import CallHooks, SlowDown, TryAgain
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import Tenant, engine_of, pupil

SECONDS = 4
TIMEOUT = 5.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url, pool=12)
    yield engine
    await engine.dispose()


async def _noted(conn: AsyncConnection, *, again: bool) -> bool:
    return True


@asynccontextmanager
async def _calls(skolverket: Skolverket, tenant: Tenant, seconds: float) -> AsyncIterator[Calls]:
    target, deadline = target_of(skolverket.settings()), Deadline.after(seconds)
    bearer = Bearer(tenant.engine, tenant.cipher, target, tenant.organisation_id, deadline, TIMEOUT, Random())
    async with target.connected(TIMEOUT) as connection:
        yield Calls(tenant.engine, target.limits, bearer, connection, Queues())


def _sending(
    calls: Calls, body: bytes = b'{"data":[]}', kind: Stage = Stage.PERSONS
) -> Callable[[str, CallHooks], Awaitable[Accepted]]:
    return lambda token, hooks: calls.connection.submit(kind, body, token, hooks)


async def test_two_users_at_once_stay_within_the_servers_limit(strict: Skolverket, engine: AsyncEngine) -> None:
    """Each has more to send than may go: in no second do more than five arrive, and little of the limit is wasted."""
    tenants = [await Tenant.make(engine) for _ in range(2)]
    content = BODY_FORM.body([encode(pupil())])

    async def user(tenant: Tenant) -> int:
        async with _calls(strict, tenant, SECONDS + TIMEOUT) as calls:

            async def one() -> int:
                made = 0
                while True:
                    try:
                        await calls.sending("send", _sending(calls, content), _noted)
                    except NoTime:
                        return made
                    made += 1

            return sum(await asyncio.gather(*(one() for _ in range(4))))

    made = sum(await asyncio.gather(*(user(tenant) for tenant in tenants)))
    calls = [call for call in strict.ledger() if "/bulk" in call["path"]]
    assert {call["status"] for call in calls} == {202}
    assert len(calls) == made
    times = [call["monotonic"] for call in calls]
    assert all(sixth - first > 1 for first, sixth in zip(times, times[5:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert made >= 0.7 * SECONDS * 5 / 1.05


async def test_a_late_call_takes_nothing_from_the_distance_of_calls(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """What is noted before a call takes 0.15 s: it leaves late, and those that come after wait for as much."""
    tenant = await Tenant.make(engine)
    slow = iter([True])

    async def note(conn: AsyncConnection, *, again: bool) -> bool:
        if next(slow, False):
            await conn.execute(sa.text("SELECT pg_sleep(0.15)"))
        return True

    async with _calls(skolverket, tenant, 20) as calls:
        content = BODY_FORM.body([encode(pupil())])
        await asyncio.gather(*(calls.sending("send", _sending(calls, content), note) for _ in range(6)))
    first, *_, sixth = [call["monotonic"] for call in skolverket.ledger() if "/bulk" in call["path"]]
    assert sixth - first > 1


@pytest.mark.parametrize("reset", [9, 8.5])
async def test_a_limit_that_others_use_up_holds_back_everybody(
    skolverket: Skolverket, engine: AsyncEngine, reset: float
) -> None:
    """For as long as the answer says, in whole seconds or fractions: there are more calls in it than ours."""
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "low_limit", "reset": reset})
    async with _calls(skolverket, tenant, 20) as calls:
        taken = await calls.sending("send", _sending(calls), _noted)
    assert taken is not None
    held = await tenant.value(
        "SELECT extract(epoch FROM next_at - clock_timestamp()) FROM call_limit WHERE bucket = 'calls'"
    )
    assert 5 < held <= reset


async def test_a_call_that_is_not_noted_does_not_leave(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)

    async def refused(conn: AsyncConnection, *, again: bool) -> bool:
        return False

    async def never(token: str, hooks: CallHooks) -> str:
        raise AssertionError("it left")

    async with _calls(skolverket, tenant, 20) as calls:
        left: object = await calls.sending("send", never, refused)
    assert left is None


async def test_without_time_for_another_call_none_leaves(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)

    async def never(token: str, hooks: CallHooks) -> str:
        raise AssertionError("it left")

    async with _calls(skolverket, tenant, TIMEOUT - 1) as calls:
        with pytest.raises(NoTime):
            await calls.sending("send", never, _noted)
    assert skolverket.ledger() == []


async def test_a_429_holds_back_everybody(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """For as long as was asked: the next slot of whoever it is begins after that."""
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 429, "retry_after": 9, "times": 1})
    async with _calls(skolverket, tenant, 20) as calls:
        with pytest.raises(SlowDown):
            await calls.sending("send", _sending(calls), _noted)
    held = await tenant.value(
        "SELECT extract(epoch FROM next_at - clock_timestamp()) FROM call_limit WHERE bucket = 'calls'"
    )
    assert 5 < held <= 9


async def test_a_token_that_is_no_longer_taken_is_renewed_once(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """The call goes again with the new one; the renewed token is kept for everybody."""
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 403, "times": 1})
    noted = 0

    async def note(conn: AsyncConnection, *, again: bool) -> bool:
        nonlocal noted
        noted += not again
        return True

    async with _calls(skolverket, tenant, 20) as calls:
        taken = await calls.sending("send", _sending(calls), note)
    assert taken is not None
    paths = [(call["path"].rpartition("/")[2], call["status"]) for call in skolverket.ledger()]
    assert paths == [("transaction", 200), ("bulk", 403), ("transaction", 200), ("bulk", 202)]
    assert noted == 1
    assert await tenant.value("SELECT count(*) FROM access_token") == 1


async def test_a_token_that_is_never_taken_is_a_fault(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 403})
    async with _calls(skolverket, tenant, 20) as calls:
        with pytest.raises(TryAgain) as fault:
            await calls.sending("send", _sending(calls), _noted)
    assert (type(fault.value), fault.value.code, fault.value.http_status) == (TryAgain, "token_refused", 403)
    assert len([call for call in skolverket.ledger() if "/bulk" in call["path"]]) == 2


async def test_a_call_whose_token_cannot_be_renewed_keeps_skolverkets_refusal(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """Its history shows what the Provisioning API answered, and not the authorisation server; the code says why."""
    tenant = await Tenant.make(engine)
    async with _calls(skolverket, tenant, 20) as calls:
        await calls.sending("send", _sending(calls), _noted)
        skolverket.faults(
            {"match": {"path": "/bulk"}, "action": "status", "status": 403},
            {"match": {"path": "/transaction"}, "action": "status", "status": 500},
        )
        with pytest.raises(TryAgain) as fault:
            await calls.sending("send", _sending(calls), _noted)
    assert (fault.value.code, fault.value.http_status) == ("authorisation_http_500", 403)
    assert b'"statusCode":403' in fault.value.answer


async def test_a_token_is_fetched_once_for_calls_side_by_side(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """And not at all by the next step."""
    tenant = await Tenant.make(engine)

    async def step() -> None:
        async with _calls(skolverket, tenant, 20) as calls:
            send = calls.sending("send", _sending(calls), _noted)
            ask = calls.sending("send", _sending(calls, kind=Stage.DUTIES), _noted)
            await asyncio.gather(send, ask)

    await step()
    await step()
    assert [call["path"] for call in skolverket.ledger()].count("/transaction") == 1
