"""What is kept of runs and callers: used for a second from when it was right, and no more of it than a bound."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.api.http.answers import Polled
from app.api.polling.memory import UNUSED_AFTER, KeptRun, Memory
from app.domain.changes import Versions
from app.security.keys import Caller

ACTIVITY, DIGEST = uuid4(), b"d" * 32
NOW = 100.0


def _run(activity_id: UUID = ACTIVITY, version: int = 5) -> KeptRun:
    answer = Polled(b"{}", '"x"', finished=False)
    return KeptRun(uuid4(), version, activity_id, uuid4(), uuid4(), answer, {uuid4(): answer, uuid4(): answer})


def _caller(handle: str) -> Caller:
    return Caller(uuid4(), "a key", uuid4(), frozenset(["history"]), handle=handle, digest=DIGEST, version="1")


def _known(memory: Memory, run: KeptRun, now: float = NOW) -> list[bool]:
    """Tells of a run and each of its jobs whether it is found."""
    return [memory.run(run.run_id, now) is run, *(memory.run_of_job(job_id, now) is run for job_id in run.jobs)]


def _versions(*those: KeptRun | Caller) -> Versions:
    return Versions(
        frozenset((each.run_id, each.version) for each in those if isinstance(each, KeptRun)),
        frozenset((each.handle, each.version) for each in those if isinstance(each, Caller)),
    )


def test_a_run_is_found_by_its_id_and_by_a_job_s() -> None:
    memory, run = Memory(), _run()
    memory.keep_run(run, NOW)
    assert _known(memory, run) == [True, True, True]
    assert memory.run(next(iter(run.jobs)), NOW) is memory.run_of_job(run.run_id, NOW) is None


@pytest.mark.parametrize(("now", "known"), [(NOW, True), (NOW + 1, True), (NOW + 1.01, False)])
def test_all_is_used_for_a_second_from_when_it_was_right(now: float, known: bool) -> None:
    memory, run = Memory(), _run()
    memory.keep_run(run, NOW)
    memory.keep_caller(_caller("a"), NOW)
    assert _known(memory, run, now) == [known] * 3
    assert (memory.caller("a", DIGEST, now) is not None) is known


def test_what_was_asked_about_and_has_not_changed_is_right_as_of_then() -> None:
    memory, run, caller = Memory(), _run(), _caller("a")
    memory.keep_run(run, NOW)
    memory.keep_caller(caller, NOW)
    memory.renew(_versions(run, caller), Versions(), NOW + 1)
    assert _known(memory, run, NOW + 2) == [True] * 3
    assert memory.caller("a", DIGEST, NOW + 2) is caller
    # An answer that comes late makes nothing older.
    memory.renew(_versions(run, caller), Versions(), NOW + 0.5)
    assert _known(memory, run, NOW + 2) == [True] * 3


def test_what_has_changed_goes_and_only_that() -> None:
    memory, run, other, caller, revoked = Memory(), _run(), _run(), _caller("a"), _caller("b")
    for each in (run, other):
        memory.keep_run(each, NOW)
    for key in (caller, revoked):
        memory.keep_caller(key, NOW)
    memory.renew(_versions(run, other, caller, revoked), _versions(run, revoked), NOW)
    assert [_known(memory, each) for each in (run, other)] == [[False] * 3, [True] * 3]
    assert [memory.caller(handle, DIGEST, NOW) for handle in "ab"] == [caller, None]


def test_what_was_read_anew_meanwhile_is_neither_renewed_nor_dropped() -> None:
    """The answer is about the version that was asked about."""
    memory, run = Memory(), _run()
    memory.keep_run(run, NOW)
    later = replace(run, version=run.version + 1)
    memory.keep_run(later, NOW + 0.5)
    memory.renew(_versions(run), _versions(run), NOW + 0.6)
    assert _known(memory, later, NOW + 1.5) == [True] * 3
    assert memory.run(run.run_id, NOW + 1.55) is None


def test_an_older_reading_does_not_take_the_place_of_a_later_one() -> None:
    memory, run = Memory(), _run()
    later = replace(run, version=run.version + 1)
    memory.keep_run(later, NOW)
    memory.keep_run(run, NOW - 0.5)
    assert _known(memory, later) == [True] * 3


def test_the_least_recently_used_run_goes_first_with_all_of_it() -> None:
    memory, first, second, third = Memory(most_runs=2), _run(), _run(), _run()
    for run in (first, second):
        memory.keep_run(run, NOW)
    memory.run(first.run_id, NOW)
    memory.keep_run(third, NOW)
    assert [_known(memory, run) for run in (first, second, third)] == [[True] * 3, [False] * 3, [True] * 3]


def test_no_more_callers_are_kept_than_the_bound() -> None:
    memory = Memory(most_callers=2)
    for handle in ("a", "b"):
        memory.keep_caller(_caller(handle), NOW)
    memory.caller("a", DIGEST, NOW)
    memory.keep_caller(_caller("c"), NOW)
    assert [memory.caller(handle, DIGEST, NOW) is not None for handle in "abc"] == [True, False, True]


def test_a_caller_is_known_by_the_secret_too() -> None:
    memory = Memory()
    memory.keep_caller(_caller("a"), NOW)
    assert memory.caller("a", b"another", NOW) is None


def test_what_nobody_uses_is_not_asked_about_for_long() -> None:
    """What is followed or read counts as used."""
    memory, runs, callers = Memory(), [_run(), _run(), _run()], [_caller(each) for each in "abc"]
    for run in runs:
        memory.keep_run(run, NOW)
    for caller in callers:
        memory.keep_caller(caller, NOW)
    followed, later = _versions(runs[0], callers[0]), NOW + UNUSED_AFTER
    assert memory.watched(later, followed) == _versions(*runs, *callers)
    memory.renew(_versions(*runs, *callers), Versions(), later)
    memory.run(runs[1].run_id, later)
    memory.caller("b", DIGEST, later)
    assert memory.watched(later + 0.1, followed) == _versions(*runs[:2], *callers[:2])
    assert _known(memory, runs[2], later) == [False] * 3


def test_what_is_followed_is_asked_about_in_the_version_that_was_seen() -> None:
    memory, run = Memory(), _run()
    memory.keep_run(run, NOW)
    seen = _versions(replace(run, version=run.version - 1), _run())
    assert memory.watched(NOW, seen) == seen | _versions(run)


@pytest.mark.parametrize("what", ["activity_id", "organisation_id"])
def test_what_this_process_changes_is_forgotten_and_not_kept_by_who_read_it_before(what: str) -> None:
    """The runs of an activity, or all that an organisation has, as when an operator pauses it."""
    memory, run, other = Memory(), _run(), _run(uuid4())
    for each in (run, other):
        memory.keep_run(each, NOW - 0.1)
    memory.forget_runs_of(getattr(run, what), NOW)
    assert _known(memory, run) == [False] * 3
    assert _known(memory, other) == [True] * 3
    memory.keep_run(run, NOW - 0.1)
    assert _known(memory, run) == [False] * 3
    memory.keep_run(run, NOW + 0.1)
    assert _known(memory, run) == [True] * 3


def test_changes_that_become_known_are_counted() -> None:
    """Who reads the same shares a reading with those who began after the last one alone."""
    memory, run = Memory(), _run()
    memory.keep_run(run, NOW)
    memory.renew(_versions(run), Versions(), NOW)
    assert memory.changes == 0
    memory.renew(_versions(run), _versions(run), NOW)
    memory.forget_runs_of(ACTIVITY, NOW)
    assert memory.changes == 2
