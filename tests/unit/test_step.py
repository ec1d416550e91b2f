"""The step as a conversation: what it begins, told what came of it, until it snoozes or finishes its job."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from app.domain.conclusion import Fault, Finish, Snooze
from app.domain.courses import Rules
from app.domain.intents import (
    AbandonOutstanding,
    AcceptBatch,
    Accepted,
    Answered,
    ApplyAnswer,
    Broke,
    CallOutcome,
    Done,
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
    Permitted,
    Poll,
    PostponePoll,
    RefreshWork,
    RefuseBatch,
    Refused,
    RequeueBatch,
    Send,
    Stored,
    TimeUp,
    Unanswered,
    UnmarkCalled,
    Woken,
    WriteBatch,
)
from app.domain.open_work import JobSnapshot, OpenBatch
from app.domain.outcome import Counts, Verdict
from app.domain.verdicts import AwaitedBatch, ItemResult
from tests.stepping import Stepping

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULES = Rules(timedelta(hours=6), first_answer=SECOND)
A, B, C = (uuid4() for _ in range(3))
PERSON, OTHER = uuid4(), uuid4()

DONE = JobSnapshot(
    now=NOW,
    batches=(),
    ready=False,
    next_ready_at=None,
    cancelled=False,
    last_accepted_at=NOW,
    counts=Counts(total=1, succeeded=1),
    on_record_error="halt",
)
TO_SEND = replace(DONE, counts=Counts(total=1, pending=1), ready=True)


def _written(*ids: UUID) -> JobSnapshot:
    return replace(DONE, counts=Counts(total=2, sent=2), batches=[OpenBatch(each, "written", None) for each in ids])


def _accepted(*ids: UUID, due_in: timedelta = timedelta()) -> JobSnapshot:
    due = NOW + due_in
    return replace(DONE, counts=Counts(total=2, sent=2), batches=[OpenBatch(each, "accepted", due) for each in ids])


Kind = TypeVar("Kind", bound=Intent)


class Talk(Stepping):
    """A step that was claimed and opened, and is told what happens."""

    def __init__(self, opened: JobSnapshot) -> None:
        super().__init__(RULES, opened)

    @property
    def waits_for(self) -> list[type[Intent]]:
        return [type(each) for each in self.begun.values()]

    def the(self, kind: type[Kind]) -> tuple[int, Kind]:
        """Finds the one intent of a kind that the step waits for."""
        [found] = [(number, each) for number, each in self.begun.items() if isinstance(each, kind)]
        return found

    def stored(self, kind: type[Kind], work: JobSnapshot | None = None, result: object = None) -> Kind:
        """Tells that a transaction is committed; gives what was asked of it."""
        return self._done(kind, Stored(result, work))

    def came(self, kind: type[Kind], outcome: CallOutcome) -> Kind:
        """Tells what came of a call."""
        return self._done(kind, outcome)

    def permitted(self, kind: type[Kind]) -> None:
        """Tells that a call has its permit."""
        self.tell(Permitted(self.the(kind)[0]))

    def _done(self, kind: type[Kind], outcome: Stored | CallOutcome) -> Kind:
        number, intent = self.the(kind)
        del self.begun[number]
        self.tell(Done(number, outcome))
        return intent


def test_a_job_without_records_takes_one_transaction() -> None:
    talk = Talk(replace(DONE, counts=Counts()))
    assert talk.stored(Finish) == Finish("succeeded")
    assert talk.ended


def test_a_batch_is_written_sent_polled_and_applied() -> None:
    talk = Talk(TO_SEND)
    assert talk.stored(WriteBatch, _written(A), result=True) == WriteBatch()
    # There is nothing left for a next batch, and none is tried.
    assert talk.waits_for == [Send]
    assert talk.came(Send, Accepted(202, "job-1")) == Send(A)
    accept = talk.stored(AcceptBatch, _accepted(A))
    assert (accept.batch_id, accept.http_status, accept.remote_job_id) == (A, 202, "job-1")
    assert SECOND <= accept.poll_in <= 1.2 * SECOND
    talk.stored(LoadBatch, result=AwaitedBatch("job-1", 0, SECOND, SECOND, {PERSON}, {PERSON: timedelta()}))
    answer = Answered(b"{}", [ItemResult(PERSON, Verdict.SUCCEEDED, b"1")], SECOND)
    assert talk.came(Poll, answer) == Poll(A, "job-1")
    applied = talk.stored(ApplyAnswer, DONE)
    assert [(change.object_id, change.status) for change in applied.changes] == [(PERSON, "succeeded")]
    assert applied.lost is None
    # It came late at its first poll, from which nothing is learned.
    assert applied.usual_answer == SECOND
    assert talk.stored(Finish) == Finish("succeeded")
    assert talk.ended


def test_the_next_batch_is_written_while_the_first_is_being_sent() -> None:
    talk = Talk(TO_SEND)
    talk.stored(WriteBatch, replace(_written(A), ready=True), result=True)
    assert talk.waits_for == [WriteBatch, Send]
    talk.stored(WriteBatch, replace(_written(A), ready=True), result=False)
    assert Send in talk.waits_for


def test_the_next_call_is_chosen_when_the_one_before_has_its_permit() -> None:
    talk = Talk(_written(A, B))
    assert list(talk.begun.values()) == [Send(A)]
    talk.permitted(Send)
    assert list(talk.begun.values()) == [Send(A), Send(B)]


@pytest.mark.parametrize(
    ("outcome", "follows"),
    [
        pytest.param(Refused(400, b"[]", {PERSON: b"1"}), [RefuseBatch], id="refused"),
        pytest.param(Failed(Fault("http_503"), 503, b"[]", marked=True), [NoteFault, RequeueBatch], id="not now"),
        pytest.param(Failed(Fault("timeout"), marked=True), [NoteFault, MarkLost], id="no answer"),
        pytest.param(Failed(Fault("no_token")), [NoteFault], id="nothing to call with"),
        pytest.param(NotMade(out_of_time=True, marked=True), [UnmarkCalled], id="marked and kept"),
        pytest.param(NotMade(out_of_time=True), [RefreshWork], id="no permit"),
        pytest.param(NotMade(out_of_time=False), [RefreshWork], id="no longer to be sent"),
    ],
)
def test_what_follows_from_a_call_that_was_not_accepted(outcome: CallOutcome, follows: list[type[Intent]]) -> None:
    talk = Talk(_written(A))
    talk.came(Send, outcome)
    for kind in follows:
        assert talk.waits_for == [kind]
        talk.stored(kind, DONE)
    assert talk.waits_for == [Finish]


@pytest.mark.parametrize(
    ("verdict", "polls", "asked_for", "lost"),
    [
        pytest.param(Verdict.OPEN, 9, SECOND, None, id="unfinished: timeout"),
        pytest.param(None, 3, SECOND, None, id="one is missing: asked again"),
        pytest.param(None, 4, SECOND, MarkLost(A, "answer_incomplete", SECOND), id="missing for good"),
        pytest.param(Verdict.OPEN, 1, RULES.fault_horizon, MarkLost(A, "no_answer", None), id="past the horizon"),
    ],
)
def test_an_answer_that_lacks_some_records(
    verdict: Verdict | None, polls: int, asked_for: timedelta, lost: MarkLost | None
) -> None:
    """`None` stands for a record that the answer does not name."""
    talk = Talk(_accepted(A))
    awaited = AwaitedBatch(
        "job-1", polls, SECOND, asked_for, {PERSON, OTHER}, {PERSON: timedelta(), OTHER: timedelta()}
    )
    talk.stored(LoadBatch, result=awaited)
    results = [ItemResult(PERSON, Verdict.SUCCEEDED, b"1")]
    if verdict is not None:
        results.append(ItemResult(OTHER, verdict, b"2"))
    talk.came(Poll, Answered(b"{}", results, timedelta()))
    assert talk.stored(ApplyAnswer, _accepted(A, due_in=SECOND)).lost == lost
    assert talk.waits_for == ([NoteFault] if lost else [])
    assert (talk.wake_in, talk.ended) == (None if lost else SECOND, False)


@pytest.mark.parametrize(
    ("asked_for", "outcome", "follows"),
    [
        pytest.param(SECOND, Failed(Fault("http_503"), 503), PostponePoll, id="not now"),
        pytest.param(RULES.fault_horizon, Failed(Fault("http_503"), 503), MarkLost, id="not now, and too old"),
        pytest.param(
            RULES.fault_horizon,
            Failed(Fault("circuit_open", tried=False)),
            PostponePoll,
            id="too old, and nobody was asked",
        ),
        pytest.param(SECOND, Refused(404), MarkLost, id="unknown"),
    ],
)
def test_a_poll_without_an_answer(asked_for: timedelta, outcome: CallOutcome, follows: type[Intent]) -> None:
    talk = Talk(_accepted(A))
    talk.stored(
        LoadBatch, result=AwaitedBatch("job-1", 0, 2 * RULES.fault_horizon, asked_for, {PERSON}, {PERSON: timedelta()})
    )
    talk.came(Poll, outcome)
    talk.stored(NoteFault, _accepted(A, due_in=SECOND))
    assert talk.waits_for == [follows]


def test_after_a_fault_nothing_begins_and_what_is_under_way_ends() -> None:
    talk = Talk(_written(A, B, C))
    talk.permitted(Send)
    [first, second] = talk.begun
    del talk.begun[first]
    talk.tell(Done(first, Failed(Fault("timeout"), marked=True)))
    assert talk.waits_for == [Send, NoteFault]
    talk.stored(NoteFault, _written(B, C))
    talk.stored(MarkLost, _written(B, C))
    assert talk.waits_for == [Send]
    talk.tell(Permitted(second))
    talk.came(Send, Accepted(202, "job-1"))
    talk.stored(AcceptBatch, _written(C))
    assert talk.waits_for == [Snooze], "the third batch is for the next step"


def test_without_time_nothing_begins() -> None:
    """When no call may leave any more: somebody else goes on at once."""
    talk = Talk(_written(A))
    talk.tell(TimeUp())
    talk.came(Send, NotMade(out_of_time=True))
    talk.stored(RefreshWork, _written(A))
    assert talk.stored(Snooze) == Snooze(timedelta())
    assert talk.ended


@pytest.mark.parametrize(("due_in", "waits"), [(2.0, True), (2.1, False)])
def test_a_step_waits_for_what_comes_soon_and_leaves_the_rest_to_another(due_in: float, waits: bool) -> None:
    due = timedelta(seconds=due_in)
    talk = Talk(_accepted(A, due_in=due))
    if not waits:
        assert talk.stored(Snooze) == Snooze(due)
        return
    assert (talk.waits_for, talk.wake_in) == ([], due)
    talk.tell(Woken())
    talk.stored(RefreshWork, replace(_accepted(A, due_in=due), now=NOW + due))
    assert talk.waits_for == [LoadBatch]


def test_a_step_does_not_wait_again_and_again() -> None:
    """As when its records wait for the answer to another run's call: it is looked at anew now and then."""
    waiting = replace(DONE, counts=Counts(total=1, pending=1), next_ready_at=NOW + 1.5 * SECOND)
    talk = Talk(waiting)
    assert talk.wake_in == 1.5 * SECOND
    talk.tell(Woken())
    later = NOW + 1.5 * SECOND
    talk.stored(RefreshWork, replace(waiting, now=later, next_ready_at=later + SECOND))
    assert talk.stored(Snooze) == Snooze(SECOND)
    assert talk.ended


def test_what_broke_ends_the_step_undecided_after_the_others() -> None:
    talk = Talk(_written(A, B))
    talk.permitted(Send)
    first, second = talk.begun
    del talk.begun[first]
    talk.tell(Broke(first))
    assert not talk.ended
    del talk.begun[second]
    talk.tell(Done(second, Accepted(202, "job-1")))
    talk.stored(AcceptBatch, _accepted(B))
    assert (talk.ended, talk.begun) == (True, {})


def test_older_news_of_what_is_open_is_passed_over() -> None:
    """Transactions are told of in another order than that of their commits; what the clock says does not matter."""
    talk = Talk(replace(_written(A), ready=True))
    assert talk.waits_for == [Send, WriteBatch]
    talk.came(Send, Accepted(202, "job-1"))
    later = replace(_accepted(A, due_in=3 * SECOND), changes=2)
    talk.stored(AcceptBatch, later)
    talk.stored(WriteBatch, replace(_written(A), changes=1, now=NOW + SECOND))
    assert Send not in talk.waits_for


def test_a_pause_ends_with_a_fresh_look_at_what_is_due() -> None:
    talk = Talk(replace(_accepted(A, due_in=SECOND), ready=True))
    assert (talk.waits_for, talk.wake_in) == ([WriteBatch], SECOND)
    talk.tell(Woken())
    assert talk.wake_in is None, "the look is under way"
    talk.stored(RefreshWork, replace(_accepted(A, due_in=SECOND), now=NOW + SECOND))
    assert LoadBatch in talk.waits_for


def test_failed_records_are_looked_up_before_dependants_go() -> None:
    talk = Talk(replace(DONE, unasked=True))
    talk.stored(LoadUnasked, result=[PERSON, OTHER])
    assert talk.came(LookUp, Found({PERSON: {}, uuid4(): {}})) == LookUp([PERSON, OTHER])
    assert talk.stored(NoteAtTarget, DONE) == NoteAtTarget([PERSON, OTHER], {PERSON})
    assert talk.stored(Finish) == Finish("succeeded")


def test_an_end_for_another_reason_than_its_records_closes_what_is_out() -> None:
    talk = Talk(replace(_accepted(A), sole_deaths=3, suspect_for=timedelta(hours=1)))
    assert talk.stored(AbandonOutstanding, DONE) == AbandonOutstanding("worker_lost")
    assert talk.stored(Finish) == Finish("failed", "worker_lost")


def test_of_a_cancelled_run_what_has_not_left_is_discarded_by_opening_its_job_anew() -> None:
    talk = Talk(replace(_written(A), cancelled=True))
    assert talk.stored(Snooze) == Snooze(timedelta(), cancelled=True)
    assert talk.ended


# A cancelled run with a call whose answer never came

UNANSWERED = replace(DONE, counts=Counts(total=3, pending=3), cancelled=True, look_up_at=NOW)
SENT, HELD = b'{"id":"1","givenName":"Bo"}', {"id": "1", "givenName": "Bo"}


def _listed(*plain: bytes | None) -> list[Unanswered]:
    return [Unanswered(each, 7 + place, said) for place, (each, said) in enumerate(zip((A, B, C), plain, strict=False))]


def test_what_a_cancelled_run_has_called_without_an_answer_is_looked_up_before_it_ends() -> None:
    """What is there as it was sent has arrived; what differs, is missing, or can't be read stays pending."""
    talk = Talk(UNANSWERED)
    assert talk.stored(LoadUnanswered, result=_listed(SENT, SENT, None)) == LoadUnanswered(-1)
    assert talk.came(LookUp, Found({A: HELD, B: {**HELD, "givenName": "Åsa"}})) == LookUp([A, B])
    assert talk.stored(NoteArrived, UNANSWERED) == NoteArrived([A])
    assert talk.stored(LoadUnanswered, result=[]) == LoadUnanswered(9)
    assert talk.stored(RefreshWork, UNANSWERED) == RefreshWork()
    assert talk.stored(Finish) == Finish("cancelled")


def test_what_has_all_arrived_makes_a_job_that_was_done() -> None:
    talk = Talk(UNANSWERED)
    talk.stored(LoadUnanswered, result=_listed(SENT))
    talk.came(LookUp, Found({A: HELD}))
    done = replace(UNANSWERED, counts=Counts(total=3, succeeded=2, warnings=1), look_up_at=None)
    talk.stored(NoteArrived, done)
    talk.stored(LoadUnanswered, result=[])
    talk.stored(RefreshWork, done)
    assert talk.stored(Finish) == Finish("succeeded")


@pytest.mark.parametrize(
    "outcome", [Failed(Fault("timeout")), Failed(Fault("circuit_open", tried=False)), Refused(400)]
)
def test_a_look_up_that_fails_keeps_no_cancelled_run_from_its_end(outcome: CallOutcome) -> None:
    talk = Talk(UNANSWERED)
    talk.stored(LoadUnanswered, result=_listed(SENT))
    talk.came(LookUp, outcome)
    if isinstance(outcome, Failed):
        talk.stored(NoteFault, UNANSWERED)
    else:
        talk.stored(RefreshWork, UNANSWERED)
    assert talk.stored(Finish) == Finish("cancelled")


def test_what_was_about_to_be_looked_up_when_the_process_ends_is_looked_up_by_the_next_one() -> None:
    talk = Talk(UNANSWERED)
    talk.stored(LoadUnanswered, result=_listed(SENT))
    talk.came(LookUp, NotMade(out_of_time=True))
    talk.stored(RefreshWork, UNANSWERED)
    assert talk.stored(Snooze) == Snooze(timedelta(), cancelled=True)


def test_a_call_that_fails_as_its_run_is_cancelled_is_looked_up_by_the_step_after_it() -> None:
    talk = Talk(_written(A))
    talk.came(Send, Failed(Fault("timeout"), marked=True))
    talk.stored(NoteFault)
    talk.stored(MarkLost, UNANSWERED)
    assert talk.stored(Snooze) == Snooze(timedelta(), cancelled=True)


def test_what_has_just_been_called_is_given_time_to_be_found() -> None:
    talk = Talk(replace(UNANSWERED, look_up_at=NOW + SECOND))
    assert (talk.waits_for, talk.wake_in) == ([], SECOND)
    talk.tell(Woken())
    talk.stored(RefreshWork, replace(UNANSWERED, now=NOW + SECOND))
    assert talk.waits_for == [LoadUnanswered]
