"""Answers of two organisations that differ in one thing: what a key must not tell is in no answer, of no route or page.

The same exam, with the same ids, is sent in both. In one a pupil and a teacher are protected and in the other not, or
they are protected in both and go to different schools. All that a key may ask of each is held against each other.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from tests.api.conftest import Service, SignIn
from tests.api.factories import Object, Played, body, duty, person, put, staff
from tests.api.guards import routes
from tests.database.factories import exam, group

PROTECTED = "Sekretessmarkering"


def known(name: str) -> str:
    """Gives an id that is the same in both organisations."""
    return str(uuid5(NAMESPACE_DNS, name))


NORTH, SOUTH = known("north"), known("south")
HIDDEN, OPEN, OTHER, HIDDEN_TEACHER, OPEN_TEACHER, OTHER_TEACHER = map(
    known, ("sigrid", "olle", "berit", "siv", "ove", "eva")
)
HIDDEN_DUTY, OPEN_DUTY, OTHER_DUTY, GROUP_NORTH, GROUP_SOUTH, TEACHING_NORTH, TEACHING_SOUTH = map(
    known, ("duty of siv", "duty of ove", "duty of eva", "6n", "6s", "maths north", "maths south")
)
EXAM, LATER_EXAM, HALF_EXAM = UUID(known("exam")), UUID(known("later exam")), UUID(known("half exam"))
REFUSED: Object = {"status": "Error", "errors": [{"id": "2010", "attributeName": "civicNo.value", "message": "Fel"}]}


@dataclass(frozen=True, slots=True)
class Case:
    """Whether the two are protected, and where they go."""

    is_protected: bool = True
    school: str = NORTH

    def roster(self, year: str = "6", **of_all: Any) -> Object:
        """Makes the exam's roster; groups are called by the `year`, and `of_all` is said of every person."""
        marking = {"securityMarking": PROTECTED if self.is_protected else "Ingen"}
        goes = [(OPEN, "Olle", NORTH, {}), (HIDDEN, "Sigrid", self.school, marking), (OTHER, "Berit", SOUTH, {})]
        pupils = [
            person(given, "Provlund", 980 + at, id=id_, **more, **of_all, enrolments=[_enrolment(unit)])
            for at, (id_, given, unit, more) in enumerate(goes)
        ]
        works = [(OPEN_TEACHER, "Ove", {}), (HIDDEN_TEACHER, "Siv", marking), (OTHER_TEACHER, "Eva", {})]
        teachers = [
            staff(given, id=id_, serial=990 + at, **more, **of_all) for at, (id_, given, more) in enumerate(works)
        ]
        duties = [
            {**duty(teachers[0]), "id": OPEN_DUTY, "dutyAt": {"id": NORTH}},
            {**duty(teachers[1]), "id": HIDDEN_DUTY, "dutyAt": {"id": self.school}},
            {**duty(teachers[2]), "id": OTHER_DUTY, "dutyAt": {"id": SOUTH}},
        ]
        members = {
            unit: [each for each, of in zip(pupils, goes, strict=True) if of[2] == unit] for unit in (NORTH, SOUTH)
        }
        groups = [
            group(*members[unit], id=id_, displayName=f"{year} {name}", organisation={"id": unit})
            for unit, id_, name in ((NORTH, GROUP_NORTH, "N"), (SOUTH, GROUP_SOUTH, "S"))
        ]
        activities = [
            {**exam([each], [one for one in duties if one["dutyAt"] == each["organisation"]]), **of_it}
            for each, of_it in zip(groups, _activities(), strict=True)
        ]
        return body([*pupils, *teachers], duties, groups=groups, activities=activities)


def _enrolment(unit: str) -> Object:
    return {"enroledAt": {"id": unit}, "schoolType": "GR", "schoolYear": 6 if unit == NORTH else 9}


def _activities() -> list[Object]:
    return [
        {"id": id_, "displayName": f"Prov {name}", "organisation": {"id": unit}, "parentActivity": {"id": known("MA6")}}
        for id_, name, unit in ((TEACHING_NORTH, "N", NORTH), (TEACHING_SOUTH, "S", SOUTH))
    ]


@dataclass
class Told:
    """What an organisation's keys are told: its answers by what was asked, each with its status."""

    plans: list[str] = field(default_factory=list)
    runs: list[Played] = field(default_factory=list)
    batches: list[tuple[UUID, UUID]] = field(default_factory=list)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    @property
    def names(self) -> dict[str, str]:
        """Names what the service has made by its place."""
        named = {str(each): f"batch {at}" for at, (_, each) in enumerate(self.batches)}
        for at, run in enumerate(self.runs):
            named[str(run.run_id)] = f"run {at}"
            named |= {str(job): f"job {at}.{place}" for place, job in enumerate(run.jobs)}
        return named | {each: f"plan {at}" for at, each in enumerate(self.plans)}


async def play(service: Service, case: Case, at: int) -> Told:
    """Has the exam sent, with refusals and warnings, then changed, planned and sent again; and another one unsent.

    Of a third one of both groups is refused, and the other taken.
    """
    boss = await service.client("provision", "history", organisation=at)
    told = Told()

    async def sent(first: Mapping[str, Any], exam_id: UUID = EXAM, **rest: Mapping[str, Any]) -> None:
        answer = await boss.post(f"/activities/{exam_id}/provision", json={"on_record_error": "continue"})
        assert answer.status_code == 202, answer.text
        played = await Played.of(service.runtime, service.organisations[at], UUID(answer.json()["id"]))
        for position, answers in enumerate((first, *rest.values()), start=1):
            before = len(played.batches)
            await played.stage(position, dict(answers))
            told.batches += [(played.jobs[position - 1], each) for each in played.batches[before:]]
        told.runs.append(played)

    async def planned() -> None:
        told.plans.append((await boss.post(f"/activities/{EXAM}/plan")).raise_for_status().json()["id"])

    warned = (
        "warning",
        {"status": "Warning", "warnings": [{"id": "3047", "attributeName": "eduPersonPrincipalNames"}]},
    )
    await put(boss, case.roster(), EXAM)
    await planned()
    await sent({}, duties={}, groups={}, activities={})
    await put(boss, case.roster(middleName="Mellan", emails=[{"value": "fel", "type": "Privat"}]), EXAM)
    await planned()
    both = {HIDDEN: ("error", REFUSED), OPEN: ("error", REFUSED), OTHER: warned, HIDDEN_TEACHER: warned}
    await sent(
        both, duties=dict.fromkeys((HIDDEN_DUTY, OPEN_DUTY, OTHER_DUTY), ("error", REFUSED)), groups={}, activities={}
    )
    await put(boss, case.roster(year="7"), HALF_EXAM)
    await sent({}, HALF_EXAM, duties={}, groups={GROUP_NORTH: ("error", REFUSED)}, activities={})
    await put(boss, case.roster(middleName="Annat"), LATER_EXAM)
    await put(boss, case.roster(middleName="Tredje"), EXAM)
    await planned()
    return told


def addresses(service: Service, told: Told) -> Iterator[tuple[str, str]]:
    """Gives what is asked: the same of both, by a name that is the same, and the address that it has here."""
    objects = {
        "persons": (HIDDEN, OPEN, OTHER, HIDDEN_TEACHER, OPEN_TEACHER, OTHER_TEACHER),
        "duties": (HIDDEN_DUTY, OPEN_DUTY, OTHER_DUTY),
        "groups": (GROUP_NORTH, GROUP_SOUTH),
        "activities": (TEACHING_NORTH, TEACHING_SOUTH),
    }
    exams = [str(EXAM), str(LATER_EXAM), str(HALF_EXAM)]
    things: dict[str, list[Mapping[str, str]]] = {
        "/activities/{activity_id}": [{"activity_id": each} for each in exams],
        "/runs/{run_id}": [{"run_id": str(each.run_id)} for each in told.runs],
        "/jobs/{job_id}": [{"job_id": str(job)} for each in told.runs for job in each.jobs],
        "/jobs/{job_id}/records/{record_id}": [
            {"job_id": str(job), "record_id": one}
            for each in told.runs
            for job, ids in zip(each.jobs, objects.values(), strict=True)
            for one in ids
        ],
        "/jobs/{job_id}/batches/{batch_id}": [
            {"job_id": str(job), "batch_id": str(batch)} for job, batch in told.batches
        ],
        "/plans/{plan_id}": [{"plan_id": each} for each in told.plans],
        "/objects/{kind}/{object_id}": [
            {"kind": kind, "object_id": one} for kind, ids in objects.items() for one in ids
        ],
    }
    for method, path in sorted(routes(service)):
        if method != "GET" or path in _ELSEWHERE:
            continue
        place = max((each for each in things if path.startswith(each)), key=len, default=None)
        given = things[place] if place else [{}]
        for number, ids in enumerate(given):
            # What is asked of the last ones is so of all.
            for query in ("", *(_QUERIES.get(path, ()) if number >= len(given) - 4 else ())):
                yield f"{path} {number}{query}", path.format(**ids) + query


_BY = [f"school_unit={NORTH}", f"school_unit={SOUTH}", "school_year=6", "school_year=9", "status=error", "role=Elev"]
_BY += ["sort=status", "sort=-completed_at", "code=2010", "code=needs_permission", f"school_unit={NORTH}&status=error"]
_BY += [f"school_unit={NORTH}&school_unit={SOUTH}", f"school_unit={NORTH}&limit=1", "limit=1"]
_OF_RECORDS = [f"?{each}" for each in _BY]
_PUPILS = [f"group={GROUP_NORTH}", f"group={GROUP_SOUTH}", f"group={GROUP_NORTH}&group={GROUP_SOUTH}"]
_PUPILS = [f"{each}{more}" for each in _PUPILS for more in ("", "&state=through&state=hindered", "&limit=1")]
_PUPILS += [f"state={each}" for each in ("through", "under_way", "not_sent", "hindered", "not_in_exam")]
_PUPILS += [f"cause=groups:{GROUP_NORTH}", f"cause=activities:{TEACHING_SOUTH}", f"cause=persons:{HIDDEN}"]
_FOUND = ["roster_differs", "roster_differs_name", "roster_differs_marking", "value_left_out", "left_out"]
_QUERIES: Mapping[str, list[str]] = {
    "/jobs/{job_id}/records": _OF_RECORDS,
    "/jobs/{job_id}/records.csv": _OF_RECORDS[:4],
    "/jobs/{job_id}/records.jsonl": _OF_RECORDS[:4],
    "/activities/{activity_id}/readiness": ["?limit=1"],
    "/activities/{activity_id}/readiness/pupils": [f"?{each}" for each in _PUPILS],
    "/activities/{activity_id}/findings": [*(f"?code={each}" for each in _FOUND), "?kind=persons", "?severity=error"],
    "/plans/{plan_id}/items": [
        *(f"?mark={each}" for each in ("renamed", "changed", "new", "unchanged", "marking_changed", "members_lost")),
        *("?decision=send", "?stage=persons", "?stage=groups", "?code=value_left_out", "?code=reused_id"),
    ],
}
# Streams that do not end, workbooks (compressed; they have what the CSV has), and what an administrator reads.
_ELSEWHERE = {"/events", "/jobs/{job_id}/records.xlsx", "/runs.xlsx", "/webhooks"}
# An administrator is shown of an erasure when it was.
_ELSEWHERE |= {"/objects/persons/{object_id}/erasure"}
# By whom somebody was seen tells who may see them: docs/SECURITY.md says so of the scope.
_ELSEWHERE |= {"/audit"}
_ELSEWHERE |= {"/webhooks/{webhook_id}", "/webhooks/{webhook_id}/deliveries"}
_OF_WHO_SEES_ALL = {"/activities/{activity_id}/roster"}
_PAGES = (
    *("/historik", "/historik/prov", f"/historik/prov/{EXAM}", f"/historik/prov/{EXAM}/elever"),
    *(f"/historik/prov/{EXAM}/elever?state=hindered&state=through", f"/historik/prov/{EXAM}/skicka"),
    *(f"/historik/prov/{LATER_EXAM}", f"/historik/prov/{LATER_EXAM}/skicka"),
    *(f"/historik/prov/{HALF_EXAM}", f"/historik/prov/{HALF_EXAM}/elever"),
    *(f"/historik/prov/{EXAM}/elever?group={each}&state=through&state=hindered" for each in (GROUP_NORTH, GROUP_SOUTH)),
)
_SEARCHES = ("Sigrid", "Siv", "Olle", "Provlund", HIDDEN, HIDDEN_DUTY, "980", "elev")


async def ask(service: Service, sign_in: SignIn, told: Told, scopes: tuple[str, ...], at: int) -> None:
    """Asks all that there is to ask, with a key of these scopes."""
    client = await service.client(*scopes, organisation=at)
    for name, address in addresses(service, told):
        answer = await client.get(address)
        told.answers[name] = answer.status_code, same(answer.text, told)
        told.asked.add(name.partition(" ")[0] if answer.status_code == 200 else "")
    jobs = [job for each in told.runs for job in each.jobs]
    for number, path in enumerate(("/objects/search", *(f"/jobs/{job}/records/search" for job in jobs))):
        for phrase in _SEARCHES:
            for narrowed in ({}, {"school_unit": NORTH}, {"school_year": 9}) if number else ({},):
                answer = await client.post(path, json={"q": phrase, **narrowed})
                told.answers[f"search {number} {phrase} {narrowed}"] = answer.status_code, same(answer.text, told)
    visitor = await sign_in(*scopes, organisation=at)
    pages = [*_PAGES, *(f"/historik/korningar/{each.run_id}" for each in told.runs)]
    pages += [
        f"/historik/jobb/{job}{query}" for job in jobs for query in ("", f"?school_unit={NORTH}", "?school_year=9")
    ]
    pages += [f"/historik/jobb/{job}/export/csv" for job in jobs]
    for kind, ids in (("persons", (HIDDEN, OPEN)), ("duties", (HIDDEN_DUTY,)), ("groups", (GROUP_NORTH, GROUP_SOUTH))):
        pages += [f"/historik/objekt/{kind}/{each}" for each in ids]
    pages += [f"/historik/jobb/{told.runs[1].jobs[0]}/poster/{each}" for each in (HIDDEN, OPEN, HIDDEN_TEACHER)]
    pages += [f"/historik/jobb/{told.runs[1].jobs[2]}/poster/{each}" for each in (GROUP_NORTH, GROUP_SOUTH)]
    for number, page in enumerate(pages):
        answer = await visitor.get(page)
        told.answers[f"page {number} {re.sub(_ID, '', page)}"] = answer.status_code, same(answer.text, told)


_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OURS = {
    str(each): name
    for name, each in list(globals().items())
    if name.isupper() and isinstance(each, str | UUID) and re.fullmatch(_ID, str(each))
}
_MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(?:Z|\+00:00)?|[0-9]{1,2} [a-z]{3,9} (?:[0-9]{4} )?(?:kl\. )?[0-9:.]{4,8}"
)


def same(text: str, told: Told) -> str:
    """Gives an answer without what is another in every organisation: ids that the service makes, times, tokens."""
    names = _OURS | told.names
    named = re.sub(_ID, lambda found: names.get(found[0], "an id"), text)
    named = re.sub(_MOMENT, "then", named)
    named = re.sub(r">[0-9]+ (?:s|min)<", ">a while<", named)
    named = re.sub(r'("next_cursor": ?)"[^"]+"|cursor=[A-Za-z0-9_.%-]+', r"\1a cursor", named)
    named = re.sub(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12})\b|(?<=seen=)[0-9a-f]{16}", "a token", named)
    if '"type":"run"' in named:  # what changed in the same moment is in any order
        return "\n".join(sorted(each.rstrip(",]}") for each in named.replace('{"type"', '\n{"type"').splitlines()))
    return named


def assert_same(one: Told, other: Told) -> None:
    """Holds the answers against each other; says where they differ."""
    assert one.answers.keys() == other.answers.keys()
    differ = {
        name: (one.answers[name], other.answers[name])
        for name in one.answers
        if one.answers[name] != other.answers[name]
    }
    assert not differ, json.dumps({name: _around(*both) for name, both in differ.items()}, indent=1, ensure_ascii=False)


def _around(one: tuple[int, str], other: tuple[int, str]) -> list[str]:
    if one[0] != other[0]:
        return [str(one[0]), str(other[0])]
    at = next((n for n, (a, b) in enumerate(zip(one[1], other[1], strict=False)) if a != b), 0)
    return [text[max(0, at - 150) : at + 150] for text in (one[1], other[1])]


async def test_without_pii_no_answer_tells_whether_somebody_is_protected(service: Service, sign_in: SignIn) -> None:
    """Every route that reads is asked and gives something: a new one fails here until it does."""
    one = await play(service, Case(is_protected=True, school=NORTH), 0)
    other = await play(service, Case(is_protected=False, school=NORTH), 1)
    await ask(service, sign_in, one, ("history",), 0)
    await ask(service, sign_in, other, ("history",), 1)
    assert_same(one, other)
    assert {path for method, path in routes(service) if method == "GET"} - one.asked == _ELSEWHERE | _OF_WHO_SEES_ALL


async def test_without_protected_no_answer_tells_where_somebody_protected_goes(
    service: Service, sign_in: SignIn
) -> None:
    """No school, year, group or exam of theirs, also not by what filters count; who may see them is told."""
    one, other = await play(service, Case(school=NORTH), 0), await play(service, Case(school=SOUTH), 1)
    await ask(service, sign_in, one, ("history", "pii"), 0)
    await ask(service, sign_in, other, ("history", "pii"), 1)
    assert_same(one, other)
    path = f"/objects/persons/{HIDDEN}"
    told = [await (await service.client("history", "pii", "protected", organisation=at)).get(path) for at in (0, 1)]
    assert [NORTH in each.text for each in told] == [True, False]
