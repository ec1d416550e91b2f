"""Whom or what a message speaks of has its name beside its id, if the reader may read it; that is one statement."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.db.findings import add_findings
from app.domain.issues import Finding, Issue
from tests.api.conftest import Service
from tests.api.factories import Object, Played, body, duty, person, put, staff

PROTECTED = "Skyddad folkbokföring"


def group(*members: Object) -> Object:
    """Makes a class."""
    return {
        "id": str(uuid4()),
        "displayName": "6A",
        "groupType": "Klass",
        "schoolType": "GR",
        "organisation": {"id": str(uuid4())},
        "groupMemberships": [{"person": {"id": member["id"]}} for member in members],
    }


def refused(attribute: str) -> Object:
    entry = {"id": "8120", "messageType": "Ogiltigt värde", "attributeName": attribute, "severityLevel": "Error"}
    return {"status": "Error", "statusCode": 400, "errors": [entry]}


def unknown(attribute: str, value: str) -> Object:
    entry = {"id": "8171", "attributeName": attribute, "attributeValue": value, "severityLevel": "Warning"}
    return {"status": "Warning", "warnings": [entry]}


@pytest.mark.parametrize(
    ("scopes", "teacher_name", "pupil_name"),
    [
        (("history", "pii", "protected"), "Ingrid Skyddslärare", "Åsa Exempelsson"),
        (("history", "pii"), "***", "Åsa Exempelsson"),
        (("history",), "***", "***"),
    ],
)
async def test_what_a_record_was_blocked_by_and_whom_skolverket_does_not_know_are_named(
    service: Service, scopes: tuple[str, ...], teacher_name: str, pupil_name: str
) -> None:
    """As the record of each is named for the same key; a stranger is named by its id alone."""
    pupil, teacher = person(), staff("Ingrid", "Skyddslärare", 991, securityMarking=PROTECTED)
    held, stranger = duty(teacher), str(uuid4())
    known, other = group(pupil), group(pupil)
    client = await service.client("provision")
    roster = body([pupil, teacher], [held], groups=[known, other])
    activity_id = await put(client, roster)
    run = (await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, {teacher["id"]: ("error", refused("civicNo.value"))})
    await played.stage(2)
    warned = unknown("groupMemberships[0].person.id", pupil["id"])
    await played.stage(
        3, {known["id"]: ("warning", warned), other["id"]: ("warning", unknown("groupMemberships", stranger))}
    )
    reader = await service.client(*scopes)

    async def said(position: int) -> list[dict[str, Any]]:
        job = run["jobs"][position - 1]["id"]
        listed = (await reader.get(f"/jobs/{job}/records")).json()["data"]
        for each in listed:
            alone = (await reader.get(f"/jobs/{job}/records/{each['id']}")).json()
            assert alone["messages"] == each["messages"]
        return [message for each in listed for message in each["messages"]]

    [blocked] = await said(2)
    assert blocked["code"] == "blocked_by"
    assert blocked["about"] == [{"kind": "persons", "id": teacher["id"], "name": teacher_name}]
    first, second = await said(3)
    # Whom a group has is for those who may see names, and the place of one among them for those who may see all.
    members = {
        pupil["id"]: {"kind": "persons", "id": pupil["id"], "name": pupil_name},
        stranger: {"kind": "persons", "id": stranger, "name": None},
    }
    assert first["about"] == ([members[pupil["id"]]] if "pii" in scopes else [])
    assert first["attribute"] == ("/groupMemberships/0/person/id" if "protected" in scopes else "/groupMemberships")
    assert second["about"] == ([members[stranger]] if "pii" in scopes else [])


async def test_an_objection_is_explained_by_what_was_found_whatever_the_exam_is_called(service: Service) -> None:
    """Two pupils with one EPPN: that is seen in the roster alone, which a new name leaves as it is."""
    first, second = person(serial=981), person("Bo", "Provlund", 982)
    second["eduPersonPrincipalNames"] = first["eduPersonPrincipalNames"]
    client = await service.client("provision", "history", "pii", "protected")
    activity_id = await put(client, body([first, second]))
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, {second["id"]: ("error", refused("eduPersonPrincipalNames[0]"))})
    url = f"/jobs/{run['jobs'][0]['id']}/records/{second['id']}"

    async def explained() -> str:
        [message] = (await client.get(url)).json()["messages"]
        return str(message["explanation_url"])

    assert await explained() == "/explanations/eppn_twice"
    renamed = await client.patch(f"/activities/{activity_id}", json={"display_name": "Prov 2"})
    assert renamed.status_code == 200
    assert await explained() == "/explanations/eppn_twice"


@pytest.mark.parametrize(
    ("scopes", "pupil_name", "teacher_name"),
    [
        (("history", "pii", "protected"), "Åsa Exempelsson", "Ingrid Skyddslärare"),
        (("history", "pii"), "Åsa Exempelsson", "***"),
        (("history",), None, "***"),
    ],
)
async def test_whom_a_finding_speaks_of_is_named(
    service: Service, scopes: tuple[str, ...], pupil_name: str | None, teacher_name: str
) -> None:
    """A duty by its person, an object of no current roster by its id alone; without `pii` no person, nor by an id."""
    pupil, teacher = person(), staff("Ingrid", "Skyddslärare", 991, securityMarking=PROTECTED)
    held, stranger = duty(teacher), uuid4()
    activity_id = await put(await service.client("provision"), body([pupil, teacher], [held]))
    ids = (UUID(pupil["id"]), UUID(held["id"]), stranger)
    issue = Issue("eppn_characters", "error", pointer="/eduPersonPrincipalNames/0", ids=ids)
    async with service.runtime.engine.begin() as conn:
        roster_id = await conn.scalar(sa.text("SELECT roster_id FROM activity WHERE id = :id"), {"id": activity_id})
        found = [Finding("persons", 0, UUID(pupil["id"]), issue)]
        await add_findings(conn, service.organisations[0], roster_id, "rosters", found)
    [finding] = (await (await service.client(*scopes)).get(f"/activities/{activity_id}/findings")).json()["data"]
    persons = [
        {"kind": "persons", "id": pupil["id"], "name": pupil_name},
        {"kind": "persons", "id": str(stranger), "name": None},
    ]
    its = {"kind": "duties", "id": held["id"], "name": teacher_name}
    assert finding["about"] == ([its] if pupil_name is None else [persons[0], its, persons[1]])
