"""Rosters as sources really produce them, put and asked what is wrong with them before anything is sent."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import body, duty, person, put, staff
from tests.conftest import ROOT

CASES = ROOT.parent / "shared" / "cases"
beside = pytest.mark.skipif(not CASES.is_dir(), reason="no inputs beside the project")


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


async def findings(client: httpx.AsyncClient, content: dict[str, Any]) -> list[dict[str, Any]]:
    """Stores a roster and reads what is wrong with it."""
    activity_id = await put(client, content)
    answer = await client.get(f"/activities/{activity_id}/findings", params={"limit": 200})
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["data"]
    counts = (await client.get(f"/activities/{activity_id}")).json()["findings"]
    assert sum(counts["by_code"].values()) == len(listed) == counts["errors"] + counts["warnings"]
    assert all(each["explanation"]["sv"] and each["explanation"]["en"] for each in listed)
    return listed


def codes(listed: list[dict[str, Any]]) -> dict[str, int]:
    """Counts findings by code."""
    found = [each["code"] for each in listed]
    return {code: found.count(code) for code in sorted(found)}


async def test_characters_that_nobody_sees(client: httpx.AsyncClient) -> None:
    """Those in a login are an error and keep the person here; those in a name are not sent."""
    persons = [
        person("Tova", "Lind", 980, eduPersonPrincipalNames=["90\u00ad1@edu.example.se"]),
        person("Tova", "Lind", 981, eduPersonPrincipalNames=["901@edu.example.se"]),
        person("To\u200dva", "Lind", 982),
        person("\ufeff", "Lind", 983, eduPersonPrincipalNames=["902@edu.example.se"]),
    ]
    listed = await findings(client, body(persons))
    by_person = [{each["code"] for each in listed if each["id"] == one["id"]} for one in persons]
    assert by_person == [
        {"eppn_characters", "eppn_look_alike"},
        {"eppn_look_alike"},
        {"name_characters"},
        {"name_blank", "name_characters"},
    ]


async def test_an_optional_property_that_is_null_or_bad_costs_nobody_the_exam(client: httpx.AsyncClient) -> None:
    bad = [{"value": "åsa@elev.example.se", "type": "Skola elev"}]
    listed = await findings(client, body([person(serial=980, middleName=None), person(serial=981, emails=bad)]))
    assert codes(listed) == {"null_left_out": 1, "value_left_out": 1}
    assert {each["severity"] for each in listed} == {"warning"}


async def test_rules_speak_before_anything_is_sent(client: httpx.AsyncClient) -> None:
    """With what is wrong, where, and in words for whoever mends it."""
    pupil, teacher = person(serial=980), staff(serial=990)
    pupil["civicNo"]["value"] = "20120101-9807"
    no_email = {**staff(serial=991), "emails": []}
    listed = await findings(client, body([pupil, teacher, no_email], [duty(teacher), duty(no_email), duty(pupil)]))
    assert [(each["kind"], each["code"], each["pointer"], each["severity"]) for each in listed] == [
        ("persons", "civic_no_form", "/civicNo/value", "error"),
        ("persons", "staff_email", "/emails", "error"),
        ("duties", "pupil_and_staff", "/person/id", "error"),
    ]
    assert listed[0]["explanation"]["sv"].startswith("Personnumret är inte skrivet som det ska: tolv siffror")


async def test_guardians_are_one_finding(client: httpx.AsyncClient) -> None:
    """They have neither an enrolment, nor a duty, nor a login, and are not sent."""
    guardians = [{"id": str(uuid4()), "givenName": "Mo", "familyName": "Lind"} for _ in range(3)]
    listed = await findings(client, body([person(), *guardians]))
    assert [(each["code"], each["id"], each["count"]) for each in listed] == [("guardian", None, 3)]


async def test_a_name_of_a_hundred_thousand_letters(client: httpx.AsyncClient) -> None:
    long = {"id": str(uuid4()), "displayName": "Å" * 120_000, "groupMemberships": []}
    listed = await findings(client, body([person("A" * 100_000)], groups=[long]))
    assert [each["kind"] for each in listed if each["code"] == "name_long"] == ["persons", "groups"]


async def test_findings_by_their_causes(client: httpx.AsyncClient) -> None:
    """Errors first; each with how often it was found, who mends it, and the first objects by their names."""
    twice = "samma@edu.example.se"
    persons = [person(name, serial=980 + n, eduPersonPrincipalNames=[twice]) for n, name in enumerate("ABCDEFG")]
    guardians = [{"id": str(uuid4()), "givenName": "Mo", "familyName": "Lind"} for _ in range(3)]
    activity_id = await put(client, body([*persons, *guardians]))
    answer = (await client.get(f"/activities/{activity_id}/findings/causes")).json()
    shown = {each["code"]: each for each in answer["data"]}
    assert [(each["code"], each["count"]) for each in answer["data"]] == [("eppn_twice", 7), ("guardian", 3)]
    assert [each["name"] for each in shown["eppn_twice"]["examples"]] == [f"{name} Exempelsson" for name in "ABCDE"]
    assert [each["name"] for each in shown["eppn_twice"]["examples"][1]["about"]][:1] == ["A Exempelsson"]
    assert shown["eppn_twice"]["mended_by"] == "identity_provider"
    assert [(each["id"], each["count"], each["name"]) for each in shown["guardian"]["examples"]] == [(None, 3, None)]
    assert all(each["explanation"]["sv"] and each["explanation_url"] for each in answer["data"])
    path = f"/activities/{activity_id}/findings/causes?limit=1"
    first = (await client.get(path)).json()
    rest = (await client.get(f"{path}&cursor={first['next_cursor']}")).json()
    assert (first["data"] + rest["data"], rest["next_cursor"]) == (answer["data"], None)


async def test_the_examples_of_causes_are_masked(client: httpx.AsyncClient, service: Service) -> None:
    twice = "samma@edu.example.se"
    persons = [
        person("Åsa", eduPersonPrincipalNames=[twice], securityMarking="Sekretessmarkering"),
        person("Bo", serial=981, eduPersonPrincipalNames=[twice]),
    ]
    activity_id = await put(client, body(persons))
    path = f"/activities/{activity_id}/findings/causes"
    for scopes, names in (
        (["history"], ["***", "***"]),
        (["provision"], ["***", "***"]),
        (["history", "pii"], ["***", "Bo Exempelsson"]),
        (["history", "pii", "protected"], ["Åsa Exempelsson", "Bo Exempelsson"]),
    ):
        [cause] = (await (await service.client(*scopes)).get(path)).json()["data"]
        assert [each["name"] for each in cause["examples"]] == names
        # Who has the same number or login is named by nobody who is not seen, and to nobody.
        about = [[] if "***" in names else [each] for each in names[::-1]]
        assert [[one["name"] for one in each["about"]] for each in cause["examples"]] == about


async def test_causes_of_no_activity(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/activities/{uuid4()}/findings/causes")).status_code == 404


@beside
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C04-invisible-characters", {"eppn_characters", "eppn_look_alike", "name_characters", "name_blank"}),
        ("C06-null-optional-fields", {"null_left_out", "activity_without_teachers", "group_empty"}),
        ("C07-bad-optional-email", {"value_left_out"}),
        (
            "C08-rules-are-not-in-findings",
            {
                *("civic_no_form", "civic_no_check_digit", "eppn_characters", "eppn_missing", "eppn_twice"),
                *("staff_email", "no_account", "pupil_and_staff", "pupil_in_classes", "activity_without_teachers"),
            },
        ),
    ],
)
async def test_inputs_that_people_have_reported(client: httpx.AsyncClient, name: str, expected: set[str]) -> None:
    content = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))["body"]
    assert set(codes(await findings(client, content))) == expected
