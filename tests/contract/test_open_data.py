"""The open-data API over sockets against the simulator: every endpoint and its failures."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.skolverket.client import opened
from app.skolverket.open_data import OpenDataApi
from app.target import Refusal, SlowDown, TargetError, TryAgain
from tests.contract.simulator_at_work import Skolverket

TIMEOUT = 5.0
NUMBER = "5567044268"
ORGANISATION = UUID("657ae6a4-2978-5fbe-b357-ba353c0f03b5")
UNIT = UUID("fb22448b-b724-5e53-8a2c-d8b339206901")
PROGRAMME = UUID("f8bd4423-9693-51ed-a854-6e9984e6c2f7")
EXAM = UUID("505c5ee0-7be4-560d-9c27-10ab0d96ac9a")


def reference_of(number: str = NUMBER) -> dict[str, Any]:
    return {
        "huvudman": {"organisationNumber": number, "displayName": "Exempelkommun", "status": "Active"},
        "schoolUnits": [
            {
                "id": str(UNIT),
                "displayName": "Åskolan",
                "schoolUnitCode": "31279295",
                "status": "Active",
                "dnpStatus": True,
                "parentOrganisation": {"organisationNumber": number},
            }
        ],
        "programmes": [{"educationCode": "EKJURV", "displayName": "Ekonomiprogrammet, Juridik", "status": "Active"}],
        "nationalActivities": [{"id": str(EXAM), "displayName": "MATMAT01", "schoolType": "GY"}],
    }


@pytest.fixture
def known(simulator_port: int) -> Iterator[Skolverket]:
    """A simulator that knows one of each kind."""
    skolverket = Skolverket(simulator_port)
    skolverket._ask("POST", "/_simulator/reset?reference=true", None)
    skolverket._ask("PUT", "/_simulator/reference", reference_of())
    yield skolverket
    skolverket._ask("POST", "/_simulator/reset?reference=true", None)


def url_of(skolverket: Skolverket) -> str:
    return f"{skolverket.base}/open-data/v1"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with opened(TIMEOUT) as http:
        yield http


@pytest.fixture
def api(known: Skolverket, http: httpx.AsyncClient) -> OpenDataApi:
    return OpenDataApi(http, url_of(known), TIMEOUT)


METHODS: dict[str, Callable[[OpenDataApi], Awaitable[object]]] = {
    "organisation": lambda api: api.organisation(NUMBER),
    "programmes": OpenDataApi.programmes,
    "exams": OpenDataApi.exams,
}


# Every endpoint that we use


async def test_an_organisation_is_read_with_its_school_units(known: Skolverket, api: OpenDataApi) -> None:
    found = await api.organisation(NUMBER)
    assert found is not None
    assert (found.item.id, found.item.code, found.item.raw["id"]) == (ORGANISATION, NUMBER, str(ORGANISATION))
    assert [(unit.id, unit.code, unit.raw["displayName"]) for unit in found.school_units] == [
        (UNIT, "31279295", "Åskolan")
    ]
    call = known.ledger()[-1]
    assert (call["method"], call["path"], call["query"]) == (
        "GET",
        f"/open-data/v1/organisations/code/{NUMBER}",
        "expandSchoolUnits=true",
    )


async def test_an_organisation_that_is_not_there_reads_as_none(api: OpenDataApi) -> None:
    assert await api.organisation("2120000009") is None


async def test_programmes_and_exams_are_listed(api: OpenDataApi) -> None:
    assert [(one.id, one.code) for one in await api.programmes()] == [(PROGRAMME, "EKJURV")]
    assert [(one.id, one.code) for one in await api.exams()] == [(EXAM, "MATMAT01")]


async def test_a_number_is_one_part_of_the_address(known: Skolverket, api: OpenDataApi) -> None:
    """Whatever is in it, no other address comes of it."""
    assert await api.organisation("21/../../programmes?x=1#y") is None
    assert known.ledger()[-1]["query"] == "expandSchoolUnits=true"


# What may fail


async def _fails(known: Skolverket, api: OpenDataApi, method: str, **rule: Any) -> TargetError:
    known.faults({"match": {"path": "^/open-data/"}, **rule})
    with pytest.raises(TargetError) as fault:
        await METHODS[method](api)
    return fault.value


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("rule", "kind", "code"),
    [
        ({"action": "status", "status": 400}, Refusal, "http_400"),
        ({"action": "status", "status": 403}, TryAgain, "http_403"),
        ({"action": "status", "status": 429}, SlowDown, "http_429"),
        ({"action": "status", "status": 503}, TryAgain, "http_503"),
        ({"action": "cut_before"}, TryAgain, "connection_lost"),
        ({"action": "truncate"}, TryAgain, "connection_lost"),
        ({"action": "wrong_json"}, TryAgain, "answer_unreadable"),
        ({"action": "not_json"}, TryAgain, "answer_unreadable"),
    ],
)
async def test_a_fault_is_told_by_what_to_do(
    known: Skolverket, api: OpenDataApi, method: str, rule: dict[str, Any], kind: type[TargetError], code: str
) -> None:
    fault = await _fails(known, api, method, **rule)
    assert (type(fault), fault.code) == (kind, code)
    if "status" in rule:
        assert json.loads(fault.answer)["code"] == rule["status"]


async def test_an_address_that_is_wrong_does_not_look_as_if_nothing_were_there(
    known: Skolverket, http: httpx.AsyncClient
) -> None:
    api = OpenDataApi(http, f"{known.base}/open-data/v0", TIMEOUT)
    for call in METHODS.values():
        with pytest.raises(TryAgain) as fault:
            await call(api)
        assert fault.value.code == "http_404"


async def test_a_list_is_never_not_found(known: Skolverket, api: OpenDataApi) -> None:
    fault = await _fails(known, api, "programmes", action="status", status=404)
    assert (type(fault), fault.code) == (TryAgain, "http_404")
