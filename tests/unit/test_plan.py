"""What a run would do with each object, decided without a call."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.domain.issues import Issue
from app.domain.kinds import Kind
from app.domain.plan import Candidate, Decided, Decision, Forecast, as_sent
from app.domain.roster import refs
from app.skolverket.published import BODY_FORM

Object = dict[str, Any]
BROKEN = Issue("schema_type", pointer="/civicNo")
LEFT_OUT = Issue("value_left_out", "warning", pointer="/middleName")
GUARDIAN = Issue("guardian", "warning", pointer="")
LUHN = Issue("civic_no_check_digit", pointer="/civicNo/value")
PERSON, OTHER, DUTY, GROUP, EXAM = (UUID(int=number) for number in range(1, 6))


def candidate(id_: UUID, kind: str = "persons", item: Object | None = None, **more: Any) -> Candidate:
    return replace(Candidate(id_, tuple(refs(kind, item or {})), upload=3, sendable=True, size=200), **more)


def duty(of: UUID) -> Object:
    return {"person": {"id": str(of)}}


def exam(groups: list[UUID], teachers: list[UUID]) -> Object:
    return {
        "id": str(EXAM),
        "groups": [{"id": str(each)} for each in groups],
        "teachers": [{"duty": {"id": str(each)}} for each in teachers],
    }


# One person by itself: what is known of it, and what becomes of it.
ALONE: list[tuple[str, Object, Decided]] = [
    ("nothing is wrong", {}, Decided(Decision.SEND)),
    ("something is left out", {"issues": (LEFT_OUT,)}, Decided(Decision.SEND, (LEFT_OUT,))),
    ("it breaks the schema", {"sendable": False, "issues": (BROKEN,)}, Decided(Decision.KEPT_HERE, (BROKEN,))),
    (
        "it is nobody's pupil or teacher",
        {"sendable": False, "issues": (GUARDIAN,)},
        Decided(Decision.SKIPPED, (GUARDIAN,)),
    ),
    ("it fits to the byte", {"size": BODY_FORM.max_bytes - BODY_FORM.size(())}, Decided(Decision.SEND)),
    (
        "it is a byte too large",
        {"size": BODY_FORM.max_bytes - BODY_FORM.size(()) + 1},
        Decided(Decision.KEPT_HERE, (Issue("too_large"),)),
    ),
    ("it was accepted in an earlier upload", {"accepted_upload": 2}, Decided(Decision.SEND)),
    ("it was accepted in this upload", {"accepted_upload": 3}, Decided(Decision.SEND)),
    (
        "it was accepted in a later upload",
        {"accepted_upload": 4, "withheld": (Issue("reused_id"),)},
        Decided(Decision.UNCHANGED, (Issue("newer_at_target", "warning"),)),
    ),
    (
        "it is withheld",
        {"withheld": (Issue("weaker_marking"),), "refused": (LUHN,)},
        Decided(Decision.SKIPPED, (Issue("weaker_marking"),)),
    ),
    ("the target will hardly take it", {"refused": (LUHN,)}, Decided(Decision.SEND, (LUHN,), likely_refused=True)),
    (
        "it breaks the schema, and a rule",
        {"sendable": False, "issues": (BROKEN,), "refused": (LUHN,)},
        Decided(Decision.KEPT_HERE, (BROKEN,)),
    ),
]


@pytest.mark.parametrize(("known", "expected"), [each[1:] for each in ALONE], ids=[each[0] for each in ALONE])
def test_what_becomes_of_an_object(known: Object, expected: Decided) -> None:
    forecast = Forecast(BODY_FORM, "continue")
    stage = forecast.begin(Kind.PERSONS)
    assert forecast.decide(candidate(PERSON, **known)) == expected
    assert stage.decisions == {expected.decision: 1}
    assert (stage.total, stage.calls.calls) == (1, expected.decision is Decision.SEND)
    assert stage.likely_refused == expected.likely_refused


# Whether others go without a person that ends like this.
MISSING: list[tuple[str, Object, bool]] = [
    ("kept here", {"sendable": False}, True),
    ("kept here, and known from before", {"sendable": False, "accepted_upload": 1}, False),
    ("skipped", {"sendable": False, "issues": (GUARDIAN,)}, True),
    ("skipped as if it were known", {"withheld": (Issue("weaker_marking"), Issue("reused_id"))}, False),
    ("newer at the target", {"accepted_upload": 9}, False),
    ("likely refused", {"refused": (LUHN,)}, False),
]


@pytest.mark.parametrize(("known", "blocks"), [each[1:] for each in MISSING], ids=[each[0] for each in MISSING])
def test_who_needs_what_stays_here_is_blocked_all_the_way(known: Object, blocks: bool) -> None:
    """A duty without its person, an exam without its only teacher; a group goes whoever is missing."""
    forecast = Forecast(BODY_FORM, "continue")
    forecast.begin(Kind.PERSONS)
    forecast.decide(candidate(PERSON, **known))
    forecast.decide(candidate(OTHER))
    forecast.begin(Kind.DUTIES)
    of = candidate(DUTY, "duties", duty(PERSON))
    assert forecast.refers_to_missing(of) == blocks
    decided = forecast.decide(of, duty(PERSON) if blocks else None)
    assert decided == (
        Decided(Decision.BLOCKED, (Issue("blocked_by", ids=(PERSON,)),)) if blocks else Decided(Decision.SEND)
    )
    forecast.begin(Kind.GROUPS)
    group = {"groupMemberships": [{"person": {"id": str(PERSON)}}]}
    assert forecast.decide(candidate(GROUP, "groups", group), group if blocks else None).decision is Decision.SEND
    stage = forecast.begin(Kind.ACTIVITIES)
    item = exam([GROUP], [DUTY])
    decided = forecast.decide(candidate(EXAM, "activities", item), item if blocks else None)
    without = (DUTY,) if blocks else ()
    said = (Issue("sent_without", "warning", ids=without),) if blocks else ()
    assert decided == Decided(Decision.SEND, said, without=without)
    assert as_sent(Kind.ACTIVITIES, item, without) == (item | {"teachers": []} if blocks else item)
    assert stage.sent_without == blocks


def test_an_exam_without_any_group_left_is_blocked() -> None:
    forecast = Forecast(BODY_FORM, "continue")
    for kind in (Kind.PERSONS, Kind.DUTIES):
        forecast.begin(kind)
    forecast.begin(Kind.GROUPS)
    forecast.decide(candidate(GROUP, sendable=False, issues=(BROKEN,)))
    forecast.begin(Kind.ACTIVITIES)
    item = exam([GROUP], [])
    assert forecast.refers_to_missing(candidate(EXAM, "activities", item))
    assert forecast.decide(candidate(EXAM, "activities", item), item).issues == (Issue("blocked_by", ids=(GROUP,)),)


@pytest.mark.parametrize("policy", ["halt", "continue"])
@pytest.mark.parametrize(
    ("known", "stops", "may_stop"),
    [
        ({"sendable": False, "issues": (BROKEN,)}, True, False),
        ({"withheld": (Issue("weaker_marking"),)}, False, False),
        ({"sendable": False, "issues": (GUARDIAN,)}, False, False),
        ({"refused": (LUHN,)}, False, True),
        ({}, False, False),
    ],
)
def test_with_halt_the_chain_stops_after_the_stage_with_an_error(
    policy: str, known: Object, stops: bool, may_stop: bool
) -> None:
    """The others of that stage go; nothing of those behind is reached."""
    forecast, halts = Forecast(BODY_FORM, policy), policy == "halt"
    first = forecast.begin(Kind.PERSONS)
    forecast.decide(candidate(PERSON, **known))
    assert forecast.decide(candidate(OTHER)).decision is Decision.SEND
    second = forecast.begin(Kind.DUTIES)
    of = candidate(DUTY, "duties", duty(OTHER), sendable=False)
    decided = forecast.decide(of)
    assert (first.stops_here, first.may_stop_here) == (stops and halts, may_stop and halts)
    assert second.is_reached == (not (stops and halts))
    assert decided.decision is (Decision.NOT_REACHED if stops and halts else Decision.KEPT_HERE)
    assert second.stops_here == (halts and not stops)


def test_calls_are_counted_as_they_are_packed() -> None:
    forecast = Forecast(replace(BODY_FORM, max_bytes=1000), "continue")
    stage = forecast.begin(Kind.PERSONS)
    for number in range(10):
        forecast.decide(candidate(UUID(int=number), size=300))
    assert stage.calls.calls == 4
