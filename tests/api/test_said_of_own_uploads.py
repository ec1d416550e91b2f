"""What a key that writes a roster of its own, and may not see protected persons, learns of them by what is said of it.

Ids are known to it, and it guesses the rest. Of two persons of whom one is protected, of two groups of which one has
such a pupil, and of two exams of which one has such a teacher, it is told the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.domain.differences import MARKS
from tests.api.conftest import Service
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.api.test_expired import expire
from tests.api.test_marked_once import ALL, PROTECTED, asked, sent
from tests.database.factories import exam, group

SPIES = [("provision", "history", "pii"), ("provision", "history"), ("provision",)]


@dataclass(frozen=True, slots=True)
class Scene:
    """What has been sent: in the first group, exam and school a protected pupil and teacher, in the others none."""

    boss: httpx.AsyncClient
    activity_id: UUID
    pupils: list[Object]
    teachers: list[Object]
    duties: list[Object]
    groups: list[Object]
    exams: list[Object]

    @property
    def protected(self) -> list[Object]:
        return [self.pupils[0], self.teachers[0]]

    @property
    def others(self) -> list[Object]:
        return [*self.pupils[1:], self.teachers[1]]


async def play(service: Service) -> Scene:
    boss, units = await service.client(*ALL), [str(uuid4()), str(uuid4())]
    pupils = [person("Ulla", "Skyddsson", 983, **PROTECTED)]
    pupils += [person(name, serial=985 + at) for at, name in enumerate(("Eva", "Yngve", "Olle"))]
    teachers = [staff("Ingrid", "Skyddsson", 993, **PROTECTED), staff("Ove", "Exempelsson", 994)]
    duties = [{**duty(each), "dutyAt": {"id": unit}} for each, unit in zip(teachers, units, strict=True)]
    groups = [
        group(*members, organisation={"id": unit}, displayName=name)
        for members, unit, name in ((pupils[:2], units[0], "6A"), (pupils[2:], units[1], "6B"))
    ]
    exams = [exam([one], [of]) for one, of in zip(groups, duties, strict=True)]
    activity_id = await put(boss, body([*pupils, *teachers], duties, groups=groups, activities=exams))
    await sent(service, boss, activity_id)
    return Scene(boss, activity_id, pupils, teachers, duties, groups, exams)


async def read(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(client: httpx.AsyncClient, activity_id: UUID, **params: Any) -> list[Object]:
    listed: list[Object] = (await read(client, f"/activities/{activity_id}/findings", limit=200, **params))["data"]
    return listed


def guessed(persons: list[Object]) -> Iterator[Object]:
    """Makes persons of these ids of whom nothing else is known."""
    for at, each in enumerate(persons):
        yield {**person("Gissning", serial=980), "id": each["id"], "eduPersonPrincipalNames": [f"g{at}@edu.example.se"]}


@pytest.mark.parametrize("scopes", SPIES)
async def test_in_how_much_somebody_differs_does_not_tell_who_is_protected(
    service: Service, scopes: tuple[str, ...]
) -> None:
    """Each is found once, at no place of the object, and counted once, by whatever code or total."""
    scene, spy = await play(service), await service.client(*scopes)
    persons = [*scene.protected, *scene.others]
    activity_id = await put(spy, body(list(guessed(persons))))
    differing = await found(spy, activity_id, code="roster_differs")
    assert [(each["id"], each["pointer"]) for each in differing] == [(each["id"], "") for each in persons]
    assert await found(spy, activity_id, code="roster_differs_marking") == differing
    page = await read(spy, f"/activities/{activity_id}/findings", code="roster_differs", limit=len(persons))
    assert (page["data"], page["next_cursor"]) == (differing, None)
    whole, shown = await found(spy, activity_id), (await read(spy, f"/activities/{activity_id}"))["findings"]
    assert shown["by_code"]["roster_differs"] == len(persons)
    assert shown["errors"] + shown["warnings"] == len(whole) == sum(shown["by_code"].values())
    causes = {each["code"]: each for each in (await read(spy, f"/activities/{activity_id}/findings/causes"))["data"]}
    assert {code: each["count"] for code, each in causes.items()} == shown["by_code"]
    for each in persons:
        of_it = (await read(scene.boss, f"/objects/persons/{each['id']}"))["findings"]
        is_protected = each in scene.protected
        in_what = [one["code"] for one in of_it if one["activity_id"] == str(activity_id) and "differs" in one["code"]]
        assert len(in_what) == 2 + is_protected
    seen = (await read(scene.boss, f"/activities/{activity_id}"))["findings"]
    assert seen["by_code"]["roster_differs_marking"] == len(scene.protected)
    assert seen["errors"] + seen["warnings"] == len(await found(scene.boss, activity_id)) == len(whole) + 8


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_the_records_that_stay_here_do_not_tell_who_is_protected(
    service: Service, scopes: tuple[str, ...]
) -> None:
    """With another number somebody protected stays here for two reasons, of which it is shown one."""
    scene, spy = await play(service), await service.client(*scopes)
    counted = []
    for each in (scene.pupils[0], scene.pupils[1]):
        activity_id = await put(spy, body(list(guessed([each]))))
        run = await sent(service, spy, activity_id)
        listed = await read(spy, f"/jobs/{run.jobs[0]}/records")
        counted.append((listed["counts"], [[one["code"] for one in row["messages"]] for row in listed["data"]]))
        await spy.delete(f"/activities/{activity_id}")
    assert counted[0] == counted[1]
    assert counted[0][0]["code"] == {"needs_permission": 1}


@pytest.mark.parametrize("scopes", SPIES)
async def test_that_a_group_has_lost_somebody_does_not_tell_where_they_go(
    service: Service, scopes: tuple[str, ...]
) -> None:
    scene, spy = await play(service), await service.client(*scopes)
    code, told = "roster_differs_members", []
    for missing in (scene.pupils[0], scene.pupils[1]):
        rest = [each for each in scene.pupils if each is not missing]
        activity_id = await put(spy, body(groups=[_again(each, rest) for each in scene.groups]))
        listed, shown = await found(spy, activity_id, code=code), await read(spy, f"/activities/{activity_id}")
        causes = (await read(spy, f"/activities/{activity_id}/findings/causes"))["data"]
        whole = await found(spy, activity_id)
        assert [each for each in whole if each["code"] == code] == listed
        assert shown["findings"]["by_code"].get(code, 0) == len(listed)
        assert sum(each["count"] for each in causes if each["code"] == code) == len(listed)
        assert shown["findings"]["warnings"] == sum(each["severity"] == "warning" for each in whole)
        told.append([[one["id"] for one in each["about"]] for each in listed])
        if "history" in scopes:
            of_it = (await read(spy, f"/objects/groups/{scene.groups[0]['id']}"))["findings"]
            assert sum(each["code"] == code and each["activity_id"] == str(activity_id) for each in of_it) == len(
                listed
            )
        assert len(await found(scene.boss, activity_id, code=code)) == 1
        await spy.delete(f"/activities/{activity_id}")
    assert told == [[], [[scene.pupils[1]["id"]]] if "pii" in scopes else []]


def _again(one: Object, members: list[Object]) -> Object:
    return {**one, "groupMemberships": [{"person": {"id": each["id"]}} for each in members]}


@pytest.mark.parametrize("scopes", SPIES)
async def test_whose_a_login_is_is_told_of_who_may_be_seen(service: Service, scopes: tuple[str, ...]) -> None:
    """Neither by what is found of a roster nor by a plan, nor from the other side by whom it is found of."""
    scene, spy = await play(service), await service.client(*scopes)
    owners = [scene.pupils[0], scene.pupils[1]]
    guesses = [
        person("Gissning", serial=980 + at, eduPersonPrincipalNames=each["eduPersonPrincipalNames"])
        for at, each in enumerate(owners)
    ]
    activity_id = await put(spy, body(guesses))
    expected = [[], [owners[1]["id"]] if "pii" in scopes else []]
    listed = await found(spy, activity_id, code="eppn_of_another_before")
    assert [[one["id"] for one in each["about"]] for each in listed] == expected
    plan = (await spy.post(f"/activities/{activity_id}/plan")).json()
    items = (await read(spy, f"/plans/{plan['id']}/items"))["data"]
    said = [[one for one in each["messages"] if one["code"] == "eppn_of_another_before"] for each in items]
    assert [[one["id"] for each in some for one in each["about"]] for some in said] == expected
    for each, some in zip(owners, said, strict=True):
        assert (each["id"] in str(some)) == ([each["id"]] in expected)
    assert [
        [one["id"] for one in each["about"]] for each in await found(scene.boss, activity_id, code=listed[0]["code"])
    ] == [[each["id"]] for each in owners]


@pytest.mark.parametrize("scopes", [("history", "pii"), ("history",)])
async def test_nobody_is_named_as_having_what_is_somebody_protecteds(service: Service, scopes: tuple[str, ...]) -> None:
    """In a roster of others: with the number and the login of one who is seen, that one would tell them."""
    boss, reader = await service.client(*ALL), await service.client(*scopes)
    seen, twin = person("Eva", serial=985), person("Olle", serial=986)
    shared = {name: seen[name] for name in ("civicNo", "eduPersonPrincipalNames")}
    hidden = {**person("Ulla", "Skyddsson", 983, **PROTECTED), **shared}
    activity_id = await put(boss, body([seen, hidden, {**twin, **shared}]))
    for code in ("eppn_twice", "civic_no_twice"):
        about = {
            each["id"]: [one["id"] for one in each["about"]] for each in await found(reader, activity_id, code=code)
        }
        named = "pii" in scopes
        assert about == {
            seen["id"]: [twin["id"]] if named else [],
            hidden["id"]: [],
            twin["id"]: [seen["id"]] if named else [],
        }
        [cause] = [
            each
            for each in (await read(reader, f"/activities/{activity_id}/findings/causes"))["data"]
            if each["code"] == code
        ]
        assert {each["id"]: [one["id"] for one in each["about"]] for each in cause["examples"]} == about
        for each in (seen, hidden):
            of_it = (await read(reader, f"/objects/persons/{each['id']}"))["findings"]
            [shown] = [one for one in of_it if one["code"] == code]
            assert [one["id"] for one in shown["about"]] == about[each["id"]]


async def told(client: httpx.AsyncClient, roster: Object, kind: str, object_id: str) -> Object:
    """Uploads a roster and gives all that is said of how its object differs; the roster is deleted again."""
    activity_id = await put(client, roster)
    plan = (await client.post(f"/activities/{activity_id}/plan")).raise_for_status().json()
    path = f"/plans/{plan['id']}/items"
    [item] = (await read(client, path, stage=kind))["data"]
    by_mark = {mark: len((await read(client, path, stage=kind, mark=mark))["data"]) for mark in MARKS}
    said: Object = {name: item[name] for name in ("decision", "marks", "changes")}
    answer = await client.get(f"/objects/{kind}/{object_id}")
    if answer.status_code != 403:  # for who reads the history
        said |= {name: answer.json()[name] for name in ("differs", "differing")}
    assert plan["marks"] == {mark: number for mark, number in by_mark.items() if number}
    assert sorted(plan["marks"]) == sorted(item["marks"])
    assert [each["marks"] for each in plan["stages"] if each["stage"] == kind] == [plan["marks"]]
    assert (await client.delete(f"/activities/{activity_id}")).is_success
    return said


@pytest.mark.parametrize("scopes", SPIES)
async def test_no_guess_of_members_tells_in_which_group_somebody_is(service: Service, scopes: tuple[str, ...]) -> None:
    """As only member, beside those who are seen, or in neither; without `pii` nobody's place is told."""
    scene, spy = await play(service), await service.client(*scopes)
    hidden, *others = scene.pupils
    for at, seen in enumerate((others[:1], others[1:])):
        one = scene.groups[at]

        async def guess(*members: Object, one: Object = one) -> Object:
            return await told(spy, body(groups=[_again(one, list(members))]), "groups", one["id"])

        same = await guess(*seen)
        assert (same["marks"], same["changes"]) == (["unchanged"], [])
        assert same.get("differs", False) is False
        assert await guess(*seen, hidden) == same
        nobody = await guess()
        assert await guess(hidden) == nobody
        assert (nobody == same) == ("pii" not in scopes)
        if "pii" not in scopes:
            assert await guess(*others) == await guess(others[0]) == same
        whole = await told(scene.boss, body(groups=[_again(one, [hidden])]), "groups", one["id"])
        assert whole["marks"] == (["members_lost"] if at == 0 else ["members_lost", "members_gained"])


@pytest.mark.parametrize("scopes", SPIES)
async def test_no_guess_of_teachers_tells_in_which_exam_somebody_teaches(
    service: Service, scopes: tuple[str, ...]
) -> None:
    scene, spy = await play(service), await service.client(*scopes)
    hidden, seen = scene.duties

    async def guess(at: int, *duties: Object) -> Object:
        of_whom = [{"duty": {"id": each["id"]}} for each in duties]
        one = {**scene.exams[at], "teachers": of_whom}
        return await told(spy, body(activities=[one]), "activities", one["id"])

    assert await guess(0) == await guess(0, hidden)
    assert (await guess(0))["marks"] == ["unchanged"]
    assert await guess(1, seen) == await guess(1, seen, hidden)
    assert await guess(1) == await guess(1, hidden)
    assert (await guess(1) == await guess(1, seen)) == ("pii" not in scopes)


@pytest.mark.parametrize("scopes", SPIES)
async def test_no_guess_of_a_unit_tells_where_somebody_works(service: Service, scopes: tuple[str, ...]) -> None:
    scene, spy = await play(service), await service.client(*scopes)
    hidden, _ = scene.duties
    wrong = {**hidden, "dutyAt": {"id": str(uuid4())}}
    right, other = [await told(spy, body([], [each]), "duties", hidden["id"]) for each in (hidden, wrong)]
    assert right == other
    assert (right["marks"], right["changes"], right.get("differs")) == (["changed"], [], None)
    assert (await told(scene.boss, body([], [hidden]), "duties", hidden["id"]))["marks"] == ["unchanged"]


async def test_a_plan_from_before_a_marking_says_nothing_more_of_groups(service: Service) -> None:
    """By item, by filter and by count: it was made when somebody in one was not yet protected."""
    scene, reader = await play(service), await service.client("history", "pii")
    joins, gains = scene.pupils[1], _again(scene.groups[1], scene.pupils[1:])
    activity_id = await put(scene.boss, body(groups=[gains]))
    plan = (await scene.boss.post(f"/activities/{activity_id}/plan")).raise_for_status().json()
    path = f"/plans/{plan['id']}"
    assert (await read(reader, path))["marks"] == {"members_gained": 1}
    await put(scene.boss, body([{**joins, **PROTECTED}]))
    assert (await read(reader, path))["marks"] == {"unchanged": 1}
    assert (await read(reader, f"{path}/items", mark="members_gained"))["data"] == []
    [item] = (await read(reader, f"{path}/items", mark="unchanged"))["data"]
    assert (item["marks"], item["changes"]) == (["unchanged"], [])
    assert (await read(scene.boss, path))["marks"] == {"members_gained": 1}


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_has_a_roster_ready_before_it_is_sent(service: Service, scopes: tuple[str, ...]) -> None:
    """Whether the members, the teachers and the units are those that Skolverket has, or others."""
    scene, spy = await play(service), await service.client(*scopes)
    (hidden, seen, *_), (post, other), one = scene.pupils, scene.duties, scene.groups[0]
    elsewhere = {**post, "dutyAt": {"id": str(uuid4())}}

    async def told_ready(members: list[Object], teaching: Object, teacher: Object) -> Object:
        exams = [{**scene.exams[0], "teachers": [{"duty": {"id": teacher["id"]}}]}]
        activity_id = await put(spy, body([seen], [teaching], groups=[_again(one, members)], activities=exams))
        ready = await read(spy, f"/activities/{activity_id}/readiness")
        pupils = (await read(spy, f"/activities/{activity_id}/readiness/pupils"))["data"]
        assert (await spy.delete(f"/activities/{activity_id}")).is_success
        said: Object = {
            "duties": ready["duties"],
            "pupils": ready["pupils"],
            "state": [each["state"] for each in pupils if each["id"] == seen["id"]],
        }
        return said

    right = await told_ready([hidden, seen], post, post)
    assert right == await told_ready([hidden, seen], elsewhere, post)
    assert right == await told_ready([seen], post, post)
    assert right == await told_ready([hidden, seen], post, other)
    spy = scene.boss
    assert right != await told_ready([hidden, seen], post, post), "who sees everybody is told what Skolverket has"


async def seen_of(client: httpx.AsyncClient, activity_id: UUID) -> Object:
    """Gives all that tells a key whether the roster that is stored is as the one before."""
    activity = await client.get(f"/activities/{activity_id}")
    said: Object = {name: activity.json()["roster"][name] for name in ("version", "counts")}
    said["findings"] = activity.json()["findings"]
    said["found"] = [
        [each[name] for name in ("code", "id", "pointer", "about")] for each in await found(client, activity_id)
    ]
    answer = await client.get(f"/activities/{activity_id}/readiness")
    if answer.status_code != 403:  # for who reads the history
        said["ready"] = {
            name: value for name, value in answer.json().items() if name in ("pupils", "duties", "groups", "causes")
        }
    plan = (await client.post(f"/activities/{activity_id}/plan")).raise_for_status().json()
    return said | {name: plan[name] for name in ("totals", "marks")}


@pytest.mark.parametrize("scopes", SPIES)
async def test_no_guess_over_anothers_roster_is_told_to_be_right(service: Service, scopes: tuple[str, ...]) -> None:
    """Of who is in a group, and where somebody works: the same is a new version, and of another upload."""
    scene, spy = await play(service), await service.client(*scopes)
    hidden, seen, *_ = scene.pupils
    group_, duty_ = scene.groups[0], scene.duties[0]
    elsewhere = {**duty_, "dutyAt": {"id": str(uuid4())}}
    # Later than the school's: it would be sent in the place of one that is of the upload that it was of.
    beside = await put(spy, body(groups=[_again(group_, [])]))
    for of_others in (False, True):
        guesses = [
            (body(groups=[_again(group_, members)]), body([], [one]))
            for members, one in (([hidden, seen], duty_), ([seen], elsewhere))
        ]
        for right, wrong in zip(*guesses, strict=True):
            told_ = []
            for guess in (right, wrong):
                activity_id = await put(scene.boss, right)
                await sent(service, scene.boss, activity_id)
                if of_others:
                    # Their own, which whoever sees everybody puts right.
                    await put(spy, guess, activity_id)
                    await sent(service, spy, activity_id)
                    await put(scene.boss, right, activity_id)
                else:
                    await put(spy, guess, activity_id)
                told_.append(await seen_of(spy, activity_id))
                await scene.boss.delete(f"/activities/{activity_id}")
            assert told_[0] == told_[1]
    assert (await spy.delete(f"/activities/{beside}")).is_success


async def test_ones_own_roster_again_is_no_new_version(service: Service) -> None:
    """For whoever stored it last: what is as it was there is not to be sent anew; what others have stored is."""
    scene, system = await play(service), await service.client("provision", "history", "pii")
    mine = body(scene.teachers, scene.duties)

    async def stored(client: httpx.AsyncClient, roster: Object) -> tuple[int, int]:
        await put(client, roster, scene.activity_id)
        ready = await read(system, f"/activities/{scene.activity_id}/readiness")
        return (await read(client, f"/activities/{scene.activity_id}"))["roster"]["version"], ready["duties"]["through"]

    assert await stored(system, mine) == (2, 0)
    await sent(service, system, scene.activity_id)
    assert await stored(system, mine) == (2, 2)
    assert await stored(system, mine | {"display_name": "Annat"}) == (3, 2)
    assert await stored(scene.boss, mine) == (4, 0)
    assert await stored(scene.boss, mine) == (4, 0)
    assert await stored(system, mine) == (5, 0)


STATES = ["through", "under_way", "not_sent", "hindered", "not_in_exam"]


async def ready(client: httpx.AsyncClient, activity_id: UUID) -> Object:
    """Gives how those of a roster stand, with what keeps them, by id."""
    shown = await read(client, f"/activities/{activity_id}/readiness")
    pupils = (await read(client, f"/activities/{activity_id}/readiness/pupils", state=STATES))["data"]
    return {
        "counts": (shown["pupils"], shown["duties"]),
        "pupils": {each["id"]: (each["state"], each["cause"] and each["cause"]["id"]) for each in pupils},
    }


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_of_a_group_beside_who_has_been_sent_tells_where_somebody_is(
    service: Service, scopes: tuple[str, ...]
) -> None:
    """Somebody is sent in the exam first, as the key has them; then comes a group, which is not sent."""
    scene, spy = await play(service), await service.client(*scopes)
    for pupil, marking in ((scene.pupils[0], PROTECTED), (scene.pupils[1], {})):
        mine = {**person(pupil["givenName"], pupil["familyName"], 971, **marking), "id": pupil["id"]}
        said = []
        for one, of in zip(scene.groups, scene.exams, strict=True):
            activity_id = await put(spy, body([mine]))
            await sent(service, spy, activity_id)
            await put(spy, body([mine], groups=[_again(one, [mine])], activities=[of]), activity_id)
            said.append(await ready(spy, activity_id))
            assert (await spy.delete(f"/activities/{activity_id}")).is_success
        is_seen = pupil is scene.pupils[1] and "pii" in scopes
        assert (said[0] == said[1]) == (not is_seen)
        assert [each["counts"][0]["through"] for each in said] == [int(is_seen), 0]


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_old_guess_of_a_group_comes_true_when_others_send_theirs(
    service: Service, scopes: tuple[str, ...]
) -> None:
    scene, spy = await play(service), await service.client(*scopes)
    hidden, seen, *others = scene.pupils
    [guess] = guessed([hidden])
    guesses = [
        await put(spy, body([guess], groups=[_again(one, [guess])], activities=[of]))
        for one, of in zip(scene.groups, scene.exams, strict=True)
    ]
    before = [await ready(spy, each) for each in guesses]
    assert before[0] == before[1]
    groups, exams = ([{**each, "displayName": "Ny"} for each in some] for some in (scene.groups, scene.exams))
    pupils = [{**hidden, "middleName": "Maria"}, seen, *others]
    await put(
        scene.boss, body([*pupils, *scene.teachers], scene.duties, groups=groups, activities=exams), scene.activity_id
    )
    await sent(service, scene.boss, scene.activity_id)
    assert [await ready(spy, each) for each in guesses] == before


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_comes_true_when_its_run_sends_what_others_have_put_since(
    service: Service, scopes: tuple[str, ...]
) -> None:
    """A run sends the latest upload of a group, whosever: who is in that is told of no guess."""
    scene, spy = await play(service), await service.client(*scopes)
    hidden, seen, *others = scene.pupils
    [guess] = guessed([hidden])
    guesses = [
        await put(spy, body([guess], groups=[_again(one, [guess])], activities=[of]))
        for one, of in zip(scene.groups, scene.exams, strict=True)
    ]
    groups, exams = ([{**each, "displayName": "Ny"} for each in some] for some in (scene.groups, scene.exams))
    pupils = [{**hidden, "middleName": "Maria"}, seen, *others]
    await put(
        scene.boss, body([*pupils, *scene.teachers], scene.duties, groups=groups, activities=exams), scene.activity_id
    )
    for each in guesses:
        await sent(service, spy, each)
    said = [await ready(spy, each) for each in guesses]
    assert said[0] == said[1]
    assert said[0]["counts"][0]["through"] == 1, "in both, as the group is there as a whole"


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_of_a_persons_school_is_told_by_what_is_missing(
    service: Service, scopes: tuple[str, ...]
) -> None:
    scene, spy = await play(service), await service.client(*scopes)
    for pupil in scene.pupils[:2]:
        [enrolment] = pupil["enrolments"]
        said = []
        for unit in (enrolment["enroledAt"]["id"], str(uuid4())):
            mine = {**pupil, "enrolments": [{**enrolment, "enroledAt": {"id": unit}}]}
            one = group(mine, id=str(UUID(int=7)))
            exams = [exam([one], [], id=str(UUID(int=8)))]
            activity_id = await put(spy, body([mine], groups=[one], activities=exams))
            said.append(await ready(spy, activity_id))
            assert (await spy.delete(f"/activities/{activity_id}")).is_success
        is_seen = pupil is scene.pupils[1] and "pii" in scopes
        assert (said[0] == said[1]) == (not is_seen)


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_in_place_of_a_roster_tells_what_that_had(service: Service, scopes: tuple[str, ...]) -> None:
    """It was sent in the same exam, just before: of whom is in it, and where somebody works."""
    scene, spy = await play(service), await service.client(*scopes)
    hidden, _ = scene.duties
    elsewhere, without = {**hidden, "dutyAt": {"id": str(uuid4())}}, _again(scene.groups[0], [scene.pupils[1]])
    said = []
    for post, one in ((hidden, scene.groups[0]), (elsewhere, without)):
        roster = body(scene.pupils[1:2], [post], groups=[one], activities=scene.exams[:1])
        await put(spy, roster, scene.activity_id)
        said.append(await ready(spy, scene.activity_id))
        whole = body([*scene.pupils, *scene.teachers], scene.duties, groups=scene.groups, activities=scene.exams)
        await put(scene.boss, whole, scene.activity_id)
        await sent(service, scene.boss, scene.activity_id)
    assert said[0] == said[1]
    assert said[0]["counts"][1]["through"] == 0


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_no_guess_in_place_of_a_roster_tells_what_was_refused(service: Service, scopes: tuple[str, ...]) -> None:
    """A duty at which the last run of the exam has stopped, for its school: a guess is not told to be that."""
    boss, spy = await service.client(*ALL), await service.client(*scopes)
    teacher = staff("Ingrid", "Skyddsson", 993, **PROTECTED)
    post = duty(teacher)
    said = []
    for guess in (post, {**post, "dutyAt": {"id": str(uuid4())}}):
        activity_id = await put(boss, body([teacher], [post]))
        run = await Played.of(service.runtime, service.organisations[0], await asked(boss, activity_id))
        await run.stage(1)
        await run.stage(2, {post["id"]: ("error", {"status": "Error", "errors": []})}, end="failed")
        assert (await ready(spy, activity_id))["counts"][1]["hindered"] == 1
        await put(spy, body([], [guess]), activity_id)
        said.append(await ready(spy, activity_id))
        assert (await boss.delete(f"/activities/{activity_id}")).is_success
    assert said[0] == said[1]
    assert said[0]["counts"][1]["not_sent"] == 1


@pytest.mark.parametrize("scopes", SPIES[:2])
async def test_who_has_sent_their_roster_is_told_that_it_is_there(service: Service, scopes: tuple[str, ...]) -> None:
    """Those whom the key may not see too: when another exam has sent the same since, and when some of it is changed."""
    scene = await play(service)
    reader, writer = await service.client(*scopes), await service.client("provision")
    everybody = {each["id"] for each in scene.pupils}
    unseen = {scene.pupils[0]["id"]} if "pii" in scopes else everybody

    async def through(activity_id: UUID) -> set[str]:
        pupils: dict[str, tuple[str, str]] = (await ready(reader, activity_id))["pupils"]
        return {each for each, (state, _) in pupils.items() if state == "through"}

    assert await through(scene.activity_id) == everybody
    roster = body([*scene.pupils, *scene.teachers], scene.duties, groups=scene.groups, activities=scene.exams)
    other = await put(writer, roster)
    assert await through(other) == everybody - unseen
    await sent(service, writer, other)
    assert [await through(each) for each in (scene.activity_id, other)] == [everybody, everybody]
    groups = [{**scene.groups[0], "displayName": "Ny"}, scene.groups[1]]
    await put(writer, {**roster, "roster": {**roster["roster"], "groups": groups}}, other)
    # Whom one may not see stands as in the group that is changed, wherever they are.
    assert await through(other) == (everybody - unseen if "pii" in scopes else set())
    await sent(service, writer, other)
    assert await through(other) == everybody
    assert (await ready(reader, other))["counts"][1]["through"] == len(scene.duties)


async def test_who_is_marked_meanwhile_is_told_of_no_more(service: Service) -> None:
    """What was worked out of a roster for a key that saw them is not told it again."""
    scene, spy = await play(service), await service.client(*SPIES[0])
    seen = scene.pupils[1]
    activity_id = await put(spy, body([seen], groups=[_again(scene.groups[0], [seen])], activities=scene.exams[:1]))
    for _ in range(3):
        assert (await ready(spy, activity_id))["pupils"] == {seen["id"]: ("through", None)}
    await put(scene.boss, body([{**seen, **PROTECTED}]))
    assert (await ready(spy, activity_id))["pupils"] == {seen["id"]: ("not_sent", "persons:changed_since")}


@pytest.mark.parametrize("scopes", SPIES)
async def test_no_guess_is_told_to_be_right_once_what_was_accepted_has_gone(
    service: Service, scopes: tuple[str, ...]
) -> None:
    """By its age: neither one from before, that stands in a roster or in a plan, nor one that is made then."""
    spy, said = await service.client(*scopes), list[Any]()
    for guess in ([0, 1], [1]):
        scene = await play(service)
        one = scene.groups[0]
        [run] = (await read(scene.boss, f"/activities/{scene.activity_id}/runs"))["data"]
        guessed_ = body(groups=[_again(one, [scene.pupils[at] for at in guess])])
        before = await put(spy, guessed_)
        plan = (await spy.post(f"/activities/{before}/plan")).raise_for_status().json()
        assert (await scene.boss.delete(f"/activities/{scene.activity_id}")).is_success
        for stays in (True, False):
            if not stays:
                assert (await spy.delete(f"/activities/{before}")).is_success
            await expire(service, UUID(run["id"]))
            if stays:
                [item] = (await read(spy, f"/plans/{plan['id']}/items"))["data"]
                said.append((item["marks"], item["changes"]))
            said.append(await told(spy, guessed_, "groups", one["id"]))
            assert said[-1]["marks"] == ["changed"]
    half = len(said) // 2
    assert said[:half] == said[half:]
