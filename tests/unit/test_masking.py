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


def mask(value: Any) -> Any:
    """Masks by what Skolverket has published."""
    return masking.mask(value, PUBLISHED.harmless)


ID = "3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a11"


def test_a_person_keeps_structure_ids_and_codes_only() -> None:
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
    assert mask(person) == {
        "id": ID,
        "givenName": MASK,
        "middleName": None,
        "eduPersonPrincipalNames": [MASK],
        "civicNo": {"value": MASK, "nationality": MASK},
        "securityMarking": MASK,
        "emails": [{"value": MASK, "type": "Skola elev"}],
        "enrolments": [{"enroledAt": {"id": ID}, "schoolYear": 8, "schoolType": "GR", "cancelled": False}],
        "meta": {"created": "2026-01-02T03:04:05.678+01:00", "modified": "2026-01-02T03:04:05Z"},
        "provisioningStatus": True,
    }
    assert person == before


def test_of_who_is_hidden_the_school_is_hidden_too() -> None:
    """Its ids, years and codes, in whatever form they came; the structure stays, and so does the rest."""
    hidden = {
        "id": ID,
        "enrolments": [{"enroledAt": {"id": ID}, "schoolYear": 8, "schoolType": "GR", "endDate": None, "Åsa 1": True}],
        "dutyAt": {"id": ID},
        "dutyRole": "Lärare",
        "person": {"id": ID},
    }
    assert masking.mask(hidden, PUBLISHED.harmless, hidden=True) == {
        "id": ID,
        "enrolments": [
            {"enroledAt": {"id": MASK}, "schoolYear": MASK, "schoolType": MASK, "endDate": None, MASK: MASK},
        ],
        "dutyAt": {"id": MASK},
        "dutyRole": MASK,
        "person": {"id": ID},
    }
    deep: Any = ID
    for _ in range(10_000):
        deep = [deep]
    assert ID not in json.dumps(masking.mask({"enrolments": deep}, PUBLISHED.harmless, hidden=True))


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
    answer = {
        "jobId": ID,
        "responses": [
            {
                "id": ID,
                "response": {"status": "Warning", "location": f"https://x.example/persons/{ID}", "errors": [entry]},
            }
        ],
    }
    hidden = {**entry, "messageType": MASK, "message": MASK, "attributeValue": MASK}
    assert mask(answer) == {
        "jobId": ID,
        "responses": [{"id": ID, "response": {"status": "Warning", "location": MASK, "errors": [hidden]}}],
    }


@pytest.mark.parametrize(
    "value",
    [
        {"id": "201202029809"},
        {"id": "9809"},
        {"id": "Alva"},
        {"id": "1234567", "severityLevel": "Error"},
        {"jobId": f"{{{ID}}}"},
        {"status": "Alva"},
        {"schoolType": "Alva"},
        {"type": "Skola elev"},
        {"created": "2012-02-02"},
        {"created": "2026-01-02T03:04:05Z\n"},
        {"attributeName": "Alva Öberg"},
        {"attributeName": "a" * 82},
        {"attributeName": "givenName\n"},
        {"displayName": ID},
        {"resourceType": "Elev"},
        ["GR"],
        "Pending",
    ],
)
def test_a_text_that_only_resembles_something_harmless_is_hidden(value: Any) -> None:
    assert [text for text in texts(mask(value)) if text != "Error"] == [MASK]


@pytest.mark.parametrize("value", ["x", 7, 1.5, True, ["x"], {"a": "x"}])
@pytest.mark.parametrize("key", ["attributeValue", "parameterValue"])
def test_the_value_of_an_attribute_is_hidden_whatever_its_type(key: str, value: Any) -> None:
    assert mask({key: value}) == {key: MASK}


@pytest.mark.parametrize(("number", "kept"), [(0, True), (400, True), (-9999, True), (2.5, True), (10000, False)])
def test_numbers_that_could_be_a_personnummer_are_hidden(number: float, kept: bool) -> None:
    assert mask([number, 201202029809, 2.01202029809e11, float("nan")]) == [number if kept else MASK, MASK, MASK, MASK]


def test_keys_that_are_no_field_names_are_hidden_and_none_gets_lost() -> None:
    assert mask({"Alva Öberg": 1, "ok_1": 2, "201202029809": 3, "a" * 62: 4}) == {
        MASK: 1,
        "ok_1": 2,
        f"{MASK}2": 3,
        f"{MASK}3": 4,
    }


def test_nesting_that_no_real_object_has_is_hidden_whole() -> None:
    deep: Any = "Alva"
    for level in range(10_000):
        deep = [deep] if level % 2 else {"a": deep}
    assert list(texts(mask(deep))) == [MASK]


def texts(value: Any) -> Iterator[str]:
    """Walks through every text of a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


WORDS = st.text(st.characters(categories=["L", "Nd"]), min_size=2, max_size=12).map(lambda word: f"ÿ{word}ÿ")
FIELDS = st.sampled_from(
    ["id", "jobId", "status", "schoolType", "type", "emails", "created", "attributeName", "value", "givenName"]
)
PLACES = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | WORDS, inner, max_size=4)
)


@given(PLACES)
def test_no_text_about_a_person_survives_wherever_it_stands(value: Any) -> None:
    masked = mask(value)
    assert set(texts(masked)) <= {MASK}
    assert "ÿ" not in json.dumps(masked, ensure_ascii=False)


BARE = st.recursive(
    st.none() | st.booleans() | st.integers(-9999, 9999),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@given(BARE)
def test_structure_without_text_stays_as_it_is(value: Any) -> None:
    assert mask(value) == value


OTHER = "3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a12"


def test_somebody_who_is_not_to_be_named_is_so_nowhere() -> None:
    """Not in another spelling of the id and not in a sentence; what stands beside it is masked, all else stays."""
    group = {
        "id": OTHER,
        "displayName": "9A",
        "groupMemberships": [
            {"id": OTHER, "person": {"id": ID.upper(), "displayName": "Alva"}},
            {"id": OTHER, "person": {"id": OTHER, "displayName": "Bo"}},
        ],
        "messages": [{"id": "2203", "severityLevel": "Warning", "message": f"Alva ({ID}) saknas", "attributeValue": 7}],
        "listed": [ID, "9A"],
    }
    before = copy.deepcopy(group)
    assert masking.without(group, {UUID(ID)}, PUBLISHED.harmless) == {
        "id": OTHER,
        "displayName": "9A",
        "groupMemberships": [
            {"id": OTHER, "person": {"id": MASK, "displayName": MASK}},
            {"id": OTHER, "person": {"id": OTHER, "displayName": "Bo"}},
        ],
        "messages": [{"id": "2203", "severityLevel": "Warning", "message": MASK, "attributeValue": MASK}],
        "listed": [MASK, "9A"],
    }
    assert group == before
    assert masking.without(group, frozenset(), PUBLISHED.harmless) == before
