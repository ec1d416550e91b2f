"""What is said of an object that differs from the one that was accepted last."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.domain.differences import MARKS, as_told, differences, differing_names, marks, plain_marks, value_at

A, B, C, NORTH, SOUTH = (str(UUID(int=number)) for number in (10, 11, 12, 20, 21))
Object = dict[str, Any]


def enrolment(unit: str = NORTH, year: int = 6) -> Object:
    return {"enroledAt": {"id": unit}, "schoolYear": year, "schoolType": "GR"}


def members(*ids: str) -> Object:
    return {"groupMemberships": [{"person": {"id": each}} for each in ids]}


def groups(*ids: str) -> Object:
    return {"groups": [{"id": each} for each in ids]}


def teachers(*ids: str) -> Object:
    return {"teachers": [{"duty": {"id": each}} for each in ids]}


def emails(*values: str) -> Object:
    return {"emails": [{"value": each, "type": "Skola elev"} for each in values]}


# old, new, the marks, and the pointers with the old and the new value of each.
TABLE: list[tuple[str, Object, Object, list[str], list[tuple[str, Any, Any]]]] = [
    ("nothing", {"id": A, "givenName": "Åsa"}, {"givenName": "Åsa", "id": A}, ["unchanged"], []),
    ("an id in another spelling", {"id": A.upper()}, {"id": A}, ["unchanged"], []),
    ("the order of a list", members(A, B), members(B, A), ["unchanged"], []),
    ("null is missing", {"middleName": None}, {}, ["unchanged"], []),
    ("a given name", {"givenName": "Åsa"}, {"givenName": "Eva"}, ["renamed"], [("/givenName", "Åsa", "Eva")]),
    ("a middle name goes", {"middleName": "Maj"}, {}, ["renamed"], [("/middleName", "Maj", None)]),
    ("a title", {"displayName": "6A"}, {"displayName": "6B"}, ["renamed"], [("/displayName", "6A", "6B")]),
    (
        "an EPPN",
        {"eduPersonPrincipalNames": ["a@x.se"]},
        {"eduPersonPrincipalNames": ["b@x.se"]},
        ["eppn_changed"],
        [("/eduPersonPrincipalNames/0", "a@x.se", "b@x.se")],
    ),
    (
        "a civic number",
        {"civicNo": {"value": "1", "nationality": "SE"}},
        {"civicNo": {"value": "2", "nationality": "SE"}},
        ["civic_no_changed"],
        [("/civicNo/value", "1", "2")],
    ),
    (
        "a stronger marking",
        {},
        {"securityMarking": "Sekretessmarkering"},
        ["marking_changed"],
        [("/securityMarking", None, "Sekretessmarkering")],
    ),
    (
        "a weaker marking",
        {"securityMarking": "Skyddad folkbokföring"},
        {"securityMarking": "Sekretessmarkering"},
        ["marking_changed", "marking_weaker"],
        [("/securityMarking", "Skyddad folkbokföring", "Sekretessmarkering")],
    ),
    (
        "no marking any more",
        {"securityMarking": "Sekretessmarkering"},
        {},
        ["marking_changed", "marking_weaker"],
        [("/securityMarking", "Sekretessmarkering", None)],
    ),
    ("a marking said aloud", {}, {"securityMarking": "Ingen"}, ["changed"], [("/securityMarking", None, "Ingen")]),
    (
        "a school year",
        {"enrolments": [enrolment()]},
        {"enrolments": [enrolment(year=7)]},
        ["enrolment_changed"],
        [("/enrolments/0/schoolYear", 6, 7)],
    ),
    (
        "another school",
        {"enrolments": [enrolment()]},
        {"enrolments": [enrolment(SOUTH)]},
        ["enrolment_changed", "unit_changed"],
        [("/enrolments/0/enroledAt/id", NORTH, SOUTH)],
    ),
    (
        "one school more, behind the same",
        {"enrolments": [enrolment()]},
        {"enrolments": [enrolment(SOUTH), enrolment(year=7)]},
        ["enrolment_changed", "unit_changed"],
        [("/enrolments/0", None, enrolment(SOUTH)), ("/enrolments/1/schoolYear", 6, 7)],
    ),
    (
        "where a duty is",
        {"dutyAt": {"id": NORTH}},
        {"dutyAt": {"id": SOUTH}},
        ["unit_changed"],
        [("/dutyAt/id", NORTH, SOUTH)],
    ),
    ("a role", {"dutyRole": "Lärare"}, {"dutyRole": "Rektor"}, ["changed"], [("/dutyRole", "Lärare", "Rektor")]),
    (
        "a member for another",
        members(A, B),
        members(B, C),
        ["members_lost", "members_gained"],
        [("/groupMemberships/1", None, {"person": {"id": C}}), ("/groupMemberships/0", {"person": {"id": A}}, None)],
    ),
    (
        "no members any more",
        members(A),
        {},
        ["members_lost"],
        [("/groupMemberships", members(A)["groupMemberships"], None)],
    ),
    ("wider access", groups(A), groups(A, B), ["groups_gained"], [("/groups/1", None, {"id": B})]),
    ("narrower access", groups(A, B), groups(B), ["groups_lost"], [("/groups/0", {"id": A}, None)]),
    (
        "one teacher for another",
        teachers(A),
        teachers(B),
        ["teachers_lost", "teachers_gained"],
        [("/teachers/0", None, {"duty": {"id": B}}), ("/teachers/0", {"duty": {"id": A}}, None)],
    ),
    (
        "another exam at another unit",
        {"parentActivity": {"id": A}, "organisation": {"id": NORTH}},
        {"parentActivity": {"id": B}, "organisation": {"id": SOUTH}},
        ["unit_changed", "exam_changed"],
        [("/parentActivity/id", A, B), ("/organisation/id", NORTH, SOUTH)],
    ),
    (
        "an e-mail",
        emails("a@x.se"),
        emails("b@x.se"),
        ["changed"],
        [("/emails/0/value", "a@x.se", "b@x.se")],
    ),
    ("an e-mail twice", emails("a@x.se"), emails("a@x.se", "a@x.se"), ["changed"], [("/emails/1", None, ...)]),
    (
        "a membership from another day",
        {"groupMemberships": [{"person": {"id": A}, "startDate": "2026-01-01"}]},
        {"groupMemberships": [{"person": {"id": A}, "startDate": "2026-02-01"}]},
        ["changed"],
        [("/groupMemberships/0/startDate", "2026-01-01", "2026-02-01")],
    ),
    (
        "much at once",
        {"givenName": "Åsa", "securityMarking": "Sekretessmarkering", **emails("a@x.se")},
        {"givenName": "Eva", **emails("a@x.se")},
        ["renamed", "marking_changed", "marking_weaker"],
        [("/givenName", "Åsa", "Eva"), ("/securityMarking", "Sekretessmarkering", None)],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "said", "places"), [each[1:] for each in TABLE], ids=[each[0] for each in TABLE]
)
def test_what_has_changed(old: Object, new: Object, said: list[str], places: list[tuple[str, Any, Any]]) -> None:
    assert marks(old, new) == said
    found = [(each.pointer, value_at(old, each.old), value_at(new, each.new)) for each in differences(old, new)]
    assert found == [(pointer, was, found[n][2] if now is ... else now) for n, (pointer, was, now) in enumerate(places)]


def test_every_mark_is_in_the_table() -> None:
    """But for those that are not of a comparison."""
    assert {mark for each in TABLE for mark in each[3]} == set(MARKS) - {"new", "left"}


def test_all_of_a_new_object_is_new() -> None:
    new = {"id": A, "givenName": "Åsa", **members(A)}
    assert [(each.pointer, each.old) for each in differences({}, new)] == [
        ("/id", None),
        ("/givenName", None),
        ("/groupMemberships", None),
    ]


def test_a_place_that_is_not_there_is_nothing() -> None:
    for path in (None, ("a", 0), ("b", 3), ("b", "c"), ("b", 0, "c")):
        assert value_at({"b": [1]}, path) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["renamed", "civic_no_changed"], ["changed"]),
        (["marking_weaker"], ["changed"]),
        (["changed"], ["changed"]),
        (["unchanged"], ["changed"]),
        (["new"], ["new"]),
        (["left"], ["left"]),
        ([], []),
    ],
)
def test_of_somebody_hidden_it_is_told_neither_what_has_changed_nor_that_nothing_has(
    said: list[str], told: list[str]
) -> None:
    assert plain_marks(said) == told


@pytest.mark.parametrize("of", [members, teachers])
def test_with_somebody_unseen_and_without_an_object_is_the_same(of: Callable[..., Object]) -> None:
    """On either side, whoever else is in it, and where there is no list; in any spelling."""

    def said(forms: list[Object], unseen: set[UUID] | None) -> set[str]:
        return {mark for old in forms for new in forms for mark in marks(as_told(old, unseen), as_told(new, unseen))}

    unseen, with_another, alone = {UUID(A)}, [of(A, B), of(B), of(A.upper(), B)], [of(A), of(), {}]
    assert said(with_another, unseen) == said(alone, unseen) == {"unchanged"}
    assert said([*with_another, *alone, of(C)], None) == {"unchanged"}
    assert {each.partition("_")[2] for each in said([of(A), of(B)], unseen)} == {"", "lost", "gained"}
    assert said([{**of(A), "displayName": "6A"}, {**of(B), "displayName": "6B"}], None) == {"unchanged", "renamed"}


def test_who_an_object_differs_by_is_found_in_both_of_its_forms() -> None:
    assert differing_names(members(A, B), members(B, C)) == {UUID(A), UUID(C)}
    assert differing_names({}, teachers(A)) == differing_names(teachers(A), {}) == {UUID(A)}
    otherwise = {"groupMemberships": [{"person": {"id": A}, "endDate": "2026-01-01"}]}
    assert differing_names(members(A, B), otherwise) == {UUID(A), UUID(B)}
    assert differing_names(members(A), members(A)) == differing_names(groups(A), groups(B)) == set()
