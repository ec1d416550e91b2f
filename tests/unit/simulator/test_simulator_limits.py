"""The limiter's window, the rules of faults, the routes and the tokens: small decisions without I/O."""

from typing import Any

import pytest

from app.simulator.faults import Faults
from app.simulator.limiter import SlidingWindow
from app.simulator.reference import Reference, WrongForm
from app.simulator.routes import Route, read_route
from app.simulator.tokens import BadTransaction, Issuer, read_transaction
from tests.unit.simulator.simulator_parts import ORGANISATION, OTHER_UNIT, UNIT, MovableClock, transaction


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.1, 0.2], [True, True, False]),
        ([0.0, 0.75, 1.0, 1.5], [True, True, True, False]),
        ([0.0, 0.75, 1.0, 1.75], [True, True, True, True]),
        ([0.0, 0.1, 0.2, 0.3, 1.0], [True, True, False, False, True]),  # what was refused takes no place
    ],
)
def test_the_window_slides(times: list[float], expected: list[bool]) -> None:
    window = SlidingWindow(2)
    assert [window.admit(now).allowed for now in times] == expected


def test_the_limit_headers_count_down_in_whole_numbers() -> None:
    window = SlidingWindow(2)
    told = [tuple(window.admit(now).headers().values()) for now in (0.0, 0.5, 0.6)]
    assert told == [("2", "1", "1"), ("2", "0", "1"), ("2", "0", "1")]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/persons/bulk", Route("persons", "send")),
        ("PUT", "/duties/bulk", Route("duties", "update")),
        ("POST", "/groups/bulk/delete", Route("groups", "delete")),
        ("GET", "/activities/bulk/jobs/7", Route("activities", "status", "7")),
        ("GET", "/persons/bulk/jobs/7/isCompleted", Route("persons", "completed", "7")),
        ("GET", "/persons", Route("persons", "list")),
        ("POST", "/persons/lookup", Route("persons", "lookup")),
        ("GET", "/persons/7", Route("persons", "read", "7")),
        ("GET", "/persons/bulk", None),
        ("DELETE", "/persons/7", None),
        ("GET", "/alive", None),
        ("GET", "/", None),
    ],
)
def test_a_route_is_read_from_method_and_path(method: str, path: str, expected: Route | None) -> None:
    assert read_route(method, f"/provisioning/v1{path}") == expected


def test_a_fault_strikes_what_it_matches_as_often_as_it_says() -> None:
    faults = Faults()
    faults.replace([{"match": {"path": "persons/bulk$", "method": "POST"}, "times": 1, "action": "status"}])
    calls = [("GET", "/persons/bulk"), ("POST", "/persons/bulk/delete"), ("POST", "/persons/bulk")]
    struck = [faults.take(method, path, is_bulk=True) is not None for method, path in [*calls, calls[-1]]]
    assert struck == [False, False, True, False]


def test_a_fault_about_items_waits_for_a_bulk_call() -> None:
    faults = Faults()
    faults.replace([{"times": 1, "action": "temporary_error"}])
    assert faults.take("GET", "/persons", is_bulk=False) is None
    assert faults.take("POST", "/persons/bulk", is_bulk=True) is not None


@pytest.mark.parametrize(
    "rules",
    [
        {},
        [{}],
        [{"action": "dance"}],
        [{"action": "status", "status": 200}],
        [{"action": "delay", "seconds": -1}],
        [{"action": "delay", "seconds": "long"}],
        [{"action": "delay", "match": {"path": "("}}],
        [{"action": "delay", "match": None}],
    ],
)
def test_malformed_faults_are_refused_and_the_old_ones_kept(rules: Any) -> None:
    faults = Faults()
    faults.replace([{"action": "delay"}])
    with pytest.raises(ValueError, match=r"fault|status"):
        faults.replace(rules)
    assert faults.take("GET", "/", is_bulk=False) is not None


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        (7, ""),
        ({"schoolUnits": [{}]}, "/schoolUnits/0/id"),
        ({"schoolUnits": [{"id": None}]}, "/schoolUnits/0/id"),
        ({"schoolUnits": [{"id": UNIT}, {"id": "99990001"}]}, "/schoolUnits/1/id"),
        ({"schoolUnits": {"id": UNIT, "dnpStatus": "yes"}}, "/schoolUnits/dnpStatus"),
        ({"schoolUnits": {"id": UNIT, "parentOrganisation": {}}}, "/schoolUnits/parentOrganisation/organisationNumber"),
        (
            {"schoolUnits": [{"id": UNIT, "schoolTypes": [{"schoolYears": [{"dnpStatus": 1}]}]}]},
            "/schoolUnits/0/schoolTypes/0/schoolYears/0/dnpStatus",
        ),
        ({"programmes": [{"educationCode": 7}]}, "/programmes/0/educationCode"),
        ({"programmes": [7]}, "/programmes/0"),
        ({"nationalActivities": "none"}, "/nationalActivities"),
        ({"nationalActivities": [{"id": UNIT, "schoolType": "Grundskola"}]}, "/nationalActivities/0/schoolType"),
    ],
)
def test_a_malformed_reference_is_refused_whole_and_says_where(document: Any, pointer: str) -> None:
    reference = Reference()
    with pytest.raises(WrongForm) as refused:
        reference.put({"huvudman": {"organisationNumber": "1"}} | document if isinstance(document, dict) else document)
    assert refused.value.pointer == pointer
    assert reference.published("huvudman") == []


def test_null_in_the_reference_counts_as_absent_and_what_is_unknown_is_passed_over() -> None:
    reference = Reference()
    unit = {"id": UNIT, "displayName": None, "colour": "red", "schoolTypes": [{"schoolType": "GR", "colour": 1}]}
    assert reference.put({"note": 1, "programmes": None, "schoolUnits": [unit]})["schoolUnits"] == 1
    assert reference.published("schoolUnits") == [
        {
            "id": UNIT,
            "displayName": UNIT,
            "schoolUnitCode": UNIT,
            "colour": "red",
            "schoolTypes": [{"schoolType": "GR", "colour": 1}],
        }
    ]


def test_the_reference_grows_with_each_organisation() -> None:
    reference = Reference()
    reference.put({"huvudman": {"organisationNumber": "1"}, "schoolUnits": [{"id": UNIT.upper(), "status": "New"}]})
    known = reference.put(
        {"huvudman": [{"organisationNumber": "2"}], "schoolUnits": [{"id": OTHER_UNIT}, {"id": UNIT}]}
    )
    assert known == {"huvudman": 2, "schoolUnits": 2, "programmes": 0, "nationalActivities": 0}
    assert reference.school_unit(UNIT.upper()) == {"id": UNIT}


def _issuer(clock: MovableClock, name: str = "https://issuer.example") -> Issuer:
    return Issuer(name, 60, clock.time)


def _bearer(issuer: Issuer) -> str:
    return f"Bearer {issuer.grant(ORGANISATION, [])['access_token']['value']}"


def test_a_token_is_its_organisations_until_it_runs_out() -> None:
    clock = MovableClock()
    issuer = _issuer(clock)
    header = _bearer(issuer)
    assert issuer.organisation_of(header) == ORGANISATION
    clock.now += 59
    assert issuer.organisation_of(header) == ORGANISATION
    clock.now += 1
    assert issuer.organisation_of(header) is None


def test_a_token_of_another_key_or_without_its_signature_is_nobodys() -> None:
    issuer, other = _issuer(MovableClock()), _issuer(MovableClock())
    forged = _bearer(issuer).rpartition(".")[0] + "." + _bearer(other).rpartition(".")[2]
    for header in (_bearer(other), forged, "Bearer x", "Basic x", "", None):
        assert issuer.organisation_of(header) is None


def test_a_transaction_is_read() -> None:
    organisation, access = read_transaction(transaction())
    assert (organisation, access[0]["type"]) == (ORGANISATION, "provisioning-api")


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": {}},
        {"access_token": []},
        {"access_token": [{"access": [], "flags": ["bearer"]}]},
        {"access_token": [{"access": [{"type": "other", "locations": ["x"]}], "flags": ["bearer"]}]},
        {"access_token": [{"access": [{"type": "provisioning-api", "locations": []}], "flags": ["bearer"]}]},
        {"access_token": [{"access": [{"type": "provisioning-api", "locations": ["x"]}]}]},
        {"client": None},
        {"client": {"key": 2120000001}},
        {"client": {"key": "212000-0001"}},
    ],
)
def test_a_malformed_transaction_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadTransaction):
        read_transaction(transaction() | change)
