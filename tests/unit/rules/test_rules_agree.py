"""Rules, simulator and the list of planted defects agree about the same objects, in rosters of five seeds."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import pytest

from app.demo.roster import RosterPlan, generate
from app.domain.kinds import Kind
from app.domain.rules.check import RosterCheck
from app.domain.rules.given import Given
from app.simulator.persons import Scene
from app.simulator.verdicts import decide
from app.skolverket.published import PUBLISHED
from tests.unit.simulator.simulator_parts import TODAY, Desk

SEEDS = range(21, 26)
Roster = dict[str, Any]
Place = tuple[str, UUID]
_BATCH = 200
# Enough for each of the defects to be planted.
_DEFECTS = 70
# What follows for others of a defect: who has lost the only duty, who teaches with a duty elsewhere.
_FOLLOWING = {"no_account", "teacher_of_other_unit"}
# What is worth a word of ours in a record that succeeds all the same.
_OURS_ALONE = {
    *("coordination_check_digit", "enrolment_ended", "enrolment_twice", "group_members_null", "middle_name_null"),
    *("emails_null", "surplus"),
}


@dataclass
class Found:
    """What is said of a roster's objects: codes of errors and of warnings by object, and who stays here."""

    errors: dict[Place, set[str]] = field(default_factory=dict)
    warnings: dict[Place, set[str]] = field(default_factory=dict)
    kept_here: set[Place] = field(default_factory=set)
    sent: dict[Place, Any] = field(default_factory=dict)


@cache
def spoilt(seed: int) -> Roster:
    return generate(RosterPlan(persons=1000, schools=4, seed=seed, defects=_DEFECTS))


@cache
def clean(seed: int) -> Roster:
    return generate(RosterPlan(persons=1000, schools=4, seed=seed))


def found_in(roster: Roster) -> Found:
    """Holds a roster against everything, as an upload does."""
    owner = roster["huvudman"]["organisationNumber"]
    known = PUBLISHED.schools(
        owner, roster["schoolUnits"], frozenset(), roster["programmes"], roster["nationalActivities"]
    )
    check, found = RosterCheck(Given(TODAY, schools=known)), Found()
    by_severity = {"error": found.errors, "warning": found.warnings}
    for kind in Kind:
        for ordinal, item in enumerate(roster[kind]):
            place = (kind.value, UUID(item["id"]))
            leaves = PUBLISHED.outgoing(kind, item, TODAY)
            if leaves.plain is None:
                found.kept_here.add(place)
            else:
                found.sent[place] = json.loads(leaves.plain)
            own = [*leaves.issues, *leaves.findings, *check.of_object(kind, ordinal, place[1], item, leaves.broken)]
            for issue in (*own, *check.against_open_data(kind, item)):
                by_severity[issue.severity].setdefault(place, set()).add(issue.code)
    for each in (*check.across(), *check.across_and_open_data()):
        assert each.object_id is not None, "an invented roster has no guardians"
        by_severity[each.issue.severity].setdefault((each.kind, each.object_id), set()).add(each.issue.code)
    return found


@cache
def judged(seed: int) -> Found:
    return found_in(spoilt(seed))


def planted(seed: int, *outcomes: str) -> dict[Place, str]:
    return {
        (each["kind"], UUID(each["id"])): each["defect"]
        for each in spoilt(seed)["planted"]
        if each["outcome"] in outcomes
    }


def sharing(seed: int) -> set[Place]:
    """Those whose login is also a spoiled person's: they had it first, and may be the ones who are refused."""
    return {("persons", UUID(each["other"])) for each in spoilt(seed)["planted"] if "other" in each}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_roster_has_no_findings(seed: int) -> None:
    found = found_in(clean(seed))
    assert (found.errors, found.warnings, found.kept_here) == ({}, {}, set())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_defect_that_comes_to_an_error_has_one_and_nothing_else_has(seed: int) -> None:
    found, expected = judged(seed), planted(seed, "error", "schema")
    assert found.errors.keys() - sharing(seed) == expected.keys()
    assert found.kept_here <= expected.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_defect_that_comes_to_a_warning_has_one_and_nothing_else_has(seed: int) -> None:
    found = judged(seed)
    expected = planted(seed, "warning")
    assert [name for place, name in expected.items() if place not in found.warnings] == []
    spoken_of = planted(seed, "warning", "error", "schema", "succeeded")
    assert {name for place, name in planted(seed, "succeeded").items() if place in found.warnings} <= _OURS_ALONE
    following = {code for place, codes in found.warnings.items() if place not in spoken_of for code in codes}
    assert following <= _FOLLOWING


@pytest.mark.parametrize("seed", SEEDS)
def test_the_simulator_refuses_what_a_rule_calls_an_error_and_nothing_else(seed: int) -> None:
    """Each object meets the clean roster, so that what is wrong with it is the only reason for its answer."""
    found, roster = judged(seed), clean(seed)
    desk, number = Desk(), roster["huvudman"]["organisationNumber"]
    desk.world.reset(reference=True)
    desk.world.reference.put(
        {key: roster[key] for key in ("huvudman", "schoolUnits", "programmes", "nationalActivities")}
    )
    for kind in Kind:
        items = roster[kind]
        for start in range(0, len(items), _BATCH):
            desk.carry_out(kind.value, *items[start : start + _BATCH], organisation=number)
    scene = Scene(number, desk.world.reference, desk.world.objects, TODAY)
    refused, warned = set[Place](), set[Place]()
    for (kind_of, object_id), item in found.sent.items():
        said = decide(kind_of, item, scene, may_create=True, may_replace=True)  # type: ignore[arg-type]
        severities = {each.message.severity for each in said}
        refused |= {(kind_of, object_id)} if "Error" in severities else set()
        warned |= {(kind_of, object_id)} if "Warning" in severities else set()
    assert refused == found.errors.keys() - found.kept_here - sharing(seed)
    ours = {"eppn_weak", "group_member_unknown"}
    assert (
        warned - refused
        == {place for place, codes in found.warnings.items() if codes & ours and place in found.sent} - refused
    )


def test_the_seeds_plant_what_the_rules_are_about() -> None:
    """A test of defects that were never planted would show nothing."""
    names = {each["defect"] for seed in SEEDS for each in spoilt(seed)["planted"]}
    assert {"civic_check_digit", "eppn_duplicate", "duty_person_unknown", "activity_exam_other_school_type"} <= names
    codes = {code for seed in SEEDS for codes in judged(seed).errors.values() for code in codes}
    assert {"civic_no_check_digit", "eppn_twice", "duty_person_unknown", "exam_school_type", "unit_unknown"} <= codes
