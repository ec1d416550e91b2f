"""The decisions of a job as tables: what there is to do, and what becomes of it after a step."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.conclusion import CIRCUIT_OPEN, Decision, Expire, Fault, Finish, Hold, Snooze, conclude
from app.domain.open_work import IN_FLIGHT, JobSnapshot, OpenBatch, Work, work
from app.domain.outcome import Counts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HORIZON = timedelta(hours=6)
SECOND = timedelta(seconds=1)

# A job with nothing left to do; the tables say what is different.
DONE = JobSnapshot(
    now=NOW,
    counts=Counts(total=3, succeeded=3),
    batches=(),
    ready=False,
    next_ready_at=None,
    cancelled=False,
    on_record_error="halt",
    last_accepted_at=NOW,
)
A, B, C, D = (uuid4() for _ in range(4))


def _pending(ready: bool = True, **changes: Any) -> JobSnapshot:
    return replace(DONE, counts=Counts(total=3, pending=3), ready=ready, **changes)


def _out(*batches: OpenBatch, **changes: Any) -> JobSnapshot:
    return replace(DONE, counts=Counts(total=3, sent=3), batches=batches, **changes)


def _written(batch: UUID = A) -> OpenBatch:
    return OpenBatch(batch, "written", None)


def _called(batch: UUID = B) -> OpenBatch:
    return OpenBatch(batch, "called", None)


def _accepted(batch: UUID = C, due_in: timedelta = timedelta()) -> OpenBatch:
    return OpenBatch(batch, "accepted", NOW + due_in)


# Two records have failed, which are enough, and one has not been sent.
ENOUGH = replace(DONE, counts=Counts(total=3, errors=2, pending=1), stop_at_errors=2, on_record_error="continue")


@pytest.mark.parametrize(
    ("job", "todo"),
    [
        pytest.param(DONE, Work(), id="nothing is left"),
        pytest.param(_pending(), Work(write=IN_FLIGHT), id="pending records are written"),
        pytest.param(_pending(ready=False, next_ready_at=NOW + SECOND), Work(), id="none of them may go yet"),
        pytest.param(_out(_written()), Work(send=[A]), id="a written batch is sent"),
        pytest.param(_out(_called()), Work(), id="a called batch is nobody's to call again"),
        pytest.param(_out(_accepted()), Work(poll=[C]), id="an accepted batch that is due is asked for"),
        pytest.param(_out(_accepted(due_in=-SECOND)), Work(poll=[C]), id="one that has been due for a while too"),
        pytest.param(_out(_accepted(due_in=SECOND)), Work(), id="one that is not due is left alone"),
        pytest.param(
            replace(_pending(), batches=(_written(), _called(), _accepted())),
            Work(send=[A], poll=[C], write=IN_FLIGHT - 3),
            id="every open batch takes a place",
        ),
        pytest.param(
            replace(_pending(), batches=(_written(), _accepted(), *(_called(uuid4()) for _ in range(IN_FLIGHT - 2)))),
            Work(send=[A], poll=[C]),
            id="no place is left",
        ),
        pytest.param(
            replace(_pending(), batches=tuple(_accepted(uuid4(), SECOND) for _ in range(IN_FLIGHT + 2))),
            Work(),
            id="more are out than may be",
        ),
        pytest.param(
            replace(_pending(cancelled=True), batches=(_written(), _accepted(), _accepted(D, SECOND))),
            Work(poll=[C]),
            id="cancelled: only what is out is followed",
        ),
        pytest.param(
            replace(_pending(paused=True), batches=(_written(), _called(), _accepted(), _accepted(D, SECOND))),
            Work(poll=[C]),
            id="paused: only what is out is followed",
        ),
        pytest.param(replace(DONE, unasked=True, paused=True), Work(), id="paused: nothing is looked up"),
        pytest.param(
            _pending(paused=True, cancelled=True, look_up_at=NOW), Work(look_up=True), id="cancelled while it is paused"
        ),
        pytest.param(
            replace(_pending(sole_deaths=3, suspect_for=timedelta(hours=1)), batches=(_written(), _accepted())),
            Work(),
            id="too many workers died",
        ),
        pytest.param(
            replace(_pending(sole_deaths=3, suspect_for=timedelta(minutes=59)), batches=(_written(),)),
            Work(send=[A], write=IN_FLIGHT - 1),
            id="one fewer has not",
        ),
        pytest.param(replace(DONE, unasked=True), Work(look_up=True), id="what failed is looked up"),
        pytest.param(_out(_accepted(due_in=SECOND), unasked=True), Work(), id="but not before all have their answer"),
        pytest.param(_pending(unasked=True), Work(write=IN_FLIGHT), id="nor while some are to be sent"),
        pytest.param(
            _pending(ready=False, next_ready_at=NOW + SECOND, unasked=True), Work(), id="nor while some wait for that"
        ),
        pytest.param(replace(DONE, unasked=True, cancelled=True), Work(), id="nor for a chain that ends here"),
        pytest.param(
            _pending(cancelled=True, look_up_at=NOW),
            Work(look_up=True),
            id="cancelled: what was called without an answer is looked up",
        ),
        pytest.param(_pending(cancelled=True, look_up_at=NOW + SECOND), Work(), id="but not before it can be found"),
        pytest.param(
            replace(_pending(cancelled=True, look_up_at=NOW), batches=(_accepted(D, SECOND),)),
            Work(),
            id="but not before the others have their answer",
        ),
        pytest.param(
            replace(ENOUGH, ready=True, batches=(_written(), _called(), _accepted())),
            Work(poll=[C]),
            id="enough errors: what has left is polled, and nothing more is sent or written",
        ),
        pytest.param(
            replace(ENOUGH, ready=True, stop_at_errors=3),
            Work(write=IN_FLIGHT),
            id="one error fewer than are enough",
        ),
    ],
)
def test_what_there_is_to_do(job: JobSnapshot, todo: Work) -> None:
    found = work(job)
    assert (list(found.send), list(found.poll), found.write) == (list(todo.send), list(todo.poll), todo.write)
    assert found.look_up is todo.look_up
    assert bool(found) is bool(todo.send or todo.poll or todo.write or todo.look_up)


def test_what_this_worker_is_at_already_is_not_begun_again() -> None:
    """Batches that it has just written take their places too, before the database shows them."""
    seen = replace(_pending(), batches=(_written(), _accepted()))
    fresh = uuid4()
    assert work(seen, {A, C, fresh}) == Work(send=[], poll=[], write=IN_FLIGHT - 3)


def _ended(job: JobSnapshot, decision: Decision, name: str) -> Any:
    return pytest.param(job, decision, id=name)


SOME_FAILED = Counts(total=3, succeeded=2, errors=1)
SOME_SKIPPED = Counts(total=3, succeeded=2, skipped=1)


@pytest.mark.parametrize(
    ("job", "decision"),
    [
        _ended(DONE, Finish("succeeded"), "all succeeded"),
        _ended(replace(DONE, counts=Counts()), Finish("succeeded"), "there was nothing"),
        _ended(replace(DONE, counts=Counts(total=1, warnings=1)), Finish("succeeded"), "a warning is no error"),
        _ended(replace(DONE, counts=SOME_SKIPPED), Finish("succeeded"), "a skipped record is no error"),
        _ended(replace(DONE, counts=SOME_FAILED), Finish("failed"), "an error halts"),
        _ended(
            replace(DONE, counts=SOME_FAILED, on_record_error="continue"),
            Finish("succeeded"),
            "an error under continue does not",
        ),
        _ended(_pending(cancelled=True), Finish("cancelled"), "cancelled with records left"),
        _ended(
            _pending(cancelled=True, look_up_at=NOW),
            Snooze(timedelta(), cancelled=True),
            "cancelled with a call without an answer",
        ),
        _ended(
            _pending(cancelled=True, look_up_at=NOW + SECOND),
            Snooze(SECOND, cancelled=True),
            "cancelled with one that cannot be found yet",
        ),
        _ended(replace(DONE, cancelled=True), Finish("succeeded"), "cancelled when all was done"),
        _ended(replace(DONE, cancelled=True, counts=SOME_FAILED), Finish("failed"), "cancelled when all had failed"),
        _ended(
            _pending(sole_deaths=3, suspect_for=timedelta(hours=1)),
            Finish("failed", "worker_lost"),
            "too many workers died",
        ),
        _ended(
            _pending(sole_deaths=3, suspect_for=timedelta(hours=1), cancelled=True),
            Finish("failed", "worker_lost"),
            "so they did, and cancelled",
        ),
        _ended(replace(DONE, tried_for=HORIZON), Finish("succeeded"), "at the horizon with nothing left"),
        _ended(_pending(paused=True), Hold(), "paused with records left"),
        _ended(_pending(paused=True, tried_for=HORIZON), Hold(), "paused at the horizon"),
        _ended(_out(_written(), paused=True), Hold(), "paused with a batch that has not left"),
        _ended(replace(DONE, unasked=True, paused=True), Hold(), "paused with failed records not looked up"),
        _ended(replace(DONE, paused=True), Finish("succeeded"), "paused when all was done"),
        _ended(_pending(paused=True, cancelled=True), Finish("cancelled"), "cancelled while it was paused"),
        _ended(ENOUGH, Finish("failed", "too_many_errors"), "with enough errors, whatever is left"),
        _ended(
            replace(ENOUGH, on_record_error="halt"), Finish("failed", "too_many_errors"), "under halt in the same way"
        ),
        _ended(
            replace(ENOUGH, ready=True, batches=(_written(),)),
            Finish("failed", "too_many_errors"),
            "with enough errors: what has only been written never leaves",
        ),
        _ended(
            replace(ENOUGH, counts=Counts(total=3, errors=2, succeeded=1)),
            Finish("failed", "too_many_errors"),
            "with enough errors, the last of them among the last records",
        ),
        _ended(replace(ENOUGH, tried_for=HORIZON), Finish("failed", "too_many_errors"), "and at the horizon too"),
        _ended(replace(ENOUGH, cancelled=True), Finish("cancelled"), "with enough errors, and cancelled"),
    ],
)
def test_what_becomes_of_a_job(job: JobSnapshot, decision: Decision) -> None:
    """With faults or without: an end does not wait."""
    for faults in ((), (Fault("timeout"),)):
        assert conclude(job, faults, HORIZON, Random(1)) == decision


@pytest.mark.parametrize(
    ("job", "decision"),
    [
        _ended(_pending(last_accepted_at=None, tried_for=HORIZON), Finish("failed", "no_contact"), "without contact"),
        _ended(
            _out(_called(), last_accepted_at=None, tried_for=HORIZON),
            Finish("failed", "no_contact"),
            "without contact, with a batch out",
        ),
        _ended(_pending(tried_for=HORIZON), Expire(), "after contact"),
        _ended(_out(_written(), tried_for=HORIZON), Expire(), "with a batch that never left"),
        _ended(replace(DONE, unasked=True, tried_for=HORIZON), Expire(), "with failed records not looked up"),
    ],
)
def test_a_job_is_given_up_by_a_failed_try_alone(job: JobSnapshot, decision: Decision) -> None:
    """Not before it has been tried for the horizon, not between tries or for a circuit, nor once it is cancelled."""
    faults = (Fault("timeout"),)
    assert conclude(job, faults, HORIZON, Random(1)) == decision
    assert conclude(job, (Fault(CIRCUIT_OPEN, SECOND),), HORIZON, Random(1)) == decision, "a probe in vain is a try"
    waits = (Fault(CIRCUIT_OPEN, SECOND, tried=False),)
    for other, met in ((job, ()), (job, waits), (replace(job, tried_for=HORIZON - SECOND), faults)):
        assert isinstance(conclude(other, met, HORIZON, Random(1)), Snooze)
    for stopped in (replace(job, cancelled=True), replace(job, paused=True)):
        assert conclude(stopped, faults, HORIZON, Random(1)) != decision


@pytest.mark.parametrize(
    ("job", "delay"),
    [
        pytest.param(_pending(), timedelta(), id="more may be sent at once"),
        pytest.param(_out(_written()), timedelta(), id="a batch has not left"),
        pytest.param(_out(_accepted(due_in=-SECOND)), timedelta(), id="an answer is due"),
        pytest.param(_out(_accepted(due_in=3 * SECOND)), 3 * SECOND, id="until an answer is due"),
        pytest.param(
            _out(_accepted(due_in=9 * SECOND), _accepted(D, 2 * SECOND), _called()), 2 * SECOND, id="until the first is"
        ),
        pytest.param(_pending(ready=False, next_ready_at=NOW + 5 * SECOND), 5 * SECOND, id="until a record may go"),
        pytest.param(
            replace(_pending(ready=False, next_ready_at=NOW + 5 * SECOND), batches=(_accepted(due_in=7 * SECOND),)),
            5 * SECOND,
            id="until the first of both",
        ),
        pytest.param(
            replace(
                _pending(ready=False, next_ready_at=NOW + 5 * SECOND, cancelled=True),
                batches=(_accepted(due_in=7 * SECOND),),
            ),
            7 * SECOND,
            id="cancelled: records do not go again",
        ),
        pytest.param(_pending(ready=False, next_ready_at=NOW - SECOND), timedelta(), id="never a time that has passed"),
        pytest.param(_out(_called()), SECOND, id="nothing names a time"),
        pytest.param(
            _pending(ready=False, next_ready_at=NOW + SECOND, tried_for=HORIZON),
            SECOND,
            id="at the horizon between two tries",
        ),
        pytest.param(_out(_accepted(due_in=SECOND), tried_for=HORIZON), SECOND, id="at the horizon with answers due"),
        pytest.param(_out(_accepted(due_in=SECOND), cancelled=True), SECOND, id="cancelled: what is out is followed"),
        pytest.param(_out(_accepted(due_in=SECOND), paused=True), SECOND, id="paused: what is out is followed"),
        pytest.param(
            replace(
                _pending(ready=False, next_ready_at=NOW + 5 * SECOND, paused=True),
                batches=(_accepted(due_in=7 * SECOND),),
            ),
            7 * SECOND,
            id="paused: records do not go again",
        ),
    ],
)
def test_a_job_rests_without_a_fault(job: JobSnapshot, delay: timedelta) -> None:
    assert conclude(job, (), HORIZON, Random(1)) == Snooze(delay, job.cancelled, job.paused)


@pytest.mark.parametrize(
    ("tried_for", "faults", "least", "most"),
    [
        pytest.param(0, [Fault("timeout")], 0.6, 1, id="the first fault"),
        pytest.param(10, [Fault("timeout")], 6, 10, id="as long as it has gone wrong"),
        pytest.param(3600, [Fault("timeout")], 180, 300, id="five minutes at most"),
        pytest.param(0, [Fault("http_429", 7 * SECOND)], 7, 7, id="what was asked for"),
        pytest.param(6 * 3600 - 3, [Fault("timeout")], 3, 3, id="not past the horizon"),
        pytest.param(6 * 3600, [Fault("timeout")], 180, 300, id="after it, for answers that are to come"),
        pytest.param(3600, [Fault("http_429", 7 * SECOND)], 180, 300, id="what was asked for is the least"),
        pytest.param(0, [Fault("http_503", timedelta(hours=1))], 300, 300, id="but five minutes is the most"),
        pytest.param(0, [Fault("timeout"), Fault("http_429", 7 * SECOND), Fault("x", SECOND)], 7, 7, id="the longest"),
    ],
)
def test_after_a_fault_a_job_rests(tried_for: int, faults: Sequence[Fault], least: float, most: float) -> None:
    job = _out(_accepted(), tried_for=tried_for * SECOND)
    for seed in range(50):
        decision = conclude(job, faults, HORIZON, Random(seed))
        assert isinstance(decision, Snooze)
        assert least <= decision.delay.total_seconds() <= most


def test_a_job_at_its_horizon_gives_up_once() -> None:
    """After the records are closed nothing is pending, so that the next decision is an end or a rest."""
    given_up = replace(DONE, counts=Counts(total=3, errors=3), tried_for=HORIZON)
    faults = (Fault("timeout"),)
    assert conclude(given_up, faults, HORIZON, Random(1)) == Finish("failed")
    assert conclude(replace(given_up, on_record_error="continue"), faults, HORIZON, Random(1)) == Finish("succeeded")


@pytest.mark.parametrize("faults", [(), (Fault("timeout"),), (Fault("circuit_open", SECOND, tried=False),)])
def test_a_cancelled_run_ends_once_its_unanswered_calls_have_been_looked_up(faults: tuple[Fault, ...]) -> None:
    """Whatever came of it."""
    job = _pending(cancelled=True, look_up_at=NOW)
    assert conclude(job, faults, HORIZON, Random(1), looked_up=True) == Finish("cancelled")


def test_with_enough_errors_what_has_left_is_waited_for_and_nothing_else() -> None:
    """Neither for what may go again later, nor is what never went given up at the horizon."""
    waits = replace(ENOUGH, batches=(_accepted(due_in=3 * SECOND),), next_ready_at=NOW + SECOND, last_accepted_at=NOW)
    assert conclude(waits, (), HORIZON, Random(1)) == Snooze(3 * SECOND)
    decision = conclude(replace(waits, tried_for=HORIZON), (Fault("timeout"),), HORIZON, Random(1))
    assert isinstance(decision, Snooze)
