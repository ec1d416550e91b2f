"""Where a protected person goes to school or works stands in no answer to a key without the scope protected."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.database.factories import exam, group

PROTECTED = "Sekretessmarkering"
OPEN, SCHOOL, WORKPLACE = (f"a0000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Scene:
    """A run of an open and a protected pupil, and of a protected teacher; each address that says something of them."""

    addresses: list[str]


@pytest.fixture
async def scene(service: Service) -> Scene:
    boss = await service.client("provision", "history")
    pupils = [
        person(
            serial=980 + place,
            enrolments=[{"enroledAt": {"id": unit}, "schoolType": "GR", "schoolYear": 6}],
            securityMarking=marking,
        )
        for place, (unit, marking) in enumerate(((OPEN, "Ingen"), (SCHOOL, PROTECTED)))
    ]
    teacher = staff(securityMarking=PROTECTED)
    post = {**duty(teacher), "dutyAt": {"id": WORKPLACE}}
    activity_id = await put(boss, body([*pupils, teacher], [post]))
    plan = (await boss.post(f"/activities/{activity_id}/plan")).json()
    run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1)
    await played.stage(2)
    addresses = [
        f"/plans/{plan['id']}/items",
        f"/activities/{activity_id}/readiness/pupils",
        f"/objects/duties/{post['id']}",
        f"/jobs/{played.jobs[1]}/records/{post['id']}",
        *(f"/objects/persons/{each['id']}" for each in pupils),
        *(f"/jobs/{played.jobs[0]}/records/{each['id']}" for each in pupils),
    ]
    for job, batch in zip(played.jobs, played.batches, strict=False):
        addresses.append(f"/jobs/{job}/batches/{batch}")
        addresses += [f"/jobs/{job}/records{form}" for form in ("", ".csv", ".jsonl")]
        addresses += [f"/jobs/{job}/records?school_unit={unit}" for unit in (SCHOOL, WORKPLACE)]
    return Scene(addresses)


async def seen(client: httpx.AsyncClient, scene: Scene, *, by_school: int = 200) -> dict[str, int]:
    """Counts in how many answers each school stands; a list `by_school` has this status."""
    answers = [await client.get(address) for address in scene.addresses]
    statuses = [by_school if "school_unit=" in each else 200 for each in scene.addresses]
    assert [each.status_code for each in answers] == statuses
    return {unit: sum(unit in each.text for each in answers) for unit in (OPEN, SCHOOL, WORKPLACE)}


async def test_a_hidden_school_is_in_no_answer(service: Service, scene: Scene) -> None:
    """An open one is in none to a key without pii either; and who may see protected persons sees theirs."""
    found = await seen(await service.client("history", "pii"), scene)
    assert found.pop(OPEN) > 0
    assert found == {SCHOOL: 0, WORKPLACE: 0}
    assert set((await seen(await service.client("history"), scene, by_school=403)).values()) == {0}
    assert all((await seen(await service.client("history", "pii", "protected"), scene)).values())


@dataclass(frozen=True, slots=True)
class Members:
    """A group of an open and a protected pupil, and an activity of it with an open and a protected teacher.

    `addresses` speak of the group and the activity; `pupils` are those of the group, `readiness` is the exam's.
    """

    addresses: list[str]
    open_ids: list[str]
    hidden_ids: list[str]
    pupils: str
    readiness: str


@pytest.fixture
async def members(service: Service) -> Members:
    boss = await service.client("provision", "history")
    pupils = [person("Olle", serial=980), person("Sigrid", serial=981, securityMarking=PROTECTED)]
    teachers = [staff("Ove", serial=990), staff("Siv", serial=991, securityMarking=PROTECTED)]
    duties = [duty(each) for each in teachers]
    its_class = group(*pupils, organisation={"id": SCHOOL})
    teaching = exam([its_class], duties)
    activity_id = await put(boss, body([*pupils, *teachers], duties, groups=[its_class], activities=[teaching]))
    plan = (await boss.post(f"/activities/{activity_id}/plan")).json()
    run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    hidden = pupils[1]["id"]
    said = {"id": "2203", "message": f"Eleven {hidden} finns inte.", "attributeName": "id", "attributeValue": hidden}
    await played.stage(1, {pupils[1]["id"]: ("error", {"status": "Error", "errors": [{"id": "2010"}]})})
    await played.stage(2, {duties[1]["id"]: ("error", {"status": "Error", "errors": [{"id": "2010"}]})})
    await played.stage(3, {its_class["id"]: ("warning", {"status": "Warning", "warnings": [said]})})
    await played.stage(4)
    addresses: list[str] = [
        f"/plans/{plan['id']}/items?stage=groups&stage=activities",
        f"/activities/{activity_id}/findings?kind=groups&kind=activities",
    ]
    for at, kind, item in ((2, "groups", its_class), (3, "activities", teaching)):
        job = f"/jobs/{played.jobs[at]}"
        addresses += [f"{job}/records{form}" for form in ("", ".csv", ".jsonl", f"/{item['id']}")]
        addresses += [f"{job}/batches/{played.batches[at]}", f"/objects/{kind}/{item['id']}"]
    return Members(
        addresses,
        open_ids=[pupils[0]["id"], duties[0]["id"]],
        hidden_ids=[pupils[1]["id"], duties[1]["id"]],
        pupils=f"/activities/{activity_id}/readiness/pupils?group={its_class['id']}&state=hindered&state=through",
        readiness=f"/activities/{activity_id}/readiness",
    )


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii")])
async def test_no_group_names_somebody_hidden(service: Service, members: Members, scopes: tuple[str, ...]) -> None:
    """Not even by an id; others it names to a key that sees their names."""
    client, boss = await service.client(*scopes), await service.client("history", "pii", "protected")
    everybody = [*members.hidden_ids, *members.open_ids]
    shown, named = set[str](), set[str]()
    for address in members.addresses:
        seen, whole = await client.get(address), await boss.get(address)
        assert (seen.status_code, whole.status_code) == (200, 200), address
        assert [each for each in members.hidden_ids if each in seen.text] == [], address
        shown.update(each for each in everybody if each in seen.text)
        named.update(each for each in everybody if each in whole.text)
    assert (shown, named) == (set(members.open_ids) if "pii" in scopes else set(), set(everybody))
    found = await client.get(members.pupils)
    assert found.status_code == (200 if "pii" in scopes else 403)
    assert [each["id"] for each in found.json().get("data", ())] == (members.open_ids[:1] if "pii" in scopes else [])


@pytest.mark.parametrize(("scopes", "shown"), [(("history", "pii"), False), (("history", "pii", "protected"), True)])
async def test_a_cause_that_is_hidden_leads_to_no_group(
    service: Service, members: Members, scopes: tuple[str, ...], shown: bool
) -> None:
    ready = (await (await service.client(*scopes)).get(members.readiness)).json()
    cause = f"persons:{members.hidden_ids[0]}"
    [hindrance] = [each for each in ready["causes"] if each["id"] == cause]
    assert bool(hindrance["groups"]) == shown
    assert any(cause in each["causes"] for each in ready["groups"]["data"]) == shown
