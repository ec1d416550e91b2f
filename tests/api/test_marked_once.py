"""Whom an upload has marked as protected stays hidden whatever becomes of it, until somebody allows otherwise."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import FROM_HERE, Service, SignIn, token_of
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.api.guards import assert_problem
from tests.database.factories import exam, group

PROTECTED = {"securityMarking": "Skyddad folkbokföring"}
OPEN = {"securityMarking": "Ingen"}
ALL = ("provision", "history", "pii", "protected")
SCHOOL, WORKPLACE = (f"a0000000-0000-4000-8000-00000000000{number}" for number in (2, 3))
# Of the pupil and of the teacher: names, what tells their numbers and logins from others, and where they are.
SECRETS = ("Skyddsson", "Skyddslärare", "20120101983", "20120101993", "us983@", "is993@", SCHOOL, WORKPLACE)
# Where an id alone would tell where they go.
BY_ID = ("/groups/", "/objects/activities/", "#groups", "#activities", "?school_unit=")
FAILS = ("error", {"status": "Error", "errors": [{"id": "2010"}]})


@dataclass(frozen=True, slots=True)
class School:
    """A pupil and a teacher with a duty, beside others, in a class that has an exam."""

    pupil: Object
    teacher: Object
    duty: Object
    others: list[Object]
    group: Object
    exam: Object

    @classmethod
    def make(cls) -> "School":
        pupil = person("Ulla", "Skyddsson", 983)
        pupil["enrolments"][0]["enroledAt"]["id"] = SCHOOL
        teacher, others = staff("Ingrid", "Skyddslärare", 993), [person("Eva"), staff()]
        post, its_class = {**duty(teacher), "dutyAt": {"id": WORKPLACE}}, group(pupil, others[0])
        return cls(pupil, teacher, post, others, its_class, exam([its_class], [post]))

    def roster(self, **marking: str) -> dict[str, Any]:
        both = [{**each, **marking} for each in (self.pupil, self.teacher)]
        return body([*both, *self.others], [self.duty], groups=[self.group], activities=[self.exam])

    def roster_without(self) -> dict[str, Any]:
        left = group(self.others[0], id=self.group["id"])
        return body(self.others, [], groups=[left], activities=[{**self.exam, "teachers": []}])


async def asked(client: httpx.AsyncClient, activity_id: UUID, *allow: str) -> UUID:
    options = {"on_record_error": "continue", "allow": list(allow)}
    answer = await client.post(f"/activities/{activity_id}/provision", json=options)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["id"])


async def played(service: Service, run_id: UUID, answers: dict[str, tuple[str, Object]] | None = None) -> Played:
    run = await Played.of(service.runtime, service.organisations[0], run_id)
    for position in range(1, len(run.jobs) + 1):
        await run.stage(position, answers)
    return run


async def sent(service: Service, client: httpx.AsyncClient, activity_id: UUID, *allow: str) -> Played:
    return await played(service, await asked(client, activity_id, *allow))


@dataclass(frozen=True, slots=True)
class Scene:
    """A school whose first run, of an unmarked upload, was accepted; and all addresses that say something of it."""

    school: School
    activity_id: UUID
    first: Played
    plan: str
    addresses: list[str]

    @classmethod
    async def make(cls, service: Service, boss: httpx.AsyncClient) -> "Scene":
        school = School.make()
        activity_id = await put(boss, school.roster())
        plan = f"/plans/{(await boss.post(f'/activities/{activity_id}/plan')).json()['id']}/items"
        first = await sent(service, boss, activity_id)
        # Each has the address of one of them: findings that speak of them.
        twins = [
            person("Tora", "Tvilling", serial, eduPersonPrincipalNames=each["eduPersonPrincipalNames"])
            for serial, each in ((984, school.pupil), (985, school.teacher))
        ]
        probe = await put(boss, body(twins))
        ids = (school.pupil, school.duty, school.group, school.exam)
        addresses = [plan, f"/activities/{probe}/findings", f"/objects/persons/{school.teacher['id']}"]
        for kind, job, each in zip(("persons", "duties", "groups", "activities"), first.jobs, ids, strict=True):
            calls = (await boss.get(f"/jobs/{job}/batches")).json()["data"]
            addresses.append(f"/objects/{kind}/{each['id']}")
            addresses += [f"/jobs/{job}/batches/{call['id']}#{kind}" for call in calls]
            addresses += [
                f"/jobs/{job}/records{form}#{kind}" for form in ("", ".csv", ".jsonl", ".xlsx", f"/{each['id']}")
            ]
            addresses += [f"/jobs/{job}/records?school_unit={unit}" for unit in (SCHOOL, WORKPLACE)]
        return cls(school, activity_id, first, plan, addresses)

    @property
    def hidden_ids(self) -> tuple[str, str]:
        """Gives whom no group and no exam names."""
        return self.school.pupil["id"], self.school.duty["id"]

    async def texts(self, client: httpx.AsyncClient) -> dict[str, str]:
        """Gives what a key is answered, by address."""
        shown: dict[str, str] = {}
        for address in self.addresses:
            answer = await client.get(address)
            assert answer.status_code == 200, (address, answer.text)
            shown[address] = text_of(answer)
        searches = [("/objects/search", "Skyddsson"), ("/objects/search", "Skyddslärare")]
        searches += [(f"/jobs/{job}/records/search", word) for job in self.first.jobs[:2] for _, word in searches[:2]]
        for address, word in searches:
            shown[f"{address} {word}"] = (await client.post(address, json={"q": word})).text
        return shown

    async def told(self, client: httpx.AsyncClient) -> list[tuple[str, str]]:
        """Gives what a key is told of whom it must not be told, and where."""
        return [
            (address, secret)
            for address, text in (await self.texts(client)).items()
            for secret in (*SECRETS, *(self.hidden_ids if any(each in address for each in BY_ID) else ()))
            if secret in text
        ]


def text_of(answer: httpx.Response) -> str:
    if "spreadsheetml" not in answer.headers["content-type"]:
        return answer.text
    book = ZipFile(BytesIO(answer.content))
    return "".join(book.read(name).decode() for name in book.namelist())


@pytest.fixture
async def boss(service: Service) -> httpx.AsyncClient:
    return await service.client(*ALL)


@pytest.fixture
async def scene(service: Service, boss: httpx.AsyncClient) -> Scene:
    return await Scene.make(service, boss)


async def marked_and_gone(service: Service, boss: httpx.AsyncClient, scene: Scene, way: str) -> None:
    """Uploads both as protected, and then what brings it about that no roster says so any more."""
    await put(boss, scene.school.roster(**PROTECTED), scene.activity_id)
    if way == "sent in vain and removed":
        run_id = await asked(boss, scene.activity_id)
        await played(service, run_id, {each["id"]: FAILS for each in (scene.school.pupil, scene.school.teacher)})
    if way == "deleted":
        gone = await boss.delete(f"/activities/{scene.activity_id}", headers={"If-Match": "*"})
        assert gone.status_code == 204
        scene.addresses.remove(scene.plan)
    elif way == "without the property":
        await put(boss, scene.school.roster(), scene.activity_id)
    else:
        await put(boss, scene.school.roster_without(), scene.activity_id)


@pytest.mark.parametrize("way", ["removed", "without the property", "deleted", "sent in vain and removed"])
async def test_a_marking_outlives_its_roster(service: Service, boss: httpx.AsyncClient, scene: Scene, way: str) -> None:
    """Nothing accepted has it: what was sent before is hidden all the same, wherever it shows, and others are not."""
    eye = await service.client("history", "pii")
    assert {secret for _, secret in await scene.told(eye)} == {*SECRETS, *scene.hidden_ids}, "not marked yet"
    await marked_and_gone(service, boss, scene, way)
    assert await scene.told(eye) == []
    assert "Eva" in "".join((await scene.texts(eye)).values())
    assert {secret for _, secret in await scene.told(boss)} == {*SECRETS, *scene.hidden_ids}
    narrowed = await service.client("history", "pii", school_units=[UUID(SCHOOL)])
    assert (await narrowed.get(f"/jobs/{scene.first.jobs[0]}/records")).status_code == 404, "of which it has nobody"


async def test_no_list_by_groups_has_whom_an_upload_has_marked(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    await marked_and_gone(service, boss, scene, "without the property")
    pupils = f"/activities/{scene.activity_id}/readiness/pupils?group={scene.school.group['id']}&state=through"
    eye = await service.client("history", "pii")
    assert [each["name"] for each in (await eye.get(pupils)).json()["data"]] == ["Eva Exempelsson"]
    assert len((await boss.get(pupils)).json()["data"]) == 2
    plan = (await boss.post(f"/activities/{scene.activity_id}/plan")).json()["id"]
    items = (await eye.get(f"/plans/{plan}/items")).text
    assert [secret for secret in (*SECRETS, scene.hidden_ids[1]) if secret in items] == [scene.hidden_ids[1]]


async def is_shown(service: Service, scene: Scene) -> bool:
    eye = await service.client("history", "pii")
    record = (await eye.get(f"/jobs/{scene.first.jobs[0]}/records/{scene.school.pupil['id']}")).json()
    shown = (await eye.get(f"/objects/persons/{scene.school.pupil['id']}")).json()
    assert (record["name"] == "***") == (shown["name"] == "***"), "one rule for both"
    return bool(record["name"] != "***")


async def test_a_run_that_allows_it_shows_who_is_protected_no_more(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """And has it accepted; not one that sends the same and allows nothing, or something else."""
    await marked_and_gone(service, boss, scene, "without the property")
    await sent(service, boss, scene.activity_id)
    assert not await is_shown(service, scene), "nobody has allowed it"
    await sent(service, boss, scene.activity_id, "shrinks", "reused_id")
    assert not await is_shown(service, scene), "nor by what is of something else"
    await sent(service, boss, scene.activity_id, "weaker_marking")
    assert await is_shown(service, scene)


async def test_who_was_accepted_as_protected_is_shown_when_less_is_accepted(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    for marking in ({"securityMarking": "Sekretessmarkering"}, {}):
        await put(boss, scene.school.roster(**PROTECTED), scene.activity_id)
        await sent(service, boss, scene.activity_id)
        await put(boss, scene.school.roster(**marking), scene.activity_id)
        await sent(service, boss, scene.activity_id)
        assert not await is_shown(service, scene), "what is weaker is not sent"
        await sent(service, boss, scene.activity_id, "weaker_marking")
        assert await is_shown(service, scene) == (not marking)


async def test_nobody_is_shown_whom_another_roster_marks(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """Until that is gone too, and a run after it allows it."""
    elsewhere = await put(boss, body([{**scene.school.pupil, **PROTECTED}]))
    renamed = {**scene.school.pupil, "familyName": "Skyddsson Ek"}
    await put(boss, body([renamed, *scene.school.others]), scene.activity_id)
    await sent(service, boss, scene.activity_id, "weaker_marking")
    assert not await is_shown(service, scene)
    await put(boss, body([person("Olle", serial=986)]), elsewhere)
    await sent(service, boss, scene.activity_id, "weaker_marking")
    assert await is_shown(service, scene)


async def test_what_was_allowed_before_a_marking_shows_nobody(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """The run was asked for by somebody who did not know of it."""
    changed = [{**scene.school.pupil, "familyName": "Skyddsson Ek"}, *scene.school.others]
    marked = [{**changed[0], **PROTECTED}, *changed[1:]]
    for roster in (marked, changed):
        await put(boss, body(roster), scene.activity_id)
    waiting = await asked(boss, scene.activity_id, "weaker_marking")
    for roster in (marked, changed):
        await put(boss, body(roster), scene.activity_id)
    await played(service, waiting)
    assert not await is_shown(service, scene)


async def test_an_older_upload_shows_nobody_whom_a_newer_one_had_sent_as_protected(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """It is not sent over the newer one, and so is not what Skolverket has."""
    elsewhere = await put(boss, body([{**scene.school.pupil, **PROTECTED}]))
    await sent(service, boss, elsewhere)
    await put(boss, body([person("Olle", serial=986)]), elsewhere)
    older = await sent(service, boss, scene.activity_id, "weaker_marking")
    record = await boss.get(f"/jobs/{older.jobs[0]}/records/{scene.school.pupil['id']}")
    assert record.json()["status"] == "unchanged"
    assert not await is_shown(service, scene)


async def test_a_run_with_nothing_to_send_shows_whom_skolverket_has_without_a_marking(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """By a newer upload, which was accepted before somebody was marked by mistake; when the run allows it."""
    newer = await put(boss, body([{**scene.school.pupil, "familyName": "Skyddsson Ek"}]))
    await sent(service, boss, newer)
    await put(boss, body([{**scene.school.pupil, **PROTECTED}]), newer)
    await put(boss, body([person("Olle", serial=986)]), newer)
    for allowed in ((), ("shrinks",), ("weaker_marking",)):
        assert not await is_shown(service, scene)
        run = await sent(service, boss, scene.activity_id, *allowed)
        record = await boss.get(f"/jobs/{run.jobs[0]}/records/{scene.school.pupil['id']}")
        assert record.json()["status"] == "unchanged"
    assert await is_shown(service, scene)


async def test_what_is_accepted_with_a_marking_hides_again(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """A run that was frozen with it goes out after another has been allowed less."""
    elsewhere = await put(boss, body([{**scene.school.pupil, **PROTECTED}]))
    waiting = await asked(boss, elsewhere)
    await put(boss, body([person("Olle", serial=986)]), elsewhere)
    await sent(service, boss, scene.activity_id, "weaker_marking")
    assert await is_shown(service, scene)
    await played(service, waiting)
    assert not await is_shown(service, scene)


OF_PERSONS = (["weaker_marking"], ["reused_id"], ["shrinks", "reused_id"])


@pytest.mark.parametrize("allow", OF_PERSONS, ids="-".join)
async def test_who_may_not_see_them_allows_nothing_about_them(
    service: Service, scene: Scene, sign_in: SignIn, allow: list[str]
) -> None:
    """Not with a request, a retry, a plan or a form, nor for an operator: one would be shown them then."""
    await marked_and_gone(service, await service.client(*ALL), scene, "without the property")
    writer = await service.client("provision", "history", "pii")
    exam = f"/activities/{scene.activity_id}"
    run_id = (await writer.post(f"{exam}/provision")).json()["id"]
    await writer.post(f"/runs/{run_id}/cancel")
    operator = await service.operator()
    for client, path in (
        *((writer, each) for each in (f"{exam}/provision", f"/runs/{run_id}/retry", f"{exam}/plan")),
        (await service.client("history"), f"{exam}/plan"),
        (operator, f"/operations/runs/{run_id}/retry"),
    ):
        answer = await client.post(path, json={"allow": allow})
        assert assert_problem(answer, 403)["type"] == "/problems/missing-scope", path
    visitor = await sign_in("provision", "history", "pii")
    form = {"form_token": await token_of(visitor), **{f"allow_{each}": "yes" for each in allow}}
    sent_by_form = await visitor.post(f"/historik/prov/{scene.activity_id}/skicka", data=form, headers=FROM_HERE)
    assert sent_by_form.status_code == 403
    assert (await writer.post(f"{exam}/plan", json={"allow": ["shrinks"]})).status_code == 201
    assert not await is_shown(service, scene)


@pytest.mark.parametrize("by", ["a key", "a form", "an operator"])
async def test_what_others_have_allowed_of_them_goes_out_by_no_retry_of_whoever_may_not(
    service: Service, boss: httpx.AsyncClient, scene: Scene, sign_in: SignIn, by: str
) -> None:
    """Whoever allowed it has cancelled since, and may have seen that it was a mistake."""
    marked = {**scene.school.pupil, **PROTECTED}
    await put(boss, body([marked]), scene.activity_id)
    await sent(service, boss, scene.activity_id)
    await put(boss, body([{**marked, **OPEN}]), scene.activity_id)
    run_id = await asked(boss, scene.activity_id, "weaker_marking")
    await boss.post(f"/runs/{run_id}/cancel")
    if by == "a form":
        visitor = await sign_in("provision", "history", "pii")
        form = {"form_token": await token_of(visitor), "once": str(uuid4())}
        answer = await visitor.post(f"/historik/korningar/{run_id}/forsok-igen", data=form, headers=FROM_HERE)
        assert answer.status_code == 303
    else:
        client = await (service.operator() if by == "an operator" else service.client("provision", "history", "pii"))
        path = "/operations/runs" if by == "an operator" else "/runs"
        assert (await client.post(f"{path}/{run_id}/retry", json={})).status_code == 202
    again = await played(service, run_id)
    record = (await boss.get(f"/jobs/{again.jobs[0]}/records/{marked['id']}")).json()
    assert (record["status"], [each["code"] for each in record["messages"]]) == ("skipped", ["weaker_marking"])
    assert not await is_shown(service, scene)


async def test_whoever_may_allow_it_has_what_was_allowed_by_a_retry(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    marked = {**scene.school.pupil, **PROTECTED}
    await put(boss, body([marked]), scene.activity_id)
    await sent(service, boss, scene.activity_id)
    await put(boss, body([{**marked, **OPEN}]), scene.activity_id)
    run_id = await asked(boss, scene.activity_id, "weaker_marking")
    await boss.post(f"/runs/{run_id}/cancel")
    assert (await boss.post(f"/runs/{run_id}/retry")).status_code == 202
    again = await played(service, run_id)
    assert (await boss.get(f"/jobs/{again.jobs[0]}/records/{marked['id']}")).json()["status"] == "succeeded"


async def test_what_was_allowed_of_persons_stands_in_the_audit_and_in_no_run(
    service: Service, boss: httpx.AsyncClient, scene: Scene
) -> None:
    """By one of them, and a record that is still kept back, one would know who is protected."""
    run_id = await asked(boss, scene.activity_id, "reused_id", "shrinks")
    plan = (await boss.post(f"/activities/{scene.activity_id}/plan", json={"allow": ["reused_id"]})).json()["id"]
    reader = await service.client("history")
    runs = [(await client.get(f"/runs/{run_id}")).json() for client in (boss, reader)]
    assert [each["allow"] for each in runs] == [["shrinks"], ["shrinks"]]
    plans = [(await client.get(f"/plans/{plan}")).json() for client in (boss, reader)]
    assert [each["allow"] for each in plans] == [["reused_id"], []]
    async with service.runtime.engine.connect() as conn:
        details = await conn.scalar(
            sa.text("SELECT details FROM audit WHERE action = 'provision' AND run_id = :run"), {"run": run_id}
        )
    assert details == {"allow": ["reused_id", "shrinks"]}
