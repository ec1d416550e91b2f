"""Every endpoint of the Provisioning API, for all four kinds of object, over sockets; and what each may fail with."""

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

from app.domain.batching import body, encode
from app.domain.stages import Stage
from app.skolverket.auth import Authorisation, fetch_token
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.faults import Refusal, SkolverketError, SlowDown, TokenRefused, TryAgain
from app.skolverket.identity import Identity
from app.skolverket.wire import RateLimit, item_answers
from tests.conftest import spawning
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import Object, duty, exam, group, pupil

ORGANISATION = "2120000001"
PATIENCE = 5.0
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
    """A simulator that holds two objects of each kind: one to read, and one to delete, to which nothing refers."""

    skolverket: Skolverket
    token: str
    kept: dict[Stage, Object] = field(default_factory=dict)
    spare: dict[Stage, Object] = field(default_factory=dict)
    jobs: dict[Stage, str] = field(default_factory=dict)


def _learner(civic_no: str) -> Object:
    enrolment = {"enroledAt": UNIT, "schoolType": "GR", "schoolYear": 6}
    return pupil(
        civicNo={"value": civic_no, "nationality": "SE"},
        enrolments=[enrolment],
        eduPersonPrincipalNames=[f"{uuid4()}@edu.example.se"],
    )


def _objects() -> Iterator[tuple[Stage, Object, Object]]:
    learner, another = _learner("201203049810"), _learner("201204029811")
    mail = {"value": "personal@example.se", "type": "Skola personal"}
    teacher = pupil(enrolments=[], emails=[mail], eduPersonPrincipalNames=[f"{uuid4()}@edu.example.se"])
    teaching, spare_duty = (duty(teacher, dutyAt=UNIT) for _ in range(2))
    its_class, spare_class = (group(learner, organisation=UNIT) for _ in range(2))
    exams = [exam([its_class], [teaching], organisation=UNIT, parentActivity=EXAM) for _ in range(2)]
    yield Stage.PERSONS, learner, another
    yield Stage.PERSONS, teacher, teacher
    yield Stage.DUTIES, teaching, spare_duty
    yield Stage.GROUPS, its_class, spare_class
    yield Stage.ACTIVITIES, exams[0], exams[1]


async def _fetched(skolverket: Skolverket) -> str:
    where = Authorisation(skolverket.transaction, skolverket.provisioning, PATIENCE)
    return (await fetch_token(where, Identity(ORGANISATION))).value


async def _stock(skolverket: Skolverket) -> Stocked:
    stocked = Stocked(skolverket, await _fetched(skolverket))
    async with opened(PATIENCE) as http:
        api = ProvisioningApi(http, skolverket.provisioning, PATIENCE)
        for stage, kept, spare in _objects():
            content = body([encode(each) for each in {each["id"]: each for each in (kept, spare)}.values()])
            job_id = (await api.send(stage, content, stocked.token)).job_id
            assert await _outcome(api, stage, job_id, stocked.token) == {"Success"}
            stocked.kept.setdefault(stage, kept)
            stocked.spare.setdefault(stage, spare)
            stocked.jobs.setdefault(stage, job_id)
    return stocked


async def _outcome(api: ProvisioningApi, stage: Stage, job_id: str, token: str) -> set[str | None]:
    """Asks until a job is over; the bound is for a simulator that is stuck."""
    async with asyncio.timeout(10):
        while True:
            if await api.is_completed(stage, job_id, token):
                break
            await asyncio.sleep(0.02)
    return {item.status for item in item_answers(await api.job_status(stage, job_id, token))}


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
    async with opened(PATIENCE) as http:
        yield http


@pytest.fixture
def heard() -> list[RateLimit]:
    """What the client was told of the limit."""
    return []


@pytest.fixture
def api(stocked: Stocked, http: httpx.AsyncClient, heard: list[RateLimit]) -> ProvisioningApi:
    return ProvisioningApi(http, stocked.skolverket.provisioning, PATIENCE, heed=heard.append)


def _sent_in(found: Object, sent: Object) -> bool:
    return {name: found.get(name) for name in sent} == sent


# Reading back


@pytest.mark.parametrize("stage", Stage)
async def test_what_is_held_is_looked_up_and_what_is_not_is_left_out(
    stocked: Stocked, api: ProvisioningApi, stage: Stage
) -> None:
    kept = stocked.kept[stage]
    found = await api.lookup(stage, stocked.token, [UUID(kept["id"]), uuid4()])
    assert [one["id"] for one in found] == [kept["id"]]
    assert _sent_in(found[0], kept)
    assert {"meta", "provisioningStatus"} <= found[0].keys()


async def test_persons_are_looked_up_by_civic_number_and_by_eppn(stocked: Stocked, api: ProvisioningApi) -> None:
    kept = stocked.kept[Stage.PERSONS]
    number, (eppn,) = kept["civicNo"]["value"], kept["eduPersonPrincipalNames"]
    for found in (
        await api.lookup(Stage.PERSONS, stocked.token, eppns=[eppn, "nobody@edu.example.se"]),
        await api.lookup(Stage.PERSONS, stocked.token, civic_nos=[number], eppns=[eppn]),
    ):
        assert kept["id"] in {one["id"] for one in found}
    assert await api.lookup(Stage.PERSONS, stocked.token, civic_nos=["201205029812"]) == []


@pytest.mark.parametrize("stage", [Stage.DUTIES, Stage.GROUPS, Stage.ACTIVITIES])
async def test_only_persons_have_civic_numbers_and_eppns(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    with pytest.raises(ValueError, match="by id alone"):
        await api.lookup(stage, stocked.token, civic_nos=["201203049810"])
    with pytest.raises(ValueError, match="by id alone"):
        await api.lookup(stage, stocked.token, eppns=["nobody@edu.example.se"])


@pytest.mark.parametrize("stage", Stage)
async def test_an_object_is_read_by_its_id(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    kept = stocked.kept[stage]
    found = await api.by_id(stage, stocked.token, UUID(kept["id"]))
    assert found is not None
    assert _sent_in(found, kept)


@pytest.mark.parametrize("stage", Stage)
async def test_an_id_that_is_not_held_reads_as_none(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    assert await api.by_id(stage, stocked.token, uuid4()) is None


@pytest.mark.parametrize("stage", Stage)
async def test_a_list_is_walked_page_by_page_to_its_end(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    seen: list[str] = []
    token: str | None = None
    for _ in range(10):
        page = await api.list_page(stage, stocked.token, limit=1, page_token=token)
        seen += [one["id"] for one in page.data]
        if (token := page.page_token) is None:
            break
    assert token is None
    assert len(seen) == len(set(seen)) > 0
    assert stocked.kept[stage]["id"] in seen
    assert {one["id"] for one in (await api.list_page(stage, stocked.token)).data} == set(seen)


async def test_fields_that_no_document_knows_come_through(stocked: Stocked, api: ProvisioningApi) -> None:
    kept = stocked.kept[Stage.PERSONS]
    (plain,) = await api.lookup(Stage.PERSONS, stocked.token, [UUID(kept["id"])])
    stocked.skolverket.faults({"action": "extra_fields"})
    for found in (
        (await api.lookup(Stage.PERSONS, stocked.token, [UUID(kept["id"])]))[0],
        await api.by_id(Stage.PERSONS, stocked.token, UUID(kept["id"])),
        next(one for one in (await api.list_page(Stage.PERSONS, stocked.token)).data if one["id"] == kept["id"]),
    ):
        assert found is not None
        assert found.keys() - plain.keys()


# Changing


@pytest.mark.parametrize("stage", Stage)
async def test_an_update_replaces_what_is_held_with_the_very_bytes(
    stocked: Stocked, api: ProvisioningApi, stage: Stage
) -> None:
    changed = stocked.kept[stage] | {"externalNote": "Å 漢"}
    content = body([encode(changed)])
    accepted = await api.update(stage, content, stocked.token)
    call = stocked.skolverket.ledger()[-1]
    assert (call["method"], call["path"], call["query"]) == ("PUT", f"/provisioning/v1/{stage}/bulk", "")
    assert (call["bytes"], call["job_id"]) == (len(content), accepted.job_id)
    assert await _outcome(api, stage, accepted.job_id, stocked.token) == {"Success"}


@pytest.mark.parametrize("stage", Stage)
async def test_an_update_of_what_is_not_held_is_an_error_of_the_object(
    stocked: Stocked, api: ProvisioningApi, stage: Stage
) -> None:
    content = body([encode(stocked.kept[stage] | {"id": str(uuid4())})])
    accepted = await api.update(stage, content, stocked.token)
    assert await _outcome(api, stage, accepted.job_id, stocked.token) == {"Error"}


@pytest.mark.parametrize("stage", list(reversed(Stage)))
async def test_what_is_deleted_is_gone(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    gone = UUID(stocked.spare[stage]["id"])
    accepted = await api.delete(stage, [gone], stocked.token)
    call = stocked.skolverket.ledger()[-1]
    assert (call["path"], call["object_ids"]) == (f"/provisioning/v1/{stage}/bulk/delete", [str(gone)])
    assert await _outcome(api, stage, accepted.job_id, stocked.token) == {"Success"}
    assert await api.by_id(stage, stocked.token, gone) is None
    assert await api.by_id(stage, stocked.token, UUID(stocked.kept[stage]["id"])) is not None


@pytest.mark.parametrize("stage", Stage)
async def test_a_job_says_whether_it_is_over(stocked: Stocked, api: ProvisioningApi, stage: Stage) -> None:
    assert await api.is_completed(stage, stocked.jobs[stage], stocked.token) is True
    stocked.skolverket.faults({"action": "stay_pending"})
    accepted = await api.update(stage, body([encode(stocked.kept[stage])]), stocked.token)
    assert await api.is_completed(stage, accepted.job_id, stocked.token) is False


async def test_the_api_is_alive(stocked: Stocked, api: ProvisioningApi) -> None:
    await api.alive(stocked.token)
    assert stocked.skolverket.ledger()[-1]["path"] == "/provisioning/v1/alive"


# What each may fail with


async def _read_status(api: ProvisioningApi, stocked: Stocked) -> None:
    list(item_answers(await api.job_status(Stage.PERSONS, stocked.jobs[Stage.PERSONS], stocked.token)))


def _kept_id(stocked: Stocked) -> UUID:
    return UUID(stocked.kept[Stage.PERSONS]["id"])


def _content(stocked: Stocked) -> bytes:
    return body([encode(stocked.kept[Stage.PERSONS])])


METHODS: dict[str, Callable[[ProvisioningApi, Stocked], Awaitable[object]]] = {
    "send": lambda api, stocked: api.send(Stage.PERSONS, _content(stocked), stocked.token),
    "update": lambda api, stocked: api.update(Stage.PERSONS, _content(stocked), stocked.token),
    "delete": lambda api, stocked: api.delete(Stage.PERSONS, [uuid4()], stocked.token),
    "job_status": _read_status,
    "is_completed": lambda api, stocked: api.is_completed(Stage.PERSONS, stocked.jobs[Stage.PERSONS], stocked.token),
    "list_page": lambda api, stocked: api.list_page(Stage.PERSONS, stocked.token),
    "lookup": lambda api, stocked: api.lookup(Stage.PERSONS, stocked.token, [_kept_id(stocked)]),
    "by_id": lambda api, stocked: api.by_id(Stage.PERSONS, stocked.token, _kept_id(stocked)),
    "alive": lambda api, stocked: api.alive(stocked.token),
}
# The answer of alive has no body that could be broken.
WITH_BODY = tuple(name for name in METHODS if name != "alive")
ASKING_FOR_JOBS = ("job_status", "is_completed")


async def _fails(stocked: Stocked, api: ProvisioningApi, method: str, **rule: Any) -> SkolverketError:
    stocked.skolverket.faults({"match": {"path": "^/provisioning/"}, **rule})
    with pytest.raises(SkolverketError) as fault:
        await METHODS[method](api, stocked)
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
    kind: type[SkolverketError],
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
    """Of an object only the id 4001 says that it is not there."""
    fault = await _fails(stocked, api, method, action="status", status=404, entry="9999")
    assert (type(fault), fault.code) == (Refusal if method in ASKING_FOR_JOBS else TryAgain, "http_404")


@pytest.mark.parametrize("method", METHODS)
async def test_a_400_blames_the_request_wherever_there_is_one(
    stocked: Stocked, api: ProvisioningApi, method: str
) -> None:
    fault = await _fails(stocked, api, method, action="status", status=400)
    assert (type(fault), fault.code) == (TryAgain if method == "alive" else Refusal, "http_400")


@pytest.mark.parametrize("method", ["send", "update", "delete", "lookup"])
async def test_a_413_is_a_refusal(stocked: Stocked, api: ProvisioningApi, method: str) -> None:
    fault = await _fails(stocked, api, method, action="status", status=413)
    assert (type(fault), fault.code, json.loads(fault.answer)[0]["id"]) == (Refusal, "http_413", "5020")


async def test_a_page_token_that_is_not_theirs_is_a_refusal(stocked: Stocked, api: ProvisioningApi) -> None:
    with pytest.raises(Refusal) as refusal:
        await api.list_page(Stage.PERSONS, stocked.token, page_token="ours")
    assert refusal.value.code == "http_400"


# The limit


async def test_every_answer_tells_of_the_limit(stocked: Stocked, api: ProvisioningApi, heard: list[RateLimit]) -> None:
    for method in WITH_BODY:
        heard.clear()
        await METHODS[method](api, stocked)
        assert len(heard) == 1, method
        assert heard[0].limit == 1000
        assert heard[0].remaining is not None
        assert heard[0].reset is not None


@pytest.mark.parametrize("reset", ["0.5", "2"])
async def test_an_answer_that_leaves_little_says_for_how_long(
    stocked: Stocked, api: ProvisioningApi, heard: list[RateLimit], reset: str
) -> None:
    stocked.skolverket.faults({"action": "low_limit", "reset": float(reset)})
    await api.list_page(Stage.PERSONS, stocked.token)
    assert heard == [RateLimit(1000, 0, timedelta(seconds=float(reset)))]


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_errors_tell_of_the_limit_too(
    stocked: Stocked, api: ProvisioningApi, heard: list[RateLimit], status: int
) -> None:
    await _fails(stocked, api, "send", action="status", status=status)
    assert [told.limit for told in heard] == [1000]


async def test_an_outage_tells_nothing_of_the_limit(
    stocked: Stocked, api: ProvisioningApi, heard: list[RateLimit]
) -> None:
    await _fails(stocked, api, "send", action="status", status=503)
    assert heard == []
