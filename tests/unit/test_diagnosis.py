"""What counts as stuck, as a table: what is seen at a moment, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.catalogue import catalogue, in_words
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.diagnosis import Finding, claimed_in_vain, diagnose
from app.domain.retention import Retention
from app.domain.situation import (
    ActivityQueue,
    FailingTasks,
    FailingWebhook,
    Job,
    Progress,
    Seen,
    Service,
    Session,
    Token,
    Unchained,
    WaitingErasure,
    Worker,
)
from app.domain.unusual_reading import KeyDay
from app.views.diagnosis import Worded, headline, worded
from tests.conftest import ROOT

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ALIVE = Worker(id=UUID(int=1), seen_at=NOW, alive=True, in_progress=2)
SILENT = Worker(id=UUID(int=2), seen_at=NOW - MINUTE, alive=False, held=1)
AWAY = Service(name="provisioning", failures=9, failing_since=NOW - MINUTE, opened_at=NOW, probe_at=NOW, code="timeout")
SNOOZED: dict[str, Any] = {"due_at": NOW + 3 * SECOND}
HELD: dict[str, Any] = {"due_at": NOW - MINUTE, "worker": ALIVE.id, "held": True}
GONE = Worker(id=UUID(int=3), seen_at=NOW - HOUR, alive=False, held=1)


def queue(waiting: int = 0, **job: Any) -> ActivityQueue:
    """An activity queue whose run is under way, with its job if any of it is said."""
    made = Job(id=UUID(int=7), kind="duties", status="running", **job) if job else None
    return ActivityQueue(
        organisation="2120000001",
        activity_id=UUID(int=5),
        run_id=UUID(int=6),
        sequence=3,
        started_at=NOW - HOUR,
        job=made,
        waiting=waiting,
        next_sequence=4 if waiting else None,
        waiting_since=NOW - MINUTE if waiting else None,
    )


def held(by: str) -> ActivityQueue:
    """A queue that somebody has paused: what was on its way has its answer."""
    job = Job(id=UUID(int=7), kind="duties", status="held", due_at=NOW)
    return replace(queue(), job=job, paused_since=NOW - HOUR, paused_by=by)


def queued(waiting: timedelta, free: timedelta | None = None) -> ActivityQueue:
    """A queue of which no run is under way: its head has waited for so long, the run before it ended so long ago."""
    return ActivityQueue(
        organisation="2120000001",
        activity_id=UUID(int=5),
        waiting=1,
        next_sequence=4,
        waiting_since=NOW - waiting,
        free_since=None if free is None else NOW - free,
    )


KEPT = Retention(content=timedelta(days=365), history=timedelta(days=1095))


def seen(*queues: ActivityQueue, **other: Any) -> Seen:
    return Seen(
        now=NOW,
        **{
            "workers": [ALIVE],
            "holders": {"default": ALIVE.id},
            "queues": queues,
            "queues_in_all": len(queues),
            **other,
        },
    )


LEVELS = ["ok", "warning", "error"]


def said(at: Seen) -> list[tuple[str, str]]:
    """What is found; each can be worded, and is no worse than the catalogue says that it can be."""
    findings = diagnose(at)
    for found in findings:
        assert worded(found, at.now).what
        assert LEVELS.index(found.level) <= LEVELS.index(catalogue().troubles[found.code].severity)
    return [(found.level, found.code) for found in findings]


def faulty(since: timedelta, code: str = "http_500", **job: Any) -> ActivityQueue:
    return queue(**{**SNOOZED, **job}, fault_since=NOW - since, fault_code=code, attempt=4)


@pytest.mark.parametrize(
    ("of", "level", "code"),
    [
        pytest.param(queue(**SNOOZED), "ok", "goes_on", id="a pause of its own"),
        *(
            pytest.param(held(by), "warning", f"paused_by_{by}", id=f"paused by {by}")
            for by in ("operator", "organisation")
        ),
        pytest.param(queue(due_at=NOW - 4 * SECOND), "ok", "goes_on", id="due for a moment"),
        pytest.param(queue(due_at=NOW - 6 * SECOND), "error", "due_not_taken", id="due, and nobody takes it"),
        pytest.param(queue(due_at=NOW + 31 * MINUTE), "error", "far_ahead", id="due in a time that nothing takes"),
        pytest.param(
            queue(**SNOOZED, batches=2, oldest_batch_at=NOW - MINUTE), "ok", "waits_for_answer", id="Skolverket works"
        ),
        pytest.param(
            queue(**SNOOZED, batches=2, oldest_batch_at=NOW - 11 * MINUTE), "warning", "answer_slow", id="for very long"
        ),
        pytest.param(queue(**HELD), "ok", "held", id="a worker works at it"),
        pytest.param(
            queue(**HELD, rests=1, rest_code="internal"), "warning", "rests", id="laid down once for our fault"
        ),
        pytest.param(queue(**SNOOZED, rests=2, rest_code="internal"), "error", "rests", id="laid down again and again"),
        pytest.param(queue(**SNOOZED, worker_deaths=2), "warning", "suspect", id="it may be what kills workers"),
        pytest.param(queue(**HELD, worker_deaths=1), "ok", "held", id="the second worker that tries"),
        pytest.param(queue(**HELD, worker_deaths=2), "warning", "workers_lost", id="two workers were lost with it"),
        pytest.param(queue(**{**HELD, "worker": UUID(int=9)}), "error", "holder_gone", id="its worker is not known"),
        pytest.param(faulty(MINUTE), "warning", "faults", id="faults for a while"),
        pytest.param(faulty(6 * MINUTE), "error", "faults", id="faults for long"),
        pytest.param(faulty(6 * MINUTE, **HELD), "error", "faults", id="and tried again at this moment"),
        pytest.param(faulty(MINUTE, CIRCUIT_OPEN), "warning", "faults", id="of a circuit that has just closed"),
        pytest.param(queued(4 * SECOND), "ok", "starts", id="a run that has just been taken in"),
        pytest.param(
            queued(HOUR, free=4 * SECOND), "ok", "starts", id="a run whose activity queue has just become free"
        ),
        pytest.param(
            queued(HOUR, free=6 * SECOND), "error", "queue_not_started", id="a free activity queue that nobody starts"
        ),
        pytest.param(queue(), "error", "run_without_job", id="a run without a job"),
    ],
)
def test_what_a_queue_waits_for(of: ActivityQueue, level: str, code: str) -> None:
    assert said(seen(of)) == [(level, code)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(seen(), [], id="nothing to do"),
        pytest.param(seen(workers=[]), [("warning", "no_worker")], id="no worker, and nothing to do"),
        pytest.param(
            seen(queue(**SNOOZED), workers=[SILENT]),
            [("error", "no_worker"), ("warning", "worker_silent"), ("ok", "goes_on")],
            id="no worker that is alive",
        ),
        pytest.param(
            seen(queue(**{**HELD, "worker": SILENT.id}), workers=[ALIVE, SILENT]),
            [("warning", "worker_silent"), ("warning", "holder_silent")],
            id="a job whose worker says nothing",
        ),
        pytest.param(
            seen(workers=[ALIVE, Worker(id=UUID(int=3), seen_at=NOW - HOUR, alive=False)]),
            [],
            id="one that has gone and left nothing",
        ),
        pytest.param(
            seen(faulty(SECOND, CIRCUIT_OPEN), services=[AWAY]),
            [("error", "circuit_open"), ("error", "waits_for_circuit")],
            id="a circuit, and who waits for it",
        ),
        pytest.param(
            seen(services=[Service(name="authorisation", failures=2, failing_since=NOW, code="timeout")]),
            [("warning", "calls_failing")],
            id="calls that begin to fail",
        ),
        pytest.param(
            seen(
                faulty(SECOND, "certificate_expired"),
                tokens=[Token(organisation="2120000001", failed_at=NOW, failure="certificate_expired")],
            ),
            [("error", "token_failing"), ("error", "waits_for_token")],
            id="a token that is needed",
        ),
        pytest.param(
            seen(tokens=[Token(organisation="2120000001", failed_at=NOW, failure="certificate_expired")]),
            [("warning", "token_failing")],
            id="a token that nobody needs",
        ),
        pytest.param(
            seen(tasks=[FailingTasks(kind="open_data", tasks=2, failed_at=NOW, failure="http_503")]),
            [("warning", "tasks_failing")],
            id="tasks that fail",
        ),
        pytest.param(
            seen(erasures=[WaitingErasure(organisation="2120000001", since=NOW - timedelta(days=1), failure=None)]),
            [],
            id="an erasure that waits for a day",
        ),
        *(
            pytest.param(
                seen(
                    erasures=[WaitingErasure(organisation="2120000001", since=NOW - timedelta(days=2), failure=failure)]
                ),
                [("warning", "erasure_waits")],
                id=f"an erasure that is not done: {failure}",
            )
            for failure in (None, "no_erasures_file", "erasures_file_not_written", "run_has_it", "internal")
        ),
        pytest.param(
            seen(oldest_contents_at=NOW - timedelta(days=367), retention=KEPT), [], id="contents that are due to go"
        ),
        pytest.param(
            seen(oldest_contents_at=NOW - timedelta(days=369), retention=KEPT),
            [("warning", "retention_late")],
            id="contents that should have gone",
        ),
        pytest.param(
            seen(
                webhooks=[
                    FailingWebhook(
                        organisation="2120000001", id=UUID(int=8), deliveries=2, since=NOW, failure="timeout"
                    )
                ]
            ),
            [("warning", "webhook_failing")],
            id="a webhook that takes nothing",
        ),
        pytest.param(
            seen(unchained=Unchained(rows=3, since=NOW - 90 * SECOND)),
            [("error", "audit_not_chained")],
            id="rows of the audit without a link",
        ),
        pytest.param(
            seen(
                readings=[
                    KeyDay(key="3f9a1c0d5e7b", organisation="2120000001", day=NOW.date() - timedelta(ago), objects=many)
                    for ago, many in ((3, 10), (2, 10), (1, 10), (0, 1000))
                ]
            ),
            [("warning", "reads_more")],
            id="a key that reads far more than it did",
        ),
        pytest.param(
            seen(
                readings=[
                    KeyDay(
                        key="3f9a1c0d5e7b",
                        organisation="2120000001",
                        day=NOW.date(),
                        objects=1,
                        protected_since=NOW.date(),
                    )
                ]
            ),
            [("warning", "protected_first")],
            id="a key that is shown somebody protected for the first time",
        ),
        pytest.param(seen(pauses={"calls": NOW + SECOND}), [], id="a pause that is over soon"),
        pytest.param(seen(pauses={"calls": NOW + 20 * SECOND}), [("warning", "calls_held_back")], id="calls held back"),
        pytest.param(seen(holders={}), [("warning", "no_holder")], id="nobody may call, and nothing to do"),
        pytest.param(
            seen(queue(**SNOOZED), holders={}), [("error", "no_holder"), ("ok", "goes_on")], id="nobody may call"
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="psql", waiting_since=NOW - 4 * SECOND, blocked_by=[12])]),
            [],
            id="a lock that is waited for as ever",
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="psql", waiting_since=NOW - MINUTE, blocked_by=[12])]),
            [("error", "session_blocked")],
            id="a lock that is waited for too long",
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="psql", idle_since=NOW - MINUTE)]),
            [],
            id="an idle one without locks",
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="psql", idle_since=NOW - MINUTE, tables=["job"])]),
            [("error", "session_idle")],
            id="an idle one with locks",
        ),
        pytest.param(
            seen(queue(**SNOOZED, rests=2, rest_code="database_full")),
            [("error", "database_full"), ("error", "rests")],
            id="what the database keeps from going on",
        ),
        pytest.param(
            seen(queue(**SNOOZED, rests=1, rest_code="database_read_only"), outage="database_read_only"),
            [("error", "database_read_only"), ("warning", "rests")],
            id="what can be seen without a job, said once",
        ),
        pytest.param(
            seen(queue(**{**HELD, "worker": SILENT.id}), workers=[SILENT], holders={}, outage="database_read_only"),
            [("error", "database_read_only"), ("ok", "held")],
            id="where nobody can say that it is there, nobody is said to be gone",
        ),
        pytest.param(
            seen(queue(**SNOOZED, rests=1, rest_code="key_unknown"), queue(**SNOOZED, rests=1, rest_code="internal")),
            [("error", "key_unknown"), ("warning", "rests"), ("warning", "rests")],
            id="a key that is gone",
        ),
        pytest.param(seen(claimed_in_vain=2), [("error", "claims_without_calls")], id="claims, and no call"),
        pytest.param(seen(round_trip=2 * SECOND), [], id="a database far away"),
        pytest.param(seen(round_trip=3 * SECOND), [("error", "database_slow")], id="a database that is too far"),
        pytest.param(seen(redis=False), [("warning", "redis_away")], id="Redis is away"),
        pytest.param(seen(not_reached=["here"]), [("warning", "wake_ups_lost")], id="Redis delivers nothing"),
        pytest.param(seen(clock_ahead=29 * SECOND), [], id="clocks that differ a little"),
        pytest.param(seen(clock_ahead=31 * SECOND), [("warning", "clock_differs")], id="a database's clock ahead"),
        pytest.param(seen(clock_ahead=-31 * SECOND), [("warning", "clock_differs")], id="a database's clock behind"),
        pytest.param(
            seen(clock_ahead=31 * SECOND, round_trip=1.9 * SECOND),
            [("warning", "clock_differs")],
            id="a clock that is ahead, asked on a slow way",
        ),
        pytest.param(
            seen(clock_ahead=-30.9 * SECOND, round_trip=2 * SECOND), [], id="what a slow way explains is no difference"
        ),
        pytest.param(
            seen(far_ahead={"worker": 1, "job": 2}), [("warning", "times_far_ahead")], id="times that lie too far ahead"
        ),
        pytest.param(
            seen(unhindered=["postgres"]), [("warning", "role_unhindered")], id="a service whom no policy hinders"
        ),
        pytest.param(seen(without_certificate=["2120000001"]), [], id="a simulator wants no certificate"),
        pytest.param(
            seen(without_certificate=["2120000001"], certificates_needed=True),
            [("warning", "no_certificate")],
            id="Skolverket wants one",
        ),
        pytest.param(
            seen(queue(due_at=NOW - HOUR), migrated=False),
            [("error", "not_migrated")],
            id="without tables, nothing else",
        ),
        pytest.param(
            seen(migrated=False, sessions=[Session(pid=11, program="pg_dump", open_since=NOW - MINUTE, used=["job"])]),
            [("error", "not_migrated"), ("error", "session_in_the_way")],
            id="but who may keep them from being made",
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="pg_dump", open_since=NOW - MINUTE, used=["job"])]),
            [],
            id="who just reads for long",
        ),
        pytest.param(
            seen(sessions=[Session(pid=11, program="psql", open_since=NOW - MINUTE, writes=True)]),
            [("warning", "changes_delayed")],
            id="who writes for long",
        ),
    ],
)
def test_what_all_queues_share(at: Seen, expected: list[tuple[str, str]]) -> None:
    assert said(at) == expected


BEFORE = Progress(claims=7, calls=1, polls=2, settled=3, faults=1, rests=1)


@pytest.mark.parametrize(
    ("after", "in_vain"),
    [
        pytest.param(BEFORE, 0, id="nobody claimed it"),
        pytest.param(replace(BEFORE, claims=10), 0, id="one that waits for a second each time"),
        pytest.param(replace(BEFORE, claims=11), 1, id="again and again"),
        *(
            pytest.param(replace(BEFORE, claims=40, **{what: getattr(BEFORE, what) + 1}), 0, id=f"with {what}")
            for what in ("calls", "polls", "settled", "faults", "rests")
        ),
    ],
)
def test_claims_of_which_nothing_comes(after: Progress, in_vain: int) -> None:
    a, b, c = (UUID(int=number) for number in range(3))
    assert claimed_in_vain({a: BEFORE, b: BEFORE}, {a: after, c: replace(after, claims=99)}) == in_vain


def test_the_worst_and_oldest_come_first() -> None:
    """Of the activity queues; what they share stands above all of them."""
    queues = [
        queue(**SNOOZED),
        faulty(MINUTE),
        *(queue(due_at=NOW - since) for since in (MINUTE, HOUR)),
    ]
    found = diagnose(seen(*queues, redis=False))
    assert [each.code for each in found] == ["redis_away", "due_not_taken", "due_not_taken", "faults", "goes_on"]
    assert [each.since for each in found[1:3]] == [NOW - HOUR, NOW - MINUTE]


def test_the_root_of_a_queue_of_locks_is_what_to_end() -> None:
    sessions = [
        Session(pid=11, program="psql", waiting_since=NOW - MINUTE, blocked_by=[12, 13]),
        Session(pid=12, program="psql", waiting_since=NOW - MINUTE, blocked_by=[13]),
    ]
    assert worded(diagnose(seen(sessions=sessions))[0], NOW).frees.endswith("SELECT pg_terminate_backend(13)")


@pytest.mark.parametrize(
    ("at", "line"),
    [
        (seen(), "All is well: nothing is stuck. 0 activity queues, 0 waiting runs, 1 worker alive."),
        (
            seen(queue(2, **SNOOZED), redis=False),
            "Nothing is stuck, but there is something to look at: 1. 1 activity queue, 2 waiting runs, 1 worker alive.",
        ),
        (seen(queue(due_at=NOW - HOUR)), "Stuck: 1 activity queue. 1 activity queue, 0 waiting runs, 1 worker alive."),
        (
            seen(faulty(SECOND, CIRCUIT_OPEN), services=[AWAY]),
            "Stuck: 1 activity queue; 1 trouble that activity queues share. 1 activity queue, 0 waiting runs,"
            " 1 worker alive.",
        ),
    ],
)
def test_the_first_line(at: Seen, line: str) -> None:
    assert headline(at, diagnose(at)) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0.4, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("code", catalogue().troubles)
def test_every_finding_is_explained_to_operators(code: str) -> None:
    """In docs/operate/doctor.md, with what to do; one that is nothing to worry about needs but its own words."""
    documented = f"`{code}`" in (ROOT / "docs/operate/doctor.md").read_text(encoding="utf-8")
    assert documented == (catalogue().troubles[code].severity != "ok")


def test_nothing_is_said_but_ids_numbers_codes_and_times() -> None:
    """What the texts are filled in with has these names, and none is of a person or a text of somebody's."""
    names = {name for trouble in catalogue().troubles.values() for name in trouble.values}
    counts = {
        "attempts",
        "batches",
        "calls",
        "jobs",
        "held",
        "times",
        "deaths",
        "lost",
        "nobody",
        "woken",
        "unset",
        "deliveries",
        "values",
        *("rows", "objects", "usual"),
    }
    ids = {
        "worker",
        "webhook",
        "run",
        "job",
        "pid",
        "key",
        "keys",
        "blockers",
        "ending",
        "organisation",
        "organisations",
        "next",
        "egresses",
        # of the database, and of our processes alone
        "roles",
    }
    codes, times = (
        {"fault", "service", "bucket", "program", "tables", "kind", "way"},
        {"until", "gone", "probe", "ahead", "by"},
    )
    database = {"found", "oldest", "newest", "lost", "parts", "tasks"}
    erasures = {"reason", "remedy"}
    assert names == counts | ids | codes | times | database | erasures


def test_a_finding_is_worded_whole() -> None:
    at = seen(queue(1, **{**HELD, "worker": GONE.id}, worker_deaths=2), workers=[ALIVE, GONE])
    found = next(each for each in diagnose(at) if each.queue)
    assert found == Finding(level="error", code="holder_gone", values=found.values, since=NOW - HOUR, queue=found.queue)
    assert worded(found, NOW) == Worded(
        what=f"worker {GONE.id} had it in hand and is gone, and nobody has taken the job;"
        " it was in hand at 2 workers' deaths in a row",
        why="1 worker alive with 2 steps in progress: perhaps it has no room for more (WORKER_JOBS).",
        frees="any worker that takes over",
    )


@pytest.mark.parametrize(
    ("at", "part"),
    [
        (seen(workers=[]), "No worker is alive; none has ever been heard of."),
        (seen(workers=[], last_heard_of=NOW - 2 * HOUR), "No worker is alive; the last was heard of 2 h ago."),
        (seen(redis=None), "Redis does not answer: REDIS_URL is not set here."),
        (
            seen(certificates_needed=True, without_certificate=[f"21200000{n:02}" for n in range(12)]),
            "2120000008, 2120000009 and 2 more.",
        ),
        (
            seen(services=[Service(name="provisioning", failures=1, failing_since=NOW, code=None)]),
            "1 call in a row, the last: –.",
        ),
        (
            seen(
                sessions=[
                    Session(pid=11, program="x", idle_since=NOW - MINUTE),
                    Session(pid=12, program="x", blocked_by=[11]),
                ]
            ),
            "of: no table of ours.",
        ),
        (
            seen(
                queue(due_at=NOW - HOUR),
                sessions=[Session(pid=11, program="x", idle_since=NOW - MINUTE, tables=["job"])],
            ),
            "perhaps it has no room for more (WORKER_JOBS); a session keeps a lock, or waits for one.",
        ),
        (seen(queue(due_at=NOW + 20 * SECOND)), "it goes on at 08:05:20 UTC (in 20 s)"),
        (seen(queue(due_at=NOW - SECOND)), "it goes on now"),
        (
            seen(queue(**SNOOZED, batches=2, oldest_batch_at=NOW - 11 * MINUTE, polls=1)),
            "2 batches without an answer from Skolverket; the next look is at 08:05:03 UTC (in 3 s)",
        ),
    ],
)
def test_values_are_worded(at: Seen, part: str) -> None:
    assert any(part in text for found in diagnose(at) for text in worded(found, NOW))


def on_a_page(at: Seen) -> list[Worded]:
    """Words what is found as the pages do, in Swedish and with the clock of a wall."""
    return [worded(found, at.now, "sv", "kl. {:%H.%M}".format) for found in diagnose(at)]


def test_on_a_page_moments_are_those_of_its_clock() -> None:
    ahead = queue(due_at=NOW + 20 * MINUTE, rests=2, rest_code="internal")
    assert any("tas upp igen kl. 08.25" in each.what for each in on_a_page(seen(ahead)))
    assert not any("UTC" in text for each in on_a_page(seen(ahead)) for text in each)


def test_a_page_stays_as_it_is_while_nothing_but_time_passes() -> None:
    """No countdown: what comes within a minute is said to, and who was heard of last keeps its time."""
    waiting = queue(due_at=NOW + 20 * SECOND, rests=2, rest_code="internal")
    first = seen(waiting, workers=[], last_heard_of=NOW - MINUTE)
    assert on_a_page(first) == on_a_page(replace(first, now=NOW + 3 * SECOND))
    assert any("hördes av kl. 08.04" in each.what for each in on_a_page(first))


@pytest.mark.parametrize(
    ("keys", "sealed", "expected"),
    [
        pytest.param(["k2"], {"k2": 7}, [], id="one key is nothing to speak of"),
        pytest.param(["k2", "k1"], {"k2": 7, "k1": 1}, [("ok", "key_older")], id="an older one still seals something"),
        pytest.param(["k2", "k1"], {"k2": 7}, [("ok", "key_unused")], id="and may go when it does not"),
        pytest.param(["k2"], {"k2": 7, "k1": 1}, [("error", "key_missing")], id="one is not there any more"),
        pytest.param(None, {"k1": 1}, [], id="whoever has no keys says nothing of them"),
    ],
)
def test_of_each_key_it_is_said_whether_it_may_go(
    keys: list[str] | None, sealed: dict[str, int], expected: list[tuple[str, str]]
) -> None:
    assert said(seen(keys=keys, sealed=sealed)) == expected


def test_a_key_that_may_go_is_named() -> None:
    [found] = diagnose(seen(keys=["k2", "k1"], sealed={"k2": 7}))
    assert worded(found, NOW).what == "the key k1 seals nothing any more: it may go"
