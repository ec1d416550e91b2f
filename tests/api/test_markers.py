"""Markers in every type of JSON and in every place, in rosters and in answers: who may not see them is shown none.

A marker is a text, a name of a property or a number; each published place holds one of another type than the published,
and others stand where nothing is published.
"""

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.skolverket.schemas import SCHEMAS
from tests.api.conftest import Service, SignIn
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.api.guards import fill, routes
from tests.database.factories import exam, group

WORD, NUMBER = "ÿmarkör", 7301990
SEEN = (WORD, WORD.upper(), "mark\\u00f6r", "mark&ouml;r", "mark&#246;r", str(NUMBER))
EVERY_TYPE: list[Any] = [WORD, NUMBER, NUMBER + 0.5, -NUMBER, [[WORD]], {WORD: {WORD: NUMBER}}, [{WORD: True}]]
STREAMS = {"/events", "/runs/{run_id}/events", "/jobs/{job_id}/events"}


def places(schema: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Gives every published place below the top, the first element of each list."""
    for name, part in schema.get("properties", {}).items():
        if (*path, name) != ("id",):
            yield (*path, name)
            yield from places(part, (*path, name))
    if "items" in schema:
        yield (*path, 0)
        yield from places(schema["items"], (*path, 0))


def put_at(item: Object, path: tuple[str | int, ...], value: Any) -> Object:
    """Copies an object with this value at a place; lists and objects on the way there are made."""
    made: Any = copy.deepcopy(item)
    place = made
    for step, following in pairwise(path):
        inner: Any = [None] if following == 0 else {}
        if isinstance(step, int):
            inner = place[0] if isinstance(place[0], type(inner)) and place[0] else inner
            place[0] = inner
        else:
            inner = place[step] if isinstance(place.get(step), type(inner)) and place[step] else inner
            place[step] = inner
        place = inner
    place[path[-1]] = value
    return dict(made)


def marked(kind: str, item: Object) -> list[Object]:
    """Makes of an object one for each published place, with another type there, and one with what is not published."""
    wrong = [
        put_at({**item, "id": str(uuid4())}, path, EVERY_TYPE[at % len(EVERY_TYPE)])
        for at, path in enumerate(places(SCHEMAS[kind]))
    ]
    surplus = {f"{WORD}{at}": each for at, each in enumerate(EVERY_TYPE)} | {WORD: None, "meta": {WORD: WORD}}
    return [{**item, **surplus}, *wrong]


def answer_about(status: str) -> tuple[str, Object]:
    """Makes what is answered about an object: a marker in every place of a message, and beside these."""
    entry: Object = {"id": "2010", **dict.fromkeys(("messageType", "message", "attributeName", "attributeValue"), WORD)}
    entry |= {"parameterName": WORD, "resourceType": WORD, "statusCode": NUMBER, "timeOfOccurance": NUMBER, WORD: WORD}
    entries = [
        entry,
        *({**entry, name: {WORD: [NUMBER]}} for name in ("attributeValue", "resourceId")),
    ]
    verdict = {"error": "Error", "warning": "Warning"}[status]
    lists = {"errors": [*entries, WORD, NUMBER, [entry]], "warnings": entries}
    return status, {"status": verdict, "statusCode": NUMBER, "location": WORD, **lists, WORD: {WORD: NUMBER}}


async def play(service: Service, *, protected: bool) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Has a roster of markers sent and answered; gives ids for routes, and each object with the job of its kind.

    Those who are `protected` have them, or else every object.
    """
    boss = await service.client("provision", "history")
    more: dict[str, Any] = {"securityMarking": "Sekretessmarkering"} if protected else {}
    pupils, teachers = marked("persons", person(**more)), [staff(**more)]
    if protected:
        pupils = [{**each, "securityMarking": more["securityMarking"]} for each in pupils]
    # One whose person can't be read is nobody's who is protected.
    duties = [each for each in marked("duties", duty(teachers[0])) if each["person"] == {"id": teachers[0]["id"]}]
    groups, activities = [group(person())], [exam([group(person())])]
    if not protected:
        groups, activities = marked("groups", groups[0]), marked("activities", activities[0])
    roster = {"persons": [*pupils, *teachers], "duties": duties, "groups": groups, "activities": activities}
    activity_id = await put(boss, body(roster["persons"], duties, groups=groups, activities=activities))
    plan = (await boss.post(f"/activities/{activity_id}/plan")).raise_for_status().json()
    run = (await boss.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    things: list[dict[str, str]] = []
    for position, (kind, items) in enumerate(roster.items(), start=1):
        says = {each["id"]: answer_about("warning" if at else "error") for at, each in enumerate(items)}
        shows = kind in ("persons", "duties") or not protected
        before = len(played.batches)
        await played.stage(position, says if shows else {})
        job = {"job_id": str(played.jobs[position - 1]), "kind": kind}
        things += [{**job, "record_id": each["id"], "object_id": each["id"]} for each in items[:12]]
        things += [{**job, "batch_id": str(each)} for each in played.batches[before:]]
    return {"activity_id": str(activity_id), "run_id": run["id"], "plan_id": plan["id"], "code": "2010"}, things


@pytest.mark.parametrize(
    ("scopes", "protected"), [(("history",), False), (("provision", "history"), True), (("history", "pii"), True)]
)
async def test_no_marker_is_in_any_answer(
    service: Service, sign_in: SignIn, scopes: tuple[str, ...], protected: bool
) -> None:
    ids, things = await play(service, protected=protected)
    client, visitor = await service.client(*scopes), await sign_in(*scopes)
    paths = {path for method, path in routes(service) if method == "GET" and not path.startswith("/webhooks")}
    asked: dict[str, None] = {}
    for path in sorted(paths - STREAMS):
        for thing in things if "{job_id}" in path or "{kind}" in path else [{}]:
            if all(f"{{{name}}}" not in path or name in thing for name in ("record_id", "batch_id", "object_id")):
                asked[fill(path, {**ids, **thing})] = None
    found = 0
    for address in asked:
        answer = await client.get(address)
        found += answer.status_code == 200
        assert not any(each in answer.text for each in SEEN), address
    assert found > len(asked) * 0.9
    pages = ["", "/prov", *(f"/prov/{ids['activity_id']}{each}" for each in ("", "/elever", "/skicka"))]
    pages.append(f"/korningar/{ids['run_id']}")
    for thing in things:
        pages.append(f"/jobb/{thing['job_id']}")
        if "record_id" in thing:
            pages += [
                f"/jobb/{thing['job_id']}/poster/{thing['record_id']}",
                f"/objekt/{thing['kind']}/{thing['object_id']}",
            ]
    for page in dict.fromkeys(pages):
        answer = await visitor.get(f"/historik{page}")
        assert answer.status_code == 200, page
        assert not any(each in answer.text for each in SEEN), page


async def test_who_may_see_everything_is_shown_the_markers(service: Service) -> None:
    """Else the test above would look for what is nowhere."""
    _, things = await play(service, protected=False)
    client = await service.client("history", "pii", "protected")
    for thing in (each for each in things if "record_id" in each):
        answer = await client.get(f"/objects/{thing['kind']}/{thing['object_id']}")
        assert any(each in answer.text for each in SEEN), thing["kind"]
