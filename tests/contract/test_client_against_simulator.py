"""The client over real sockets against the simulator: what goes over the wire, what each kind of failure becomes."""

import asyncio
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from app.domain.batching import encode
from app.domain.intents import Accepted
from app.domain.kinds import Kind
from app.domain.outcome import Verdict
from app.domain.verdicts import ItemResult
from app.skolverket.auth import Authorisation, fetch_token
from app.skolverket.client import ProvisioningApi, opened
from app.skolverket.published import BODY_FORM
from app.target import Credentials, Refusal, SlowDown, TargetError, Token, TokenRefused, TryAgain
from tests.contract.simulator_at_work import Skolverket
from tests.database.factories import duty, exam, group, pupil

ORGANISATION = "2120000001"
TIMEOUT = 5.0


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with opened(TIMEOUT) as http:
        yield http


@pytest.fixture
def api(skolverket: Skolverket, http: httpx.AsyncClient) -> ProvisioningApi:
    return ProvisioningApi(http, skolverket.provisioning, TIMEOUT)


async def _fetched(skolverket: Skolverket, number: str = ORGANISATION) -> Token:
    return await fetch_token(
        Authorisation(skolverket.transaction, skolverket.provisioning), Credentials(number), TIMEOUT
    )


@pytest.fixture
async def token(skolverket: Skolverket) -> str:
    return (await _fetched(skolverket)).value


async def _until(api: ProvisioningApi, kind: Kind, job_id: str, token: str, verdict: Verdict) -> Sequence[ItemResult]:
    """Asks until no item is open any more; the bound is for a simulator that is stuck."""
    async with asyncio.timeout(10):
        while True:
            results = (await api.poll(kind, job_id, token)).results
            if all(result.verdict is not Verdict.OPEN for result in results):
                assert {result.verdict for result in results} == {verdict}
                return results
            await asyncio.sleep(0.25)


# The authorisation server


async def test_a_token_is_the_organisations_and_ends_when_it_says_itself(skolverket: Skolverket) -> None:
    fetched = await _fetched(skolverket)
    claims = jwt.decode(fetched.value, options={"verify_signature": False})
    assert claims["sub"] == ORGANISATION
    assert fetched.expires_at == datetime.fromtimestamp(claims["exp"], UTC)
    assert fetched.expires_at - datetime.now(UTC) > timedelta(hours=9)
    assert [(call["method"], call["path"], call["organisation"]) for call in skolverket.ledger()] == [
        ("POST", "/transaction", ORGANISATION)
    ]


async def test_a_token_that_is_refused_is_tried_again(skolverket: Skolverket) -> None:
    """It may be mended on the other side; and nothing has arrived at the Provisioning API."""
    with pytest.raises(TryAgain) as fault:
        await _fetched(skolverket, "no number")
    assert (fault.value.code, fault.value.http_status) == ("authorisation_refused", 400)


@pytest.mark.parametrize(
    ("rule", "kind", "code"),
    [
        ({"action": "status", "status": 503}, TryAgain, "http_503"),
        ({"action": "status", "status": 429, "retry_after": 3}, SlowDown, "http_429"),
        ({"action": "cut_before"}, TryAgain, "connection_lost"),
        ({"action": "wrong_json"}, TryAgain, "answer_unreadable"),
    ],
)
async def test_a_fault_of_the_authorisation_server_passes(
    skolverket: Skolverket, rule: dict[str, object], kind: type[TryAgain], code: str
) -> None:
    skolverket.faults({"match": {"path": "^/transaction$"}, **rule})
    with pytest.raises(TryAgain) as fault:
        await _fetched(skolverket)
    assert (type(fault.value), fault.value.code) == (kind, code)


# What goes over the wire


@pytest.mark.parametrize("kind", Kind)
async def test_a_batch_arrives_as_the_very_bytes_and_as_an_upsert(
    skolverket: Skolverket, api: ProvisioningApi, token: str, kind: Kind
) -> None:
    person = pupil(givenName="Åsa Ö 漢")
    item = {
        Kind.PERSONS: person,
        Kind.DUTIES: duty(person),
        Kind.GROUPS: group(person),
        Kind.ACTIVITIES: exam([group(person)], [duty(person)]),
    }[kind]
    content = BODY_FORM.body([encode(item)])
    accepted = await api.submit(kind, content, token)
    call = skolverket.ledger()[-1]
    assert (call["method"], call["path"], call["query"]) == (
        "POST",
        f"/provisioning/v1/{kind}/bulk",
        "updateIfExists=true",
    )
    assert (call["sha256"], call["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (call["organisation"], call["object_ids"]) == (ORGANISATION, [item["id"]])
    assert accepted == Accepted(202, call["job_id"])


async def test_a_batch_of_exactly_200_000_bytes_is_taken_and_of_a_byte_more_refused(
    skolverket: Skolverket, http: httpx.AsyncClient, api: ProvisioningApi, token: str
) -> None:
    person = pupil(middleName="")
    room = BODY_FORM.max_bytes - len(BODY_FORM.body([encode(person)]))
    full = BODY_FORM.body([encode(person | {"middleName": "x" * room})])
    assert len(full) == BODY_FORM.max_bytes
    assert (await api.submit(Kind.PERSONS, full, token)).http_status == 202
    # By hand: our client is never given so much.
    answer = await http.post(
        f"{skolverket.provisioning}/persons/bulk",
        content=BODY_FORM.body([encode(person | {"middleName": "x" * (room + 1)})]),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    assert (answer.status_code, [entry["id"] for entry in answer.json()]) == (413, ["5020"])


async def test_a_batch_is_followed_from_pending_to_its_answer(api: ProvisioningApi, token: str) -> None:
    """Every object has its item; this simulator knows no school unit, and each item carries that reason."""
    persons = [pupil(), pupil()]
    accepted = await api.submit(Kind.PERSONS, BODY_FORM.body([encode(person) for person in persons]), token)
    pending = (await api.poll(Kind.PERSONS, accepted.remote_job_id, token)).results
    assert {result.verdict for result in pending} <= {Verdict.OPEN, Verdict.ERROR}
    items = await _until(api, Kind.PERSONS, accepted.remote_job_id, token, Verdict.ERROR)
    assert [item.object_id for item in items] == [UUID(person["id"]) for person in persons]
    assert all(json.loads(item.raw)["response"]["errors"] for item in items)


async def test_a_passing_fault_of_an_object_is_its_own_status(
    skolverket: Skolverket, api: ProvisioningApi, token: str
) -> None:
    skolverket.faults({"action": "temporary_error", "times": 1})
    accepted = await api.submit(Kind.PERSONS, BODY_FORM.body([encode(pupil())]), token)
    await _until(api, Kind.PERSONS, accepted.remote_job_id, token, Verdict.AGAIN)


async def test_a_job_that_is_unknown_is_a_refusal(api: ProvisioningApi, token: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await api.poll(Kind.PERSONS, str(uuid4()), token)
    assert (refusal.value.code, refusal.value.http_status) == ("http_404", 404)


async def test_a_batch_that_is_called_malformed_is_a_refusal(
    skolverket: Skolverket, api: ProvisioningApi, token: str
) -> None:
    skolverket.faults({"action": "status", "status": 400, "entry": "2010"})
    with pytest.raises(Refusal) as refusal:
        await api.submit(Kind.PERSONS, BODY_FORM.body([encode(pupil())]), token)
    assert (refusal.value.code, refusal.value.http_status) == ("http_400", 400)
    assert [entry["id"] for entry in json.loads(refusal.value.answer)] == ["2010"]


# What goes wrong


async def _fails(api: ProvisioningApi, token: str) -> TargetError:
    with pytest.raises(TargetError) as fault:
        await api.submit(Kind.PERSONS, BODY_FORM.body([encode(pupil())]), token)
    return fault.value


async def test_a_bad_token_is_refused_as_such(api: ProvisioningApi) -> None:
    fault = await _fails(api, "no.token.ofyours")
    assert (type(fault), fault.http_status) == (TokenRefused, 403)
    assert "no.token" not in f"{fault} {fault!r}"


@pytest.mark.parametrize(
    ("rule", "wait"),
    [
        ({"retry_after": 7}, timedelta(seconds=7)),
        ({"headers": {"X-RateLimit-Reset": "0.5"}}, timedelta(seconds=0.5)),
        ({"headers": {"X-RateLimit-Reset": "2"}}, timedelta(seconds=2)),
    ],
)
async def test_too_many_calls_say_how_long_to_wait(
    skolverket: Skolverket, api: ProvisioningApi, token: str, rule: dict[str, object], wait: timedelta
) -> None:
    skolverket.faults({"action": "status", "status": 429, **rule})
    fault = await _fails(api, token)
    assert (type(fault), fault.http_status, fault.retry_after) == (SlowDown, 429, wait)


async def test_the_real_limit_is_met_as_such(strict: Skolverket, http: httpx.AsyncClient) -> None:
    """Six calls in one second, all at once: five are taken."""
    fetched = await _fetched(strict)
    api, content = ProvisioningApi(http, strict.provisioning, TIMEOUT), BODY_FORM.body([encode(pupil())])
    results = await asyncio.gather(
        *(api.submit(Kind.PERSONS, content, fetched.value) for _ in range(6)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Accepted"] * 5 + ["SlowDown"]
    assert [slow.retry_after for slow in results if isinstance(slow, SlowDown)] == [timedelta(seconds=1)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_fault_of_the_server_passes(
    skolverket: Skolverket, api: ProvisioningApi, token: str, status: int
) -> None:
    skolverket.faults({"action": "status", "status": status})
    fault = await _fails(api, token)
    assert (type(fault), fault.code, fault.http_status) == (TryAgain, f"http_{status}", status)


@pytest.mark.parametrize(("action", "taken"), [("cut_before", False), ("cut_after", True)])
async def test_a_connection_that_breaks_leaves_it_open_whether_the_call_arrived(
    skolverket: Skolverket, api: ProvisioningApi, token: str, action: str, taken: bool
) -> None:
    """From here both look the same."""
    skolverket.faults({"match": {"path": "/bulk$"}, "action": action})
    fault = await _fails(api, token)
    assert (type(fault), fault.code, fault.http_status) == (TryAgain, "connection_lost", None)
    assert (skolverket.ledger()[-1]["job_id"] is not None) is taken


async def test_without_a_server_nothing_has_arrived(http: httpx.AsyncClient) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken by us, and nobody listens
        api = ProvisioningApi(http, f"http://127.0.0.1:{bound.getsockname()[1]}/v1", TIMEOUT)
        fault = await _fails(api, "any")
    assert (type(fault), fault.code) == (TryAgain, "no_connection")


async def test_an_answer_that_does_not_come_in_time_is_waited_for_no_longer(
    skolverket: Skolverket, http: httpx.AsyncClient, token: str
) -> None:
    skolverket.faults({"match": {"path": "/bulk$"}, "action": "delay", "seconds": 1, "times": 1})
    begun = time.monotonic()
    fault = await _fails(ProvisioningApi(http, skolverket.provisioning, 0.3), token)
    assert (type(fault), fault.code) == (TryAgain, "timeout")
    assert time.monotonic() - begun < 1


async def test_an_answer_that_breaks_off_is_tried_again(
    skolverket: Skolverket, api: ProvisioningApi, token: str
) -> None:
    skolverket.faults({"match": {"path": "/bulk$"}, "action": "wrong_json"})
    fault = await _fails(api, token)
    assert (type(fault), fault.code) == (TryAgain, "answer_unreadable")


@pytest.mark.parametrize("status", [404, 405, 418])
async def test_a_wrong_address_is_for_the_operator_and_no_records_fault(
    skolverket: Skolverket, api: ProvisioningApi, token: str, status: int
) -> None:
    skolverket.faults({"action": "status", "status": status})
    fault = await _fails(api, token)
    assert (type(fault), fault.code) == (TryAgain, f"http_{status}")


async def test_faults_carry_codes_and_nothing_that_was_sent(
    skolverket: Skolverket, api: ProvisioningApi, token: str
) -> None:
    for action in ("cut_before", "wrong_json", "status"):
        skolverket.faults({"action": action})
        fault = await _fails(api, token)
        assert str(fault) == fault.code
