"""Who is missing in an exam, over runs as the engine leaves them."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import findings
from app.db import readiness as rows_of
from tests.api.conftest import Service
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.api.test_expired import expire

REFUSED = (
    "error",
    {"status": "Error", "errors": [{"id": "3047", "message": "Åsa kan inte tas emot", "severityLevel": "Error"}]},
)


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history", "pii", "protected")


def group(name: str, *members: Object) -> Object:
    """Makes a teaching group."""
    return {
        "id": str(uuid4()),
        "displayName": name,
        "groupType": "Undervisning",
        "schoolType": "GR",
        "organisation": {"id": str(uuid4())},
        "groupMemberships": [{"person": {"id": each["id"]}} for each in members],
    }


def activity(*groups: Object, teachers: tuple[Object, ...] = ()) -> Object:
    """Makes an SS 12000 activity of these groups."""
    return {
        "id": str(uuid4()),
        "displayName": "Matematik",
        "activityType": "Undervisning",
        "organisation": {"id": str(uuid4())},
        "parentActivity": {"id": str(uuid4())},
        "groups": [{"id": each["id"]} for each in groups],
        "teachers": [{"duty": {"id": each["id"]}} for each in teachers],
    }


class Exam:
    """An exam of three pupils in three groups, that a teacher has."""

    def __init__(self, **of_the_first: Any) -> None:
        self.pupils = [person("Åsa", serial=980, **of_the_first), person("Bo", serial=981), person("Cia", serial=982)]
        self.teacher = staff()
        self.duty = duty(self.teacher)
        first, second, third = self.pupils
        self.groups = [group("Ma 6A", first, second), group("Eng 6A", first, third), group("Sve 6A", *self.pupils)]
        self.activity = activity(*self.groups, teachers=(self.duty,))

    @property
    def body(self) -> Object:
        return body([*self.pupils, self.teacher], [self.duty], groups=self.groups, activities=[self.activity])


async def run(service: Service, client: httpx.AsyncClient, activity_id: UUID, **given: Any) -> Played:
    """Accepts a run of an activity, to be played."""
    answer = await client.post(f"/activities/{activity_id}/provision", json=given or None)
    assert answer.status_code == 202, answer.text
    return await Played.of(service.runtime, service.organisations[0], UUID(answer.json()["id"]))


async def read(client: httpx.AsyncClient, activity_id: UUID, **query: Any) -> Object:
    answer = await client.get(f"/activities/{activity_id}/readiness", params=query)
    assert answer.status_code == 200, answer.text
    shown: Object = answer.json()
    return shown


async def missing(client: httpx.AsyncClient, activity_id: UUID, **query: Any) -> list[Object]:
    answer = await client.get(f"/activities/{activity_id}/readiness/pupils", params=query)
    assert answer.status_code == 200, answer.text
    listed: list[Object] = answer.json()["data"]
    return listed


def counts(shown: Object) -> dict[str, int]:
    return {name: number for name, number in shown.items() if number and name != "total"}


async def test_from_never_sent_to_through(service: Service, client: httpx.AsyncClient) -> None:
    exam = Exam()
    activity_id = await put(client, exam.body)
    never = await read(client, activity_id)
    assert (counts(never["pupils"]), never["last_run"], never["roster_version"]) == ({"not_sent": 3}, None, 1)
    assert [(each["id"], each["pupils"], each["state"]) for each in never["causes"]] == [
        ("persons:never_sent", 3, "not_sent")
    ]
    played = await run(service, client, activity_id)
    waiting = await read(client, activity_id)
    assert (counts(waiting["pupils"]), waiting["causes"]) == ({"under_way": 3}, [])
    for position in range(1, 5):
        await played.stage(position)
    done = await read(client, activity_id)
    assert done["summary"] == {"sv": "3 av 3 elever klara", "en": "3 of 3 pupils through"}
    assert counts(done["pupils"]) == {"through": 3}
    assert counts(done["duties"]) == {"through": 1}
    assert done["last_run"]["status"] == "succeeded"
    assert [(each["name"], each["pupils"]["through"], each["in_exam"]) for each in done["groups"]["data"]] == [
        ("Ma 6A", 2, True),
        ("Eng 6A", 2, True),
        ("Sve 6A", 3, True),
    ]
    exam.pupils[1]["familyName"] = "Nyman"
    await put(client, exam.body, activity_id)
    changed = await read(client, activity_id)
    assert counts(changed["pupils"]) == {"through": 2, "not_sent": 1}
    assert [each["id"] for each in changed["causes"]] == ["persons:changed_since"]


async def test_a_wrong_person_that_stops_three_groups_is_one_cause(service: Service, client: httpx.AsyncClient) -> None:
    exam = Exam()
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    wrong = exam.pupils[0]["id"]
    await played.stage(1, {wrong: REFUSED}, end="failed")
    shown = await read(client, activity_id)
    assert counts(shown["pupils"]) == {"hindered": 3}
    assert shown["summary"]["sv"] == "0 av 3 elever klara, 3 hindrade"
    [cause] = shown["causes"]
    assert cause["object"] == {"kind": "persons", "id": wrong, "name": "Åsa Exempelsson"}
    assert (cause["pupils"], [each["name"] for each in cause["groups"]]) == (3, ["Ma 6A", "Eng 6A", "Sve 6A"])
    assert (cause["code"], cause["mended_by"]) == ("3047", "identity_provider")
    assert cause["explanation"]["sv"]
    record = await client.get(f"/jobs/{cause['job_id']}/records/{cause['record_id']}")
    assert record.json()["status"] == "error"
    assert all(each["causes"] == [cause["id"]] for each in shown["groups"]["data"])


async def test_under_continue_the_wrong_person_alone_is_missing(service: Service, client: httpx.AsyncClient) -> None:
    """The groups are accepted without it, and say so in their warnings."""
    exam = Exam()
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id, on_record_error="continue")
    wrong = exam.pupils[0]["id"]
    await played.stage(1, {wrong: REFUSED})
    await played.stage(2)
    unknown = {
        "id": "8171",
        "severityLevel": "Warning",
        "attributeName": "groupMemberships[0].person.id",
        "attributeValue": wrong,
    }
    await played.stage(
        3, {each["id"]: ("warning", {"status": "Warning", "warnings": [unknown]}) for each in exam.groups}
    )
    await played.stage(4)
    shown = await read(client, activity_id)
    assert counts(shown["pupils"]) == {"through": 2, "hindered": 1}
    assert [(each["id"], each["pupils"]) for each in shown["causes"]] == [(f"persons:{wrong}", 1)]
    [pupil] = await missing(client, activity_id)
    assert (pupil["id"], pupil["name"], pupil["state"]) == (wrong, "Åsa Exempelsson", "hindered")
    assert pupil["cause"]["id"] == f"persons:{wrong}"


async def test_a_group_that_did_not_know_a_pupil_is_to_be_sent_again(
    service: Service, client: httpx.AsyncClient
) -> None:
    exam = Exam()
    exam.groups = exam.groups[2:]
    exam.activity = activity(*exam.groups)
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    await played.stage(1)
    await played.stage(2)
    unknown = {"id": "8171", "severityLevel": "Warning", "attributeName": "groupMemberships[1].person.id"}
    await played.stage(3, {exam.groups[0]["id"]: ("warning", {"status": "Warning", "warnings": [unknown]})})
    await played.stage(4)
    shown = await read(client, activity_id)
    assert [(each["id"], each["pupils"]) for each in shown["causes"]] == [("groups:group_without_pupil", 1)]
    assert [each["id"] for each in await missing(client, activity_id)] == [exam.pupils[1]["id"]]


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii"), ("history", "pii", "protected")])
async def test_whom_the_answer_to_the_exams_own_run_did_not_know_is_through_for_nobody(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...]
) -> None:
    """Also where the pupil may not be seen: that a group is there as a whole would say that all is well."""
    exam = Exam(securityMarking="Sekretessmarkering")
    exam.groups = exam.groups[2:]
    exam.activity = activity(*exam.groups)
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    unknown = {"id": "8171", "severityLevel": "Warning", "attributeName": "groupMemberships[0].person.id"}
    said = {exam.groups[0]["id"]: ("warning", {"status": "Warning", "warnings": [unknown]})}
    for position, answers in enumerate((None, None, said, None), start=1):
        await played.stage(position, answers)
    reader = await service.client(*scopes)
    assert counts((await read(reader, activity_id))["pupils"]) == {"through": 2, "not_sent": 1}
    assert [each["id"] for each in await missing(reader, activity_id)] == [exam.pupils[0]["id"]]


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        (("history",), {"not_sent": 3}),
        (("history", "pii"), {"through": 1, "not_sent": 2}),
        (("history", "pii", "protected"), {"through": 1, "not_sent": 2}),
    ],
)
async def test_whom_an_answer_may_not_have_known_is_through_for_nobody(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...], found: dict[str, int]
) -> None:
    """The class is in another exam too: it went out as that has it, and who may not see all is not told whom it lacks.

    That somebody is missing they are told, of all whom they may not see.
    """
    exam = Exam(securityMarking="Sekretessmarkering")
    exam.groups = exam.groups[2:]
    exam.activity = activity(*exam.groups)
    activity_id = await put(client, exam.body)
    exam.activity = activity(*exam.groups)
    await put(client, exam.body)
    played = await run(service, client, activity_id)
    unknown = [
        {"id": "8171", "severityLevel": "Warning", "attributeName": f"groupMemberships[{at}].person.id"}
        for at in (0, 1)
    ]
    said = {exam.groups[0]["id"]: ("warning", {"status": "Warning", "warnings": unknown})}
    for position, answers in enumerate((None, None, said, None), start=1):
        await played.stage(position, answers)
    assert counts((await read(await service.client(*scopes), activity_id))["pupils"]) == found


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii"), ("history", "pii", "protected")])
async def test_an_answer_that_remarks_on_nobody_leaves_nobody_out(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...]
) -> None:
    """Whichever exam has sent the class last: else the alarm would never go away."""
    exam = Exam(securityMarking="Sekretessmarkering")
    exam.groups = exam.groups[1:]
    said = {"id": "3047", "severityLevel": "Warning", "attributeName": "displayName"}
    remarked = {exam.groups[0]["id"]: ("warning", {"status": "Warning", "warnings": [said]})}
    exams = []
    for _ in range(2):
        exam.activity = activity(*exam.groups)
        exams.append(await put(client, exam.body))
    for each in exams:
        played = await run(service, client, each)
        for position, answers in enumerate((None, None, remarked, None), start=1):
            await played.stage(position, answers)
    reader = await service.client(*scopes)
    assert [counts((await read(reader, each))["pupils"]) for each in exams] == [{"through": 3}] * 2


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii"), ("history", "pii", "protected")])
async def test_once_an_answer_has_gone_nobody_is_through_by_it(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...]
) -> None:
    """By its age: whom it did not know, nobody knows any more."""
    exam = Exam()
    exam.groups = exam.groups[2:]
    exam.activity = activity(*exam.groups)
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    unknown = {"id": "8171", "severityLevel": "Warning", "attributeName": "groupMemberships[1].person.id"}
    said = {exam.groups[0]["id"]: ("warning", {"status": "Warning", "warnings": [unknown]})}
    for position, answers in enumerate((None, None, said, None), start=1):
        await played.stage(position, answers)
    await expire(service, played.run_id)
    shown = await read(await service.client(*scopes), activity_id)
    assert counts(shown["pupils"]) == {"not_sent": 3}


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii")])
async def test_no_state_tells_in_which_group_somebody_is(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...]
) -> None:
    """Of two groups one is refused: whoever may not be seen stands as if in that one, wherever they are."""
    pupils = [person("Åsa", serial=980, securityMarking="Sekretessmarkering"), person("Bo", serial=981)]
    pupils.append(person("Cia", serial=982))
    first, second = group("6A", pupils[1]), group("6B", pupils[0], pupils[2])
    lists = {"groups": [first, second], "activities": [activity(first, second)]}
    activity_id = await put(client, body(pupils, **lists))
    played = await run(service, client, activity_id, on_record_error="continue")
    for position, answers in enumerate((None, None, {first["id"]: REFUSED}, None), start=1):
        await played.stage(position, answers)
    assert counts((await read(client, activity_id))["pupils"]) == {"through": 2, "hindered": 1}
    reader = await service.client(*scopes)
    shown, listed = await read(reader, activity_id), await missing(reader, activity_id)
    hidden = pupils if "pii" not in scopes else pupils[:2]
    assert [(each["id"], each["state"]) for each in listed] == [(each["id"], "hindered") for each in hidden]
    assert listed[0]["cause"] is None
    # Without pii a group counts everybody alike, and so do all together.
    in_all = {"through": 2, "hindered": 1} if "pii" not in scopes else {"through": 1, "hindered": 2}
    assert counts(shown["pupils"]) == in_all
    assert [each["pupils"] for each in shown["causes"]] == [1]


async def test_what_can_not_be_sent_is_told_before_anything_is(client: httpx.AsyncClient) -> None:
    exam = Exam(enrolments=[{"enroledAt": {"id": "no id"}, "schoolType": "GR", "schoolYear": 6}])
    activity_id = await put(client, exam.body)
    shown = await read(client, activity_id)
    assert counts(shown["pupils"]) == {"hindered": 1, "not_sent": 2}
    cause = next(each for each in shown["causes"] if each["object"])
    assert (cause["code"], cause["job_id"], cause["record_id"]) == ("schema_format", None, None)


async def test_lists_are_narrowed_and_paged(client: httpx.AsyncClient) -> None:
    exam, apart = Exam(), person("Dan", serial=983)
    content = exam.body
    content["roster"]["persons"].append(apart)
    activity_id = await put(client, content)
    assert (await read(client, activity_id))["pupils"]["not_in_exam"] == 1
    first = await read(client, activity_id, limit=2)
    rest = await read(client, activity_id, limit=2, cursor=first["groups"]["next_cursor"])
    named = [each["name"] for page in (first, rest) for each in page["groups"]["data"]]
    assert (named, rest["groups"]["next_cursor"]) == (["Ma 6A", "Eng 6A", "Sve 6A"], None)
    path = f"/activities/{activity_id}/readiness/pupils"
    page = (await client.get(path, params={"limit": 2})).json()
    after = (await client.get(path, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in (*page["data"], *after["data"])] == [each["id"] for each in exam.pupils]
    ids = [each["id"] for each in exam.pupils]
    assert [each["id"] for each in await missing(client, activity_id, group=exam.groups[0]["id"])] == ids[:2]
    assert [each["id"] for each in await missing(client, activity_id, state="not_in_exam")] == [apart["id"]]
    assert len(await missing(client, activity_id, cause="persons:never_sent")) == 3
    assert await missing(client, activity_id, cause="groups:never_sent") == []
    assert (await client.get(path, params={"cause": "Åsa"})).status_code == 400


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        (("history",), ["***", "***", "***"]),
        (("history", "pii"), ["***", "Bo Exempelsson", "Cia Exempelsson"]),
        (("history", "pii", "protected"), ["Åsa Exempelsson", "Bo Exempelsson", "Cia Exempelsson"]),
    ],
)
async def test_who_may_see_whom(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...], names: list[str]
) -> None:
    """The first pupil is protected, and stops the run."""
    exam = Exam(securityMarking="Sekretessmarkering")
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    await played.stage(1, {exam.pupils[0]["id"]: REFUSED}, end="failed")
    reader = await service.client(*scopes)
    shown, listed = await read(reader, activity_id), await missing(reader, activity_id)
    assert [each["name"] for each in listed] == names
    assert [each["object"]["name"] for each in shown["causes"]] == names[:1]
    assert {each["cause"]["object"]["name"] for each in listed} == {names[0]}
    for text in (str(shown), str(listed)):
        assert ("Åsa" in text) == ("protected" in scopes)
    if scopes == ("history",):
        assert {each["name"] for each in shown["groups"]["data"]} == {"***"}


@pytest.mark.parametrize(
    ("scopes", "found"),
    [(("history",), None), (("history", "pii"), [1]), (("history", "pii", "protected"), [0, 1])],
)
async def test_nobody_protected_is_found_by_a_group(
    service: Service, client: httpx.AsyncClient, scopes: tuple[str, ...], found: list[int] | None
) -> None:
    """A group is of a school: without the scope protected no filter, cause or record leads from one to another.

    Without pii from nobody, so that a list by groups is refused.
    """
    exam = Exam(securityMarking="Sekretessmarkering")
    activity_id = await put(client, exam.body)
    played = await run(service, client, activity_id)
    for position in (1, 2):
        await played.stage(position)
    first = exam.groups[0]["id"]
    reader = await service.client(*scopes)
    [pupil, *_] = exam.pupils
    kept = (await reader.get(f"/jobs/{played.jobs[0]}/records/{pupil['id']}")).json()
    assert kept["blocks"] == []
    refused = {each["id"]: ("error", {"status": "Error", "errors": [{"id": "2010"}]}) for each in exam.groups}
    await played.stage(3, refused, end="failed")
    ids = [each["id"] for each in exam.pupils]
    for query in ({"group": first}, {"cause": f"groups:{first}"}):
        if found is None:
            answer = await reader.get(f"/activities/{activity_id}/readiness/pupils", params=query)
            assert (answer.status_code, "scope pii" in answer.json()["detail"]) == (403, True)
        else:
            assert [ids.index(each["id"]) for each in await missing(reader, activity_id, **query)] == found
    listed = await missing(reader, activity_id)
    assert [ids.index(each["id"]) for each in listed] == [0, 1, 2]
    without = [True] * 3 if found is None else ["protected" not in scopes, False, False]
    assert [each["cause"] is None for each in listed][:2] == without[:2]


async def test_a_duty_is_hidden_as_its_person_who_is_in_another_roster(
    service: Service, client: httpx.AsyncClient
) -> None:
    """As a cause it names no group, as its record does not; and what speaks of it counts as of somebody protected."""
    exam = Exam()
    elsewhere = await put(client, body([{**exam.teacher, "securityMarking": "Sekretessmarkering"}]))
    here = body(exam.pupils, [exam.duty], groups=exam.groups, activities=[exam.activity])
    activity_id = await put(client, here)
    played = await run(service, client, activity_id)
    await played.stage(1)
    await played.stage(2, {exam.duty["id"]: REFUSED}, end="failed")
    await put(client, body(exam.pupils), elsewhere)
    for scopes, groups in (((), 0), (("protected",), 3)):
        reader = await service.client("history", "pii", *scopes)
        [cause] = (await read(reader, activity_id))["causes"]
        assert cause["object"]["kind"] == "duties"
        assert len(cause["groups"]) == groups
    async with service.runtime.engine.connect() as conn:
        [spoken_of] = await findings.list_spoken_of(conn, service.organisations[0], [UUID(exam.duty["id"])])
    assert spoken_of["hidden"]


async def test_who_may_not_read_it(service: Service, client: httpx.AsyncClient) -> None:
    activity_id = await put(client, Exam().body)
    paths = [f"/activities/{activity_id}/readiness", f"/activities/{activity_id}/readiness/pupils"]
    provisioner, stranger = await service.client("provision"), await service.client("history", organisation=1)
    assert [(await provisioner.get(path)).status_code for path in paths] == [403, 403]
    assert [(await stranger.get(path)).status_code for path in paths] == [404, 404]
    assert (await client.delete(f"/activities/{activity_id}")).status_code == 204
    assert [(await client.get(path)).status_code for path in paths] == [404, 404]


async def test_an_exam_is_worked_out_once_for_all_who_look_until_something_changes(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changes: an answer in its own run, one in another exam's, the roster, its name."""
    read_roster, times = rows_of.read_roster, list[UUID]()

    async def counted(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, **more: bool) -> Any:
        times.append(activity_id)
        return await read_roster(conn, organisation_id, activity_id, **more)

    monkeypatch.setattr(rows_of, "read_roster", counted)
    exam = Exam()
    activity_id = await put(client, exam.body)
    other = await put(client, exam.body)
    played = await run(service, client, activity_id)

    async def seen() -> tuple[Object, int]:
        before = len(times)
        shown = await read(client, activity_id)
        return shown, len(times) - before

    async def settled() -> Object:
        """Reads until nobody else's transaction keeps the state open."""
        async with asyncio.timeout(10):
            while (got := await seen())[1]:  # noqa: ASYNC110 - nobody tells when it is settled
                await asyncio.sleep(0.01)
        return got[0]

    first = await settled()
    again, worked_out = await seen()
    assert worked_out == 0
    assert {**again, "as_of": None} == {**first, "as_of": None}
    assert again["as_of"] > first["as_of"]
    await played.stage(1)
    shown, worked_out = await seen()
    assert worked_out == 1
    assert shown["last_run"]["status"] == "running"
    await settled()
    beside = await run(service, client, other)
    await beside.stage(1)
    assert (await seen())[1] == 1
    await settled()
    await client.patch(f"/activities/{activity_id}", json={"display_name": "Nytt namn"})
    shown, worked_out = await seen()
    assert (worked_out, shown["activity"]["display_name"]) == (1, "Nytt namn")
    await settled()
    await put(client, {**exam.body, "display_name": "Nytt namn", "roster": {"persons": exam.pupils}}, activity_id)
    assert (await seen())[1] == 1
