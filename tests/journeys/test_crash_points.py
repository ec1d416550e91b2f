"""A process dies at each place where it can: another one goes on, and the history shows what had happened.

The points are read from the code: every transaction of a step, of a claim and of a sweep, with the moments before and
after its commit, and every call to Skolverket, with those before, during and after it. With all other tests, in CI too,
go one of each kind, and all of them with CRASH_POINTS=all, as `make crashes` does.
"""

import ast
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import httpx
import psycopg
import pytest

from app.db.cipher import new_key
from app.demo.roster import RosterPlan, generate, roster_only
from app.domain.intents import Transaction, name_of
from app.jobs import calls
from app.local.embedded import Servers
from tests.conftest import ROOT, Spawn, _database, _name, spawning
from tests.forks import KILL_AT, KILLED
from tests.journeys.conftest import Json, Service, add_organisation, served
from tests.journeys.promises import assert_kept

_COMMITS = ("before_commit", "after_commit")
_PERSONS = "persons/bulk$"
_TAKEN_OVER = "SELECT end_epoch(id, beat, gen_random_uuid()) FROM epoch WHERE state <> 'ended'"
_OPEN = "SELECT count(*) FROM circuit WHERE opened_at IS NOT NULL"
# What the calls of other tests have left would be sent again, since the simulator has been emptied.
_TASKS_DUE = "DELETE FROM task WHERE kind = 'repair'; UPDATE task SET due_at = clock_timestamp()"
# A command asks for a check.
_ASKED_FOR = """
    INSERT INTO task (kind, key, organisation_id, again_at)
    SELECT 'check_organisation', gen_random_uuid(), id, clock_timestamp() + interval '10 min' FROM organisation
"""
# Somebody has died while it was leaving another address.
_LEFT_BEHIND = """
    INSERT INTO egress (name) VALUES ('elsewhere') ON CONFLICT DO NOTHING;
    INSERT INTO epoch (id, egress, number, worker, state)
    SELECT gen_random_uuid(), 'elsewhere', 1 + count(*), gen_random_uuid(), 'leaves' FROM epoch
"""


# The organisation is paused as soon as a call of it is on its way.
_PAUSED_WHEN_CALLED = """
    CREATE FUNCTION pause_when_called() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Once for each run.
        IF NOT EXISTS (
            SELECT FROM pause JOIN job ON job.id = NEW.job_id JOIN run ON run.id = job.run_id
            WHERE pause.organisation_id = NEW.organisation_id AND pause.since > run.created_at
        ) THEN
            PERFORM pause(NEW.organisation_id, NULL, 'operator', 'test', 'Prov');
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER pause_when_called AFTER UPDATE OF status ON batch FOR EACH ROW WHEN (NEW.status = 'called')
        EXECUTE FUNCTION pause_when_called()
"""
_RESUMED = "SELECT resume(organisation_id, NULL, 'operator', 'test') FROM pause WHERE ended_at IS NULL"

# The run is cancelled as soon as a call of it is lost.
_CANCELLED_WHEN_LOST = """
    CREATE FUNCTION cancel_when_lost() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE run SET cancel_requested_at = clock_timestamp()
        FROM job WHERE job.id = NEW.job_id AND run.id = job.run_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER cancel_when_lost AFTER UPDATE OF status ON batch FOR EACH ROW WHEN (NEW.status = 'lost')
        EXECUTE FUNCTION cancel_when_lost()
"""


def _transactions(module: Path) -> Iterator[str]:
    """Reads the names of a module's transactions, and of its statements that commit by themselves."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        # A step's own are named after their intents.
        match node:
            case ast.Call(func=ast.Name(id="transaction" | "statement"), args=[_, ast.Constant(value=str(name))]):
                yield name
            # Changes of runs share theirs, under a name that each gives.
            case ast.Call(func=ast.Attribute(attr="once"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def points_of(*modules: str) -> list[str]:
    names = [name for module in modules for name in _transactions(ROOT / "app" / f"{module}.py")]
    return [f"{moment}:{name}" for name in names for moment in _COMMITS]


WORKER_POINTS = [
    *points_of("jobs/egress", "jobs/holder", "jobs/runner", "jobs/calls", "jobs/tokens", "jobs/services"),
    *points_of("jobs/tasks/loop", "jobs/tasks/check_organisation"),
    # Beside `ask_for_repair`, which a process passes only after it had been stopped in the middle of a call.
    *(point for point in points_of("jobs/tasks/repair") if not point.endswith("ask_for_repair")),
    *(f"{moment}:{name_of(intent)}" for intent in get_args(Transaction) for moment in _COMMITS),
    *(f"{when}_call:{name}" for name in get_args(calls.Name) for when in ("before", "during", "after")),
    "before_call:token",
    "after_call:token",
]


_ALL = os.environ.get("CRASH_POINTS") == "all"
# One of each kind of what a death can leave behind.
_KINDS = {
    "after_commit:claim",
    "after_commit:mark_called",
    "during_call:send",
    "after_commit:accept_batch",
    "before_commit:apply_answer",
    "before_commit:finish",
    "before_commit:release",
}
TESTED = WORKER_POINTS if _ALL else [point for point in WORKER_POINTS if point in _KINDS]
_ASKED = dict.fromkeys(
    [*_transactions(ROOT / "app/api/routes/provisioning.py"), "store_roster"] if _ALL else ["provision"]
)


@dataclass(frozen=True)
class Scene:
    """What has to be so that a point is passed: faults, a roster, a policy, settings; and how the run ends."""

    faults: tuple[Json, ...] = ()
    defects: int = 0
    persons: int = 20
    policy: str = "halt"
    env: Mapping[str, str] = field(default_factory=dict)
    # What the one that dies has besides.
    dying: Mapping[str, str] = field(default_factory=dict)
    # Whether nobody is there for as long as it takes to notice.
    away: bool = False
    # States that some batch of the first job has when it is told to end; None when it is not told so.
    told_to_end_at: frozenset[str] | None = None
    # What is done in the database before it starts.
    before: str = ""
    # Whether it is paused then, and goes on once another worker has held it.
    paused: bool = False
    ends: str = "succeeded"
    code: str = "no_contact"


def _once(path: str, **fault: object) -> Scene:
    return Scene(({"match": {"path": path}, "times": 1, **fault},))


_NOT_NOW = _once(_PERSONS, action="status", status=503)
_AWAY = Scene(away=True)
# While a call is out.
_TOLD_TO_END = replace(_once(_PERSONS, action="delay", seconds=1.5), told_to_end_at=frozenset({"called"}))
# One of the persons is protected, and is sent again whatever is there.
_LOST = replace(_once(_PERSONS, action="cut_before"), persons=60)
_UNANSWERED = replace(_once(_PERSONS, action="hang", taken=True), before=_CANCELLED_WHEN_LOST, ends="cancelled")
_FAILED = Scene(defects=1, policy="continue")
# By the name that a point has after its colon; without a scene a plain run passes it.
SCENES: Mapping[str, Scene] = {
    "abandon_outstanding": Scene(
        ({"match": {"path": _PERSONS}, "times": None, "action": "status", "status": 503},),
        env={"FAULT_HORIZON": "1s"},
        ends="failed",
    ),
    "refuse_batch": _once(_PERSONS, action="status", status=400),
    "requeue_batch": _NOT_NOW,
    "note_fault": _NOT_NOW,
    "postpone_poll": _once("persons/bulk/jobs/", action="status", status=503),
    "mark_lost": _once("persons/bulk/jobs/", action="status", status=404),
    "note_at_target": _FAILED,
    "load_unasked": _FAILED,
    "load_unanswered": _UNANSWERED,
    "note_arrived": _UNANSWERED,
    # The batch goes again in halves; the answer about the first is due while the second is on its way.
    "refresh_work": Scene(
        (
            {"match": {"path": _PERSONS}, "times": 1, "action": "status", "status": 400},
            {"match": {"path": _PERSONS}, "every": 2, "times": 1, "action": "delay", "seconds": 2.5},
        )
    ),
    "expire": Scene(
        (
            {"match": {"path": _PERSONS}, "times": 1, "action": "status", "status": 400},
            {"match": {"path": _PERSONS}, "times": None, "action": "status", "status": 503},
        ),
        env={"FAULT_HORIZON": "1s"},
        ends="failed",
        code="records_failed",
    ),
    "look_up": _FAILED,
    "alive": _AWAY,
    "token_failed": _once("/transaction$", action="status", status=500),
    "note_pause": _once(_PERSONS, action="status", status=429, retry_after=1),
    "wake_up": _AWAY,
    # Its permit does not come before it is told to end.
    "unmark_called": Scene(
        persons=700, told_to_end_at=frozenset({"accepted", "called"}), dying={"SKOLVERKET_CALLS_PER_SECOND": "0.1"}
    ),
    "snooze": _once("persons/bulk/jobs/", action="status", status=503),
    # What was on its way is refused, and would go again.
    "hold": replace(_NOT_NOW, before=_PAUSED_WHEN_CALLED, paused=True),
    "release": _TOLD_TO_END,
    "close_epoch": _TOLD_TO_END,
    "task_failed": _once("/programmes$", action="status", status=503),
    # One call has left, and the others' permits do not come before it is told to end.
    "let_task_go": replace(_TOLD_TO_END, dying={"SKOLVERKET_READS_PER_SECOND": "0.1"}),
    "load_check": Scene(before=_ASKED_FOR),
    "load_repair": _LOST,
    "call_repair": _LOST,
    "repair_answered": _LOST,
    "rest": Scene(dying={"ENCRYPTION_KEYS": f"other:{new_key()}"}),
    "end_epoch": Scene(before=_LEFT_BEHIND),
}

PLAN = RosterPlan(persons=20, schools=1, seed=7)


@cache
def roster_of(persons: int, defects: int) -> Json:
    """Generates a roster, the same for the same numbers; one of another size has other persons under other ids.

    Of 60 one is protected, who is sent again without comparing.
    """
    made = generate(replace(PLAN, persons=persons, defects=defects, seed=PLAN.seed + persons // 30))
    assert persons != 60 or any(person.get("securityMarking", "Ingen") != "Ingen" for person in made["persons"])
    return made


def scene_of(point: str) -> Scene:
    return SCENES.get(point.partition(":")[2], Scene())


# (batches of which nobody will know what became, calls that carried the bytes of an earlier one); elsewhere none.
_LEFT_NOT = (1, 0)
_MAY_HAVE_ARRIVED = (1, 1)
HISTORY: Mapping[str, tuple[int, int]] = {
    # It was noted that the batch leaves, and it did not.
    "after_commit:mark_called": _LEFT_NOT,
    "before_call:send": _LEFT_NOT,
    # One had left and was answered; the permit of the other did not come.
    "before_commit:unmark_called": _LEFT_NOT,
    "before_commit:release": _MAY_HAVE_ARRIVED,
    "after_commit:release": _MAY_HAVE_ARRIVED,
    "before_commit:let_task_go": _MAY_HAVE_ARRIVED,
    "after_commit:let_task_go": _MAY_HAVE_ARRIVED,
    # It left, and what was answered was not kept.
    "during_call:send": _MAY_HAVE_ARRIVED,
    "after_call:send": _MAY_HAVE_ARRIVED,
    "before_commit:accept_batch": _MAY_HAVE_ARRIVED,
    "before_commit:refuse_batch": _MAY_HAVE_ARRIVED,
    "before_commit:requeue_batch": _MAY_HAVE_ARRIVED,
    "before_commit:note_fault": _MAY_HAVE_ARRIVED,
    "after_commit:note_fault": _MAY_HAVE_ARRIVED,
    "before_commit:note_pause": _MAY_HAVE_ARRIVED,
    "after_commit:note_pause": _MAY_HAVE_ARRIVED,
    # The answer was kept, and says that it goes again.
    "after_commit:requeue_batch": (0, 1),
    "before_commit:hold": (0, 1),
    "after_commit:hold": (0, 1),
    "after_commit:mark_lost": (1, 1),
    # The second half was on its way.
    "before_commit:refresh_work": _MAY_HAVE_ARRIVED,
    "after_commit:refresh_work": _MAY_HAVE_ARRIVED,
}
# Where the job is at that moment is chance.
_BESIDE = {
    f"{moment}:{name}"
    for name in ("task_failed", "load_check", "load_repair", "call_repair", "repair_answered")
    for moment in _COMMITS
}


@pytest.fixture(scope="module")
def house(
    servers: Servers, template_database: str, simulator: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """An API and a simulator for all of these; each process that dies is the test's own."""
    folder = tmp_path_factory.mktemp("crashes")
    with (
        _database(servers, template=_name(template_database)) as url,
        spawning(folder) as spawn,
        served(url, servers.redis_url, simulator, spawn, folder, SKOLVERKET_TIMEOUT="3") as made,
    ):
        add_organisation(made, generate(PLAN)["huvudman"])
        yield made


@pytest.fixture
def crashing(house: Service, redis_url: str, spawn: Spawn) -> Service:
    """The same as if nothing had happened before."""
    house.outside.post(f"{house.simulator}/_simulator/reset").raise_for_status()
    house.plant()
    with psycopg.connect(house.env["DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM access_token")
        connection.execute("DROP FUNCTION IF EXISTS cancel_when_lost, pause_when_called CASCADE")
        connection.execute(_TASKS_DUE.encode())
    return replace(house, spawn=spawn, workers=[])


def test_what_is_said_of_a_point_is_said_of_one_that_is_there() -> None:
    """Else one that is no longer found in the code would not be tried, and nobody would notice."""
    points = {*WORKER_POINTS}
    assert {*_KINDS, *HISTORY, *_BESIDE} - points == set()
    assert SCENES.keys() - {point.partition(":")[2] for point in points} == set()


@pytest.mark.parametrize("point", TESTED)
def test_another_worker_goes_on_where_one_has_died(crashing: Service, point: str) -> None:
    service, scene = crashing, scene_of(point)
    service.plant(*scene.faults)
    if scene.before:
        _execute(service, scene.before)
    accepted = service.provision(service.store(roster_of(scene.persons, scene.defects)), scene.policy)
    run_id, persons = accepted["id"], accepted["jobs"][0]
    env = {**service.env, **scene.env, **scene.dying, KILL_AT: point}
    if scene.away:
        service.plant({"match": {"path": _PERSONS}, "times": None, "action": "status", "status": 503})
    dying = service.spawn("worker", env=env, ready=False)
    if scene.away:
        service.until(lambda: _read(service, _OPEN), "the circuit to open")
        service.plant()
    if scene.told_to_end_at is not None:
        service.until(service.sends, "the first call to arrive")
        states = scene.told_to_end_at
        service.until(
            lambda: states <= {batch["status"] for batch in service.batches(persons)}, "the batches to be so far"
        )
        dying.process.send_signal(signal.SIGTERM)
    assert dying.process.wait(40) == KILLED, f"{point} is never passed"
    # Nothing but its beat, which is made to count as standing still, tells that its holder is gone.
    _execute(service, _TAKEN_OVER)
    service.worker(**scene.env)
    if scene.paused:
        service.until(lambda: service.get(f"/runs/{run_id}")["status"] == "held", "the run to be held")
        _execute(service, _RESUMED)
    run = service.finished(run_id)

    assert run["status"] == scene.ends
    assert_kept(service, run)
    if scene.ends == "failed":
        assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
        assert run["jobs"][0]["error"]["code"] == scene.code
        return
    if scene.ends == "cancelled":
        assert run["jobs"][0]["progress"]["warnings"] > 0, "what had arrived was found"
        return
    if scene.away:
        return
    faults_met = sum(fault.get("action") in {"status", "revoke_tokens", "cut_before"} for fault in scene.faults)
    assert sum(job["attempt"] for job in run["jobs"]) <= faults_met, "a death costs no attempt"
    lost = sum(batch["status"] == "lost" for job in run["jobs"] for batch in service.batches(job))
    doubled = sum(times - 1 for times in Counter(call["sha256"] for call in service.sends()).values())
    if point not in _BESIDE:
        assert (lost, doubled) == HISTORY.get(point, (0, 0))
    assert scene.defects or all(job["progress"]["succeeded"] == job["progress"]["total"] for job in run["jobs"])


@pytest.mark.parametrize("moment", _COMMITS)
@pytest.mark.parametrize("name", _ASKED)
def test_what_was_asked_of_an_api_that_died_is_asked_again(crashing: Service, name: str, moment: str) -> None:
    """Before the commit nothing has happened; after it everything has, and the repeat changes nothing."""
    dying = crashing.spawn("serve", "--port", "0", env={**crashing.env, KILL_AT: f"{moment}:{name}"})
    there = httpx.Client(
        base_url=f"http://127.0.0.1:{dying.port}", headers=crashing.api.headers, trust_env=False, timeout=30
    )
    roster = {"display_name": "Nationella prov", "roster": roster_only(roster_of(20, 0))}
    activity_id = str(uuid4()) if name == "store_roster" else crashing.store(roster_of(20, 0))
    run_id = None if name in {"store_roster", "provision"} else crashing.provision(activity_id)["id"]
    if name == "retry":
        crashing.api.post(f"/runs/{run_id}/cancel").raise_for_status()
    method, path, body = {
        "store_roster": ("PUT", f"/activities/{activity_id}", roster),
        "provision": ("POST", f"/activities/{activity_id}/provision", {}),
        "cancel": ("POST", f"/runs/{run_id}/cancel", {}),
        "retry": ("POST", f"/runs/{run_id}/retry", {}),
    }[name]
    key = {"Idempotency-Key": str(uuid4())}
    with there, pytest.raises(httpx.TransportError):
        there.request(method, path, json=body, headers=key)
    assert dying.process.wait(10) == KILLED

    done = moment == "after_commit"
    again = crashing.api.request(method, path, json=body, headers=key).status_code
    runs = crashing.get(f"/activities/{activity_id}/runs")["data"]
    match name:
        case "store_roster":
            assert (again, runs) == (200 if done else 201, [])
            return
        case "provision":
            assert (again, len(runs)) == (202, 1)
        case _:
            # Also when it was done before: the answer that nobody has got is given again.
            assert (again, runs[0]["id"]) == (202, run_id)
    # Nobody has sent a wake-up for it.
    crashing.worker()
    run = crashing.finished(runs[0]["id"])
    assert run["status"] == ("cancelled" if name == "cancel" else "succeeded")
    assert_kept(crashing, run)


def _execute(service: Service, statement: str) -> None:
    with psycopg.connect(service.env["DATABASE_URL"]) as connection:
        connection.execute(statement.encode())


def _read(service: Service, query: str) -> Any:
    with psycopg.connect(service.env["DATABASE_URL"]) as connection:
        found = connection.execute(query.encode()).fetchone()
    return found and found[0]
