"""Every endpoint that we use of the Provisioning API, over sockets: what each gives, tells on its way, fails with."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.domain.batching import encode
from app.domain.kinds import Kind
from app.domain.outcome import Verdict
from app.skolverket.auth import Authorisation, fetch_token
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.published import BODY_FORM
from app.target import Credentials, RateLimit, Refusal, SlowDown, TargetError, TokenRefused, TryAgain
from tests.conftest import spawning
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import Object, duty, exam, group, pupil

ORGANISATION = "2120000001"
TIMEOUT = 5.0
UNIT = {"id": "fb22448b-b724-5e53-8a2c-d8b339206901"}
EXAM = {"id": "505c5ee0-7be4-560d-9c27-10ab0d96ac9a"}
REFERENCE = {
    "schoolUnits": [
        {"id": UNIT["id"], "schoolUnitCode": "31279295", "parentOrganisation": {"organisationNumber": ORGANISATION}}
    ],
    "nationalActivities": [{"id": EXAM["id"], "displayName": "MATMAT01", "schoolType": "GR"}],
}


@dataclass(frozen=True)
class Stocked:
    """A simulator that holds an object of each kind."""

    skolverket: Skolverket
    token: str
    kept: dict[Kind, Object] = field(default_factory=dict)
    jobs: dict[Kind, str] = field(default_factory=dict)


def _learner(civic_no: str) -> Object:
    enrolment = {"enroledAt": UNIT, "schoolType": "GR", "schoolYear": 6}
    return pupil(
        civicNo={"value": civic_no, "nationality": "SE"},
        enrolments=[enrolment],
        eduPersonPrincipalNames=[f"{uuid4()}@edu.example.se"],
    )


def _objects() -> Iterator[tuple[Kind, Object]]:
    learner = _learner("201203049810")
    mail = {"value": "personal@example.se", "type": "Skola personal"}
    teacher = pupil(enrolments=[], emails=[mail], eduPersonPrincipalNames=[f"{uuid4()}@edu.example.se"])
    teaching, its_class = duty(teacher, dutyAt=UNIT), group(learner, organisation=UNIT)
    yield Kind.PERSONS, learner
    yield Kind.PERSONS, teacher
    yield Kind.DUTIES, teaching
    yield Kind.GROUPS, its_class
    yield Kind.ACTIVITIES, exam([its_class], [teaching], organisation=UNIT, parentActivity=EXAM)


async def _fetched(skolverket: Skolverket) -> str:
    where = Authorisation(skolverket.transaction, skolverket.provisioning)
    return (await fetch_token(where, Credentials(ORGANISATION), TIMEOUT)).value


async def _stock(skolverket: Skolverket) -> Stocked:
    stocked = Stocked(skolverket, await _fetched(skolverket))
    async with opened(TIMEOUT) as http:
        api = ProvisioningApi(http, skolverket.provisioning, TIMEOUT)
        for kind, kept in _objects():
            job_id = (await api.submit(kind, BODY_FORM.body([encode(kept)]), stocked.token)).remote_job_id
            assert await _outcome(api, kind, job_id, stocked.token) == {Verdict.SUCCEEDED}
            stocked.kept.setdefault(kind, kept)
            stocked.jobs.setdefault(kind, job_id)
    return stocked


async def _outcome(api: ProvisioningApi, kind: Kind, job_id: str, token: str) -> set[Verdict | None]:
    """Asks until a job is over; the bound is for a simulator that is stuck."""
    async with asyncio.timeout(10):
        while True:
            verdicts = {result.verdict for result in (await api.poll(kind, job_id, token)).results}
            if Verdict.OPEN not in verdicts:
                return verdicts
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    """What these tests share: none of them empties it."""
    folder: Path = tmp_path_factory.mktemp("stocked")
    limits = ("--calls-per-second", "1000", "--reads-per-second", "1000")
    with spawning(folder) as spawn:
        skolverket = Skolverket(spawn("simulator", "--port", "0", "--job-delay", "0.02", *limits).port)
        skolverket._ask("PUT", "/_simulator/reference", REFERENCE)
        yield asyncio.run(_stock(skolverket))


@pytest.fixture
def stocked(stock: Stocked) -> Iterator[Stocked]:
    yield stock
    stock.skolverket.faults()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with opened(TIMEOUT) as http:
        yield http


@dataclass
class Hooks:
    """Keeps what a call tells on its way."""

    passed: list[str] = field(default_factory=list)
    limits: list[RateLimit] = field(default_factory=list)

    async def leave(self) -> float:
        self.passed.append("leaves")
        return 5.0

    def gone(self) -> None:
        self.passed.append("gone")

    def woken(self, limit: RateLimit) -> None:
        self.passed.append("woken")
        self.limits.append(limit)


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def api(stocked: Stocked, http: httpx.AsyncClient) -> ProvisioningApi:
    return ProvisioningApi(http, stocked.skolverket.provisioning, TIMEOUT)


@pytest.mark.parametrize("kind", Kind)
async def test_what_is_held_is_looked_up_and_what_is_not_is_left_out(
    stocked: Stocked, api: ProvisioningApi, kind: Kind
) -> None:
    kept = UUID(stocked.kept[kind]["id"])
    held = await api.look_up(kind, [kept, uuid4()], stocked.token)
    assert [(each, item["id"]) for each, item in held.items()] == [(kept, str(kept))]


async def test_the_api_is_alive(stocked: Stocked, api: ProvisioningApi) -> None:
    await api.alive(stocked.token)
    assert stocked.skolverket.ledger()[-1]["path"] == "/provisioning/v1/alive"


# What each may fail with


def _kept_id(stocked: Stocked) -> UUID:
    return UUID(stocked.kept[Kind.PERSONS]["id"])


def _content(stocked: Stocked) -> bytes:
    return BODY_FORM.body([encode(stocked.kept[Kind.PERSONS])])


METHODS: dict[str, Callable[[ProvisioningApi, Stocked, Hooks], Awaitable[object]]] = {
    "submit": lambda api, stocked, hooks: api.submit(Kind.PERSONS, _content(stocked), stocked.token, hooks),
    "poll": lambda api, stocked, hooks: api.poll(Kind.PERSONS, stocked.jobs[Kind.PERSONS], stocked.token, hooks),
    "look_up": lambda api, stocked, hooks: api.look_up(Kind.PERSONS, [_kept_id(stocked)], stocked.token, hooks),
    "alive": lambda api, stocked, hooks: api.alive(stocked.token, hooks),
}
# The answer of alive has no body that could be broken.
WITH_BODY = tuple(name for name in METHODS if name != "alive")


async def _fails(
    stocked: Stocked, api: ProvisioningApi, method: str, hooks: Hooks | None = None, **rule: Any
) -> TargetError:
    stocked.skolverket.faults({"match": {"path": "^/provisioning/"}, **rule})
    with pytest.raises(TargetError) as fault:
        await METHODS[method](api, stocked, hooks or Hooks())
    assert str(fault.value) == fault.value.code
    return fault.value


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("rule", "kind", "code", "is_outage"),
    [
        ({"action": "status", "status": 401}, TokenRefused, "token_refused", False),
        ({"action": "status", "status": 403}, TokenRefused, "token_refused", False),
        ({"action": "status", "status": 403, "entry": "5555"}, TryAgain, "forbidden", False),
        ({"action": "status", "status": 405}, TryAgain, "http_405", False),
        ({"action": "status", "status": 429}, SlowDown, "http_429", False),
        ({"action": "status", "status": 500}, TryAgain, "http_500", True),
        ({"action": "status", "status": 503}, TryAgain, "http_503", True),
        ({"action": "status", "status": 503, "entry": "6001"}, TryAgain, "http_503", True),
        ({"action": "cut_before"}, TryAgain, "connection_lost", True),
        ({"action": "cut_after"}, TryAgain, "connection_lost", True),
    ],
)
async def test_what_passes_is_told_from_what_does_not(
    stocked: Stocked,
    api: ProvisioningApi,
    method: str,
    rule: dict[str, Any],
    kind: type[TargetError],
    code: str,
    is_outage: bool,
) -> None:
    fault = await _fails(stocked, api, method, **rule)
    assert (type(fault), fault.code, fault.is_outage) == (kind, code, is_outage)
    assert fault.http_status == rule.get("status")
    if "status" in rule:
        assert json.loads(fault.answer)[0]["statusCode"] == rule["status"]


@pytest.mark.parametrize("method", WITH_BODY)
@pytest.mark.parametrize(
    ("action", "code"),
    [("wrong_json", "answer_unreadable"), ("not_json", "answer_unreadable"), ("truncate", "connection_lost")],
)
async def test_a_body_that_breaks_off_or_is_no_json_is_tried_again(
    stocked: Stocked, api: ProvisioningApi, method: str, action: str, code: str
) -> None:
    """What came is kept, as far as it came as an answer at all."""
    fault = await _fails(stocked, api, method, action=action)
    assert (type(fault), fault.code, bool(fault.answer)) == (TryAgain, code, code == "answer_unreadable")


@pytest.mark.parametrize("method", METHODS)
async def test_a_404_is_a_refusal_of_a_job_and_otherwise_a_wrong_address(
    stocked: Stocked, api: ProvisioningApi, method: str
) -> None:
    fault = await _fails(stocked, api, method, action="status", status=404, entry="9999")
    assert (type(fault), fault.code) == (Refusal if method == "poll" else TryAgain, "http_404")


@pytest.mark.parametrize("method", METHODS)
async def test_a_400_blames_the_request_wherever_there_is_one(
    stocked: Stocked, api: ProvisioningApi, method: str
) -> None:
    fault = await _fails(stocked, api, method, action="status", status=400)
    assert (type(fault), fault.code) == (TryAgain if method == "alive" else Refusal, "http_400")


@pytest.mark.parametrize("method", ["submit", "look_up"])
async def test_a_413_is_a_refusal(stocked: Stocked, api: ProvisioningApi, method: str) -> None:
    fault = await _fails(stocked, api, method, action="status", status=413)
    assert (type(fault), fault.code, json.loads(fault.answer)[0]["id"]) == (Refusal, "http_413", "5020")


# What a call tells on its way


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_tells_that_it_leaves_that_it_is_gone_and_what_it_heard(
    stocked: Stocked, api: ProvisioningApi, hooks: Hooks, method: str
) -> None:
    """Each call its own hooks, however many are under way."""
    others = [Hooks() for _ in range(5)]
    await asyncio.gather(*(METHODS[method](api, stocked, each) for each in (hooks, *others)))
    for each in (hooks, *others):
        # The answer of alive says nothing of the limit.
        if method == "alive":
            assert each.passed == ["leaves", "gone"]
            continue
        assert each.passed == ["leaves", "gone", "woken"]
        assert each.limits[0].limit == 1000
        assert each.limits[0].remaining is not None
        assert each.limits[0].reset is not None


@pytest.mark.parametrize("reset", ["0.5", "2"])
async def test_an_answer_that_leaves_little_says_for_how_long(
    stocked: Stocked, api: ProvisioningApi, hooks: Hooks, reset: str
) -> None:
    stocked.skolverket.faults({"action": "low_limit", "reset": float(reset)})
    await METHODS["look_up"](api, stocked, hooks)
    assert hooks.limits == [RateLimit(1000, 0, timedelta(seconds=float(reset)))]


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_errors_tell_of_the_limit_too(stocked: Stocked, api: ProvisioningApi, hooks: Hooks, status: int) -> None:
    await _fails(stocked, api, "submit", hooks, action="status", status=status)
    assert [told.limit for told in hooks.limits] == [1000]


async def test_an_outage_tells_nothing_of_the_limit(stocked: Stocked, api: ProvisioningApi, hooks: Hooks) -> None:
    await _fails(stocked, api, "submit", hooks, action="status", status=503)
    assert hooks.limits == []
