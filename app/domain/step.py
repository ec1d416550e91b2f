"""One step of a job, without I/O: batches are written and sent, answers polled, the failed looked up; then an end.

`run_step` is a generator of intents. A driver begins those of each turn, many side by side, and sends back one event at
a time. The runner does so with sockets, the model with dice, `drain` in tests with a scripted target.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from uuid import UUID

from app.domain import courses
from app.domain.conclusion import Expire, Finish, conclude
from app.domain.courses import Course, Rules, StepState
from app.domain.intents import (
    AbandonOutstanding,
    Begun,
    Broke,
    CallOutcome,
    Done,
    Event,
    Intent,
    Permitted,
    RefreshWork,
    Stored,
    TimeUp,
    Turn,
    Woken,
)
from app.domain.open_work import JobSnapshot, until_next, work

Steps = Generator[Turn, Event, None]
# A step waits so long for what comes next; for what comes later, another one begins.
_LONGEST_PAUSE = timedelta(seconds=2)


def run_step(rules: Rules, random: Random, opened: JobSnapshot) -> Steps:
    """Begins a step of a job that has just been claimed and `opened`; `random` is the jitter's.

    Ends after Snooze, Hold or Finish, or undecided once the driver has told that something broke.
    """
    return _Step(StepState(rules, random, opened), fresh=True).run()


@dataclass(slots=True)
class _Step:
    state: StepState
    # Whether `state.open` is of the last event: what is decided counts from its time.
    fresh: bool = False
    _numbers: Iterator[int] = field(default_factory=count)
    _courses: dict[int, Course] = field(default_factory=dict)
    # The batches that are being sent or polled. One call at a time waits for its permit, so that the next one can be
    # chosen late; new batches are written, and the failed looked up, beside it.
    _busy: dict[int, UUID] = field(default_factory=dict)
    _unpermitted: int | None = None
    # Courses of which there is one at a time.
    _single: dict[int, str] = field(default_factory=dict)

    def run(self) -> Steps:
        yield from self._work()
        while not self.state.broken:
            if not self.fresh:
                yield from self._alone(RefreshWork())
            if (job := self.state.open) is None or self.state.broken:
                return
            state = self.state
            decision = conclude(job, state.faults, state.rules.fault_horizon, state.random, looked_up=state.looked_up)
            if isinstance(decision, Finish) and decision.code is not None:
                yield from self._alone(AbandonOutstanding(decision.code))
            if not self.state.broken:
                yield from self._alone(decision)
            if not isinstance(decision, Expire):
                return

    def _alone(self, intent: Intent) -> Steps:
        """Has one thing done, beside nothing else."""
        begin = [self._start(_just(intent))]
        while self._courses:
            event = yield Turn(begin)
            begin = self._told(event)

    def _work(self) -> Steps:
        """Works, many calls side by side, until nothing is under way and nothing can begin soon."""
        begin: list[Begun] = []
        # How long it has waited since it last had a batch in hand.
        waited = timedelta()
        while True:
            pause = None
            if self.state.goes_on:
                begin += self._begin()
                pause = self._pause()
            if self._busy:
                waited = timedelta()
            elif not self._courses:
                waited += pause or timedelta()
            if not self._courses and (not pause or waited > _LONGEST_PAUSE):
                return
            begin = self._told((yield Turn(begin, pause)))

    def _told(self, event: Event) -> list[Begun]:
        """Takes an event in; gives what goes on from it."""
        self.fresh = False
        match event:
            case TimeUp():
                self.state.out_of_time = True
            case Woken():
                return [self._start_single("refresh", _just(RefreshWork()))]
            case Permitted(number):
                self._permitted(number)
            case Broke(number):
                self.state.broken = True
                self._end(number)
            case Done(number, outcome):
                return self._go_on(number, outcome)
        return []

    def _go_on(self, number: int, outcome: Stored | CallOutcome) -> list[Begun]:
        if isinstance(outcome, Stored):
            # Transactions under the claim come one after the other, but the news of them may not.
            known = self.state.open
            if outcome.work is not None and (known is None or outcome.work.changes >= known.changes):
                self.state.open, self.fresh = outcome.work, True
        else:
            self._permitted(number)
        try:
            intent = self._courses[number].send(outcome.result if isinstance(outcome, Stored) else outcome)
        except StopIteration:
            self._end(number)
            return []
        return [Begun(number, intent)]

    def _begin(self) -> list[Begun]:
        assert self.state.open is not None  # noqa: S101 - the claim has given it
        todo = work(self.state.open, frozenset(self._busy.values()))
        begun: list[Begun] = []
        if self._unpermitted is None:
            # What is sent first is being worked on while the others are polled.
            if todo.send:
                begun.append(self._start(courses.send(self.state, todo.send[0]), todo.send[0]))
            elif todo.poll:
                begun.append(self._start(courses.poll(self.state, todo.poll[0]), todo.poll[0]))
        if todo.write and "write" not in self._single.values():
            begun.append(self._start_single("write", courses.write(self.state, todo.write)))
        if todo.look_up and "look up" not in self._single.values():
            if not self.state.open.cancelled:
                begun.append(self._start_single("look up", courses.look_up(self.state)))
            elif not self.state.looked_up:
                begun.append(self._start_single("look up", courses.look_up_unanswered(self.state)))
        return begun

    def _pause(self) -> timedelta | None:
        """Gives how long nothing can begin by itself; None when only an event can change that."""
        # While a call waits for its permit, what becomes due waits for it too.
        if self.state.open is None or self._unpermitted is not None or "refresh" in self._single.values():
            return None
        return until_next(self.state.open, frozenset(self._busy.values()))

    def _start(self, course: Course, batch_id: UUID | None = None) -> Begun:
        number = next(self._numbers)
        self._courses[number] = course
        if batch_id is not None:
            self._busy[number] = batch_id
            self._unpermitted = number
        return Begun(number, next(course))

    def _start_single(self, kind: str, course: Course) -> Begun:
        begun = self._start(course)
        self._single[begun.number] = kind
        return begun

    def _permitted(self, number: int) -> None:
        if self._unpermitted == number:
            self._unpermitted = None

    def _end(self, number: int) -> None:
        self._courses.pop(number).close()
        self._busy.pop(number, None)
        self._permitted(number)
        self._single.pop(number, None)


def _just(intent: Intent) -> Course:
    yield intent
