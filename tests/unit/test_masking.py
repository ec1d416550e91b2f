"""Masking: whoever may not read personal data sees structure, ids and codes, and nothing else."""

import copy
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.masked import MASK
from app.security import masking
from app.skolverket.published import PUBLISHED
from app.target import Place
from app.views.viewer import Viewer


def mask(value: Any, kind: str = "persons", *, hidden: bool = False) -> Any:
    """Masks an object of a kind by what Skolverket has published."""
    return masking.mask(value, PUBLISHED.harmless.objects[kind], hidden=hidden)


def mask_result(value: Any) -> Any:
    """Masks what is said of an object."""
    return masking.mask(value, PUBLISHED.harmless.result)


ID = "3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a11"
OTHER = "3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a12"


def test_a_person_keeps_structure_ids_and_codes_only() -> None:
    """Of a marking it isn't even said that there is one."""
    person = {
        "id": ID,
        "givenName": "Alva",
        "middleName": None,
        "eduPersonPrincipalNames": ["q7x1@skola.example"],
        "civicNo": {"value": "201202029809", "nationality": "SE"},
        "securityMarking": "Ingen",
        "emails": [{"value": "alva@skola.example", "type": "Skola elev"}],
        "enrolments": [{"enroledAt": {"id": ID}, "schoolYear": 8, "schoolType": "GR", "cancelled": False}],
        "meta": {"created": "2026-01-02T03:04:05.678+01:00", "modified": "2026-01-02T03:04:05Z"},
        "provisioningStatus": True,
    }
    before = copy.deepcopy(person)
    assert list(mask(person).items()) == list(
        {
            "id": ID,
            "givenName": MASK,
            "middleName": None,
            "eduPersonPrincipalNames": [MASK],
            "civicNo": {"value": MASK, "nationality": MASK},
            "emails": [{"value": MASK, "type": "Skola elev"}],
            "enrolments": [{"enroledAt": {"id": ID}, "schoolYear": 8, "schoolType": "GR", "cancelled": False}],
            "meta": {"created": "2026-01-02T03:04:05.678+01:00", "modified": "2026-01-02T03:04:05Z"},
            "provisioningStatus": True,
        }.items()
    )
    assert person == before


def test_of_who_is_hidden_the_school_is_hidden_too() -> None:
    """Its ids, years and codes, in whatever form they came; the structure stays, and so does the rest."""
    enrolment = {"enroledAt": {"id": ID}, "schoolYear": 8, "schoolType": "GR", "cancelled": None, "Åsa 1": True}
    assert mask({"id": ID, "enrolments": [enrolment]}, hidden=True) == {
        "id": ID,
        "enrolments": [
            {"enroledAt": {"id": MASK}, "schoolYear": MASK, "schoolType": MASK, "cancelled": None, MASK: MASK},
        ],
    }
    duty = {"id": ID, "person": {"id": ID}, "dutyAt": {"id": ID}, "dutyRole": "Lärare"}
    assert mask(duty, "duties", hidden=True) == {**duty, "dutyAt": {"id": MASK}, "dutyRole": MASK}
    group = {"id": ID, "organisation": {"id": ID}, "groupMemberships": [{"person": {"id": OTHER}}]}
    assert mask(group, "groups", hidden=True) == {**group, "groupMemberships": [{"person": {"id": MASK}}]}
    teaching = {"id": ID, "groups": [{"id": ID}], "teachers": [{"duty": {"id": OTHER}}]}
    assert mask(teaching, "activities", hidden=True) == {**teaching, "teachers": [{"duty": {"id": MASK}}]}
    deep: Any = ID
    for _ in range(10_000):
        deep = [deep]
    assert ID not in json.dumps(mask({"enrolments": deep}, hidden=True))


def test_an_answer_keeps_its_verdict_and_hides_its_words() -> None:
    entry = {
        "id": "3047",
        "statusCode": 400,
        "messageType": "Bristfälligt värde",
        "message": "om efraimsdotter09",
        "resourceType": "Person",
        "resourceId": ID,
        "attributeName": "Enrolment.schoolYear",
        "attributeValue": "efraimsdotter09@skola.example",
        "severityLevel": "Warning",
        "timeOfOccurance": "2025-08-14T16:17:42.048+02:00",
    }
    item = {
        "id": ID,
        "response": {"status": "Warning", "statusCode": 200, "location": f"https://x.example/{ID}", "errors": [entry]},
    }
    hidden = {**entry, "messageType": MASK, "message": MASK, "attributeValue": MASK}
    masked = {**item, "response": {"status": "Warning", "statusCode": 200, "location": MASK, "errors": [hidden]}}
    assert mask_result(item) == masked
    answer = PUBLISHED.harmless.answer
    assert masking.mask({"jobId": ID, "responses": [item]}, answer) == {"jobId": ID, "responses": [masked]}
    # A refusal of a call is a list of entries, or one of them.
    assert [masking.mask([entry], answer), masking.mask(entry, answer), mask_result([entry])] == [
        [hidden],
        hidden,
        [hidden],
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"id": "201202029809"},
        {"id": f"{{{ID}}}"},
        {"provisioningStatus": "Alva"},
        {"provisioningStatus": 1},
        {"emails": [{"type": "Alva"}]},
        {"emails": {"type": "Skola elev"}},
        {"emails": ["Skola elev"]},
        {"emails": [[{"type": "Skola elev"}]]},
        {"civicNo": ID},
        {"civicNo": {"value": ID}},
        {"civicNo": {"value": 9809}},
        {"civicNo": {"nationality": False}},
        {"givenName": ID},
        {"givenName": 7},
        {"givenName": 7.5},
        {"givenName": True},
        {"enrolments": [{"schoolType": "Alva"}]},
        {"enrolments": [{"schoolYear": 0}]},
        {"enrolments": [{"schoolYear": 11}]},
        {"enrolments": [{"schoolYear": 8.0}]},
        {"enrolments": [{"schoolYear": True}]},
        {"enrolments": [{"schoolYear": "8"}]},
        {"enrolments": [{"schoolYear": [8]}]},
        {"enrolments": [{"cancelled": "false"}]},
        {"enrolments": [{"cancelled": 0}]},
        {"enrolments": [{"enroledAt": ID}]},
        {"enrolments": [{"enroledAt": [ID]}]},
        {"meta": {"created": "2012-02-02"}},
        {"meta": {"created": "2026-01-02T03:04:05Z\n"}},
        {"meta": {"created": 2026}},
        ["GR"],
        [ID],
        "Pending",
        2012,
        True,
    ],
)
def test_a_value_of_an_object_that_only_resembles_something_harmless_is_hidden(value: Any) -> None:
    assert list(values(mask(value))) == [MASK]


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "Alva"},
        {"id": "1234567"},
        {"id": 3047},
        {"id": ID},
        {"statusCode": 9809},
        {"statusCode": "400"},
        {"statusCode": True},
        {"resourceType": "Elev"},
        {"resourceId": "9809"},
        {"severityLevel": "Alva"},
        {"attributeName": "Alva"},
        {"attributeName": "Alva Öberg"},
        {"attributeName": "givenName.Alva"},
        {"attributeName": "givenName\n"},
        {"attributeName": "201202029809"},
        {"attributeName": "9809"},
        {"attributeName": "enrolments[2012]"},
        {"attributeName": ".".join(["enrolments"] * 20)},
        {"attributeName": "securityMarking"},
        {"attributeName": "Person.securityMarking"},
        {"attributeName": 7},
        {"parameterName": "Alva"},
        {"parameterValue": 7},
        {"attributeValue": True},
        {"attributeValue": ["x"]},
        {"message": 7},
    ],
)
def test_a_value_of_a_message_that_only_resembles_something_harmless_is_hidden(entry: dict[str, Any]) -> None:
    masked = mask_result({"response": {"errors": [entry]}})
    assert list(values(masked)) == [MASK]


@pytest.mark.parametrize(
    "name",
    ["civicNo.value", "Enrolment.schoolYear", "$.enrolments[0].enroledAt.id", "/emails/12/value", "Personnummer"],
)
def test_published_names_of_attributes_are_shown_in_whatever_way_they_are_written(name: str) -> None:
    entry = {"attributeName": name}
    assert mask_result([entry]) == [entry]


def test_what_is_harmless_in_one_place_is_so_in_no_other() -> None:
    """A published name, too: where it is not published it may be anybody's."""
    assert mask({"schoolYear": 8, "status": "Error", "jobId": ID, "value": "GR", "person": {"id": ID}}) == {
        MASK: MASK,
        f"{MASK}2": MASK,
        f"{MASK}3": MASK,
        f"{MASK}4": MASK,
        f"{MASK}5": {MASK: MASK},
    }
    assert mask({"meta": {"created": None, "id": ID}, "civicNo": {"meta": True}}) == {
        "meta": {"created": None, MASK: MASK},
        "civicNo": {MASK: MASK},
    }


def test_names_that_are_not_published_are_hidden_and_none_gets_lost() -> None:
    """Null stays, and so does the structure; a name that looks like ours is no other's."""
    assert mask({"Alva Öberg": 1, "givenName": None, "ok_1": [2, None, {"x": {}}], "***2": 3, "Id": ID}) == {
        MASK: MASK,
        "givenName": None,
        f"{MASK}2": [MASK, None, {MASK: {}}],
        f"{MASK}3": MASK,
        f"{MASK}4": MASK,
    }


def test_nesting_that_no_real_object_has_is_hidden_whole() -> None:
    deep: Any = "Alva"
    for level in range(10_000):
        deep = [deep] if level % 2 else {"a": deep}
    assert list(values(mask(deep))) == [MASK]


def test_so_many_strange_names_take_no_longer_each() -> None:
    """Each is looked at once: were all those before counted anew for each, this would take minutes."""
    masked = mask({f"Alva {number}": number for number in range(200_000)})
    assert (len(masked), set(masked.values())) == (200_000, {MASK})


def values(value: Any) -> Iterator[Any]:
    """Walks through every value that is neither a list, an object nor null."""
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from values(part)
    elif value is not None:
        yield value


def names(value: Any) -> Iterator[str]:
    """Walks through every name of a property."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from names(part)


PLACES = [*PUBLISHED.harmless.objects.values(), PUBLISHED.harmless.result, PUBLISHED.harmless.answer]


def published(place: Place) -> Iterator[str]:
    """Gives every name that is published anywhere in a place."""
    for name, part in place.named.items():
        yield from (name, *published(part))
    if place.each is not None:
        yield from published(place.each)


FIELDS = sorted({name for place in PLACES for name in published(place)})
WORDS = st.text(st.characters(categories=["L", "Nd"]), min_size=2, max_size=12).map(lambda word: f"ÿ{word}ÿ")
SCALARS = WORDS | st.integers(10_000) | st.integers(max_value=-1) | st.floats()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | WORDS, inner, max_size=4),
)


@given(ANYTHING, st.sampled_from(PLACES), st.booleans())
def test_nothing_about_a_person_survives_wherever_it_stands(value: Any, place: Place, hidden: bool) -> None:
    masked = masking.mask(value, place, hidden=hidden)
    assert set(values(masked)) <= {MASK}
    assert {name for name in names(masked) if not name.startswith(MASK)} <= set(FIELDS)
    assert "ÿ" not in json.dumps(masked, ensure_ascii=False)


def shape(value: Any, place: Place) -> Any:
    """Gives what stays of a value whatever it is: its lists, its objects, null; without what is unsaid."""
    if isinstance(value, dict):
        inner = {name: place.named.get(name, Place()) for name in value}
        return [shape(part, inner[name]) for name, part in value.items() if not inner[name].unsaid]
    if isinstance(value, list):
        return [[shape(part, place.each or Place()) for part in value]]
    return value is None


@given(ANYTHING, st.sampled_from(PLACES))
def test_the_structure_stays_as_it_is(value: Any, place: Place) -> None:
    def of(masked: Any) -> Any:
        if isinstance(masked, dict):
            return [of(part) for part in masked.values()]
        return [[of(part) for part in masked]] if isinstance(masked, list) else masked is None

    assert of(masking.mask(value, place)) == shape(value, place)


def test_somebody_who_is_not_to_be_named_is_so_nowhere() -> None:
    """Members are left out, in whatever spelling; what stands beside an id elsewhere is masked, all else stays."""
    group = {
        "id": OTHER,
        "displayName": "9A",
        "groupMemberships": [
            {"id": OTHER, "person": {"id": ID.upper(), "displayName": "Alva"}},
            {"id": OTHER, "person": {"id": OTHER, "displayName": "Bo"}},
            {"note": [[f"Alva {ID}"]]},
            {ID: 7},
        ],
        "messages": [{"id": "2203", "severityLevel": "Warning", "message": f"Alva ({ID}) saknas", "attributeValue": 7}],
        "listed": [ID, "9A"],
        "by": {ID: "Alva"},
    }
    before = copy.deepcopy(group)
    place = PUBLISHED.harmless.objects["groups"]
    assert masking.without(group, {UUID(ID)}, place) == {
        "id": OTHER,
        "displayName": "9A",
        "groupMemberships": [{"id": OTHER, "person": {"id": OTHER, "displayName": "Bo"}}],
        "messages": [{MASK: MASK, f"{MASK}2": MASK, f"{MASK}3": MASK, f"{MASK}4": MASK}],
        "listed": [MASK, "9A"],
        "by": {MASK: MASK},
    }
    assert group == before
    assert masking.without(group, frozenset(), place) == before
    deep: Any = ID
    for _ in range(10_000):
        deep = [deep]
    assert masking.without({"groupMemberships": [deep]}, {UUID(ID)}, place) == {"groupMemberships": []}


@pytest.mark.parametrize(
    ("scopes", "sees"),
    [
        ((), (False, False)),
        (("pii",), (True, False)),
        (("protected",), (False, False)),
        (("pii", "protected"), (True,) * 2),
    ],
)
def test_the_scope_protected_alone_shows_nobody(scopes: tuple[str, ...], sees: tuple[bool, bool]) -> None:
    """Whoever has it from elsewhere than a key, which can't have it alone."""
    viewer = Viewer(UUID(ID), UUID(OTHER), frozenset({"history", *scopes}), None, PUBLISHED)
    assert (viewer.may_see_names, viewer.may_see_protected) == sees
