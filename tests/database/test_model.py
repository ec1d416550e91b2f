"""A model that searches for a bad order of events: real store functions on a real Postgres, with a virtual clock.

`make test` plays the same few examples each time. `MODEL_EXAMPLES=2000 pytest tests/database/test_model.py` searches
with as many fresh ones, and makes the shortest of a failing one.
"""

import asyncio
import os
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.db import batches, next_batch, runs
from app.domain.batching import Packing
from tests.database import factories
from tests.database.factories import Tenant, duty, engine_of, exam, group, pupil
from tests.database.model_events import FORWARDS, WORKERS, Events, Roster
from tests.database.virtual_time import virtualise

# So few bytes that two persons fill a batch.
_SMALL = 800


@dataclass
class Place:
    """Where all examples are played, one after the other."""

    runner: asyncio.Runner
    tenant: Tenant
    activities: list[UUID]
    rosters: Sequence[Roster]
    random: Random

    def do(self, doing: Awaitable[Any]) -> Any:
        """Carries something out to its end."""

        async def until_done() -> Any:
            return await doing

        return self.runner.run(until_done())


@pytest.fixture
def place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A database with the virtual clock and two activities: one with everything, one with a broken person.

    One person is in both, in a later upload in the second.
    """
    random = Random(1)

    def next_id() -> UUID:
        return UUID(int=random.getrandbits(128), version=4)

    for module in (runs, batches, factories):
        monkeypatch.setattr(module, "uuid4", next_id)
    monkeypatch.setattr(factories, "_serials", count(1))
    monkeypatch.setattr(next_batch, "Packing", lambda form: Packing(replace(form, max_bytes=_SMALL)))
    virtualise(database_url)
    engine = engine_of(database_url)
    first, second, third = pupil(), pupil(), pupil()
    teaching, its_class = duty(second), group(first)
    roster = {
        "persons": [first, second, third],
        "duties": [teaching],
        "groups": [its_class],
        "activities": [exam([its_class], [teaching])],
    }
    with asyncio.Runner() as runner:
        tenant = runner.run(Tenant.make(engine))
        rosters = (roster, {"persons": [{**third, "givenName": "Örjan"}, pupil(), pupil(civicNo=None)]})
        yield Place(runner, tenant, [runner.run(tenant.store(each)) for each in rosters], rosters, random)
        runner.run(engine.dispose())


_numbers = st.integers(0, 7)
_die = st.integers(0, 255)
_dice = st.lists(_die, min_size=5, max_size=20)
_workers = st.integers(0, WORKERS - 1)
_policies = st.sampled_from(["halt", "continue"])
_acts = st.sampled_from(["work", "work", "accept", "cancel", "retry", "sweep", "pause", "resume"])


class Model(RuleBasedStateMachine):
    """Callers, workers, a sweep and a clock; after each rule the promises are looked at."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        place.random.seed(1)
        self._do = place.do
        self._events = Events(place.tenant, place.activities, place.rosters)
        self._do(self._events.rewind())

    # What may happen.

    @initialize(policies=st.tuples(_policies, _policies, _policies))
    def there_is_something_to_do(self, policies: tuple[str, str, str]) -> None:
        for activity, policy in zip((0, 1, 0), policies, strict=True):
            self._do(self._events.accept(activity, policy))

    @rule(activity=_numbers, policy=_policies)
    def somebody_provisions(self, activity: int, policy: str) -> None:
        self._do(self._events.accept(activity, policy))

    @rule(activity=_numbers)
    def somebody_uploads_the_person_of_both_anew(self, activity: int) -> None:
        self._do(self._events.upload(activity % 2))

    @rule(worker=_workers, dice=_dice, number=_numbers)
    def somebody_cancels_a_run_that_is_worked_on(self, worker: int, dice: list[int], number: int) -> None:
        self._do(self._events.work(worker, dice))
        self._do(self._events.cancel(number, worker))

    @rule(worker=_workers, dice=_dice, activity=_numbers)
    def an_activity_is_paused_while_it_is_worked_on(self, worker: int, dice: list[int], activity: int) -> None:
        self._do(self._events.work(worker, dice))
        self._do(self._events.pause(activity))

    @rule(activity=_numbers)
    def an_activity_goes_on(self, activity: int) -> None:
        self._do(self._events.resume(activity))

    @rule(number=_numbers, policy=st.none() | _policies)
    def somebody_retries(self, number: int, policy: str | None) -> None:
        self._do(self._events.retry(self._events.run(number), policy))

    @rule(worker=_workers, dice=_dice, activity=_numbers, policy=st.none() | _policies)
    def a_run_that_was_stopped_is_tried_again(
        self, worker: int, dice: list[int], activity: int, policy: str | None
    ) -> None:
        self._do(self._events.try_again(worker, dice, self._events.activities[activity % 2], policy))

    @rule(worker=_workers, number=_numbers)
    def a_wake_up_is_heard_and_may_come_again(self, worker: int, number: int) -> None:
        self._do(self._events.hear(worker, number))

    @rule(worker=_workers, dice=_dice)
    def a_worker_works(self, worker: int, dice: list[int]) -> None:
        self._do(self._events.work(worker, dice))

    @rule(dice=_dice)
    def all_work_by_turns(self, dice: list[int]) -> None:
        for each, die in enumerate(dice * 2):
            self._do(self._events.work(each % WORKERS, [die]))

    @rule(worker=_workers)
    def a_worker_dies(self, worker: int) -> None:
        self._do(self._events.workers[worker].die())

    @rule(worker=_workers, die=_die, fate=st.sampled_from(["committed", "rolled back"]))
    def an_answer_of_the_database_is_lost(self, worker: int, die: int, fate: Any) -> None:
        self._do(self._events.work(worker, []))
        self._events.world.fate = fate
        self._do(self._events.work(worker, [die]))
        self._events.world.fate = None

    @rule(by=st.sampled_from(FORWARDS))
    def time_passes(self, by: timedelta) -> None:
        self._do(self._events.forward(by))

    @rule()
    def the_sweep_looks(self) -> None:
        self._do(self._events.sweep())

    @rule(worker=_workers)
    def a_worker_is_taken_over(self, worker: int) -> None:
        self._do(self._events.workers[worker].taken_over())

    @rule(worker=_workers, dice=_dice, die=_die)
    def a_worker_is_overtaken_and_comes_back(self, worker: int, dice: list[int], die: int) -> None:
        self._do(self._events.come_back(worker, dice, die))

    @rule(worker=_workers, activity=_numbers, before=st.booleans())
    def a_run_comes_while_the_one_ahead_ends(self, worker: int, activity: int, before: bool) -> None:
        self._do(self._events.meet_at_the_end(worker, activity, before))

    @rule(first=_acts, second=_acts, worker=_workers, number=_numbers, die=_die)
    def two_things_overlap(self, first: str, second: str, worker: int, number: int, die: int) -> None:
        events = self._events
        self._do(events.work(worker, []))
        ours, theirs = events.act(first, worker, number, die), events.act(second, worker + 1, number, die)
        self._do(events.overlap(ours, theirs))

    # What must hold.

    @invariant()
    def no_promise_is_broken(self) -> None:
        self._do(self._events.look())

    def teardown(self) -> None:
        """Lets honest workers play everything to its end, and looks at what came of it."""
        try:
            self._do(self._events.play_out())
        finally:
            self._do(self._events.end())


def test_no_order_of_events_breaks_a_promise(place: Place) -> None:
    """Claims, calls, faults, deaths, returns, cancels and retries, in any order and overlapping."""

    class Here(Model):
        def __init__(self) -> None:
            super().__init__(place)

    many = os.environ.get("MODEL_EXAMPLES")
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=int(many or 8),
            stateful_step_count=50 if many else 24,
            derandomize=not many,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            phases=[Phase.generate, Phase.shrink] if many else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
