"""What a source says of somebody in a place that Skolverket does not know, and by which other ways it names them."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Service, SignIn
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.database.factories import exam, group

ALL = ("provision", "history", "pii", "protected")
PROTECTED = {"securityMarking": "Skyddad folkbokföring"}


async def sent(
    service: Service, boss: httpx.AsyncClient, activity_id: UUID, answers: dict[str, tuple[str, Object]] | None = None
) -> Played:
    """Plays a run of an activity to its end."""
    run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    for stage in range(1, 5):
        await played.stage(stage, answers)
    return played


def told_of(text: str, secrets: list[str]) -> list[str]:
    """Gives those of these secrets that stand in a text, an id in whatever spelling."""
    bare = "".join(each for each in text.lower().replace("\\u200b", "") if each.isalnum())
    return [each for each in secrets if each in text or (len(each) == 36 and each.replace("-", "") in bare)]


async def test_nobody_is_told_of_a_protected_person_beside_others(service: Service, sign_in: SignIn) -> None:
    """Not in what others' objects say of them, in the API and on the pages; but to who may see everything."""
    boss, spy = await service.client(*ALL), await service.client("history", "pii")
    hidden, teacher = person("Ulla", "Skyddsson", 983, **PROTECTED), staff("Ingrid", "Skydd", 993, **PROTECTED)
    post = duty(teacher)
    said = {"id": hidden["id"], "displayName": "Ulla Skyddsson", "note": hidden["civicNo"]["value"]}
    of_staff = {"post": {"id": post["id"], "holder": {"id": teacher["id"], "familyName": "Skydd"}}}
    pupil = person("Eva", serial=985, guardians=[said], colleagues=[of_staff])
    pupil["enrolments"][0]["mentor"] = said
    its_class = group(pupil, hidden)
    its_class |= {"members": [said], "assignments": [of_staff], "Ulla Skyddsson": 1}
    its_class["groupMemberships"][0]["friend"] = said
    teaching = exam([its_class], [post])
    teaching |= {"staff": [of_staff], "about": said}
    activity_id = await put(boss, body([pupil, hidden, teacher], [post], groups=[its_class], activities=[teaching]))
    objects = [(0, "persons", pupil), (2, "groups", its_class), (3, "activities", teaching)]
    answer = ("warning", {"status": "Warning", "warnings": [{"id": "2203", "about": [said]}], "others": [of_staff]})
    run = await sent(service, boss, activity_id, {item["id"]: answer for _, _, item in objects})
    secrets = ["Skydd", hidden["civicNo"]["value"], hidden["id"], teacher["id"], post["id"]]
    visitor = await sign_in("history", "pii")
    for at, kind, item in objects:
        job = f"/jobs/{run.jobs[at]}"
        for path in (
            f"/objects/{kind}/{item['id']}",
            f"{job}/records/{item['id']}",
            f"{job}/batches/{run.batches[at]}",
        ):
            if (kind, path) == ("persons", f"{job}/batches/{run.batches[at]}"):
                continue  # whoever is in it is named by id
            shown = await spy.get(path)
            assert shown.status_code == 200
            assert told_of(shown.text, secrets) == []
        for path in (f"/historik/objekt/{kind}/{item['id']}", f"/historik/jobb/{run.jobs[at]}/poster/{item['id']}"):
            page = await visitor.get(path)
            assert page.status_code == 200
            assert told_of(page.text, secrets) == []
        whole = (await boss.get(f"/objects/{kind}/{item['id']}")).json()["object"]
        assert whole == item


HOW: list[Callable[[str], str]] = [
    str.upper,
    lambda given: f"{{{given}}}",
    lambda given: f"urn:uuid:{given}",
    lambda given: given.replace("-", ""),
    lambda given: given.replace("-", "").upper(),
    lambda given: f" {given}",
    lambda given: f"{given}\u200b",
    lambda given: given.replace("-", "\u2010"),
    lambda given: f"{given[:18]}\u00ad{given[18:]}",
]


@pytest.mark.parametrize("spelt", HOW, ids=range(len(HOW)))
async def test_an_id_in_another_spelling_names_nobody_hidden(service: Service, spelt: Callable[[str], str]) -> None:
    boss, spy = await service.client(*ALL), await service.client("history", "pii")
    pupil, hidden = person("Eva", serial=985), person("Ulla", "Skyddsson", 983, **PROTECTED)
    teacher = staff("Ingrid", "Skydd", 993, **PROTECTED)
    post = duty(teacher)
    its_class = group(pupil)
    its_class["groupMemberships"].append({"person": {"id": spelt(hidden["id"])}})
    teaching = exam([its_class])
    teaching["teachers"] = [{"duty": {"id": spelt(post["id"])}}]
    activity_id = await put(boss, body([pupil, hidden, teacher], [post], groups=[its_class], activities=[teaching]))
    run = await sent(service, boss, activity_id)
    for at, kind, item in ((2, "groups", its_class), (3, "activities", teaching)):
        records = f"/jobs/{run.jobs[at]}/records"
        for path in (f"/objects/{kind}/{item['id']}", f"{records}/{item['id']}", records, f"{records}.csv"):
            shown = await spy.get(path)
            assert shown.status_code == 200
            assert told_of(shown.text, [hidden["id"], post["id"]]) == []


def enrolled(unit: UUID) -> list[Object]:
    return [{"enroledAt": {"id": str(unit)}, "schoolType": "GR", "schoolYear": 6}]


async def test_a_narrowed_key_is_told_of_nobody_beside_its_own(service: Service) -> None:
    """Whatever else it may see: who is of another unit stands in nothing that its own group says."""
    unit, other = uuid4(), uuid4()
    boss = await service.client(*ALL)
    key = await service.client("history", "pii", "protected", school_units=[unit])
    mine = person("Min", serial=981, enrolments=enrolled(unit))
    theirs = person("Deras", "Grannskola", 983, enrolments=enrolled(other))
    its_class = group(mine, organisation={"id": str(unit)})
    its_class["groupMemberships"].append({"person": {"id": theirs["id"].replace("-", "")}})
    named: Any = {"pupil": {"displayName": "Deras Grannskola"}}
    its_class |= {"members": [named, {"person": {"id": theirs["id"]}}]}
    await put(boss, body([mine, theirs], groups=[its_class]))
    shown = await key.get(f"/objects/groups/{its_class['id']}")
    assert shown.status_code == 200
    assert mine["id"] in shown.text
    assert told_of(shown.text, ["Grannskola", theirs["id"]]) == []
    assert json.dumps(its_class, ensure_ascii=False) == json.dumps(
        (await boss.get(f"/objects/groups/{its_class['id']}")).json()["object"], ensure_ascii=False
    )


@pytest.mark.parametrize("spelt", [HOW[3], HOW[6], lambda given: f"{given} (gammalt)", lambda _: "okänd"], ids=range(4))
async def test_a_duty_is_hidden_while_nobody_can_tell_whose_it_is(
    service: Service, spelt: Callable[[str], str]
) -> None:
    """Where it is, in which post, and which exam has it; and no longer once it names somebody who is not protected."""
    boss, spy = await service.client(*ALL), await service.client("history", "pii")
    teacher = staff("Ingrid", "Skydd", 993, **PROTECTED)
    post = {**duty(teacher), "person": {"id": spelt(teacher["id"])}, "dutyRole": "Rektor"}
    pupil = person("Eva", serial=985)
    its_class = group(pupil)
    roster = {"groups": [its_class], "activities": [exam([its_class], [post])]}
    activity_id = await put(boss, body([pupil, teacher], [post], **roster))
    run = await sent(service, boss, activity_id)
    records = f"/jobs/{run.jobs[1]}/records"
    exam_path = f"/objects/activities/{roster['activities'][0]['id']}"
    of_duty = (f"/objects/duties/{post['id']}", f"{records}/{post['id']}", records, f"{records}.csv")
    secrets = ["Skydd", "Rektor", post["dutyAt"]["id"], teacher["id"]]
    for path in of_duty:
        shown = await spy.get(path)
        assert shown.status_code == 200
        assert told_of(shown.text, secrets) == []
    assert told_of((await spy.get(exam_path)).text, [post["id"]]) == []
    found = await spy.get(f"{records}?school_unit={post['dutyAt']['id']}")
    assert found.json()["data"] == []
    everyone = staff("Ove", "Öppen", 994)
    await put(boss, body([pupil, everyone], [{**post, "person": {"id": everyone["id"]}}], **roster), activity_id)
    assert told_of((await spy.get(of_duty[0])).text, secrets) == ["Rektor", post["dutyAt"]["id"]]


async def test_a_roster_is_read_back_without_what_it_said_of_others(service: Service) -> None:
    """All else is as it came, published or not; a finding says what was left out."""
    boss = await service.client(*ALL)
    said = {"id": str(uuid4()), "displayName": "Mo Ek"}
    pupil = person("Eva", serial=985, birthDate="2012-01-01")
    its_class = group(pupil, startDate="2026-08-01")
    kept = body([pupil], groups=[its_class])
    more = body(
        [{**pupil, "responsibles": [{"person": said}]}],
        groups=[{**its_class, "_embedded": {"assignmentRoles": [{"duty": {"person": said}}]}}],
    )
    activity_id = await put(boss, more)
    read = (await boss.get(f"/activities/{activity_id}/roster")).json()
    assert read["roster"]["persons"] == kept["roster"]["persons"]
    assert read["roster"]["groups"] == kept["roster"]["groups"]
    findings = (await boss.get(f"/activities/{activity_id}/findings")).json()["data"]
    left_out = {each["pointer"] for each in findings if each["code"] == "property_left_out"}
    assert left_out >= {"/responsibles", "/_embedded", "/birthDate"}
    again = await boss.put(f"/activities/{activity_id}", json=more)
    assert (again.status_code, again.json()["roster"]["version"]) == (200, 1)
