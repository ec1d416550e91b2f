"""Plans: what of an object's old and new values is shown to whom."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.views.plan import MOST_CHANGES, show_item
from app.views.viewer import Viewer
from tests.unit.views.rows import NORTH, PUPIL, SOUTH, pupil, viewer

Object = dict[str, Any]
_LEFT: Object = {name: ["left"] for name in ("marks", "open_marks", "plain_marks")}


def item(**changes: Any) -> Object:
    """Makes an opened item: a pupil's who is renamed, unless it is said otherwise."""
    return {
        "object_id": PUPIL,
        "kind": "persons",
        "decision": "send",
        "likely_refused": False,
        "issues": None,
        "marks": ["renamed"],
        "open_marks": ["renamed"],
        "plain_marks": ["changed"],
        "outgoing": b"2",
        "accepted": b"1",
        "payload": pupil(),
        "person_payload": None,
        "old": {**pupil(), "familyName": "Provlund"},
        "new": pupil(),
        "hidden": False,
        "person_id": None,
        "sent": None,
        "received": None,
        "held": False,
        **changes,
    }


def shown_of(row: Object, viewer: Viewer) -> Object:
    return show_item(row, viewer, {}, marked_since=False)


def test_an_item_shows_what_would_happen_and_what_differs() -> None:
    shown = shown_of(item(), viewer("history", "pii"))
    assert (shown["id"], shown["kind"], shown["name"], shown["decision"]) == (
        PUPIL,
        "persons",
        "Åsa Exempelsson",
        "send",
    )
    assert shown["changes"] == [{"pointer": "/familyName", "old": "Provlund", "new": "Exempelsson"}]
    assert (shown["marks"], shown["messages"], shown["blocked_by"]) == (["renamed"], [], [])


def test_who_blocks_it_is_named() -> None:
    issues = [{"code": "blocked_by", "severity": "error", "ids": [str(PUPIL)]}]
    shown = shown_of(item(decision="blocked", issues=issues), viewer("history", "pii"))
    assert shown["blocked_by"] == [PUPIL]
    assert [each["code"] for each in shown["messages"]] == ["blocked_by"]


@pytest.mark.parametrize("units", [None, {NORTH}, {SOUTH}])
@pytest.mark.parametrize("scopes", ["", "pii", "protected", "pii protected"])
@pytest.mark.parametrize("hidden", [False, True])
def test_values_are_masked_as_those_of_what_was_sent(hidden: bool, scopes: str, units: set[UUID] | None) -> None:
    old = {**pupil(), "familyName": "Provlund", "securityMarking": "Ingen"}
    new = {**pupil(), "securityMarking": "Sekretessmarkering"}
    shown = shown_of(item(hidden=hidden, old=old, new=new), viewer("history", *scopes.split(), units=units))
    may = "pii" in scopes and ("protected" in scopes or not hidden) and (units is None or NORTH in units)
    is_hidden = "pii" not in scopes or (hidden and "protected" not in scopes)
    expected = {"/familyName": ["Provlund", "Exempelsson"]}
    if "protected" in scopes:
        expected["/securityMarking"] = ["Ingen", "Sekretessmarkering"]
    if not may:
        expected = {"/familyName": ["***"] * 2}
    found = {each["pointer"]: [each["old"], each["new"]] for each in shown["changes"]}
    assert found == ({} if is_hidden else expected)
    assert shown["name"] == ("Åsa Exempelsson" if may else "***")


@pytest.mark.parametrize(
    ("kind", "hidden", "marked_since", "scopes", "told", "changes"),
    [
        ("persons", True, False, ("history", "pii"), "plain_marks", 0),
        ("persons", True, False, ("history", "protected"), "plain_marks", 0),
        ("persons", True, True, ("history", "pii", "protected"), "marks", 1),
        ("persons", False, True, ("history", "pii"), "open_marks", 1),
        ("persons", False, False, ("history",), "plain_marks", 0),
        ("groups", False, False, ("history", "pii"), "open_marks", 1),
        ("groups", False, True, ("history", "pii"), "plain_marks", 1),
        ("groups", False, True, ("history", "pii", "protected"), "marks", 1),
        ("groups", False, False, ("history",), "plain_marks", 1),
    ],
)
def test_each_is_told_the_marks_that_are_theirs(
    kind: str, hidden: bool, marked_since: bool, scopes: tuple[str, ...], told: str, changes: int
) -> None:
    group = {"displayName": "6A", "organisation": {"id": str(NORTH)}}
    of_kind = {"kind": kind, "payload": group, "old": {**group, "displayName": "6B"}, "new": group}
    row = item(hidden=hidden, open_marks=["changed", "renamed"], **(of_kind if kind == "groups" else {}))
    shown = show_item(row, viewer(*scopes), {}, marked_since=marked_since)
    assert (shown["marks"], len(shown["changes"])) == (row[told], changes)


@pytest.mark.parametrize("scopes", [("history",), ("history", "pii")])
def test_where_a_group_differs_is_told_without_whom_it_is_not_told_to_have(scopes: tuple[str, ...]) -> None:
    """As long as nobody has guessed: a place in the list would tell of whom beside."""
    hidden, seen = UUID(int=1), UUID(int=2)

    def members(*ids: UUID) -> Object:
        return {"displayName": "6A", "groupMemberships": [{"person": {"id": str(each)}} for each in ids]}

    for old, new in (((hidden, seen), (seen,)), ((seen,), (hidden, seen)), ((hidden,), ())):
        row = item(kind="groups", payload=members(*new), old=members(*old), new=members(*new))
        unnamed = {hidden} if "pii" in scopes else {hidden, seen}
        assert show_item(row, viewer(*scopes), {}, unnamed, marked_since=False)["changes"] == []
        assert shown_of(row, viewer("history", "pii", "protected"))["changes"] != []


@pytest.mark.parametrize("history", [False, True])
def test_without_history_nothing_is_shown_of_what_was_before(history: bool) -> None:
    """Not even what is no text; where there was nothing, that may be seen."""
    who = viewer(*(["history"] if history else []), "pii", "protected")
    old, new = {**pupil(), "familyName": "Provlund"}, {**pupil(), "middleName": "Alva"}
    new["enrolments"][0]["schoolYear"] = 7
    assert {
        each["pointer"]: (each["old"], each["new"]) for each in shown_of(item(old=old, new=new), who)["changes"]
    } == {
        "/familyName": ("Provlund" if history else "***", "Exempelsson"),
        "/middleName": (None, "Alva"),
        "/enrolments/0/schoolYear": (6 if history else "***", 7),
    }
    gone = shown_of(
        item(
            decision="left",
            **_LEFT,
            outgoing=None,
            new=None,
            old=None,
        ),
        who,
    )
    assert (gone["name"], gone["marks"]) == ("Åsa Exempelsson" if history else "***", ["left"])


def test_a_school_sees_nothing_of_who_belonged_to_another_one() -> None:
    moved = {**pupil(PUPIL, SOUTH), "familyName": "Provlund"}
    shown = shown_of(item(old=moved, new=pupil()), viewer("history", "pii", units={NORTH}))
    assert shown["name"] == "Åsa Exempelsson"
    assert [(each["pointer"], each["old"], each["new"]) for each in shown["changes"]] == [
        ("/familyName", "***", "***"),
        ("/enrolments/0/enroledAt/id", str(SOUTH), str(NORTH)),
    ]


def test_a_new_object_has_no_old() -> None:
    for scopes, expected in ((("history", "pii"), pupil()), (("history",), {})):
        shown = shown_of(item(accepted=None, old={}, marks=["new"]), viewer(*scopes))
        assert {each["pointer"]: each["new"] for each in shown["changes"]} == {
            f"/{key}": value for key, value in expected.items() if key != "id"
        }
        assert {each["old"] for each in shown["changes"]} <= {None}


@pytest.mark.parametrize("gone", ["old", "new"])
def test_what_was_erased_is_null(gone: str) -> None:
    assert shown_of(item(**{gone: None}), viewer("history", "pii"))["changes"] is None


def test_what_is_the_same_or_is_never_sent_has_no_changes() -> None:
    for changes in ({"accepted": b"2"}, {"outgoing": None, "new": None}, {"outgoing": None, "accepted": b"1"}):
        assert shown_of(item(**changes), viewer("history", "pii"))["changes"] == []


def test_a_duty_is_shown_by_the_name_of_its_person() -> None:
    duty = {"id": str(PUPIL), "dutyAt": {"id": str(NORTH)}}
    given = item(
        kind="duties",
        person_id=PUPIL,
        payload=duty,
        person_payload=pupil(),
        old=duty,
        new={**duty, "dutyRole": "Rektor"},
    )
    assert shown_of(given, viewer("history", "pii"))["name"] == "Åsa Exempelsson"
    assert shown_of(given, viewer())["name"] == "***"
    assert shown_of({**given, "person_payload": None}, viewer("history", "pii"))["name"] is None


def test_the_changes_of_one_object_are_bounded() -> None:
    members = [{"person": {"id": str(UUID(int=number))}} for number in range(3 * MOST_CHANGES)]
    group = {"id": str(PUPIL), "displayName": "6A", "organisation": {"id": str(NORTH)}}
    given = item(kind="groups", payload=group, old=group | {"groupMemberships": members[:1]}, new=group)
    assert len(shown_of(given, viewer("history", "pii"))["changes"]) == 1
    given["new"] = group | {"groupMemberships": members}
    shown = shown_of(given, viewer("history", "pii"))["changes"]
    assert len(shown) == MOST_CHANGES
    assert json.dumps(shown)
