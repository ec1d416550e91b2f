"""Repairs against the simulator: what is there in an older form, or not at all, is as it was accepted last."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import close
from app.domain.intents import Accepted
from app.jobs.calls import Calls
from app.jobs.tasks.loop import TaskLoop
from app.jobs.tasks.repair import Repairs, ask_for_repair
from app.skolverket.published import PUBLISHED
from app.target import CallHooks, Connection
from tests.contract.simulator_at_work import Caller, Skolverket
from tests.contract.test_calls import calling, fast
from tests.database.epochs import begin_epoch
from tests.database.factories import Object, Tenant, engine_of, make_batch, pupil, the_cipher
from tests.database.test_repairs import lost_batch

_BULK = {"path": "/persons/bulk$", "method": "POST"}
_AGAIN = "SELECT again_at - clock_timestamp() FROM task"


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url)
    yield engine
    await close(engine)


@pytest.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await Tenant.make(engine)


@pytest.fixture
def at_target(skolverket: Skolverket, tenant: Tenant) -> Iterator[Caller]:
    """Calls by hand in the organisation's name."""
    with httpx.Client(base_url=skolverket.base, trust_env=False) as http:
        caller = Caller(http)
        caller.log_in(tenant.number)
        yield caller


@asynccontextmanager
async def repairing(skolverket: Skolverket, engine: AsyncEngine) -> AsyncIterator[tuple[TaskLoop, Calls]]:
    async with engine.begin() as conn:
        epoch = await begin_epoch(conn)
    async with calling(engine, fast(skolverket)) as calls:
        kind = Repairs(
            engine, the_cipher(), PUBLISHED, calls, timedelta(seconds=0.2), asyncio.Event(), Random(1)
        ).kind()
        yield TaskLoop(engine, {kind.name: kind}, epoch), calls


async def repaired(skolverket: Skolverket, tenant: Tenant) -> Mapping[str, Any]:
    """Does what is due; gives the task as it is then."""
    async with repairing(skolverket, tenant.engine) as (loop, _):
        await loop.run_once()
    [task] = await tenant.rows("SELECT *, due_at > clock_timestamp() + interval '10 min' AS rests FROM task")
    return task


async def until(happened: Callable[[], bool]) -> None:
    """Asks until it is so; the bound is for a loop that is stuck."""
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def teacher(**more: Any) -> Object:
    mail = {"value": "personal@example.se", "type": "Skola personal"}
    return pupil(enrolments=[], emails=[mail], eduPersonPrincipalNames=[f"{uuid4()}@edu.example.se"], **more)


def held(caller: Caller, person: Object) -> Any:
    """Reads a name at the target."""
    return caller.call("GET", f"/persons/{person['id']}").json()["givenName"]


def calls_of(skolverket: Skolverket, last: str) -> list[list[str]]:
    """Gives the objects of the service's own calls of a kind, besides those by hand."""
    ours = [call for call in skolverket.ledger() if call["path"].endswith(last)]
    return [sorted(call["object_ids"]) for call in ours]


async def test_what_arrived_late_gives_way_to_what_was_accepted_last(
    skolverket: Skolverket, tenant: Tenant, at_target: Caller
) -> None:
    """Of two persons the one is as it was accepted: nothing of it is sent."""
    same, other = teacher(), teacher()
    await lost_batch(tenant, same, other)
    newer = await tenant.new_run({"persons": [{**other, "givenName": "Örjan"}]})
    await tenant.play(newer.jobs[0])
    at_target.carry_out("persons", same, other)

    task = await repaired(skolverket, tenant)
    assert held(at_target, other) == "Örjan"
    assert calls_of(skolverket, "/lookup") == [sorted([same["id"], other["id"]])]
    assert calls_of(skolverket, "/persons/bulk")[1:] == [[other["id"]]]
    assert (task["rests"], task["again_at"], task["failure"], task["under_way"]) == (True, None, None, None)
    assert await tenant.value("SELECT count(*) FROM object WHERE landed_at IS NOT NULL") == 2
    assert await tenant.value("SELECT count(*) FROM batch") == 3, "a repair writes none"


async def test_what_is_not_there_is_sent(skolverket: Skolverket, tenant: Tenant, at_target: Caller) -> None:
    person = teacher()
    await lost_batch(tenant, person)
    assert (await repaired(skolverket, tenant))["rests"]
    assert held(at_target, person) == person["givenName"]


async def test_a_protected_person_is_sent_and_not_asked_for(
    skolverket: Skolverket, tenant: Tenant, at_target: Caller
) -> None:
    person = teacher(securityMarking="Skyddad folkbokföring")
    await lost_batch(tenant, person)
    await repaired(skolverket, tenant)
    assert held(at_target, person) == person["givenName"]
    assert calls_of(skolverket, "/lookup") == []


async def test_when_it_is_done_for_the_last_time_it_goes(
    skolverket: Skolverket, tenant: Tenant, at_target: Caller
) -> None:
    person = teacher()
    await lost_batch(tenant, person)
    await repaired(skolverket, tenant)
    await tenant.do("UPDATE task SET due_at = clock_timestamp()")
    async with repairing(skolverket, tenant.engine) as (loop, _):
        await loop.run_once()
    assert await tenant.value("SELECT count(*) FROM task") == 0
    assert len(calls_of(skolverket, "/persons/bulk")) == 1


async def test_a_call_of_its_own_without_an_answer_may_arrive_late_too(
    skolverket: Skolverket, tenant: Tenant, at_target: Caller
) -> None:
    await lost_batch(tenant, teacher())
    await tenant.do("UPDATE task SET again_at = NULL")
    skolverket.faults({"match": _BULK, "action": "cut_after", "times": 1})
    task = await repaired(skolverket, tenant)
    assert (task["failure"], task["under_way"]) == ("connection_lost", None)
    assert await tenant.value(_AGAIN) > timedelta(minutes=14)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"match": _BULK, "action": "status", "status": 503}, "http_503"),
        ({"match": {"path": "/lookup$"}, "action": "status", "status": 503}, "http_503"),
        # What is refused now would be refused the next time too.
        ({"match": _BULK, "action": "status", "status": 400}, None),
        # It is neither done nor has it failed.
        ({"match": _BULK, "action": "temporary_error"}, None),
    ],
)
async def test_what_was_answered_is_not_looked_at_again_for_that(
    skolverket: Skolverket, tenant: Tenant, at_target: Caller, fault: dict[str, Any], failure: str | None
) -> None:
    await lost_batch(tenant, teacher())
    await tenant.do("UPDATE task SET again_at = again_at - interval '5 min'")
    skolverket.faults({**fault, "times": 1})
    task = await repaired(skolverket, tenant)
    assert (task["failure"], task["under_way"]) == (failure, None)
    assert (await tenant.value(_AGAIN) or timedelta()) < timedelta(minutes=11)


async def test_it_is_left_to_whoever_calls_next(skolverket: Skolverket, tenant: Tenant, at_target: Caller) -> None:
    """As when the right to call is given away while it waits for its turn."""
    await lost_batch(tenant, teacher())
    async with repairing(skolverket, tenant.engine) as (loop, calls):
        stop = asyncio.Event()
        calls.pause("reads", timedelta(hours=1))
        running = asyncio.create_task(loop.run(stop))
        await until(lambda: calls.pacers["reads"].waiting > 0)
        stop.set()
        for pacer in calls.pacers.values():
            pacer.close()
        async with asyncio.timeout(5):
            await running
    [task] = await tenant.rows("SELECT holder, failure, due_at <= clock_timestamp() AS due FROM task")
    assert task == {"holder": None, "failure": None, "due": True}


async def test_a_call_that_is_written_too_late_is_looked_at_at_once(skolverket: Skolverket, tenant: Tenant) -> None:
    """The right to call runs out between its permit and its last byte."""
    _, batch_id = await make_batch(tenant, "called")
    async with calling(tenant.engine, fast(skolverket)) as calls:
        may_call_for = 8.0
        calls.pacers["calls"].may_call_for = lambda: may_call_for

        async def make(_to: Connection, _token: str, hooks: CallHooks) -> Accepted:
            nonlocal may_call_for
            await hooks.leave()
            may_call_for = 0.0
            hooks.gone()
            return Accepted(202, "7")

        asked: list[UUID] = []

        async def late() -> None:
            asked.append(batch_id)
            await ask_for_repair(tenant.engine, tenant.organisation_id, batch_id)

        assert await calls.sending(tenant.cipher, "send", make, late=late) == Accepted(202, "7")
    assert asked == [batch_id]
    assert await tenant.value("SELECT key FROM task WHERE due_at <= clock_timestamp()") == str(batch_id)
