"""The judge of fairness, on made-up ledgers: a chain that had its turns, and one that waited for all others."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.torture.fairness import fair, measured
from tests.torture.pairs import pair
from tests.torture.witnesses import Call, Event, Quiet, Run, Seen

ONE, OTHERS = "2120000000", ("2120000001", "2120000002")
ALONE, BESIDE = UUID(int=1), UUID(int=2)


def ledger(took: float, organisations: int = 3, own: int = 10) -> Seen:
    """A chain that takes 4 s alone, and so long beside others: five calls a second, `own` of them its own."""
    activity = UUID(int=3)
    runs = {ALONE: Run(ALONE, ONE, activity, 1, "succeeded", 4.0)}
    runs[BESIDE] = Run(BESIDE, ONE, activity, 2, "succeeded", 10.0 + took)
    events = [Event(1, ALONE, None, None, "queued", None, 0.0), Event(2, BESIDE, None, None, "queued", None, 10.0)]
    path = "/provisioning/v1/persons/bulk"
    theirs = [
        Call(100 + n, 10.1 + n / 10, 10.1 + n / 10, "POST", path, organisation=OTHERS[n % (organisations - 1)])
        for n in range(int(took * 10) - 2)
        if organisations > 1
    ]
    ours = [Call(n, 10.1 + n * took / 20, 10.1, "POST", path, organisation=ONE) for n in range(own)]
    return Seen(runs=runs, events=events, calls=[*theirs, *ours], quiet=Quiet(ALONE, BESIDE, 5.0))


@pytest.mark.parametrize(("took", "is_fair"), [(8.0, True), (13.9, True), (14.1, False), (60.0, False)])
def test_a_chain_has_twice_its_time_alone_and_a_turn_of_each_other_for_its_calls(took: float, is_fair: bool) -> None:
    """Here 2 × 4 s and 10 calls × 3 that were marked before, more than the 2 others, / 5 a second."""
    seen = ledger(took)
    assert measured(seen, Quiet(ALONE, BESIDE, 5.0))[:2] == pytest.approx((took, 14.0))
    assert (list(fair(seen, pair(seen))) == []) is is_fair


def test_who_calls_beside_it_counts_and_who_does_not_does_not() -> None:
    """With nobody else it has twice its time; with one other those that were marked still have their place."""
    alone, two = ledger(9.0, organisations=1), ledger(9.0, organisations=2)
    assert measured(alone, Quiet(ALONE, BESIDE, 5.0))[1] == 8.0
    assert measured(two, Quiet(ALONE, BESIDE, 5.0))[1] == 14.0


def test_where_fewer_calls_left_than_may_the_machine_was_what_it_waited_for() -> None:
    seen = ledger(60.0)
    seen.calls = [call for call in seen.calls if call.number % 4 == 0]
    assert measured(seen, Quiet(ALONE, BESIDE, 5.0))[2] < 0.8
    assert list(fair(seen, pair(seen))) == []


def test_calls_of_another_time_or_limit_do_not_count() -> None:
    seen = ledger(12.1)
    late = replace(seen.calls[0], number=900, at=90.0, organisation="2120000009")
    read = replace(seen.calls[0], number=901, path="/provisioning/v1/persons/lookup", organisation="2120000008")
    seen.calls = [*seen.calls, late, read]
    assert measured(seen, Quiet(ALONE, BESIDE, 5.0))[1] == 14.0


def test_without_a_quiet_phase_nothing_is_said() -> None:
    seen = replace(ledger(60.0), quiet=None)
    assert list(fair(seen, pair(seen))) == []
