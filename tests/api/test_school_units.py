"""Keys of single school units: two schools in one roster, and everything of the other one marked."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Service, SignIn
from tests.api.factories import Object, Played, body, person, put
from tests.api.guards import assert_problem
from tests.database.factories import exam, group

OWN, OTHER = UUID("5b1a4f0e-6f0f-4d4e-8a44-0c8d0e5f1a01"), UUID("5b1a4f0e-6f0f-4d4e-8a44-0c8d0e5f1a02")
# In every text of the other school, and in no other.
MARKER = "Grannskola"
# So many pupils has the other school: no number is that, or that with ours. No minute, hour or day is either.
OTHERS = 71


def pupil_at(*units: UUID, **more: Any) -> Object:
    enrolments = [{"enroledAt": {"id": str(unit)}, "schoolType": "GR", "schoolYear": 6} for unit in units]
    return person(enrolments=enrolments, **more)


def teacher_at(unit: UUID, given: str, family: str) -> tuple[Object, Object]:
    one = person(given, family, 995)
    one.pop("enrolments")
    post = {"id": str(uuid4()), "person": {"id": one["id"]}, "dutyAt": {"id": str(unit)}, "dutyRole": "Lärare"}
    return one, post


@dataclass
class Scene:
    """One roster of two schools, sent; what a key of one of them must never read, and what it must."""

    service: Service
    client: httpx.AsyncClient
    own: dict[str, str]
    theirs: set[str]
    activity_id: UUID
    elsewhere: UUID
    run: dict[str, Any]
    other_run: dict[str, Any]
    batches: list[UUID] = field(default_factory=list)

    @property
    def jobs(self) -> list[str]:
        return [each["id"] for each in self.run["jobs"]]

    def assert_own(self, text: str, address: str) -> None:
        """Nothing of the other school stands there: no id, no name, and neither of its numbers."""
        for hidden in (MARKER, str(OTHER), *self.theirs):
            assert hidden.lower() not in text.lower(), (address, hidden)
        # Not within ids, times, digests, file contents.
        plain = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z?|\"[^\"]{20,}\"", "", text)
        for number in (OTHERS, OTHERS + 1, OTHERS + 2):
            assert not re.search(rf"(?<![\d.-]){number}(?![\d.-])", plain), (address, number)


@pytest.fixture
async def scene(service: Service) -> Scene:
    writer = await service.client("provision", "history")
    mine, shared = pupil_at(OWN, given="Åsa"), pupil_at(OWN, OTHER, given="Bo", serial=981)
    others = [pupil_at(OTHER, given=MARKER, family=f"{MARKER}sson", serial=982) for _ in range(OTHERS)]
    for number, each in enumerate(others):
        each["eduPersonPrincipalNames"] = [f"{MARKER.lower()}{number}@edu.example.se"]
    # Without a name: a finding, and an error.
    others[0].pop("familyName")
    my_teacher, my_post = teacher_at(OWN, "Östen", "Lärarsson")
    their_teacher, their_post = teacher_at(OTHER, MARKER, MARKER)
    at_mine, at_theirs = {"organisation": {"id": str(OWN)}}, {"organisation": {"id": str(OTHER)}}
    my_group = group(mine, shared, others[1], **at_mine)
    their_group = group(*others, displayName=f"{MARKER} 6B", **at_theirs)
    both = exam([my_group, their_group], [my_post, their_post], **at_mine)
    persons = [*others, mine, shared, my_teacher, their_teacher]
    roster = body(persons, [their_post, my_post], groups=[their_group, my_group], activities=[both])
    activity_id, elsewhere = await put(writer, roster), await put(writer, body(others))
    run = (await writer.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    other_run = (await writer.post(f"/activities/{elsewhere}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    messages = [{"messageId": 2010, "message": f"{MARKER} {mine['id']}"}]
    said = {"status": "Error", "statusCode": 400, "messages": messages}
    await played.stage(1, {others[2]["id"]: ("error", said)})
    for stage in (2, 3, 4):
        await played.stage(stage)
    theirs = {each["id"] for each in (*others, their_teacher, their_post, their_group)}
    theirs |= {str(elsewhere), other_run["id"], *(each["id"] for each in other_run["jobs"])}
    own = {"pupil": mine["id"], "shared": shared["id"], "teacher": my_teacher["id"], "post": my_post["id"]}
    own |= {"group": my_group["id"], "exam": both["id"]}
    reader = await service.client("history", "pii", "protected", school_units=[OWN])
    return Scene(service, reader, own, theirs, activity_id, elsewhere, run, other_run, played.batches)


async def test_what_a_key_of_one_school_reads_has_nothing_of_another(scene: Scene) -> None:
    """Not an id, a name, a number, in lists, details, searches and files; and what is its own is there."""
    run, activity = scene.run["id"], f"/activities/{scene.activity_id}"
    addresses = [
        "/activities",
        activity,
        "/runs",
        "/runs.jsonl",
        "/runs.csv",
        f"/runs/{run}",
        f"{activity}/runs",
        "/jobs",
        f"{activity}/findings/causes",
        f"{activity}/readiness",
        f"{activity}/readiness?limit=1",
        f"{activity}/readiness/pupils",
        f"{activity}/readiness/pupils?state=through&state=hindered&state=not_in_exam",
    ]
    for job in scene.jobs:
        records = f"/jobs/{job}/records"
        addresses += [f"/jobs/{job}", records, f"{records}?limit=1", f"{records}?sort=status", f"{records}.csv"]
        addresses += [f"{records}.jsonl", f"{records}?school_unit={OTHER}"]
    persons = f"/jobs/{scene.jobs[0]}/records"
    addresses += [f"{persons}/{scene.own[name]}" for name in ("pupil", "shared", "teacher")]
    addresses += [f"/jobs/{scene.jobs[1]}/records/{scene.own['post']}"]
    addresses += [f"/jobs/{scene.jobs[2]}/records/{scene.own['group']}"]
    addresses += [f"/jobs/{scene.jobs[3]}/records/{scene.own['exam']}"]
    for address in addresses:
        answer = await scene.client.get(address)
        assert answer.status_code == 200, (address, answer.text)
        scene.assert_own(answer.text, address)
    listed = (await scene.client.get(persons)).json()
    assert {each["id"] for each in listed["data"]} == {scene.own[name] for name in ("pupil", "shared", "teacher")}
    assert listed["data"][0]["name"] == "Åsa Exempelsson"
    job = (await scene.client.get(f"/jobs/{scene.jobs[0]}")).json()
    assert (job["progress"]["total"], job["progress"]["succeeded"], job["outcome"]) == (3, 3, "clean")
    shown = (await scene.client.get(activity)).json()
    assert shown["roster"]["counts"] == {"persons": 3, "duties": 1, "groups": 1, "activities": 1}
    assert shown["last_run"]["outcome"] == (await scene.client.get(f"/runs/{run}")).json()["outcome"] == "clean"
    assert [each["id"] for each in (await scene.client.get("/runs")).json()["data"]] == [run]
    assert {each["run_id"] for each in (await scene.client.get("/jobs")).json()["data"]} == {run}


async def test_who_is_missing_is_told_of_the_schools_pupils_alone(scene: Scene) -> None:
    """Ours are counted, by our group; the pupil of theirs at whom something failed is in no list, number or cause."""
    address = f"/activities/{scene.activity_id}/readiness"
    shown = (await scene.client.get(address)).json()
    assert (shown["pupils"]["total"], shown["pupils"]["through"], shown["pupils"]["hindered"]) == (2, 2, 0)
    assert (shown["duties"]["total"], shown["causes"], shown["last_run"]["outcome"]) == (1, [], "clean")
    assert [each["id"] for each in shown["groups"]["data"]] == [scene.own["group"]]
    assert shown["groups"]["data"][0]["pupils"]["total"] == 2
    through = (await scene.client.get(f"{address}/pupils?state=through&limit=1")).json()
    [first] = through["data"]
    [last] = (await scene.client.get(f"{address}/pupils?state=through&limit=1&cursor={through['next_cursor']}")).json()[
        "data"
    ]
    assert [first["id"], last["id"]] == [scene.own["pupil"], scene.own["shared"]]
    others = sorted(scene.theirs)
    for narrowed in (f"group={others[0]}", f"cause=persons:{others[0]}", "state=hindered"):
        assert (await scene.client.get(f"{address}/pupils?{narrowed}")).json()["data"] == []
    whole = await scene.service.client("history", "pii", "protected")
    assert (await whole.get(address)).json()["pupils"]["hindered"] > 0
    assert_problem(await scene.client.get(f"/activities/{scene.elsewhere}/readiness"), 404)
    assert_problem(await scene.client.get(f"/activities/{scene.elsewhere}/findings/causes"), 404)


async def test_pupils_who_wait_for_something_of_another_school_are_told_just_that(service: Service) -> None:
    """Their class is a group of the other school, which Skolverket refused."""
    writer = await service.client("provision", "history")
    mine, other = pupil_at(OWN), pupil_at(OTHER, given=MARKER, serial=981)
    theirs = group(mine, other, displayName=f"{MARKER} 6B", organisation={"id": str(OTHER)})
    both = exam([theirs], [], organisation={"id": str(OTHER)})
    activity_id = await put(writer, body([mine, other], [], groups=[theirs], activities=[both]))
    run = (await writer.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    await played.stage(2)
    refused = {"status": "Error", "statusCode": 400, "messages": [{"messageId": 4001, "message": MARKER}]}
    await played.stage(3, {theirs["id"]: ("error", refused)})
    reader = await service.client("history", "pii", "protected", school_units=[OWN])
    address = f"/activities/{activity_id}/readiness"
    for shown in (await reader.get(address), await reader.get(f"{address}/pupils")):
        for hidden in (MARKER, theirs["id"], other["id"], str(OTHER)):
            assert hidden.lower() not in shown.text.lower()
    [cause] = (await reader.get(address)).json()["causes"]
    assert (cause["id"], cause["object"], cause["pupils"], cause["groups"]) == ("groups:of_another_unit", None, 1, [])
    [pupil] = (await reader.get(f"{address}/pupils?cause=groups:of_another_unit")).json()["data"]
    assert (pupil["id"], pupil["cause"]["code"], pupil["name"]) == (mine["id"], "of_another_unit", "Åsa Exempelsson")


async def test_what_is_of_another_school_is_not_there(scene: Scene) -> None:
    job, [theirs, *_] = scene.jobs[0], sorted(scene.theirs)
    there = [
        f"/activities/{scene.elsewhere}/findings",
        f"/activities/{scene.elsewhere}",
        f"/activities/{scene.elsewhere}/runs",
        f"/runs/{scene.other_run['id']}",
    ]
    there += [f"/jobs/{scene.other_run['jobs'][0]['id']}", f"/jobs/{scene.other_run['jobs'][0]['id']}/records"]
    there += [f"/jobs/{job}/records/{each}" for each in (theirs, *scene.theirs)]
    for address in there:
        last = re.findall(r"[0-9a-f-]{36}", address)[-1]
        invented = address.replace(last, str(uuid4()))
        found = assert_problem(await scene.client.get(address), 404)
        absent = assert_problem(await scene.client.get(invented), 404)
        assert {**found, "instance": ""} == {**absent, "instance": ""}


async def test_a_search_finds_who_is_of_the_school(scene: Scene) -> None:
    async def found(phrase: str) -> set[str]:
        answer = await scene.client.post(f"/jobs/{scene.jobs[0]}/records/search", json={"q": phrase})
        scene.assert_own(answer.text.replace(phrase, ""), phrase)
        return {each["id"] for each in answer.json()["data"]}

    assert await found(MARKER) == set()
    assert await found(next(iter(scene.theirs))) == set()
    assert await found("Exempelsson") == {scene.own["pupil"], scene.own["shared"]}
    assert await found("Östen") == {scene.own["teacher"]}


async def test_an_object_is_known_by_the_school_it_is_of(scene: Scene) -> None:
    """Found and read, with what it names of others masked; another school's is not there."""
    for kind, name in (("persons", "pupil"), ("persons", "shared"), ("persons", "teacher"), ("duties", "post")):
        answer = await scene.client.get(f"/objects/{kind}/{scene.own[name]}")
        assert answer.status_code == 200
        scene.assert_own(answer.text, name)
    for kind, name in (("groups", "group"), ("activities", "exam")):
        answer = await scene.client.get(f"/objects/{kind}/{scene.own[name]}")
        assert answer.status_code == 200
        scene.assert_own(answer.text, name)
    for kind in ("persons", "duties", "groups"):
        for each in scene.theirs:
            assert_problem(await scene.client.get(f"/objects/{kind}/{each}"), 404)
    for phrase, found in ((MARKER, set()), ("Exempelsson", {scene.own["pupil"], scene.own["shared"]})):
        data = (await scene.client.post("/objects/search", json={"q": phrase})).json()["data"]
        assert {each["id"] for each in data} == found


async def test_pages_go_on_by_cursors_that_tell_no_place(scene: Scene) -> None:
    """Each record once; a cursor is opened by nobody else, and no other is taken."""
    address, cursor, seen, lengths = f"/jobs/{scene.jobs[0]}/records?limit=1", "", [], set()
    while cursor is not None:
        answer = (await scene.client.get(f"{address}&cursor={cursor}")).json()
        seen += [each["id"] for each in answer["data"]]
        cursor = answer["next_cursor"]
        lengths.add(len(cursor or " " * 128))
    assert min(lengths) >= 128
    assert len(seen) == len(set(seen)) == 3
    whole = await scene.service.client("history")
    theirs = (await whole.get(address)).json()["next_cursor"]
    assert_problem(await scene.client.get(f"{address}&cursor={theirs}"), 400)


async def test_what_a_group_and_an_exam_name_is_masked_where_it_is_of_another_school(scene: Scene) -> None:
    group = (await scene.client.get(f"/jobs/{scene.jobs[2]}/records/{scene.own['group']}")).json()
    members = [each["person"]["id"] for each in group["sent"]["groupMemberships"]]
    assert members == [scene.own["pupil"], scene.own["shared"], "***"]
    both = (await scene.client.get(f"/jobs/{scene.jobs[3]}/records/{scene.own['exam']}")).json()
    assert [each["id"] for each in both["sent"]["groups"]] == [scene.own["group"], "***"]
    assert [each["duty"]["id"] for each in both["sent"]["teachers"]] == [scene.own["post"], "***"]
    shared = (await scene.client.get(f"/jobs/{scene.jobs[0]}/records/{scene.own['shared']}")).json()
    assert shared["name"] == "Bo Exempelsson"
    assert str(OTHER) not in json.dumps(shared)


async def test_a_poll_knows_what_has_not_changed_for_the_school(scene: Scene) -> None:
    """Its ETag is of what it is shown, and its version tells nothing."""
    for address in (f"/runs/{scene.run['id']}", f"/jobs/{scene.jobs[0]}", f"/activities/{scene.activity_id}"):
        answer = await scene.client.get(address)
        again = await scene.client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert answer.json().get("version", 0) == 0


async def test_a_change_of_another_schools_pupils_alone_is_not_seen(service: Service) -> None:
    """Neither in a version nor in a time; one of its own pupils is."""
    writer = await service.client("provision")
    reader = await service.client("history", "pii", "protected", school_units=[OWN])
    mine, theirs = pupil_at(OWN, serial=981), pupil_at(OTHER, serial=982)
    activity_id = await put(writer, body([mine, theirs]))
    address = f"/activities/{activity_id}"

    async def seen() -> tuple[Any, ...]:
        one = await reader.get(address)
        [listed] = (await reader.get("/activities")).json()["data"]
        readiness = (await reader.get(f"{address}/readiness")).json()
        return one.headers["etag"], one.json(), listed, readiness | {"as_of": None}

    before = await seen()
    await put(writer, body([mine, {**theirs, "givenName": "Ny"}, pupil_at(OTHER, serial=983)]), activity_id)
    assert await seen() == before
    await put(writer, body([{**mine, "givenName": "Ny"}, theirs]), activity_id)
    etag, activity, *_ = await seen()
    assert etag != before[0]
    assert activity["roster"]["updated_at"] > before[1]["roster"]["updated_at"]


async def test_a_page_shows_nothing_of_another_school(scene: Scene, sign_in: SignIn) -> None:
    browser = await sign_in("history", "pii", "protected", school_units=[OWN])
    run, job = scene.run["id"], scene.jobs[0]
    own = [f"/historik/jobb/{job}/poster/{scene.own[name]}" for name in ("pupil", "shared", "teacher")]
    own += [f"/historik/objekt/persons/{scene.own[name]}" for name in ("pupil", "shared", "teacher")]
    own += [f"/historik/jobb/{scene.jobs[2]}/poster/{scene.own['group']}"]
    own += [f"/historik/jobb/{scene.jobs[3]}/poster/{scene.own['exam']}", f"/historik/jobb/{job}/export/csv"]
    of_exam = f"/historik/prov/{scene.activity_id}"
    own += ["/historik/prov", of_exam, f"{of_exam}/elever", f"{of_exam}/elever?state=through"]
    for address in ("/historik", f"/historik/korningar/{run}", f"/historik/jobb/{job}", *own):
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        scene.assert_own(answer.text, address)
        # Every link of a page leads to one that is shown to such a key.
        for link in set(re.findall(r'href="(/historik[^"#]*)"', answer.text)):
            assert (await browser.get(link.replace("&amp;", "&"))).status_code in (200, 303), (address, link)


async def test_who_is_protected_is_of_no_unit_to_a_key_that_may_not_see_them(service: Service) -> None:
    """Not in a list, a count, a finding or a search, and not by the id: a unit's list tells where somebody goes."""
    writer = await service.client("provision")
    hidden = pupil_at(OWN, given="Eva", family="Skyddsson", serial=983, securityMarking="Sekretessmarkering")
    activity_id = await put(writer, body([pupil_at(OWN), hidden]))
    run = (await writer.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    job = run["jobs"][0]["id"]
    for scopes, number in ((("history", "pii"), 1), (("history", "pii", "protected"), 2)):
        reader = await service.client(*scopes, school_units=[OWN])
        activity = (await reader.get(f"/activities/{activity_id}")).json()
        listed = (await reader.get(f"/jobs/{job}/records")).json()
        assert activity["roster"]["counts"]["persons"] == number
        assert (await reader.get(f"/jobs/{job}")).json()["progress"]["total"] == number
        assert len(listed["data"]) == listed["counts"]["status"]["succeeded"] == number
        assert ("Skyddsson" in str(listed)) == (hidden["id"] in str(listed)) == (number == 2)
        status = 200 if number == 2 else 404
        for address in (f"/jobs/{job}/records/{hidden['id']}", f"/objects/persons/{hidden['id']}"):
            assert (await reader.get(address)).status_code == status
        for address in (f"/jobs/{job}/records/search", "/objects/search"):
            found = (await reader.post(address, json={"q": "Skyddsson"})).json()["data"]
            assert len(found) == number - 1
