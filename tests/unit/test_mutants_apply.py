"""The list of faults fits the code as it is: each has exactly one place, and is known to a proof."""

import ast
from argparse import ArgumentTypeError
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.journeys.test_crash_points import WORKER_POINTS
from tests.mutants.__main__ import part
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.mutants.proofs import PROOFS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place_and_the_file_is_still_read(fault: Fault) -> None:
    file = fault.file(ROOT)
    if file.suffix == ".py":
        ast.parse(file.read_text(encoding="utf-8").replace(fault.old, fault.new))


def test_no_two_faults_are_one() -> None:
    assert max(Counter(fault.name for fault in FAULTS).values()) == 1
    assert max(Counter((fault.old, fault.new) for fault in FAULTS).values()) == 1


def test_every_fault_names_a_proof_and_every_proof_is_named() -> None:
    """A proof that is expected to see nothing would prove nothing."""
    assert {name for fault in FAULTS for name in fault.seen_by} == PROOFS.keys()


@pytest.mark.parametrize("name", PROOFS)
def test_what_a_proof_runs_is_there(name: str) -> None:
    for each in PROOFS[name].arguments:
        file, _, test = each.partition("[")[0].partition("::")
        if file.startswith("tests/"):
            assert not test or f"def {test}(" in Path(ROOT / file).read_text(encoding="utf-8"), each


def test_the_deaths_of_a_proof_are_points_of_the_code() -> None:
    """With one that is not there pytest runs none of them."""
    named = {each.partition("[")[2].rstrip("]") for each in PROOFS["crash points"].arguments if "[" in each}
    assert named
    assert named - {*WORKER_POINTS} == set()


def test_parts_are_all_of_the_faults_and_each_once() -> None:
    shares = [each for text in ("1/3", "2/3", "3/3") for each in FAULTS[part(text)]]
    assert sorted(each.name for each in shares) == sorted(each.name for each in FAULTS)
    assert FAULTS[part("1/1")] == FAULTS


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="no part"):
        part(text)
