"""The organisation's objects: who is found, by whom, and what is known of one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.db import content
from tests.api.conftest import Service
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.tried_with import tried_with

PROTECTED = "Sekretessmarkering"


@dataclass
class School:
    """Three pupils, one of them protected, and a teacher who is; their group, in an exam whose persons were sent."""

    activity_id: UUID
    pupil: Object
    namesake: Object
    hidden: Object
    teacher: Object
    duty: Object
    group: Object
    run: dict[str, Any]
    played: Played

    @property
    def roster(self) -> dict[str, Any]:
        persons = [self.pupil, self.namesake, self.hidden, self.teacher]
        return body(persons, [self.duty], groups=[self.group])


@pytest.fixture
async def school(service: Service) -> School:
    client = await service.client("provision")
    pupil, namesake = person("Göta", "Exempelsson"), person("Gö\u200bta", "Provberg", 981)
    hidden = person("Göta", "Skyddsson", 982, securityMarking=PROTECTED)
    teacher = staff("Götilda", "Skyddslärare", securityMarking=PROTECTED)
    members = [{"person": {"id": each["id"]}} for each in (pupil, hidden)]
    group = {"id": str(uuid4()), "displayName": "Götas klass", "groupType": "Klass", "groupMemberships": members}
    made = School(uuid4(), pupil, namesake, hidden, teacher, duty(teacher), group, {}, None)  # type: ignore[arg-type]
    await put(client, made.roster, made.activity_id)
    made.run = (await client.post(f"/activities/{made.activity_id}/provision")).json()
    made.played = await Played.of(service.runtime, service.organisations[0], UUID(made.run["id"]))
    warned = {"status": "Warning", "warnings": [{"id": "3047", "message": "Svag EPPN", "severityLevel": "Warning"}]}
    await made.played.stage(1, {pupil["id"]: ("warning", warned)})
    return made


async def search(client: httpx.AsyncClient, q: str, **more: Any) -> list[dict[str, Any]]:
    """Reads all pages of a search."""
    found: list[dict[str, Any]] = []
    given = {"q": q, **more}
    while True:
        answer = await client.post("/objects/search", json=given)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if (cursor := answer.json()["next_cursor"]) is None:
            return found
        given["cursor"] = cursor


def ids(found: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in found}


async def test_objects_of_all_kinds_are_found_in_their_newest_form(service: Service, school: School) -> None:
    client = await service.client("history", "pii")
    found = await search(client, "gota")
    assert [each["kind"] for each in found] == ["groups", "persons", "persons"]
    assert ids(found) == {school.group["id"], school.pupil["id"], school.namesake["id"]}
    [pupil] = await search(client, "GÖT exe", kind="persons")
    assert pupil["name"] == "Göta Exempelsson"
    assert (pupil["role"], pupil["civic_no"], pupil["school_year"]) == ("Elev", "201201019807", 6)
    assert pupil["activities"] == [{"id": str(school.activity_id), "display_name": "Prov"}]
    assert pupil["accepted_at"] is not None
    assert (pupil["landed_at"], pupil["gone_at"]) == (None, None)
    assert await search(client, "") == await search(client, "...") == []


@pytest.mark.parametrize("q", ["20120101-9807", "9807", "ge980", "ge980@edu.example.se"])
async def test_a_person_is_found_by_number_and_address(service: Service, school: School, q: str) -> None:
    assert ids(await search(await service.client("history", "pii"), q)) == {school.pupil["id"]}


async def test_an_id_finds_its_object_of_any_kind(service: Service, school: School) -> None:
    """Together with words that fit, and with no others; a duty is found by its own."""
    client = await service.client("history", "pii", "protected")
    for each in (school.pupil, school.group, school.duty, school.hidden):
        assert ids(await search(client, each["id"].upper())) == {each["id"]}
    assert ids(await search(client, f"{school.pupil['id']} göta")) == {school.pupil["id"]}
    assert await search(client, f"{school.pupil['id']} provberg") == []
    [found] = await search(client, school.duty["id"])
    assert (found["name"], found["role"]) == ("Götilda Skyddslärare", "Personal")


async def test_an_address_whose_local_part_looks_like_an_id_is_found_by_that(service: Service) -> None:
    """Many identity providers make them so; among all objects and in a job."""
    client, local_part, activity_id = await service.client("provision", "history", "pii"), str(uuid4()), uuid4()
    pupil = person("Göta", "Exempelsson", eduPersonPrincipalNames=[f"{local_part}@edu.example.se"])
    await put(client, body([pupil, person("Nils", "Provberg", 981)]), activity_id)
    job = (await client.post(f"/activities/{activity_id}/provision")).json()["jobs"][0]["id"]
    for q in (local_part.upper(), f"göta {local_part}"):
        assert ids(await search(client, q)) == {pupil["id"]}
        assert ids((await client.post(f"/jobs/{job}/records/search", json={"q": q})).json()["data"]) == {pupil["id"]}
    assert await search(client, f"provberg {local_part}") == []


@tried_with(
    "q", ["skyddsson", "göta sky", "9823", "gs982", "20120101-9823", "id of hidden", "id of duty", "skyddslärare"]
)
async def test_who_is_protected_is_found_by_who_may_see_them(service: Service, school: School, q: str) -> None:
    """A hit, or a page that goes on, would tell that a protected person has that name."""
    q = {"id of hidden": school.hidden["id"], "id of duty": school.duty["id"]}.get(q, q)
    client = await service.client("history", "pii")
    jobs = [f"/jobs/{job['id']}/records" for job in school.run["jobs"]]
    for address in ("/objects", *jobs):
        answer = await client.post(f"{address}/search", json={"q": q})
        empty: dict[str, Any] = {"data": [], "next_cursor": None}
        assert answer.json() in (empty, {**empty, "counts": None}), address
    seeing = await service.client("history", "pii", "protected")
    assert len(await search(seeing, q)) == 1


async def test_a_protection_holds_in_every_roster_and_after_the_last(service: Service, school: School) -> None:
    """Whoever one roster marks is protected in the others; whom none has any more, as Skolverket has them."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    job = f"/jobs/{school.run['jobs'][0]['id']}/records/search"
    assert (
        len(await search(client, "provberg")) == len((await client.post(job, json={"q": "prov"})).json()["data"]) == 1
    )
    other = await put(writer, body([{**school.namesake, "securityMarking": PROTECTED}]))
    assert await search(client, "provberg") == (await client.post(job, json={"q": "prov"})).json()["data"] == []
    address = f"/objects/persons/{school.hidden['id']}"
    bared = {**school.roster, "roster": {"persons": [{**school.hidden, "securityMarking": "Ingen"}, school.namesake]}}
    await put(writer, bared, school.activity_id)
    assert (await client.get(address)).json()["name"] == "***"
    assert await search(client, "skyddsson") == []
    await put(writer, body(), school.activity_id)
    await put(writer, body(), other)
    assert (await client.get(address)).json()["name"] == "***"
    assert await search(client, "skyddsson") == []
    assert len(await search(await service.client("history", "pii", "protected"), "skyddsson")) == 1


async def test_an_earlier_name_finds_nobody(service: Service, school: School) -> None:
    """The later upload counts, whichever activity it is in; and who is in no roster is found as history has them."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    renamed = await put(writer, body([{**school.pupil, "familyName": "Nyberg"}]))
    assert await search(client, "exempelsson") == []
    [found] = await search(client, "nyberg")
    assert [each["id"] for each in found["activities"]] == [str(school.activity_id), str(renamed)]
    for activity_id in (school.activity_id, renamed):
        await put(writer, body(), activity_id)
    [found] = await search(client, "exempelsson")
    assert (found["id"], found["activities"]) == (school.pupil["id"], [])
    assert await search(client, "nyberg") == []


async def test_pages_of_a_search_go_on_while_rows_arrive(service: Service, school: School) -> None:
    """Every one once, in one order; also when many that share the letters do not fit."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    many = [person("Testa", f"Sidbryt{'er' if i % 50 else 'ning'}", i) for i in range(300, 700)]
    await put(writer, body(many))
    first = (await client.post("/objects/search", json={"q": "sidbryter", "limit": 100})).json()
    assert len(first["data"]) == 100
    await put(writer, body([person("Ny", "Sidbryter", 701)]))
    rest = await search(client, "sidbryter", limit=100, cursor=first["next_cursor"])
    listed = [each["id"] for each in first["data"] + rest]
    wanted = [each["id"] for each in many if each["familyName"] == "Sidbryter"]
    assert len(set(listed)) == len(listed)
    assert set(wanted) <= set(listed)
    assert listed == sorted(listed)
    assert len(await search(client, "sidbrytning", limit=5)) == 8
    foreign = await client.post("/objects/search", json={"q": "sidbryt", "cursor": first["next_cursor"]})
    assert (foreign.status_code, foreign.json()["type"]) == (400, "/problems/cursor-mismatch")


async def test_an_object_shows_all_that_is_known_of_it(service: Service, school: School) -> None:
    client = await service.client("history", "pii")
    shown = (await client.get(f"/objects/persons/{school.pupil['id']}")).json()
    assert shown["name"] == "Göta Exempelsson"
    assert shown["object"] == shown["accepted"]["object"] == school.pupil
    assert shown["accepted"]["job_id"] == school.run["jobs"][0]["id"]
    [record] = shown["records"]["data"]
    assert record["job_id"] == school.run["jobs"][0]["id"]
    assert record["run_id"] == school.run["id"]
    assert record["activity_id"] == str(school.activity_id)
    assert (record["status"], record["codes"], record["attempts"]) == ("warning", ["3047"], 1)
    assert shown["records"]["next_cursor"] is None
    group = (await client.get(f"/objects/groups/{school.group['id']}")).json()
    assert (group["name"], group["accepted"]) == ("Götas klass", None)
    for address in (f"/objects/groups/{school.pupil['id']}", f"/objects/nobody/{school.pupil['id']}"):
        assert (await client.get(address)).status_code == 404


async def test_an_objects_findings_name_whom_they_speak_of(service: Service, school: School) -> None:
    """By kind, id and name, to who may see them; nobody else is told whose a login is."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    namesake = {**school.namesake, "eduPersonPrincipalNames": school.pupil["eduPersonPrincipalNames"]}
    await put(writer, body([school.pupil, namesake]), activity_id := uuid4())
    named = [{"kind": "persons", "id": school.pupil["id"], "name": "Göta Exempelsson"}]
    for reader, about in ((client, named), (await service.client("history"), [])):
        listed = (await reader.get(f"/objects/persons/{namesake['id']}")).json()["findings"]
        [twice] = [each for each in listed if each["code"] == "eppn_twice"]
        assert twice["activity_id"] == str(activity_id)
        assert twice["about"] == about


async def test_an_objects_records_are_paged_newest_first(service: Service, school: School) -> None:
    writer, client = await service.client("provision"), await service.client("history")
    for _ in range(2):
        await put(writer, body([school.pupil]), activity_id := uuid4())
        await writer.post(f"/activities/{activity_id}/provision")
    address = f"/objects/persons/{school.pupil['id']}"
    everything = (await client.get(address)).json()["records"]["data"]
    assert [each["status"] for each in everything] == ["pending", "pending", "warning"]
    paged: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        further = "" if cursor is None else f"&cursor={cursor}"
        shown = (await client.get(f"{address}?limit=1{further}")).json()
        assert shown["name"] == "***"
        paged += shown["records"]["data"]
        if (cursor := shown["records"]["next_cursor"]) is None:
            break
    assert paged == everything


async def test_every_record_of_an_object_has_the_codes_of_its_messages(service: Service, school: School) -> None:
    """Of an earlier run too, whose message is about an attribute."""
    writer, client = await service.client("provision"), await service.client("history")
    said = {"id": "8150", "attributeName": "enrolments[0].enroledAt.id", "severityLevel": "Error"}
    for _ in range(2):
        await put(writer, body([school.pupil]), activity_id := uuid4())
        run = (await writer.post(f"/activities/{activity_id}/provision")).json()
        played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
        await played.stage(1, {school.pupil["id"]: ("error", {"status": "Error", "errors": [said]})}, end="failed")
    answer = await client.get(f"/objects/persons/{school.pupil['id']}")
    assert answer.status_code == 200, answer.text
    assert [each["codes"] for each in answer.json()["records"]["data"]] == [["8150"], ["8150"], ["3047"]]


async def test_who_may_not_see_names_is_shown_the_structure(service: Service, school: School) -> None:
    """Without `pii` of everybody, without `protected` of a protected person and of their duty."""
    blind, client = await service.client("history"), await service.client("history", "pii")
    for reader, kind, each in (
        (blind, "persons", school.pupil),
        (client, "persons", school.hidden),
        (client, "duties", school.duty),
    ):
        answer = await reader.get(f"/objects/{kind}/{each['id']}")
        shown = answer.json()
        assert shown["name"] == "***"
        assert list(shown["object"]) == [name for name in each if name != "securityMarking"]
        assert not [word for word in ("Göt", "Exempelsson", "Skydd", "2012", "edu.example") if word in answer.text]
    assert (await blind.post("/objects/search", json={"q": "göta"})).status_code == 403


async def test_another_organisation_finds_nothing(service: Service, school: School) -> None:
    """Nor does it when it has the same object, in another form, under the same id."""
    client = await service.client("history", "pii", "protected", organisation=1)
    for q in ("göta", "9807", school.pupil["id"]):
        assert await search(client, q) == []
    assert (await client.get(f"/objects/persons/{school.pupil['id']}")).status_code == 404
    await put(await service.client("provision", organisation=1), body([{**school.pupil, "givenName": "Annan"}]))
    [theirs] = await search(client, school.pupil["id"])
    [mine] = await search(await service.client("history", "pii"), school.pupil["id"])
    assert (theirs["name"], mine["name"]) == ("Annan Exempelsson", "Göta Exempelsson")
    assert theirs["accepted_at"] is None


async def test_who_is_erased_is_in_no_search(service: Service, school: School) -> None:
    """Neither by name, number and address nor by id; the rows of history stay, with nothing personal."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    for position in (2, 3, 4):
        await school.played.stage(position)
    await put(writer, body(), school.activity_id)
    async with service.runtime.engine.begin() as conn:
        await content.erase_objects(conn, service.organisations[0], "persons", [UUID(school.pupil["id"])])
    for q in ("exempelsson", "9807", "ge980", school.pupil["id"]):
        assert await search(client, q) == []
        job = school.run["jobs"][0]["id"]
        assert (await client.post(f"/jobs/{job}/records/search", json={"q": q})).json()["data"] == []
    shown = (await client.get(f"/objects/persons/{school.pupil['id']}")).json()
    assert (shown["name"], shown["object"], shown["accepted"]["object"]) == (None, None, None)
    assert [each["status"] for each in shown["records"]["data"]] == ["warning"]


async def test_findings_stand_with_the_activity_whose_roster_has_them(service: Service, school: School) -> None:
    writer, client = await service.client("provision"), await service.client("history")
    address = f"/objects/persons/{school.pupil['id']}"
    assert (await client.get(address)).json()["findings"] == []
    activity_id = await put(writer, body([{**school.pupil, "enrolments": [{"schoolYear": "six"}]}]))
    found = (await client.get(address)).json()["findings"]
    assert found
    assert {each["activity_id"] for each in found} == {str(activity_id)}
    listed = (await client.get(f"/activities/{activity_id}/findings")).json()["data"]
    assert [{**each, "activity_id": str(activity_id)} for each in listed if each["id"]] == found


async def test_an_object_says_where_skolverket_has_something_else(service: Service, school: School) -> None:
    """Not known where it was never accepted; of a protected person neither that it differs nor where."""
    writer, client = await service.client("provision"), await service.client("history", "pii")
    seeing = await service.client("history", "pii", "protected")

    async def differs(reader: httpx.AsyncClient, item: dict[str, Any]) -> Any:
        shown = (await reader.get(f"/objects/persons/{item['id']}")).json()
        return shown["differs"], shown["differing"]

    assert await differs(client, school.pupil) == (False, [])
    renamed = [{**each, "givenName": "Nyskriven"} for each in (school.pupil, school.hidden)]
    new = person("Ny", "Nyckelsson", 999)
    await put(writer, body([*renamed, new]), school.activity_id)
    assert await differs(client, school.pupil) == (True, ["givenName"])
    assert await differs(client, school.hidden) == (None, [])
    assert await differs(seeing, school.hidden) == (True, ["givenName"])
    assert await differs(client, new) == (None, [])
