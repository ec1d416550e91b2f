"""A step that goes on one event at a time, for whoever plays its driver."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from app.domain.courses import Rules
from app.domain.intents import Event, Intent, Turn
from app.domain.open_work import JobSnapshot
from app.domain.step import run_step


@dataclass
class Stepping:
    """A step that goes on only when it is told to: `begun` are the intents that it waits for, in their order."""

    rules: Rules
    opened: JobSnapshot
    random: Random = field(default_factory=lambda: Random(1))
    begun: dict[int, Intent] = field(default_factory=dict)
    ended: bool = False
    wake_in: timedelta | None = None

    def __post_init__(self) -> None:
        self._steps = run_step(self.rules, self.random, self.opened)
        self._take(lambda: next(self._steps))

    def tell(self, event: Event) -> None:
        """Tells the step what has happened, and takes what it begins then."""
        self._take(lambda: self._steps.send(event))

    def _take(self, turn: Callable[[], Turn]) -> None:
        try:
            given = turn()
        except StopIteration:
            self.ended = True
        else:
            self.begun |= {each.number: each.intent for each in given.begin}
            self.wake_in = given.wake_in
