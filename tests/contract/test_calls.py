"""The calls of whoever holds an egress, as the server counts them: limits, tokens, and what an answer asks of all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.egress import Pauses, pauses
from app.db.engine import close
from app.domain.batching import encode
from app.domain.circuit import Circuit
from app.domain.egress import CALLS_FOR
from app.domain.intents import Accepted
from app.domain.kinds import Kind
from app.jobs.calls import Bucket, Calls
from app.jobs.pacer import NoPermit, Pacer
from app.jobs.services import NotTried, Service, Services
from app.jobs.tokens import Tokens
from app.runtime import target_of
from app.settings import Settings
from app.skolverket.published import BODY_FORM
from app.target import CallHooks, Connection, SlowDown, TargetError, Token, TryAgain
from tests.contract.simulator_at_work import Skolverket
from tests.database.epochs import begin_epoch
from tests.database.factories import Tenant, engine_of, pupil, the_cipher

SECONDS = 4
TIMEOUT = 5.0
TOGETHER = 6
ONE_PUPIL = BODY_FORM.body([encode(pupil())])


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url, pool=12)
    async with engine.begin() as conn:
        await begin_epoch(conn, egress="here")
    yield engine
    await close(engine)


@asynccontextmanager
async def calling(engine: AsyncEngine, settings: Settings, timeout: float = TIMEOUT) -> AsyncIterator[Calls]:
    """What a holder makes its calls with."""
    target = target_of(settings)
    services = Services(engine, "here", Random(1))
    pacers: dict[Bucket, Pacer] = {
        "calls": Pacer(target.limits.calls_per_second, lambda: CALLS_FOR),
        "reads": Pacer(target.limits.reads_per_second, lambda: CALLS_FOR),
    }
    tokens = Tokens(engine, target, services, timeout, the_cipher())
    calls = Calls(engine, "here", target, services, tokens, pacers, timeout)
    try:
        yield calls
    finally:
        await calls.close()


def fast(skolverket: Skolverket) -> Settings:
    return skolverket.settings(skolverket_calls_per_second=100, skolverket_reads_per_second=100)


def sending(
    body: bytes = b'{"data":[]}', kind: Kind = Kind.PERSONS
) -> Callable[[Connection, str, CallHooks], Awaitable[Accepted]]:
    return lambda to, token, hooks: to.submit(kind, body, token, hooks)


async def one(calls: Calls, tenant: Tenant) -> str:
    """Makes a call; gives what became of it: `taken`, a fault's code, also of one that kept it from being tried."""
    try:
        assert await calls.sending(tenant.cipher, "send", sending()) is not None
    except NotTried as fault:
        return f"not tried: {fault.code}"
    except TargetError as fault:
        return fault.code
    return "taken"


async def together(calls: Calls, tenant: Tenant, count: int = TOGETHER) -> Counter[str]:
    return Counter(await asyncio.gather(*(one(calls, tenant) for _ in range(count))))


def made(skolverket: Skolverket) -> Counter[str]:
    return Counter(call["path"].rpartition("/")[2] for call in skolverket.ledger())


def open_circuit(calls: Calls, service: Service, probe_in: float) -> None:
    now = asyncio.get_running_loop().time()
    calls.services._circuits[service] = Circuit(9, now - 60, "timeout", now - 50, now + probe_in)


async def test_two_organisations_at_once_stay_within_the_servers_limit(strict: Skolverket, engine: AsyncEngine) -> None:
    """Each has more to send than may go: never do six arrive in a second, and little of the limit is wasted."""
    tenants = [await Tenant.make(engine) for _ in range(2)]
    async with calling(engine, strict.settings()) as calls:

        async def user(tenant: Tenant) -> int:
            count = 0
            while True:
                try:
                    await calls.sending(tenant.cipher, "send", sending(ONE_PUPIL))
                except NoPermit:
                    return count
                count += 1

        users = [asyncio.create_task(user(tenant)) for tenant in tenants for _ in range(4)]
        await asyncio.sleep(SECONDS)
        calls.pacers["calls"].close()
        count = sum(await asyncio.gather(*users))
    arrived = [call for call in strict.ledger() if "/bulk" in call["path"]]
    assert {call["status"] for call in arrived} == {202}
    assert len(arrived) == count
    times = [call["monotonic"] for call in arrived]
    assert all(sixth - first > 1 for first, sixth in zip(times, times[5:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert count >= 0.7 * SECONDS * 5 / 1.05


async def test_what_is_noted_before_a_call_is_noted_beside_those_before_it(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """A database that takes 0.3 s for it makes the calls no slower than the limit allows."""
    tenant = await Tenant.make(engine)

    async def note() -> bool:
        await asyncio.sleep(0.3)
        return True

    async with calling(engine, skolverket.settings()) as calls:
        await asyncio.gather(*(calls.sending(tenant.cipher, "send", sending(ONE_PUPIL), note) for _ in range(8)))
    times = [call["monotonic"] for call in skolverket.ledger() if "/bulk" in call["path"]]
    assert all(sixth - first > 1 for first, sixth in zip(times, times[5:], strict=False))
    assert times[-1] - times[0] < 8 * 0.3


async def test_a_call_that_is_not_noted_does_not_leave(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)

    async def refused() -> bool:
        return False

    async def never(to: Connection, token: str, hooks: CallHooks) -> str:
        raise AssertionError("it left")

    async with calling(engine, skolverket.settings()) as calls:
        assert await calls.sending(tenant.cipher, "send", never, refused) is None
        assert calls.pacers["calls"].waiting == 0


async def test_waiting_for_a_permit_takes_none_of_a_calls_time(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """It stands ready for longer than a call may take: that says nothing of the service."""
    tenant = await Tenant.make(engine)
    async with calling(engine, fast(skolverket), timeout=0.5) as calls:
        calls.pause("calls", timedelta(seconds=1.5))
        assert await one(calls, tenant) == "taken"
        assert not calls.services._circuits["provisioning"].failures


@pytest.mark.parametrize("reset", [9, 8.5])
async def test_a_limit_that_others_use_up_holds_back_everybody(
    skolverket: Skolverket, engine: AsyncEngine, reset: float
) -> None:
    """For as long as the answer says, in whole seconds or fractions; a successor of the holder is told so."""
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "low_limit", "reset": reset})
    async with calling(engine, skolverket.settings()) as calls:
        assert await one(calls, tenant) == "taken"
        assert 5 < calls.pacers["calls"].paused_for <= reset
    async with engine.connect() as conn:
        left = await pauses(conn, "here")
    assert timedelta(seconds=5) < left.calls <= timedelta(seconds=reset)


async def test_a_429_holds_back_everybody(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """For as long as was asked, but five minutes at most; reading calls go on."""
    tenant = await Tenant.make(engine)
    for asked, least, most in ((9, 5, 9), (3600, 290, 300)):
        skolverket.faults(
            {"match": {"path": "/bulk"}, "action": "status", "status": 429, "retry_after": asked, "times": 1}
        )
        async with calling(engine, skolverket.settings()) as calls:
            with pytest.raises(SlowDown):
                await calls.sending(tenant.cipher, "send", sending())
            assert least < calls.pacers["calls"].paused_for <= most
            assert calls.pacers["reads"].paused_for == 0
    async with engine.connect() as conn:
        assert (await pauses(conn, "here")).reads == Pauses().reads


async def test_a_token_is_fetched_once_however_many_want_it(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """And not at all by a successor."""
    tenant = await Tenant.make(engine)
    for count in (1, 2):
        async with calling(engine, fast(skolverket)) as calls:
            assert await together(calls, tenant) == {"taken": TOGETHER}
        assert made(skolverket) == {"transaction": 1, "bulk": count * TOGETHER}


async def test_those_who_wait_for_a_token_share_the_failure(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """Who comes later tries again."""
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/transaction"}, "action": "status", "status": 500, "times": 1})
    async with calling(engine, fast(skolverket)) as calls:
        assert await together(calls, tenant) == {"authorisation_http_500": TOGETHER}
        assert await tenant.value("SELECT failure FROM access_token") == "authorisation_http_500"
        assert await one(calls, tenant) == "taken"
    assert made(skolverket)["transaction"] == 2


async def test_a_token_about_to_end_is_fetched_anew(
    skolverket: Skolverket, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a minute of its end no call begins with it."""
    tenant = await Tenant.make(engine)
    async with calling(engine, fast(skolverket)) as calls:
        fetch = calls.target.fetch_token

        async def short(*given: object) -> Token:
            token = await fetch(*given)  # type: ignore[arg-type]
            return Token(token.value, token.expires_at - timedelta(seconds=36_000 - 59))

        monkeypatch.setattr(type(calls.target), "fetch_token", staticmethod(short))
        assert [await one(calls, tenant) for _ in range(2)] == ["taken"] * 2
    assert made(skolverket)["transaction"] == 2


async def test_tokens_that_are_revoked_are_renewed_once(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """All that are out meet the refusal, one token is fetched; each call goes again with it."""
    tenant = await Tenant.make(engine)
    async with calling(engine, fast(skolverket)) as calls:
        await one(calls, tenant)
        skolverket.faults({"match": {"path": "/bulk"}, "action": "revoke_tokens", "times": 1})
        assert await together(calls, tenant) == {"taken": TOGETHER}
    assert made(skolverket)["transaction"] == 2


async def test_a_call_goes_again_without_being_noted_anew(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 403, "times": 1})
    noted = 0

    async def note() -> bool:
        nonlocal noted
        noted += 1
        return True

    async with calling(engine, skolverket.settings()) as calls:
        assert await calls.sending(tenant.cipher, "send", sending(), note) is not None
    paths = [(call["path"].rpartition("/")[2], call["status"]) for call in skolverket.ledger()]
    assert paths == [("transaction", 200), ("bulk", 403), ("transaction", 200), ("bulk", 202)]
    assert noted == 1


async def test_a_token_that_is_refused_for_ever_is_not_fetched_for_ever(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 403})
    async with calling(engine, fast(skolverket)) as calls:
        with pytest.raises(TryAgain) as fault:
            await calls.sending(tenant.cipher, "send", sending())
        assert (type(fault.value), fault.value.code, fault.value.http_status) == (TryAgain, "token_refused", 403)
        assert await together(calls, tenant) == {"token_refused": TOGETHER}
    assert made(skolverket)["transaction"] == 2


async def test_a_call_whose_token_cannot_be_renewed_keeps_skolverkets_refusal(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """Its history shows what the Provisioning API answered, and not the authorisation server; the code says why."""
    tenant = await Tenant.make(engine)
    async with calling(engine, skolverket.settings()) as calls:
        await one(calls, tenant)
        skolverket.faults(
            {"match": {"path": "/bulk"}, "action": "status", "status": 403},
            {"match": {"path": "/transaction"}, "action": "status", "status": 500},
        )
        with pytest.raises(TryAgain) as fault:
            await calls.sending(tenant.cipher, "send", sending())
    assert (fault.value.code, fault.value.http_status) == ("authorisation_http_500", 403)
    assert b'"statusCode":403' in fault.value.answer


async def test_a_refused_call_that_may_not_leave_again_keeps_the_refusal(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """The right to call has been given away since it left."""
    tenant = await Tenant.make(engine)
    async with calling(engine, skolverket.settings()) as calls:
        await one(calls, tenant)
        skolverket.faults({"match": {"path": "/bulk"}, "action": "revoke_tokens", "times": 1})

        def near() -> None:
            asyncio.get_running_loop().call_later(0.3, calls.pacers["calls"].close)

        skolverket.faults(
            {"match": {"path": "/bulk"}, "action": "status", "status": 403, "times": 1},
            {"match": {"path": "/transaction"}, "action": "delay", "seconds": 1},
        )
        with pytest.raises(TryAgain) as fault:
            await calls.sending(tenant.cipher, "send", sending(), near=near)
    assert (fault.value.code, fault.value.http_status) == ("token_refused", 403)


async def test_while_nobody_is_there_only_a_probe_leaves(skolverket: Skolverket, engine: AsyncEngine) -> None:
    """The circuit is open: all wait; once the service answers a probe, all go on."""
    tenant = await Tenant.make(engine)
    async with calling(engine, fast(skolverket)) as calls:
        await one(calls, tenant)
        open_circuit(calls, "provisioning", 60)
        skolverket.forget()
        assert await together(calls, tenant) == {"not tried: circuit_open": TOGETHER}
        assert skolverket.ledger() == []

        skolverket.faults({"match": {"path": "/alive"}, "action": "status", "status": 503, "times": 1})
        open_circuit(calls, "provisioning", 0)
        assert await together(calls, tenant) == {"circuit_open": 1, "not tried: circuit_open": TOGETHER - 1}
        assert made(skolverket) == {"alive": 1}

        open_circuit(calls, "provisioning", 0)
        assert await together(calls, tenant) == {"taken": TOGETHER}
        assert made(skolverket) == {"alive": 2, "bulk": TOGETHER}
        assert calls.services.closed_lately


async def test_failures_open_the_circuit_and_operators_are_told(skolverket: Skolverket, engine: AsyncEngine) -> None:
    tenant = await Tenant.make(engine)
    skolverket.faults({"match": {"path": "/bulk"}, "action": "status", "status": 503})
    async with calling(engine, fast(skolverket)) as calls:
        assert await one(calls, tenant) == "http_503"
        circuit = calls.services._circuits["provisioning"]
        assert circuit.failing_since is not None
        circuit.failing_since -= 60
        while not calls.services.is_open("provisioning"):
            assert await one(calls, tenant) == "http_503"
    shown = "SELECT failures, code FROM circuit WHERE service = 'provisioning' AND opened_at IS NOT NULL"
    assert [(row["failures"], row["code"]) for row in await tenant.rows(shown)] == [(5, "http_503")]


async def test_one_organisation_without_papers_leaves_the_probe_to_others(
    skolverket: Skolverket, engine: AsyncEngine
) -> None:
    """What keeps it from asking is its own: the next one may probe at once, and closes the circuit for all."""
    bare, other = await Tenant.make(engine), await Tenant.make(engine)
    elsewhere = skolverket.settings().model_copy(
        update={"skolverket_authorisation_url": "https://127.0.0.1:1/transaction"}
    )
    async with calling(engine, elsewhere) as here, calling(engine, fast(skolverket)) as there:
        there.services = there.tokens.services = here.services
        open_circuit(here, "authorisation", 0)
        assert await one(here, bare) == "no_certificate"
        assert await one(there, other) == "taken"
        assert not here.services.is_open("authorisation")
