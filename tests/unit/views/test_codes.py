"""Codes and places that speak of a marking, for those who may not see protected persons."""

import pytest

from app.catalogue import catalogue
from app.views.codes import (
    is_shown,
    meant_by,
    shown_code,
    shown_findings,
    shown_instead,
    shown_pointer,
    sought_codes,
)
from app.views.issue import show_finding, show_messages
from tests.unit.views.rows import NORTH, PUPIL, record, viewer

NOT_PROTECTED = [("history",), ("history", "pii"), ("history", "protected"), ("provision",)]
OF_MARKINGS = ["marking_name", "roster_differs_marking", "weaker_marking"]


def test_every_code_of_a_marking_is_shown_as_one_that_others_have_too() -> None:
    """A new one with that in its name fails here until it is, too."""
    known = catalogue().issues
    assert sorted(code for code in known if "marking" in code) == OF_MARKINGS
    for code in OF_MARKINGS:
        instead = shown_code(code, viewer("history", "pii"))
        assert instead in known
        assert len(meant_by(instead) - {code}) > 1 or instead == "schema_other"
        assert known[instead].severity == known[code].severity
        assert shown_code(code, viewer("pii", "protected")) == code


@pytest.mark.parametrize("scopes", NOT_PROTECTED)
def test_alike_codes_are_counted_and_found_together(scopes: tuple[str, ...]) -> None:
    who = viewer(*scopes)
    assert {shown_instead(who)[each] for each in ("weaker_marking", "reused_id")} == {"needs_permission"}
    by_code = {"marking_name": 1, "schema_other": 2, "roster_differs_marking": 4, "roster_differs_name": 5}
    shown = shown_findings({**by_code, "roster_differs": 5}, 14, who)
    assert shown == {"warnings": 5, "by_code": {"schema_other": 3, "roster_differs": 5}}
    assert sought_codes(["2010"], who) == ["2010"]
    both = ["needs_permission", "reused_id", "weaker_marking"]
    assert [sought_codes([each], who) for each in both] == [both] * 3


def test_who_may_see_protected_persons_sees_codes_as_they_are() -> None:
    who, counts = viewer("pii", "protected"), {"roster_differs_name": 1, "roster_differs_marking": 2}
    shown = shown_findings({**counts, "roster_differs": 2}, 5, who)
    assert (shown, shown_instead(who), sought_codes(counts, who)) == (
        {"warnings": 3, "by_code": counts},
        {},
        list(counts),
    )


@pytest.mark.parametrize(("scopes", "left"), [(("history",), None), (("history", "pii"), 2), (("pii", "protected"), 3)])
def test_members_lost_are_told_to_who_may_see_one_of_them(scopes: tuple[str, ...], left: int | None) -> None:
    who, of_members = viewer(*scopes), "roster_differs_members"
    unseen = int(not who.may_see_protected)
    shown = shown_findings({of_members: 3, "2010": 1}, 4, who, unseen)
    assert shown == {"warnings": 1 + (left or 0), "by_code": {**({of_members: left} if left else {}), "2010": 1}}
    for ids, told in (({PUPIL}, left == 3), ({PUPIL, NORTH}, left is not None)):
        unnamed = set() if who.may_see_protected else {PUPIL}
        assert is_shown(of_members, ids, who, unnamed) is told


@pytest.mark.parametrize("scopes", NOT_PROTECTED)
@pytest.mark.parametrize(
    ("kind", "pointer", "shown"),
    [
        ("persons", "/securityMarking", ""),
        ("persons", "/civicNo/value", "/civicNo/value"),
        ("persons", "/groupMemberships/3", "/groupMemberships/3"),
        ("groups", "/groupMemberships/3/person/id", "/groupMemberships"),
        ("activities", "/teachers/0", "/teachers"),
        ("activities", "/groups/1/id", "/groups/1/id"),
        ("groups", "", ""),
        ("groups", None, None),
    ],
)
def test_no_place_tells_of_a_marking_or_of_a_member(
    scopes: tuple[str, ...], kind: str, pointer: str | None, shown: str | None
) -> None:
    assert shown_pointer(kind, pointer, viewer(*scopes)) == shown
    assert shown_pointer(kind, pointer, viewer("pii", "protected")) == pointer


@pytest.mark.parametrize("scopes", NOT_PROTECTED)
def test_messages_and_findings_say_nothing_of_a_marking(scopes: tuple[str, ...]) -> None:
    """Ours and the target's, in no part of them; what is shown as the same is shown once."""
    issues = [{"code": code, "severity": "error", "pointer": "/securityMarking"} for code in OF_MARKINGS[:2]]
    issues += [{"code": code, "severity": "error"} for code in ("weaker_marking", "reused_id")]
    issues.append({"code": "gave_up", "severity": "error", "cause": "marking_name"})
    entry = {"id": "8122", "messageType": "Ogiltigt värde", "attributeName": "securityMarking"}
    row = record(issues=issues, received=[entry], sent={**record()["sent"], "securityMarking": "x"})
    messages = show_messages(row, viewer(*scopes), masked=True)
    codes = ["schema_other", "roster_differs", "needs_permission", "gave_up", "8122"]
    assert [each["code"] for each in messages] == codes
    assert [each["attribute"] for each in messages] == ["", "", None, None, ""]
    finding = {"kind": "persons", "object_id": PUPIL, "count": None, "severity": "error", "cause": None, "ids": None}
    shown = [
        show_finding({**finding, "code": code, "pointer": "/securityMarking"}, viewer(*scopes)) for code in OF_MARKINGS
    ]
    said = str([messages, shown])
    for word in ("arking", "svagare skydd", "Skyddade personuppgifter", "Protected identity"):
        assert word not in said, word
