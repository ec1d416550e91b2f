"""Codes and places that speak of a marking, for those who may not see protected persons."""

import pytest

from app.catalogue import catalogue
from app.views.codes import meant_by, shown_code, shown_counts, shown_pointer, sought_codes
from app.views.issue import show_finding, show_messages
from tests.unit.views.rows import PUPIL, record, viewer

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
    assert shown_counts({"weaker_marking": 1, "reused_id": 2, "2010": 3}, who) == {"needs_permission": 3, "2010": 3}
    assert sought_codes(["2010"], who) == ["2010"]
    both = ["needs_permission", "reused_id", "weaker_marking"]
    assert [sought_codes([each], who) for each in both] == [both] * 3


def test_who_may_see_protected_persons_sees_codes_as_they_are() -> None:
    who, counts = viewer("pii", "protected"), {"weaker_marking": 1, "reused_id": 2}
    assert (shown_counts(counts, who), sought_codes(counts, who)) == (counts, list(counts))


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
