"""Reading the objects of a roster, whatever shape they are in."""

import copy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.roster import (
    Affiliation,
    Described,
    Send,
    Skip,
    affiliation,
    blocked,
    describe,
    is_protected,
    refs,
    school_units,
    uuid_of,
)

A, B, C, D = (f"{letter * 8}-1111-4111-8111-111111111111" for letter in "abcd")
STAGES = ("persons", "duties", "groups", "activities")

PUPIL: dict[str, Any] = {
    "id": A,
    "givenName": "Karl-Erik",
    "middleName": "von",
    "familyName": "Åström",
    "eduPersonPrincipalNames": ["Q7x1@skola.example"],
    "civicNo": {"value": "201202029809"},
    "enrolments": [
        {"schoolYear": 7, "schoolType": "GR", "cancelled": True},
        {"schoolYear": 8, "schoolType": "SP", "enroledAt": {"id": B}, "cancelled": False},
        {"schoolYear": 9, "schoolType": "GR"},
    ],
}


def test_a_pupil_is_described_by_names_and_the_first_enrolment_that_holds() -> None:
    assert describe("persons", PUPIL) == Described(
        name="Karl-Erik von Åström",
        civic_no="201202029809",
        eppn="Q7x1@skola.example",
        affiliation=Affiliation("Elev", 8, "SP", UUID(B)),
    )


@pytest.mark.parametrize(
    ("kind", "item", "units"),
    [
        ("persons", {"enrolments": [{"enroledAt": {"id": A}}, {"enroledAt": {"id": B}, "cancelled": True}]}, {A, B}),
        ("persons", {"enrolments": [{"enroledAt": {"id": A}}, {"enroledAt": A}, "x"]}, {A, None}),
        ("persons", {"enrolments": []}, set()),
        ("persons", {"enrolments": None}, set()),
        ("persons", {}, set()),
        ("persons", {"enrolments": {"enroledAt": {"id": A}}}, {None}),
        ("persons", None, {None}),
        ("duties", {"dutyAt": {"id": A}, "organisation": {"id": B}}, {A}),
        ("duties", {}, {None}),
        ("groups", {"organisation": {"id": A}, "dutyAt": {"id": B}}, {A}),
        ("activities", {"organisation": {"id": A}}, {A}),
        ("activities", [A], {None}),
    ],
)
def test_an_object_belongs_to_school_units(kind: str, item: Any, units: set[str | None]) -> None:
    """None among them is one that can't be read; staff have none."""
    assert school_units(kind, item) == {None if unit is None else UUID(unit) for unit in units}


def test_a_person_without_enrolments_is_staff() -> None:
    assert affiliation("persons", {"givenName": "Moa", "enrolments": []}) == Affiliation("Personal")


def test_a_pupil_whose_enrolments_are_all_cancelled_has_no_year_and_is_still_a_pupil() -> None:
    ended = {"enrolments": [{"schoolYear": 7, "enroledAt": {"id": A}, "cancelled": True}]}
    assert affiliation("persons", ended) == Affiliation("Elev")


@pytest.mark.parametrize(("given", "shown"), [(255, "Å" * 255), (256, "Å" * 254 + "…"), (120_000, "Å" * 254 + "…")])
def test_long_texts_are_cut_and_say_so(given: int, shown: str) -> None:
    long = "Å" * given
    assert describe("groups", {"displayName": long}).name == shown
    person = describe("persons", {"givenName": long, "eduPersonPrincipalNames": [long], "civicNo": {"value": long}})
    assert (person.name, person.eppn, person.civic_no) == (shown, shown, shown)


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        (
            "groups",
            {"displayName": "8A", "schoolType": "GR", "organisation": {"id": A}},
            Described(name="8A", affiliation=Affiliation(school_type="GR", school_unit=UUID(A))),
        ),
        ("activities", {"displayName": "Ma 8A"}, Described(name="Ma 8A")),
        (
            "duties",
            {"displayName": "x", "dutyRole": "Lärare", "dutyAt": {"id": B}},
            Described(affiliation=Affiliation("Personal", school_unit=UUID(B), duty_role="Lärare")),
        ),
        ("duties", {"dutyRole": ["Lärare"], "dutyAt": B}, Described(affiliation=Affiliation("Personal"))),
        ("groups", {"displayName": "\ud800\0", "schoolType": "FSK"}, Described(name="\ufffd\ufffd")),
        ("groups", {"displayName": "  ", "schoolType": ["GR"]}, Described()),
    ],
)
def test_groups_activities_and_duties_are_described_by_what_they_have(
    kind: str, item: dict[str, Any], expected: Described
) -> None:
    assert describe(kind, item) == expected


@pytest.mark.parametrize("year", ["8", 8.0, True, None, 10**30, -1])
def test_a_school_year_that_is_no_small_whole_number_is_left_out(year: Any) -> None:
    assert affiliation("persons", {"enrolments": [{"schoolYear": year}]}).school_year is None


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        ("persons", PUPIL, []),
        ("duties", {"person": {"id": A.upper()}}, [A]),
        ("duties", {"person": {"id": "elev-17"}}, []),
        ("duties", {"person": A}, []),
        ("groups", {"groupMemberships": [{"person": {"id": i}} for i in (B, A, B.upper(), "x", 7)]}, [B, A]),
        ("groups", {"groupMemberships": [None, {}, {"person": None}]}, []),
        ("activities", {"teachers": [{"duty": {"id": C}}], "groups": [{"id": B}, {"id": A}]}, [B, A, C]),
        ("activities", {"teachers": {"duty": {"id": C}}, "groups": None}, []),
    ],
)
def test_references_come_in_order_once_each_and_only_when_they_are_uuids(
    kind: str, item: dict[str, Any], expected: list[str]
) -> None:
    assert refs(kind, item) == [UUID(text) for text in expected]


@pytest.mark.parametrize("text", [f"{{{A}}}", f"urn:uuid:{A}", A.replace("-", ""), A + "\n", "١" + A[1:], "", None, 7])
def test_only_the_usual_spelling_is_a_uuid(text: Any) -> None:
    assert uuid_of(text) is None


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({}, False),
        ({"securityMarking": "Ingen"}, False),
        ({"securityMarking": "Sekretessmarkering"}, True),
        ({"securityMarking": "Skyddad folkbokföring"}, True),
        ({"securityMarking": "ingen"}, True),
        ({"securityMarking": None}, True),
        ({"securityMarking": ["Ingen"]}, True),
    ],
)
def test_whoever_is_not_plainly_unprotected_is_protected(item: dict[str, Any], expected: bool) -> None:
    assert is_protected(item) is expected


def activity(groups: list[Any], teachers: list[Any]) -> dict[str, Any]:
    return {
        "id": D,
        "groups": [{"id": group} for group in groups],
        "displayName": "Ma",
        "teachers": [{"duty": {"id": duty}} for duty in teachers],
    }


GROUP = {"groupMemberships": [{"person": {"id": A}}]}


@pytest.mark.parametrize(
    ("kind", "item", "failed", "expected"),
    [
        ("persons", PUPIL, {A}, Send(PUPIL)),
        ("duties", {"person": {"id": A}}, set(), Send({"person": {"id": A}})),
        ("duties", {"person": {"id": A.upper()}}, {A}, Skip((UUID(A),))),
        ("duties", {"person": None}, {A}, Send({"person": None})),
        ("groups", GROUP, {A}, Send(GROUP)),
        ("activities", activity([A], [C]), {B}, Send(activity([A], [C]))),
        ("activities", activity([A, B], [C]), {A}, Send(activity([B], [C]), (UUID(A),))),
        ("activities", activity([A.upper(), B], [C]), {A}, Send(activity([B], [C]), (UUID(A),))),
        ("activities", activity([A, A, B], [C]), {A}, Send(activity([B], [C]), (UUID(A),))),
        ("activities", activity([A, B], [C]), {A, B}, Skip((UUID(A), UUID(B)))),
        ("activities", activity([A], [C]), {A, C}, Skip((UUID(A),))),
        ("activities", activity([A], [C]), {C}, Send(activity([A], []), (UUID(C),))),
        ("activities", activity([A, B], [D, C]), {B, C}, Send(activity([A], [D]), (UUID(B), UUID(C)))),
        ("activities", {"groups": None, "teachers": 7}, {A}, Send({"groups": None, "teachers": 7})),
    ],
)  # fmt: skip
def test_what_goes_out_when_others_failed(
    kind: str, item: dict[str, Any], failed: set[str], expected: Send | Skip
) -> None:
    before = copy.deepcopy(item)
    decision = blocked(kind, item, {UUID(text) for text in failed})
    assert decision == expected
    assert item == before
    if isinstance(decision, Send):
        assert list(decision.item) == list(item)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([A, B, "GR"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "person", "duty", "value", "schoolYear", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)
PERSON_FIELDS = st.sampled_from(["givenName", "middleName", "eduPersonPrincipalNames", "civicNo", "enrolments"])
OTHER_FIELDS = st.sampled_from(["displayName", "schoolType", "person", "groupMemberships", "groups", "teachers"])


@settings(max_examples=300)
@given(st.sampled_from(STAGES), JSON | st.dictionaries(PERSON_FIELDS | OTHER_FIELDS, JSON))
def test_nothing_raises_whatever_the_object_is(kind: str, item: Any) -> None:
    describe(kind, item)
    is_protected(item)
    assert isinstance(blocked(kind, item, set(refs(kind, item))), Send | Skip)
