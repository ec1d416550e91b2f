"""Rosters that are kept beside the repository: every defect in them has its finding, and the clean one has none."""

import json
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.domain.kinds import Kind
from app.domain.rules.check import RosterCheck
from app.domain.rules.given import Given
from app.skolverket.published import PUBLISHED
from tests.conftest import ROOT

ROSTERS = ROOT.parent / "shared" / "rosters"
CASES = ROOT.parent / "shared" / "cases"
TODAY = date(2026, 11, 1)

# What is said of a defect that keeps an object here, or is left out of it: a code that begins so.
BY_SCHEMA = {
    "school_year_text": "schema_",
    "school_unit_raw_code": "schema_",
    "email_malformed": "value_left_out",
    "school_year_0": "schema_",
    "civic_missing": "schema_",
    # Of what is null there is one word for all.
    "middle_name_null": None,
    "eppn_two": "schema_",
    "eppn_missing": "schema_",
    "school_type_unknown": "schema_",
    "group_member_bad_uuid": "value_left_out",
}
BY_RULE = {
    "school_year_missing": "school_year_missing",
    "eppn_duplicate": "eppn_twice",
    "civic_no_such_date": "civic_no_date",
    "education_code_missing": "education_code_missing",
    "civic_nationality": "civic_no_nationality",
    "school_unit_unknown": "unit_unknown",
    "eppn_name_letters": "eppn_weak",
    "staff_email_type": "staff_email",
    "eppn_empty": "eppn_missing",
    "education_code_unknown": "education_code_unknown",
    "duty_person_unknown": "duty_person_unknown",
    "pupil_in_two_classes": "pupil_in_classes",
    "activity_teacher_is_person_id": "activity_teacher_unknown",
}
# What follows for another object: whose login is shared, whose only duty is another's now, the other class.
FOLLOWING = {"eppn_twice", "no_account", "pupil_in_classes"}

pytestmark = pytest.mark.skipif(not ROSTERS.exists(), reason="the shared rosters are not beside the repository")


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def findings(roster: dict[str, Any], reference: dict[str, Any]) -> list[tuple[str, UUID | None, str, str]]:
    """Gives kind, id, code and severity of all findings of a roster, the schema's first."""
    owner = reference.get("huvudman", {}).get("organisationNumber", "2120009812")
    known = PUBLISHED.schools(
        owner,
        reference["schoolUnits"],
        frozenset(),
        reference.get("programmes"),
        reference.get("nationalActivities"),
    )
    check = RosterCheck(Given(TODAY, schools=known))
    found: list[tuple[str, UUID | None, str, str]] = []
    for kind in Kind:
        for ordinal, item in enumerate(roster[kind]):
            object_id = UUID(item["id"])
            leaves = PUBLISHED.outgoing(kind, item, TODAY)
            own = check.of_object(kind, ordinal, object_id, item, leaves.broken)
            every = chain(leaves.issues, leaves.findings, own, check.against_open_data(kind, item))
            found += [(kind, object_id, issue.code, issue.severity) for issue in every]
    rest = chain(check.across(), check.across_and_open_data())
    return found + [(each.kind, each.object_id, each.issue.code, each.issue.severity) for each in rest]


def test_the_clean_roster_has_no_findings() -> None:
    clean = load(ROSTERS / "small.json")
    assert findings(clean, clean) == []


def test_every_defect_has_its_finding_and_nothing_else_has() -> None:
    roster, expected = load(ROSTERS / "small-with-defects.json"), load(ROSTERS / "small-with-defects.expected.json")
    found = findings(roster, roster)
    by_object: dict[tuple[str, UUID | None], set[str]] = {}
    for kind, object_id, found_code, _ in found:
        by_object.setdefault((kind, object_id), set()).add(found_code)
    defects = {(each["type"], UUID(each["id"])): each["kind"] for each in expected["defects"]}
    for place, defect in defects.items():
        code = {**BY_SCHEMA, **BY_RULE}[defect]
        assert code is None or any(each.startswith(code) for each in by_object[place]), defect
    others = {code for place, codes in by_object.items() if place not in defects for code in codes}
    assert others <= FOLLOWING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "C04-invisible-characters",
            {"eppn_characters": 6, "eppn_look_alike": 2, "name_blank": 1, "name_characters": 2},
        ),
        (
            "C08-rules-are-not-in-findings",
            {
                "civic_no_form": 2,
                "civic_no_check_digit": 1,
                "eppn_characters": 1,
                "eppn_missing": 1,
                "eppn_twice": 2,
                "staff_email": 1,
                "no_account": 1,
                "pupil_and_staff": 1,
                "pupil_in_classes": 2,
                "activity_without_teachers": 1,
            },
        ),
    ],
)
def test_what_sources_have_sent_is_found(name: str, expected: dict[str, int]) -> None:
    found = findings(load(CASES / f"{name}.json")["body"]["roster"], load(CASES / "C00-reference.json"))
    by_rules = [code for _, _, code, _ in found if not code.startswith("schema_")]
    assert {code: by_rules.count(code) for code in by_rules} == expected
