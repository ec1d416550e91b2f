"""Each check of the torture finds a made-up history that breaks its promise, and nothing in one that keeps all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.torture.agreement import cancelled_in_vain, contradictions
from tests.torture.leaks import leaks
from tests.torture.pairs import pair
from tests.torture.promises import PROMISES
from tests.torture.repeats import late, repetitions
from tests.torture.witnesses import Call, Event, Post, Seen, Shown
from tests.unit.torture_history import (
    ACTIVITY,
    BATCHES,
    BYTES,
    JOBS,
    LOST,
    OBJECTS,
    ORGANISATION,
    RUN,
    again,
    call,
    history,
    job,
    record,
    run_event,
    second_run,
    status_calls,
    without_last_job,
)

CHECKS = {**PROMISES, "witnesses agree": contradictions, "cancelled is cancelled": cancelled_in_vain}


def broken(seen: Seen) -> set[str]:
    pairs = pair(seen)
    return {name for name, check in CHECKS.items() if list(check(seen, pairs))}


def test_a_history_that_keeps_all_promises_is_not_complained_about() -> None:
    assert broken(history()) == set()


BAD: dict[str, tuple[str, Callable[[Seen], None]]] = {
    "a call before the job ahead had ended": ("never early", lambda seen: call(seen, 1, at=15.9)),
    "a call before the last answer of the stage ahead": ("never early", lambda seen: record(seen, 0, completed=21.5)),
    "a call though the job ahead had failed": (
        "never early",
        lambda seen: job(seen, 0, status="failed", error="records_failed"),
    ),
    "a call of another kind than its job's": (
        "never early",
        lambda seen: call(seen, 0, path="/provisioning/v1/groups/bulk"),
    ),
    "an accepted run that is nowhere": (
        "never lost",
        lambda seen: setattr(seen, "posts", [Post(ORGANISATION, ACTIVITY, "k", 1, 2, "accepted", UUID(int=77))]),
    ),
    "a run that never ends": (
        "never lost",
        lambda seen: setattr(seen, "runs", {RUN: replace(seen.runs[RUN], status="running")}),
    ),
    "a job that never ends": ("never lost", lambda seen: job(seen, 3, status="running")),
    "a run without one of its jobs": ("never lost", lambda seen: without_last_job(seen)),
    "a record that stays sent": ("never lost", lambda seen: record(seen, 3, status="sent")),
    "a pending record of a succeeded job": ("never lost", lambda seen: record(seen, 3, status="pending")),
    "a final record of a job that never ran": ("never lost", lambda seen: job(seen, 3, started=None)),
    "a job given up for a fault that passes": (
        "never lost",
        lambda seen: job(seen, 3, status="failed", error="no_contact"),
    ),
    "a stored record that Skolverket does not hold": ("never lost", lambda seen: setattr(seen, "held", {})),
    "a stored record that never left": ("never lost", lambda seen: record(seen, 0, batch=None)),
    "a call that was not written down": (
        "never doubled",
        lambda seen: setattr(seen, "calls", [*seen.calls, replace(seen.calls[0], number=9, at=13, job=None)]),
    ),
    "a call before it was written down": ("never doubled", lambda seen: call(seen, 0, at=10.8, job=None)),
    "a call that is no upsert": ("never doubled", lambda seen: call(seen, 0, query="")),
    "a record that left while its batch was out": ("never doubled", lambda seen: again(seen, first=LOST, created=11.5)),
    "a record that left again after its answer": (
        "never doubled",
        lambda seen: again(seen, first={"finished": 11.9}),
    ),
    "more attempts than batches": ("never doubled", lambda seen: record(seen, 0, attempts=2)),
    "a call under a claim that had ended": (
        "never doubled",
        lambda seen: setattr(seen, "events", [*seen.events, Event(10, RUN, JOBS[0], "running", "running", 2, 10.95)]),
    ),
    "two runs of one key": ("never doubled", lambda seen: second_run(seen, 2, key="key")),
    "a run that nobody asked for": ("never doubled", lambda seen: setattr(seen, "posts", [])),
    "two runs of one activity at once": (
        "in order",
        lambda seen: second_run(seen, 2, run_event(4, "queued", "running", 7, UUID(int=3))),
    ),
    "a run that starts before an earlier one": (
        "in order",
        lambda seen: second_run(
            seen,
            2,
            run_event(0, "queued", "running", 4.5, UUID(int=3)),
            run_event(1, "running", "cancelled", 4.6, UUID(int=3)),
        ),
    ),
    "a run that was asked for later and stands before": ("in order", lambda seen: second_run(seen, 0)),
    "other bytes on the wire": ("as sent, as received", lambda seen: call(seen, 0, bytes=BYTES + 1)),
    "other objects on the wire": ("as sent, as received", lambda seen: call(seen, 0, objects=(str(OBJECTS[1]),))),
    "another object than was sent is shown": (
        "as sent, as received",
        lambda seen: setattr(seen, "looked", [replace(seen.looked[0], record={**seen.looked[0].record, "sent": {}})]),
    ),
    "another request than was sent is shown": (
        "as sent, as received",
        lambda seen: setattr(
            seen, "looked", [replace(seen.looked[0], batch={**seen.looked[0].batch, "request_sha256": "bb"})]
        ),
    ),
    "another answer than came is shown": (
        "as sent, as received",
        lambda seen: setattr(seen, "looked", [replace(seen.looked[0], batch={**seen.looked[0].batch, "answer": {}})]),
    ),
    "too many calls in a second": (
        "within limits",
        lambda seen: setattr(seen, "calls", [replace(one, monotonic=50.9) for one in (*seen.calls, *status_calls(2))]),
    ),
    "too many reading calls in a second": (
        "within limits",
        lambda seen: setattr(
            seen,
            "calls",
            [
                *seen.calls,
                *(Call(n, 50, 50, "POST", "/provisioning/v1/persons/lookup") for n in range(20, 31)),
            ],
        ),
    ),
    "a body that is too large": (
        "within limits",
        lambda seen: setattr(seen, "calls", [*seen.calls, replace(status_calls(1)[0], bytes=200_001)]),
    ),
    "a home address that left": ("no more than needed", lambda seen: call(seen, 0, not_kept=("addresses",))),
    "a foreign key that is not answered with 404": (
        "nobody else's",
        lambda seen: setattr(seen, "foreign", [("GET /runs/1", 200)]),
    ),
    "personal data in a log": ("nobody else's", lambda seen: setattr(seen, "leaks", [("worker-1.001.log", 1)])),
    "a call in another organisation's name": (
        "nobody else's",
        lambda seen: call(seen, 0, organisation="2120000001"),
    ),
    "another state in the API": (
        "witnesses agree",
        lambda seen: setattr(
            seen, "shown", {RUN: Shown({**seen.shown[RUN].run, "status": "failed"}, seen.shown[RUN].batches)}
        ),
    ),
    "a run that the API does not show": (
        "witnesses agree",
        lambda seen: setattr(seen, "shown", {UUID(int=78): seen.shown[RUN]}),
    ),
    "other counts than the records'": (
        "witnesses agree",
        lambda seen: job(seen, 0, counts={**seen.jobs[JOBS[0]].counts, "errors": 1}),
    ),
    "a batch that the API does not show": (
        "witnesses agree",
        lambda seen: setattr(
            seen, "shown", {RUN: Shown(seen.shown[RUN].run, {**seen.shown[RUN].batches, JOBS[0]: []})}
        ),
    ),
    "another record's state in the API": (
        "witnesses agree",
        lambda seen: setattr(seen, "listed", {JOBS[0]: {OBJECTS[0]: "error"}}),
    ),
    "a call after the run was cancelled": (
        "cancelled is cancelled",
        lambda seen: setattr(seen, "cancels", [(RUN, 38.0)]),
    ),
    "an answered batch that never arrived": (
        "witnesses agree",
        lambda seen: setattr(seen, "calls", seen.calls[1:]),
    ),
}


@pytest.mark.parametrize(("promise", "breaks"), BAD.values(), ids=BAD)
def test_what_breaks_a_promise_is_found(promise: str, breaks: Callable[[Seen], None]) -> None:
    seen = history()
    breaks(seen)
    assert promise in broken(seen)


def test_every_check_is_shown_to_be_able_to_fail() -> None:
    assert {promise for promise, _ in BAD.values()} == set(CHECKS)


def test_a_batch_that_was_lost_may_leave_again() -> None:
    seen = history()
    again(seen, first=LOST)
    assert broken(seen) == set()
    assert [explained for _, _, explained in repetitions(seen, pair(seen))] == [True]


def _repaired(seen: Seen, at: float, **changes: Any) -> None:
    """Sends the record of the first batch once more, after that was lost and its record had left again."""
    again(seen, first=LOST)
    sent = replace(seen.calls[0], number=9, at=at, monotonic=at, job="remote-9", sha256="f" * 64)
    seen.calls = [*seen.calls, replace(sent, **changes)]


@pytest.mark.parametrize("changes", [{}, {"sha256": f"{0:064}"}, {"status": 503, "job": None, "objects": ()}], ids=str)
def test_what_a_lost_batch_had_may_be_sent_again_when_its_job_has_ended(changes: dict[str, Any]) -> None:
    """By a repair, which writes no batch; its bytes may be those of one."""
    seen = history()
    _repaired(seen, 17.0, **changes)
    assert broken(seen) == set()
    assert [each.number for each in pair(seen).repairs] == [9]


@pytest.mark.parametrize(
    ("at", "changes"),
    [(11.0, {}), (17.0, {"objects": (str(UUID(int=78)),)}), (17.0, {"path": "/provisioning/v1/duties/bulk"})],
    ids=["before it was lost", "another object", "another kind"],
)
def test_nothing_else_is_a_repair(at: float, changes: dict[str, Any]) -> None:
    seen = history()
    _repaired(seen, at, **changes)
    assert "never doubled" in broken(seen)


def test_a_call_of_a_stopped_worker_is_late_and_no_violation() -> None:
    seen = history()
    seen.events = [*seen.events, Event(10, RUN, JOBS[0], "running", "running", 2, 10.95)]
    seen.stops = [(10.92, 10.99)]
    assert broken(seen) == set()
    assert [stood for _, _, stood in late(seen, pair(seen))] == [True]


def test_a_call_that_is_refused_for_its_token_may_leave_once_more() -> None:
    seen = history()
    seen.calls = [replace(seen.calls[0], number=8, at=10.95, status=403, job=None, objects=()), *seen.calls]
    assert broken(seen) == set()


@pytest.mark.parametrize(
    "text",
    ['{"event": "Åsa said no"}', '{"event": "\\u00c5sa"}', "number 201505149839", "mail a.b@edu.a1.tortyrkoping.se"],
)
def test_personal_values_are_found_in_a_text(text: str) -> None:
    assert list(leaks([("log", text)], {"Åsa", "201505149839"})) == [("log", 1)]


def test_a_text_without_personal_values_is_clean() -> None:
    assert list(leaks([("log", '{"event": "job finished", "job_id": "a-b"}')], {"Åsa", "201505149839"})) == []
    assert list(leaks([("text", "De tas bort, la Cruz")], {"De la Cruz"})) == [("text", 1)], "by Cruz"
    assert list(leaks([("text", "De tas bort")], {"De la Cruz", "Ek"})) == []


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [({}, True), ({"bytes": 99}, False), ({"path": "/provisioning/v1/duties/bulk"}, False)],
    ids=["the same size", "another size", "another kind"],
)
def test_a_call_whose_body_nobody_read_is_found_by_its_size_where_its_hash_has_gone(
    changes: dict[str, Any], is_found: bool
) -> None:
    """It was refused or cut off at once, and somebody that its batch carried was erased later."""
    seen = history()
    seen.batches = {**seen.batches, BATCHES[0]: replace(seen.batches[BATCHES[0]], sha256=None)}
    seen.calls = [replace(seen.calls[0], status=503, job=None, objects=(), **changes), *seen.calls[1:]]
    assert ("never doubled" in broken(seen)) is not is_found
