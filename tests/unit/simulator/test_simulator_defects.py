"""Invented rosters against the simulator: a clean one without a word, and each planted record to its own outcome."""

import json
from functools import cache
from typing import Any

import pytest

from app.demo.defect_table import DEFECTS
from app.demo.roster import RosterPlan, generate
from app.simulator.messages import NOT_KEPT, Finding
from app.simulator.persons import Scene
from app.simulator.shapes import KINDS, SHAPES, Kind
from app.simulator.verdicts import decide
from app.skolverket.published import PUBLISHED
from tests.unit.simulator.simulator_parts import TODAY, Desk

SEEDS = range(11, 16)
Roster = dict[str, Any]
_BATCH = 200
_AS_IT_IS = {defect.name: defect.as_it_is or defect.outcome for defect in DEFECTS}


@cache
def twins(seed: int) -> tuple[Roster, Roster]:
    """The same roster without defects, and with each of them once."""
    clean, spoilt = (
        generate(RosterPlan(persons=600, schools=4, seed=seed, defects=count)) for count in (0, len(DEFECTS))
    )
    return clean, spoilt


def desk_for(roster: Roster) -> Desk:
    desk = Desk()
    desk.world.reset(reference=True)
    desk.world.reference.put(roster)
    return desk


def sent(desk: Desk, roster: Roster, kind: Kind, items: list[Any]) -> list[str]:
    """Sends objects of a kind in batches and gives their statuses."""
    organisation = roster["huvudman"]["organisationNumber"]
    starts = range(0, len(items), _BATCH)
    return [
        status
        for start in starts
        for status in desk.carry_out(kind, *items[start : start + _BATCH], organisation=organisation)
    ]


@cache
def all_sent(seed: int) -> Desk:
    """A simulator that holds the clean roster."""
    clean, _ = twins(seed)
    desk = desk_for(clean)
    for kind in KINDS:
        assert set(sent(desk, clean, kind, clean[kind])) == {"Success"}, kind
    return desk


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_roster_is_accepted_without_a_word(seed: int) -> None:
    all_sent(seed)


def said(seed: int, kind: Kind, item: Any) -> list[Finding]:
    """What is said of one object of the right shape that is sent over the clean roster; it is not stored."""
    world, number = all_sent(seed).world, twins(seed)[0]["huvudman"]["organisationNumber"]
    scene = Scene(number, world.reference, world.objects, TODAY)
    return decide(kind, item, scene, may_create=True, may_replace=True)


def outcome(seed: int, kind: Kind, item: Any) -> str:
    """What comes of one object that is sent over the clean roster."""
    found: list[Finding] = []
    SHAPES[kind](item, "", found)
    if any(finding.message is not NOT_KEPT for finding in found):
        return "schema"
    severities = {finding.message.severity for finding in said(seed, kind, item)}
    return "error" if "Error" in severities else "warning" if severities else "succeeded"


@pytest.mark.parametrize("seed", SEEDS)
def test_each_planted_record_is_answered_as_it_is_listed(seed: int) -> None:
    """Each meets the clean roster, so that what is wrong with itself is the only reason for its answer."""
    spoilt = twins(seed)[1]
    objects = {(kind, item["id"]): item for kind in KINDS for item in spoilt[kind]}
    for entry in spoilt["planted"]:
        kind, name = entry["kind"], entry["defect"]
        assert (name, outcome(seed, kind, objects[kind, entry["id"]])) == (name, _AS_IT_IS[name])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_leaves_of_each_planted_record_comes_to_its_outcome(seed: int) -> None:
    """What the service keeps here or leaves out, and then what the simulator says of the rest."""
    spoilt = twins(seed)[1]
    objects = {(kind, item["id"]): item for kind in KINDS for item in spoilt[kind]}
    for entry in spoilt["planted"]:
        leaves = PUBLISHED.outgoing(entry["kind"], objects[entry["kind"], entry["id"]], TODAY)
        came = "schema" if leaves.plain is None else outcome(seed, entry["kind"], json.loads(leaves.plain))
        if came == "succeeded" and leaves.issues:
            came = "warning"
        assert (entry["defect"], came) == (entry["defect"], entry["outcome"])


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_leaves_that_the_simulator_does_not_keep(seed: int) -> None:
    """Of clean and of spoiled records alike."""
    for roster in twins(seed):
        for kind in KINDS:
            for item in roster[kind]:
                leaves, found = PUBLISHED.outgoing(kind, item, TODAY).plain, list[Finding]()
                if leaves is not None:
                    SHAPES[kind](json.loads(leaves), "", found)
                assert found == []


def test_the_seeds_plant_every_defect() -> None:
    assert {entry["defect"] for seed in SEEDS for entry in twins(seed)[1]["planted"]} == {one.name for one in DEFECTS}
