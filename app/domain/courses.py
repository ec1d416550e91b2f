"""What a step does in a row: a course is one intent after the other, each chosen by what came of the one before."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from app.domain.conclusion import Fault
from app.domain.intents import (
    AcceptBatch,
    Accepted,
    Answered,
    ApplyAnswer,
    Failed,
    Found,
    Intent,
    LoadBatch,
    LoadUnanswered,
    LoadUnasked,
    LookUp,
    MarkLost,
    NoteArrived,
    NoteAtTarget,
    NoteFault,
    NotMade,
    Poll,
    PostponePoll,
    RefreshWork,
    RefuseBatch,
    Refused,
    RequeueBatch,
    Send,
    Unanswered,
    UnmarkCalled,
    WriteBatch,
)
from app.domain.open_work import JobSnapshot
from app.domain.repair import has_arrived
from app.domain.retry import given_up, usual_wait, wait_after_fault, wait_for_answer
from app.domain.verdicts import AwaitedBatch, read_results

# What came of each intent is what `yield` gives.
Course = Generator[Intent, Any, None]

# Polls of a batch until an answer without some of its records is taken at its word.
_PATIENT_POLLS = 4
# A batch whose answer could not be had is polled again after so long at least.
_LEAST_POSTPONED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a step goes by: how long faults are met with another try, and a first guess of how soon answers come."""

    fault_horizon: timedelta
    first_answer: timedelta


@dataclass(slots=True)
class StepState:
    """What the courses of one step share; `open` is what the latest transaction left open."""

    rules: Rules
    random: Random
    open: JobSnapshot | None = None
    faults: list[Fault] = field(default_factory=list)
    # Why nothing more begins: no time for another call, something of ours broke.
    out_of_time: bool = False
    broken: bool = False
    # Whether what was called without an answer has been looked up, or was tried to.
    looked_up: bool = False

    @property
    def goes_on(self) -> bool:
        """After a fault, and without time for another call, what is under way comes to its end and nothing begins."""
        return not (self.faults or self.out_of_time or self.broken)


def write(state: StepState, most: int) -> Course:
    """Writes down batches, `most` of them, while there is something to send."""
    for _ in range(most):
        written = yield WriteBatch()
        known = state.open
        if not (written and state.goes_on and known is not None and known.ready and not known.stopped):
            return


def send(state: StepState, batch_id: UUID) -> Course:
    """Sends a batch, and notes what came of it."""
    match (yield Send(batch_id)):
        case Accepted(http_status, remote_job_id):
            yield AcceptBatch(batch_id, http_status, remote_job_id, _poll_in(state, 0))
        case Refused(http_status, answer, blamed):
            yield RefuseBatch(batch_id, http_status, answer, blamed)
        case NotMade(out_of_time, marked):
            state.out_of_time |= out_of_time
            if marked:
                yield UnmarkCalled(batch_id)
            elif not out_of_time:
                # The run has been cancelled, or the batch is no longer to be sent: what is open is another now.
                yield RefreshWork()
        case Failed(fault, http_status, answer, marked):
            yield from _met(state, fault, http_status)
            again_in = wait_after_fault(timedelta(), fault.retry_after, state.random)
            if marked and http_status is not None:
                yield RequeueBatch(batch_id, http_status, answer, again_in)
            elif marked:
                yield MarkLost(batch_id, fault.code, again_in)


def poll(state: StepState, batch_id: UUID) -> Course:
    """Polls a batch, and applies what was answered."""
    batch: AwaitedBatch | None = yield LoadBatch(batch_id)
    if batch is None:
        yield RefreshWork()
        return
    # Should this poll fail, or find no answer, it is the last.
    overdue = given_up(batch.asked_for, state.rules.fault_horizon)
    poll_in = _poll_in(state, batch.polls + 1)
    match (yield Poll(batch_id, batch.remote_job_id)):
        case Answered() as answered:
            yield from _apply(state, batch_id, batch, answered, overdue, poll_in)
        case NotMade(out_of_time):
            state.out_of_time |= out_of_time
        case Refused():
            # The target took the batch and now does not know it: the same objects go again.
            yield from _met(state, Fault("job_unknown"))
            longest = max(batch.waiting.values(), default=timedelta())
            yield MarkLost(batch_id, "job_unknown", wait_after_fault(longest, None, state.random))
        case Failed(fault, http_status):
            yield from _met(state, fault, http_status)
            if overdue and fault.tried:
                yield MarkLost(batch_id, "no_answer", None)
            else:
                yield PostponePoll(batch_id, max(poll_in, _LEAST_POSTPONED))


def _apply(
    state: StepState, batch_id: UUID, batch: AwaitedBatch, answered: Answered, overdue: bool, poll_in: timedelta
) -> Course:
    read = read_results(answered.results, batch, state.random)
    waiting = batch.waiting.keys() - {change.object_id for change in read.changes}
    lost = None
    # An answer that is complete and still lacks some of ours will not get better.
    if waiting and overdue:
        lost = MarkLost(batch_id, "no_answer", None)
    elif waiting and batch.polls >= _PATIENT_POLLS and not read.unfinished:
        lost = MarkLost(batch_id, "answer_incomplete", timedelta(seconds=1))
    usual = None if waiting else _learned(state, batch.polls + 1, batch.age + answered.waited)
    yield ApplyAnswer(batch_id, answered.answer, read.changes, poll_in, lost, usual)
    if read.foreign:
        yield from _met(state, Fault("answer_foreign"))
    if lost is not None:
        yield from _met(state, Fault(lost.code))


def look_up(state: StepState) -> Course:
    """Asks which of the failed records the target has from before: those block nobody."""
    asked = yield LoadUnasked()
    match (yield LookUp(asked)):
        case Found(objects):
            yield NoteAtTarget(asked, objects.keys() & set(asked))
        case Refused():
            # What can't be asked counts as missing: those that need it stay here, and say so.
            yield NoteAtTarget(asked, frozenset())
        case NotMade(out_of_time):
            state.out_of_time |= out_of_time
        case Failed(fault, http_status):
            yield from _met(state, fault, http_status)


def look_up_unanswered(state: StepState) -> Course:
    """Asks which records of a cancelled run have arrived although the answer to their call never came.

    It is tried once: a run that was cancelled ends soon, also while the target is away. What is not found, or could not
    be asked for, stays pending, and is looked at by its batch's repair.
    """
    after: int | None = -1
    while after is not None:
        listed: Sequence[Unanswered] = yield LoadUnanswered(after)
        after = listed[-1].ordinal if listed else None
        sent = {each.id: each.plain for each in listed if each.plain is not None}
        if not sent:
            continue
        match (yield LookUp(list(sent))):
            case Found(objects):
                if arrived := [each for each, plain in sent.items() if has_arrived(plain, objects.get(each))]:
                    yield NoteArrived(arrived)
            case NotMade(out_of_time):
                # Who goes on with the job asks.
                state.out_of_time |= out_of_time
                return
            case Failed(fault, http_status):
                yield from _met(state, fault, http_status)
                break
            case _:
                break
    state.looked_up = True


def _met(state: StepState, fault: Fault, http_status: int | None = None) -> Course:
    state.faults.append(fault)
    yield NoteFault(fault, http_status)


def _poll_in(state: StepState, polls: int) -> timedelta:
    return wait_for_answer(polls, _usual(state), state.random)


def _learned(state: StepState, polls: int, age: timedelta) -> timedelta:
    """Gives how long answers usually take, now that one was complete at that poll, `age` after the call."""
    return usual_wait(_usual(state), polls, age, state.rules.first_answer)


def _usual(state: StepState) -> timedelta:
    return (state.open.usual_answer if state.open is not None else None) or state.rules.first_answer
