"""What the doctor reads of a real database, and what it prints: stuck things are found, and what it advises helps."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import circuits, claims, deliveries, erasures, reads, retention, tasks, tokens, webhooks, workers
from app.db.doctor import look, progress
from app.db.egress import note_pause
from app.db.faults import OurFault
from app.db.retention import Old
from app.domain.circuit import Circuit
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.diagnosis import Finding, diagnose
from app.domain.situation import Progress, Seen
from app.jobs.problems import job_problem
from app.views.diagnosis import headline, worded
from tests.conftest import Spawn
from tests.database import epochs
from tests.database.factories import HOUR, KEPT, MINUTE, Tenant, make_run
from tests.database.virtual_time import FORWARD, virtualise

AGO = "clock_timestamp() - interval '1 minute'"


async def seen(engine: AsyncEngine, most: int = 100) -> Seen:
    async with reads.snapshots(engine).begin() as conn:
        return await look(conn, most)


@dataclass(frozen=True)
class Found(Finding):
    """A finding with its words."""

    what: str
    why: str
    frees: str


async def found(engine: AsyncEngine) -> dict[str, Found]:
    """What is to say, by code."""
    looked = await seen(engine)
    return {
        each.code: Found(
            **{one.name: getattr(each, one.name) for one in fields(each)}, **worded(each, looked.now)._asdict()
        )
        for each in diagnose(looked)
    }


async def test_what_is_held_is_named_with_the_time_of_its_pause(tenant: Tenant, engine: AsyncEngine) -> None:
    run = await tenant.new_run()
    await tenant.pause(run.activity_id)
    paused = (await found(engine))["paused_by_operator"]
    assert paused.level == "warning"
    assert paused.since == await tenant.value("SELECT since FROM pause")
    assert paused.queue is not None
    assert paused.queue.run_id == run.id


@pytest.fixture
async def worker(engine: AsyncEngine) -> UUID:
    """A worker that is alive."""
    made = uuid4()
    async with engine.begin() as conn:
        await workers.note_worker(conn, made, "test", workers.Tally(in_progress=3))
        await epochs.begin_epoch(conn, made, "here")
    return made


async def past_the_guards(tenant: Tenant, *statements: str) -> None:
    """Writes what the database would refuse."""
    async with tenant.engine.begin() as conn:
        for statement in ("SET LOCAL session_replication_role = replica", *statements):
            await conn.exec_driver_sql(statement)


async def epoch_of(conn: AsyncConnection, worker: UUID) -> UUID:
    """Gives the epoch that the worker has."""
    there: UUID | None = await conn.scalar(sa.text("SELECT id FROM epoch WHERE worker = :worker"), {"worker": worker})
    return there or await epochs.begin_epoch(conn, worker)


async def held_by(engine: AsyncEngine, job_id: UUID, worker: UUID) -> claims.Claim:
    async with engine.begin() as conn:
        held = await epochs.claim(conn, job_id, epoch=await epoch_of(conn, worker))
    assert held is not None
    return held


async def test_nothing_to_do_is_well(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    looked = await seen(engine)
    assert diagnose(looked) == []
    assert headline(looked, []) == "All is well: nothing is stuck. 0 activity queues, 0 waiting runs, 1 worker alive."


async def test_work_without_a_worker_is_stuck(engine: AsyncEngine, tenant: Tenant) -> None:
    await tenant.new_run()
    assert (await found(engine))["no_worker"].level == "error"


async def test_what_has_just_become_due_is_not_stuck(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    await tenant.new_run()
    assert [(finding.code, finding.level) for finding in diagnose(await seen(engine))] == [("goes_on", "ok")]


async def test_a_due_job_that_nobody_takes(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """With the activity queue it is in, and the run that waits behind it."""
    run = await tenant.new_run()
    await tenant.accept(run.activity_id)
    await tenant.do(f"UPDATE job SET due_at = {AGO} WHERE id = :id", id=run.jobs[0])
    stuck = (await found(engine))["due_not_taken"]
    queue = stuck.queue
    assert queue is not None
    assert queue.job is not None
    assert (queue.organisation, queue.activity_id, queue.sequence) == (tenant.number, run.activity_id, 1)
    assert (queue.job.id, queue.job.kind, queue.waiting, queue.next_sequence) == (run.jobs[0], "persons", 1, 2)
    assert queue.waiting_since is not None
    assert "1 worker alive with 3 steps in progress" in stuck.why


async def test_a_job_whose_holder_is_gone(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """As when nobody is left who would take over."""
    await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    await tenant.do("UPDATE worker SET seen_at = clock_timestamp() - interval '2 minutes'")
    gone = (await found(engine))["holder_gone"]
    assert (gone.level, str(worker) in gone.what) == ("error", True)


async def test_workers_of_whom_none_may_call(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    await tenant.do("UPDATE epoch SET state = 'ended', ended_at = clock_timestamp()")
    assert (await found(engine))["no_holder"].level == "warning"
    await tenant.new_run()
    assert (await found(engine))["no_holder"].level == "error"


async def test_a_job_that_rests_for_a_fault_of_ours(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    held = await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    async with engine.begin() as conn:
        await claims.rest(conn, held, OurFault())
    rests = (await found(engine))["rests"]
    assert (rests.level, "internal" in rests.what) == ("warning", True)


async def test_a_held_job_is_not_stuck(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    assert list(await found(engine)) == ["held"]


async def test_what_a_silent_worker_has_in_progress(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """It is said once of the worker, and of each queue; somebody is about to take over: it is no trouble yet."""
    await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    await tenant.do("UPDATE worker SET seen_at = clock_timestamp() - interval '20 seconds'")
    silent = await found(engine)
    assert silent["worker_silent"].level == silent["holder_silent"].level == "warning"
    assert "1 job" in silent["worker_silent"].what


async def test_a_batch_at_skolverket_is_waited_for(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    held = await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    await tenant.accepted(held)
    async with engine.begin() as conn:
        await claims.snooze(conn, held, MINUTE)
    waits = await found(engine)
    assert list(waits) == ["waits_for_answer"]
    assert waits["waits_for_answer"].what.startswith("1 batch without an answer")


async def test_faults_that_last(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """Its own try again is not stuck; one that has lasted for more than five minutes is."""
    held = await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    async with engine.begin() as conn:
        await claims.note_fault(conn, held, job_problem("http_500"))
        await claims.snooze(conn, held, MINUTE)
    assert (await found(engine))["faults"].level == "warning"
    await tenant.do("UPDATE job SET fence = claim, failed_at = failed_at - interval '6 min' WHERE status='running'")
    lasting = (await found(engine))["faults"]
    assert lasting.level == "error"
    assert "http_500; 1 attempt" in lasting.what


async def test_an_open_circuit_and_who_waits_for_it(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    held = await held_by(engine, (await tenant.new_run()).jobs[0], worker)
    async with engine.begin() as conn:
        await claims.note_fault(conn, held, job_problem(CIRCUIT_OPEN), counts=False)
        await claims.snooze(conn, held, MINUTE)
        await circuits.note_circuit(conn, "here", "provisioning", Circuit(3, 1.0, "timeout"), 4.0)
    assert (await found(engine))["calls_failing"].level == "warning"
    await tenant.do(
        f"UPDATE circuit SET opened_at = {AGO}, probe_at = clock_timestamp() WHERE service = 'provisioning'"
    )
    away = await found(engine)
    assert away["circuit_open"].level == away["waits_for_circuit"].level == "error"
    assert "timeout" in away["circuit_open"].why


async def test_a_token_that_is_not_got(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """A trouble while an activity queue needs it; one of long ago is nobody's any more."""
    async with engine.begin() as conn:
        await tokens.note_failure(conn, tenant.organisation_id, "here", "certificate_expired")
    assert (await found(engine))["token_failing"].level == "warning"
    await tenant.new_run()
    needed = (await found(engine))["token_failing"]
    assert (needed.level, tenant.number in needed.what) == ("error", True)
    assert "certificate_expired" in needed.why
    await tenant.do("UPDATE access_token SET failed_at = failed_at - interval '1 hour'")
    assert "token_failing" not in await found(engine)


async def test_tasks_that_fail_again_and_again(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    async with engine.begin() as conn:
        for key in ("programmes", "exams"):
            await tasks.add(conn, "open_data", key)
    for _ in range(3):
        assert "tasks_failing" not in await found(engine)
        async with engine.begin() as conn:
            for each in await tasks.claim_for_a_time(conn, {"open_data": HOUR}, 2):
                await tasks.failed(conn, each, timedelta(), "http_503")
    failing = (await found(engine))["tasks_failing"]
    assert (failing.level, failing.what) == ("warning", "2 tasks of the kind open_data fail again and again.")
    assert "http_503" in failing.why


async def test_an_erasure_that_is_not_done_names_its_organisation_and_its_fault(
    engine: AsyncEngine, tenant: Tenant, worker: UUID
) -> None:
    run = await tenant.new_run()
    person = UUID((await run.objects(1))[0])
    async with engine.begin() as conn:
        await erasures.ask(conn, tenant.organisation_id, "persons", person, "test")
        for each in await tasks.claim_for_a_time(conn, {"erase": HOUR}, 2):
            await tasks.failed(conn, each, timedelta(), "run_has_it")
    assert "erasure_waits" not in await found(engine)
    await tenant.do("UPDATE erasure SET requested_at = requested_at - interval '25 hours'")
    waits = (await found(engine))["erasure_waits"]
    assert (waits.level, tenant.number in waits.what) == ("warning", True)
    assert "is queued, running or held" in waits.why
    await tenant.do("UPDATE erasure SET logged_at = clock_timestamp(), erased_at = clock_timestamp()")
    assert "erasure_waits" not in await found(engine)


async def test_contents_that_should_have_gone_are_told(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """By the run that ended first of those that still have theirs."""
    run = await make_run(tenant, "succeeded")
    looked = await seen(engine)
    assert looked.oldest_contents_at == await tenant.value("SELECT finished_at FROM run")
    late = replace(looked, now=looked.now + timedelta(days=369), retention=KEPT)
    assert "retention_late" in {each.code for each in diagnose(late)}
    assert "retention_late" not in {each.code for each in diagnose(replace(looked, retention=KEPT))}
    async with engine.begin() as conn:
        old = Old(looked.oldest_contents_at or looked.now, run.id, tenant.organisation_id)
        while await retention.expire_run(conn, old, looked.now + HOUR, 500):
            pass
    assert (await seen(engine)).oldest_contents_at is None


async def test_a_webhook_that_takes_nothing_for_long(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    async with engine.begin() as conn:
        made = await webhooks.create_webhook(
            conn,
            tenant.cipher,
            url="https://host.example.se/hook",
            types=["run.failed"],
            description="",
            enabled=True,
            secret=b"s" * 32,
        )
        for _ in range(2):
            await deliveries.add_test(conn, tenant.organisation_id, made["id"])
    for _ in range(4):
        assert "webhook_failing" not in await found(engine)
        async with engine.begin() as conn:
            for each in await deliveries.claim_deliveries(conn, most=2, each=2, full=[]):
                failed = {"http_status": None, "failure": "timeout", "again_in": timedelta()}
                assert await deliveries.settle(conn, each, "failed", **failed)  # type: ignore[arg-type]
    failing = (await found(engine))["webhook_failing"]
    assert (failing.level, tenant.number in failing.what) == ("warning", True)
    assert "2 deliveries" in failing.what
    assert "timeout" in failing.why


async def execute(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with engine.begin() as conn:
        await conn.execute(sa.text(statement), values)


async def test_the_audit_and_who_reads_far_more_than_before(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """A key is named by its handle; whom it was shown is not known here."""
    await execute(
        engine,
        "INSERT INTO audit_reading (organisation_id, key_id, day, answers, objects, protected)"
        " SELECT :of, :key, CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date) - ago, 1, objects, protected"
        " FROM (VALUES (3, 20, 0), (2, 20, 0), (1, 20, 0), (0, 5000, 1)) each (ago, objects, protected)",
        of=tenant.organisation_id,
        key=tenant.key_id,
    )
    said = await found(engine)
    handle = await tenant.value("SELECT handle FROM api_key WHERE id = :id", id=tenant.key_id)
    assert "audit_not_chained" not in said
    assert (handle in said["reads_more"].what, "5,000" in said["reads_more"].what) == (True, True)
    assert handle in said["protected_first"].what
    late = "INSERT INTO audit_unchained (audit_id, at) VALUES (gen_random_uuid(), clock_timestamp() - interval '61 s')"
    await execute(engine, late)
    assert (await found(engine))["audit_not_chained"].level == "error"


async def test_a_transaction_that_lies_on_a_queue(
    engine: AsyncEngine, tenant: Tenant, worker: UUID, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named by its process id, with whoever waits for it; ending it as advised lets the other one go on."""
    monkeypatch.setattr("app.domain.diagnosis.GRACE", timedelta())
    monkeypatch.setattr("app.domain.diagnosis.IDLE_FOR", timedelta())
    lock, job = "SELECT FROM job WHERE id = %s FOR UPDATE", (await tenant.new_run()).jobs[0]
    connected = psycopg.AsyncConnection.connect
    async with await connected(database_url, application_name="provkedja worker") as other:
        lying = await connected(database_url, application_name="Åsas verktyg")
        await lying.execute(lock, [job])
        waits = asyncio.create_task(other.execute(lock, [job]))
        waiting, blocking = other.info.backend_pid, lying.info.backend_pid
        asleep = "SELECT count(*) FROM pg_locks WHERE pid = :pid AND NOT granted"
        async with asyncio.timeout(20):
            # Postgres tells nobody who begins to wait.
            while not await tenant.value(asleep, pid=waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        stuck = await found(engine)
        await tenant.do(stuck["session_blocked"].frees.partition("or ")[2])
        await asyncio.wait_for(waits, 10)
        await lying.close()
    assert stuck["session_idle"].what == f"Session {blocking} (another program) has left a transaction lying."
    assert "job" in stuck["session_idle"].why
    assert stuck["session_blocked"].what == f"Session {waiting} (provkedja worker) waits for a lock."


async def test_a_queue_that_nobody_starts(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    """Only a mistake leaves one, and it is due from the end of the run before: here the triggers are off."""
    run = await tenant.new_run()
    await tenant.accept(run.activity_id)
    await past_the_guards(
        tenant,
        f"UPDATE job SET status = 'cancelled', finished_at = {AGO}, due_at = NULL WHERE run_id = '{run.id}'",
        "UPDATE run SET status = 'cancelled', finished_at = clock_timestamp(), outcome = 'clean'"
        f" WHERE id = '{run.id}'",
    )
    assert (await found(engine))["starts"].level == "ok"
    await past_the_guards(
        tenant,
        f"UPDATE run SET finished_at = {AGO} WHERE id = '{run.id}'",
        f"UPDATE run SET created_at = {AGO} WHERE status = 'queued'",
    )
    assert (await found(engine))["queue_not_started"].what == "run 2 is the next, and nobody starts it"


async def test_a_run_that_lost_its_job_ends_by_the_advice(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    run = await tenant.new_run()
    gone = "UPDATE job SET status = 'failed', finished_at = clock_timestamp(), due_at = NULL"
    await past_the_guards(tenant, f"{gone} WHERE id = '{run.jobs[0]}'")
    assert (await found(engine))["run_without_job"].frees == f"POST /runs/{run.id}/cancel, then …/retry"
    await run.cancel()
    await run.retry()
    assert list(await found(engine)) == ["goes_on"]


@pytest.mark.parametrize("state", ["queued", "snoozed"])
async def test_a_job_that_is_put_off_too_far_is_freed_by_the_sweep(
    engine: AsyncEngine, tenant: Tenant, worker: UUID, state: str
) -> None:
    """As after a clock that was wrong."""
    job_id = (await tenant.new_run()).jobs[0]
    if state != "queued":
        held = await held_by(engine, job_id, worker)
        async with engine.begin() as conn:
            await claims.snooze(conn, held, timedelta())
    await tenant.do("UPDATE job SET fence = claim, due_at = due_at + interval '1 h' WHERE id = :id", id=job_id)
    assert (await found(engine))["far_ahead"].level == "error"
    await tenant.do("SELECT bring_near()")
    assert list(await found(engine)) == ["goes_on"]


async def test_calls_that_are_held_back(engine: AsyncEngine, tenant: Tenant, worker: UUID) -> None:
    async with engine.begin() as conn:
        await note_pause(conn, "here", "reads", timedelta(seconds=20))
    assert (await found(engine))["calls_held_back"].level == "warning"


async def test_how_far_a_job_is(engine: AsyncEngine, tenant: Tenant) -> None:
    """A claim of which nothing comes changes the number of claims alone."""
    run = await tenant.new_run()

    async def read() -> Progress:
        async with reads.snapshots(engine).begin() as conn:
            return (await progress(conn))[run.jobs[0]]

    held = await tenant.claim(run.jobs[0])
    before = await read()
    async with engine.begin() as conn:
        await claims.snooze(conn, held, timedelta())
    held = await tenant.claim(run.jobs[0])
    assert await read() == replace(before, claims=before.claims + 1)
    batch_id = await tenant.accepted(held)
    await tenant.answer(held, batch_id)
    async with engine.begin() as conn:
        await claims.note_fault(conn, held, {"code": "timeout"})
        await claims.rest(conn, held, OurFault())
    assert await read() == Progress(claims=2, calls=1, polls=1, settled=2, faults=1, rests=1)


async def test_queues_beyond_the_bound_are_counted_and_those_that_look_wrong_are_kept(
    engine: AsyncEngine, tenant: Tenant, worker: UUID
) -> None:
    runs = [await tenant.new_run() for _ in range(4)]
    await tenant.do("UPDATE job SET due_at = due_at + interval '1 minute' WHERE status = 'queued'")
    await tenant.do(f"UPDATE job SET due_at = {AGO} WHERE id = :id", id=runs[2].jobs[0])
    looked = await seen(engine, most=2)
    assert (looked.queues_in_all, len(looked.queues)) == (4, 2)
    assert runs[2].id in {queue.run_id for queue in looked.queues}


async def among_virtual_times(engine: AsyncEngine) -> dict[str, str]:
    """What is said, by code; the virtual clock ticks, which nothing that only reads may have it do."""
    async with engine.begin() as conn:
        looked = await look(conn)
    return {each.code: worded(each, looked.now).what for each in diagnose(looked)}


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_a_clock_of_the_database_that_is_wrong(
    engine: AsyncEngine, worker: UUID, database_url: str, by: timedelta
) -> None:
    """By how much and which way; once it has been put right, what was written meanwhile lies too far ahead."""
    assert await found(engine) == {}
    virtualise(database_url)
    await engine.dispose()
    async with engine.begin() as conn:
        await conn.execute(sa.text(FORWARD), {"by": by})
        await workers.note_worker(conn, worker, "test", workers.Tally())
    said = await among_virtual_times(engine)
    way = "ahead of" if by > timedelta() else "behind"
    # The virtual clock has stood still since it was made, and this machine's has not.
    assert re.fullmatch(
        rf"The database's clock is (59 min [45]\d s|1 h|1 h [12]?\d s) {way} this machine's\.", said["clock_differs"]
    )
    async with engine.begin() as conn:
        await conn.execute(sa.text(FORWARD), {"by": -by})
    after = await among_virtual_times(engine)
    assert "clock_differs" not in after
    if by > timedelta():
        assert after["times_far_ahead"] == "Times that lie further ahead than any may: worker (1)."


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "UPDATE job SET due_at = clock_timestamp() + interval '22 minutes' WHERE status = 'queued'",
            "job",
        ),
        ("UPDATE batch SET next_poll_at = clock_timestamp() + interval '2 minutes'", "batch"),
        ("UPDATE egress SET reads_paused_until = clock_timestamp() + interval '7 minutes'", "egress"),
        (
            "INSERT INTO task (kind, key, leased_until) VALUES ('one', '', clock_timestamp() + interval '5 minutes')",
            "task",
        ),
    ],
)
async def test_times_that_lie_further_ahead_than_their_rules_allow(
    engine: AsyncEngine, tenant: Tenant, worker: UUID, statement: str, what: str
) -> None:
    await tenant.new_run()
    await tenant.accepted(await tenant.claim((await tenant.new_run()).jobs[0]))
    assert (await seen(engine)).far_ahead == {}
    await past_the_guards(tenant, statement)
    assert list((await seen(engine)).far_ahead) == [what]


@dataclass(frozen=True)
class Ran:
    """How the command ended, and what it printed."""

    code: int
    said: str


@pytest.fixture
async def heard_of(tenant: Tenant, worker: UUID) -> None:
    """Has the worker be alive for as long as a process takes to start on a busy machine."""
    await tenant.do("UPDATE worker SET seen_at = clock_timestamp() + interval '9 seconds' WHERE id = :id", id=worker)


@pytest.fixture
def doctor(spawn: Spawn) -> Callable[..., Ran]:
    """Has the command look, with options and settings."""

    def run(*options: str, **settings: str) -> Ran:
        child = spawn("doctor", *options, env=settings, ready=False)
        return Ran(child.process.wait(60), child.log.read_text(encoding="utf-8"))

    return run


Doctor = Callable[..., Ran]


async def test_the_command_says_what_is_stuck(
    tenant: Tenant, heard_of: None, database_url: str, doctor: Doctor
) -> None:
    """Exit code 1, the verdict on the first line, then the activity queue; no name and nothing of the roster."""
    run = await tenant.new_run()
    await tenant.do(f"UPDATE job SET due_at = {AGO} WHERE id = :id", id=run.jobs[0])
    ran = doctor(DATABASE_URL=database_url)
    first, *rest = ran.said.splitlines()
    assert (ran.code, first) == (1, "✗ Stuck: 1 activity queue. 1 activity queue, 0 waiting runs, 1 worker alive.")
    assert f"✗ {tenant.number} {run.activity_id} run 1 persons: it is due, and nobody takes it." in ran.said
    assert any(line.startswith("    free ") for line in rest)
    assert not [word for word in ("Exempel", "Åsa", "testnyckel", "201203049810") if word in ran.said]


async def test_the_command_as_json(
    tenant: Tenant, heard_of: None, database_url: str, redis_url: str, doctor: Doctor
) -> None:
    run = await tenant.new_run()
    ran = doctor("--json", DATABASE_URL=database_url, REDIS_URL=redis_url)
    told = json.loads(ran.said)
    assert (ran.code, told["well"], told["queues"], told["at"][-1]) == (0, True, 1, "Z")
    (only,) = told["findings"]
    assert (only["code"], only["queue"]["activity_id"], only["queue"]["run"]) == ("goes_on", str(run.activity_id), 1)


async def test_the_command_says_that_redis_is_away_and_what_that_means(
    tenant: Tenant, worker: UUID, database_url: str, doctor: Doctor
) -> None:
    ran = doctor(DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:9/0")
    assert ran.code == 0
    assert "! Redis does not answer.\n    why  All works without it, slower" in ran.said


def test_the_command_over_a_database_that_is_not_migrated(empty_database_url: str, doctor: Doctor) -> None:
    ran = doctor(DATABASE_URL=empty_database_url)
    assert (ran.code, ran.said.splitlines()[0]) == (1, "✗ Stuck: the database is not migrated.")


async def test_who_keeps_a_migration_from_its_tables_is_named(
    engine: AsyncEngine, tenant: Tenant, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that only reads, such as a backup: the tables of this version are not there yet."""
    monkeypatch.setattr("app.domain.diagnosis.IDLE_FOR", timedelta())
    monkeypatch.setattr("app.db.doctor.IDLE_FOR", timedelta())
    await tenant.do("UPDATE provkedja_version SET version_num = '0000'")
    async with await psycopg.AsyncConnection.connect(database_url, application_name="pg_dump") as reading:
        await reading.execute("SELECT FROM job LIMIT 1")
        pid = reading.info.backend_pid
        stuck = await found(engine)
    assert list(stuck) == ["not_migrated", "session_in_the_way"]
    assert stuck["session_in_the_way"].what == f"Session {pid} (pg_dump) has a transaction open."
    assert stuck["session_in_the_way"].why.startswith("It uses job:")


async def test_who_keeps_changes_from_being_told_is_named(
    engine: AsyncEngine, tenant: Tenant, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes and does not end, in whatever database of the cluster; who reads keeps nothing back."""
    monkeypatch.setattr("app.domain.diagnosis.IDLE_FOR", timedelta())
    monkeypatch.setattr("app.db.doctor.IDLE_FOR", timedelta())
    async with await psycopg.AsyncConnection.connect(empty_database_url, application_name="psql") as elsewhere:
        await elsewhere.execute("SELECT 1")
        assert "changes_delayed" not in await found(engine)
        await elsewhere.execute("CREATE TABLE made (id int)")
        delayed = (await found(engine))["changes_delayed"]
        assert delayed.what == f"Session {elsewhere.info.backend_pid} (psql) has a transaction open that writes."


async def test_a_part_that_hangs_hides_no_other(
    engine: AsyncEngine, tenant: Tenant, worker: UUID, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who locks the tables is named, with what could not be read; and no worker is said to be gone."""
    monkeypatch.setattr("app.db.doctor.PART_SECONDS", 0.2)
    monkeypatch.setattr("app.domain.diagnosis.IDLE_FOR", timedelta())
    async with engine.begin() as conn:
        await circuits.note_circuit(conn, "here", "provisioning", Circuit(3, 1.0, "timeout"), 4.0)
    async with await psycopg.AsyncConnection.connect(database_url, application_name="psql") as locking:
        await locking.execute("LOCK TABLE job, worker IN ACCESS EXCLUSIVE MODE")
        pid = locking.info.backend_pid
        stuck = await found(engine)
    assert stuck.keys() == {"parts_unread", "session_idle", "calls_failing"}
    assert stuck["parts_unread"].what == "These could not be read in time: queues, workers, times."
    assert stuck["session_idle"].what.startswith(f"Session {pid} (psql)")


async def test_the_command_over_a_database_that_only_reads(
    tenant: Tenant, worker: UUID, database_url: str, doctor: Doctor
) -> None:
    """It looks all the same, and says so first."""
    name = make_url(database_url).database
    await tenant.do(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    ran = doctor("--json", DATABASE_URL=database_url)
    told = json.loads(ran.said)
    assert (ran.code, told["findings"][0]["code"]) == (1, "database_read_only")


def test_the_command_names_what_keeps_it_from_the_database(doctor: Doctor, database_url: str) -> None:
    """With its code, what that means and what would mend it."""
    told = json.loads(doctor("--json", DATABASE_URL="postgresql://127.0.0.1:9/nothing").said)
    assert [found["code"] for found in told["findings"]] == ["database_refused"]
    missing = make_url(database_url).set(database="nothing").render_as_string(hide_password=False)
    ran = doctor(DATABASE_URL=missing)
    assert ran.said.startswith("✗ Cannot find out: The server has no database of the name in DATABASE_URL")
    assert "    free create it with encoding UTF8, or correct the name" in ran.said


@pytest.mark.parametrize("url", ["", "postgresql://127.0.0.1:9/nothing", "nonsense"])
def test_the_command_without_a_database_cannot_find_out(url: str, doctor: Doctor) -> None:
    """Exit code 2, so that a script does not take it for an answer."""
    ran = doctor(DATABASE_URL=url)
    assert (ran.code, ran.said[:19]) == (2, "✗ Cannot find out: ")
    assert json.loads(doctor("--json", DATABASE_URL=url).said)["well"] is None
