"""What is shown of an object that is not masked, to who may not see everything: what is published, where it is."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.masked import MASK
from app.security.masking import only_published
from app.skolverket.published import PUBLISHED
from tests.unit.test_masking import ANYTHING, ID, PLACES, values

PERSON: dict[str, Any] = {
    "id": ID,
    "givenName": "Alva",
    "middleName": None,
    "eduPersonPrincipalNames": ["q7x1@skola.example"],
    "civicNo": {"value": "201202029809", "nationality": "SE"},
    "emails": [{"value": "alva@skola.example", "type": "Privat"}],
    "enrolments": [{"enroledAt": {"id": ID.upper()}, "schoolYear": 88, "schoolType": "KOMVUX", "cancelled": 1}],
    "meta": {"created": "2026-01-02T03:04:05Z"},
    "provisioningStatus": True,
}


def of_kind(kind: str, value: Any) -> Any:
    return only_published(value, PUBLISHED.harmless.objects[kind])


def test_what_is_published_stays_as_it_is() -> None:
    """A value that breaks the schema as well: whoever is to mend it has to see it."""
    before = copy.deepcopy(PERSON)
    assert list(of_kind("persons", PERSON).items()) == list(PERSON.items())
    assert before == PERSON


@pytest.mark.parametrize(
    ("kind", "said", "shown"),
    [
        ("persons", {"responsibles": [{"person": {"id": ID}}]}, {MASK: [{MASK: {MASK: MASK}}]}),
        ("persons", {"Alva": 1, "_embedded": None, "Bo": ["x"]}, {MASK: MASK, f"{MASK}2": None, f"{MASK}3": [MASK]}),
        ("persons", {"givenName": {"Alva": "Alva"}}, {"givenName": {MASK: MASK}}),
        ("persons", {"givenName": ["Alva"]}, {"givenName": [MASK]}),
        ("persons", {"civicNo": "201202029809"}, {"civicNo": MASK}),
        ("persons", {"civicNo": ["201202029809"]}, {"civicNo": [MASK]}),
        ("persons", {"emails": [["Alva"]]}, {"emails": [[MASK]]}),
        ("persons", {"emails": {"Alva": 1}}, {"emails": {MASK: MASK}}),
        (
            "groups",
            {"groupMemberships": [{"person": {"id": ID, "displayName": "Alva"}, "x": 1}]},
            {"groupMemberships": [{"person": {"id": ID, MASK: MASK}, MASK: MASK}]},
        ),
        ("groups", {"groupMemberships": ["Alva", 7]}, {"groupMemberships": [MASK, MASK]}),
        ("groups", {"groupMemberships": [{"person": "Alva"}]}, {"groupMemberships": [{"person": MASK}]}),
        ("duties", {"person": {"id": ID}, "_embedded": {"person": "Alva"}}, {"person": {"id": ID}, MASK: {MASK: MASK}}),
        ("activities", {"teachers": [{"duty": {"id": ID, "person": {"id": ID}}}]}, None),
    ],
)
def test_what_stands_where_nothing_is_published_is_hidden_with_its_name(kind: str, said: Any, shown: Any) -> None:
    shown = shown or {"teachers": [{"duty": {"id": ID, MASK: {MASK: MASK}}}]}
    assert of_kind(kind, said) == shown


SPELLINGS = [
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    ID.replace("-", ""),
    ID.replace("-", "").upper(),
    f" {ID}",
    f"{ID}\u200b",
    ID.replace("-", "\u2010"),
    f"{ID[:18]}\u00ad{ID[18:]}",
    str(int(ID.replace("-", ""), 16)),
    int(ID.replace("-", ""), 16),
    True,
]


@pytest.mark.parametrize("spelt", SPELLINGS, ids=range(len(SPELLINGS)))
def test_an_id_that_cannot_be_read_is_hidden_wherever_one_stands(spelt: object) -> None:
    """It names nobody who could be looked for, and so may be anybody's."""
    place, hidden = {"id": spelt}, {"id": MASK}
    assert of_kind("groups", {"groupMemberships": [{"person": place}], "organisation": place}) == {
        "groupMemberships": [{"person": hidden}],
        "organisation": hidden,
    }
    assert of_kind("activities", {"teachers": [{"duty": place}], "groups": [place], "parentActivity": place}) == {
        "teachers": [{"duty": hidden}],
        "groups": [hidden],
        "parentActivity": hidden,
    }
    assert of_kind("duties", {"person": place, "dutyAt": place}) == {"person": hidden, "dutyAt": hidden}
    assert only_published({"id": spelt}, PUBLISHED.harmless.result) == hidden


@given(st.dictionaries(st.text(min_size=1).map(lambda name: f"ÿ{name}"), ANYTHING), st.sampled_from(PLACES))
def test_nothing_survives_under_a_name_that_is_not_published(value: Any, place: Any) -> None:
    shown = only_published(value, place)
    assert set(values(shown)) <= {MASK}
    assert "ÿ" not in json.dumps(shown, ensure_ascii=False)


def test_nesting_that_no_real_object_has_is_hidden_whole() -> None:
    deep: Any = "Alva"
    for level in range(10_000):
        deep = [deep] if level % 2 else {"a": deep}
    for value in ({"x": deep}, {"emails": deep}, deep):
        assert set(values(of_kind("persons", value))) <= {MASK}
