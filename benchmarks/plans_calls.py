"""The calls whose plans are looked at: the service's own functions, as the API and the workers call them.

Each group is carried out in a transaction that is rolled back, against what `many_rows` has written.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import (
    activity_queue,
    answers,
    at_target,
    batches,
    claims,
    egress,
    findings,
    idempotency,
    intake,
    known,
    plan_rows,
    plans,
    reads,
    reference,
    repairs,
    results,
    rosters,
    runs,
    searches,
    tasks,
)
from app.db.cipher import OrganisationCipher, cipher_of, new_key
from app.db.content import sealed_content
from app.db.findings import FindingFilter
from app.db.idempotency import forget_old_keys
from app.db.loop_share import LoopShare
from app.db.plans import ItemFilter
from app.db.versions import CHANGED_VERSIONS
from app.domain.kinds import Kind
from app.domain.repair import LastAccepted
from app.domain.verdicts import RecordChange
from app.skolverket.published import PUBLISHED
from app.sources.json_upload import JsonUpload
from benchmarks.many_rows import BUSY, LARGE, SEED, Size
from benchmarks.plans_read import Watch

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Place:
    """Where the calls look: the busiest activity queue of the largest organisation, and who asks."""

    conn: AsyncConnection
    watch: Watch
    size: Size
    cipher: OrganisationCipher

    @property
    def organisation(self) -> UUID:
        return named("organisation 1")

    @property
    def activity(self) -> UUID:
        return named("activity 2")

    @property
    def run(self) -> UUID:
        return named(f"run {self.size.busy}")

    @property
    def key(self) -> UUID:
        return named("key 1")

    @property
    def rare_key(self) -> UUID:
        """Gives a key that has made one run, long ago."""
        return named("key 0")

    @asynccontextmanager
    async def watched(self, name: str, reads: int = 0) -> AsyncIterator[None]:
        """Has a call watched; one that takes too long is given up, and its plan looked at without its figures."""
        with self.watch(name, reads):
            try:
                async with self.conn.begin_nested():
                    yield
            except OperationalError as problem:
                if not isinstance(problem.orig, psycopg.errors.QueryCanceled):
                    raise
                statement, values = self.watch.last
                told = await self.conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
                self.watch.expire(statement, told.scalar_one()[0]["Plan"])

    def job(self, position: int) -> UUID:
        return named(f"job {self.size.busy}.{position}")

    def object(self, position: int, number: int) -> UUID:
        return named(f"object 2.{position}.{number}")


def named(name: str) -> UUID:
    """Gives the id of something that `many_rows` has written."""
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def sealed_for(conn: psycopg.Connection[Any], size: Size) -> OrganisationCipher:
    """Makes a cipher, and the contents of the busy job's records such that it can open them."""
    organisation, job = named("organisation 1"), named(f"job {size.busy}.4")
    salt = conn.execute("SELECT salt FROM organisation WHERE id = %s", (organisation,)).fetchone()
    assert salt is not None  # noqa: S101 - many_rows has written it
    cipher = cipher_of(f"b1:{new_key()}", new_key()).of(organisation, bytes(salt[0]))
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        # The planner does not know yet what is in the tables.
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("CREATE TEMP TABLE made (object_id uuid PRIMARY KEY, digest bytea, sealed bytea) ON COMMIT DROP")
        with cursor.copy("COPY made FROM STDIN") as copy:
            for number in range(1, BUSY + 1):
                object_id, group = named(f"object 2.4.{number}"), named(f"object 2.3.{number}")
                item = {"id": str(object_id), "displayName": "x" * 350, "groups": [{"id": str(group)}]}
                content = sealed_content(cipher, Kind.ACTIVITIES, object_id, json.dumps(item).encode())
                copy.write_row((object_id, content.digest, content.sealed))
        cursor.execute(
            "INSERT INTO content (organisation_id, digest, kind, object_id, sealed)"
            " SELECT %s, digest, 'activities', object_id, sealed FROM made",
            (organisation,),
        )
        cursor.execute(
            "UPDATE record SET (source, outgoing) ="
            " (SELECT digest, digest FROM made WHERE made.object_id = record.object_id)"
            " WHERE organisation_id = %s AND job_id = %s",
            (organisation, job),
        )
    return cipher


async def sweep(at: Place) -> None:
    """What every worker asks each second, and what gives it work: all of what is live may be looked at, at most."""
    conn, watched = at.conn, at.watched
    async with watched("activity_queue.start_free_queues", reads=at.size.live):
        await activity_queue.start_free_queues(conn)
    async with watched("claims.bring_near"):
        await claims.bring_near(conn)
    async with watched("sweeper.forget_old_keys"):
        await forget_old_keys(conn)
    async with watched("egress.take_egress"):
        epoch = await egress.take_egress(conn, "here", uuid4(), None)
    assert epoch is not None  # noqa: S101 - nobody else is there
    async with watched("egress.going_on"):
        await egress.going_on(conn)
    async with watched("egress.beat"):
        await egress.beat(conn, epoch)
    async with watched("egress.free_forgotten", reads=at.size.live):
        await egress.free_forgotten(conn, epoch, {})
    async with watched("claims.claim_jobs: in turn", reads=4 * at.size.live):
        await claims.claim_jobs(conn, epoch, 100)
    async with watched("claims.wake_those_who_wait", reads=at.size.live):
        await claims.wake_those_who_wait(conn, 100)
    async with watched("egress.end_epoch", reads=at.size.live):
        await egress.close_epoch(conn, epoch)
    async with watched("reads.backlog", reads=8 * at.size.live):
        await reads.backlog(conn)


async def step(at: Place) -> None:
    """One job's way: claimed, batches written, called, answered, refused and lost, snoozed, ended."""
    conn, watched = at.conn, at.watched
    epoch = await egress.take_egress(conn, "there", uuid4(), None)
    assert epoch is not None  # noqa: S101 - nobody else is there
    async with watched("claims.claim_jobs: a job", reads=BUSY):
        [held] = await claims.claim_jobs(conn, epoch, 1, [at.job(4)])
    async with watched("batches.open_job", reads=BUSY):
        await batches.open_job(conn, held)
    async with watched("claims.load_snapshot", reads=BUSY):
        await claims.load_snapshot(conn, held)
    out = []
    for number in range(3):
        async with watched(f"batches.write_batch: {number + 1}", reads=4 * 1000):
            written = (await batches.write_batch(conn, at.cipher, PUBLISHED, held)).batch
        assert written is not None  # noqa: S101 - there are some thousand records
        out.append(written.id)
    # Of each record in the three batches: its content, its upload, what is known of its object.
    async with watched("batches.call_batch", reads=3 * 4 * 500):
        for batch_id in out:
            await batches.call_batch(conn, at.cipher, PUBLISHED, held, batch_id)
    async with watched("answers.accept_batch"):
        await answers.accept_batch(conn, held, out[0], 202, "remote", MINUTE)
    async with watched("answers.accepted_batch", reads=3 * 500):
        awaited = await answers.accepted_batch(conn, held, out[0])
    assert awaited is not None  # noqa: S101
    changes = [
        RecordChange(each, "error" if number % 10 == 0 else "succeeded", received=b"\0")
        for number, each in enumerate(sorted(awaited.record_ids))
    ]
    async with watched("answers.apply_answer", reads=8 * 500):
        await answers.apply_answer(conn, at.cipher, held, out[0], b"{}", changes, MINUTE)
    async with watched("answers.refuse_batch", reads=8 * 500):
        await answers.refuse_batch(conn, at.cipher, held, out[1], 400, b"{}", {})
    async with watched("answers.mark_lost", reads=8 * 500):
        await answers.mark_lost(conn, held, out[2], "timeout", MINUTE)
    async with watched("at_target.unasked"):
        asked = await at_target.unasked(conn, held)
    async with watched("at_target.note_at_target", reads=len(asked)):
        await at_target.note_at_target(conn, held, asked, set(asked[:5]))
    async with watched("claims.note_fault"):
        await claims.note_fault(conn, held, {"code": "timeout"})
    async with conn.begin_nested() as tried:
        async with watched("claims.snooze", reads=BUSY):
            await claims.snooze(conn, held, MINUTE)
        await tried.rollback()
    # Each record is changed under its job's eyes, and what is known of it is written, which looks at the record again.
    async with watched("batches.expire", reads=6 * BUSY):
        await batches.expire(conn, held)
    async with watched("answers.abandon_outstanding"):
        await answers.abandon_outstanding(conn, held, "cancelled")
    async with watched("activity_queue.finish_job", reads=BUSY):
        await activity_queue.finish_job(conn, held.organisation_id, held.job_id, held.number, "failed")


async def beside_jobs(at: Place) -> None:
    """Tasks, of which some thousand wait: claimed, done, failed and freed; and the call of a repair."""
    conn, watched = at.conn, at.watched
    epoch = await egress.take_egress(conn, "beside", uuid4(), None)
    assert epoch is not None  # noqa: S101 - nobody else is there
    await conn.exec_driver_sql(
        "INSERT INTO task (kind, key, organisation_id, due_at) SELECT kind, gen_random_uuid(), %s,"
        " clock_timestamp() + i * interval '1 s' FROM generate_series(-8, 5000) i, (VALUES (%s), ('x')) AS each (kind)",
        (at.organisation, repairs.REPAIR),
    )
    # Repairs of jobs that have not ended are looked at: at most one a batch under way.
    async with watched("tasks.claim_for_epoch"):
        held = await tasks.claim_for_epoch(conn, epoch, {repairs.REPAIR: 100 * MINUTE}, 4)
    async with watched("tasks.claim_for_a_time"):
        await tasks.claim_for_a_time(conn, {"x": 100 * MINUTE}, 4)
    async with watched("tasks.free_forgotten"):
        await tasks.free_forgotten(conn, epoch, held[1:])
    async with watched("repairs.call", reads=4 * 500 + at.size.live):
        digests = (LastAccepted(at.object(4, number), b"", None, False) for number in range(1, 500))
        await repairs.call(conn, held[1], Kind.ACTIVITIES, digests)
    async with watched("repairs.ask"):
        await repairs.ask(conn, at.organisation, named(f"batch {at.size.busy}.1.3"))
    async with watched("tasks.done, failed, let_go"):
        await tasks.done(conn, held[1], None)
        await tasks.failed(conn, held[2], MINUTE, "timeout")
        await tasks.let_go(conn, held[3])
    async with watched("reference.add_subjects", reads=at.size.live):
        await reference.add_subjects(conn)


async def callers(at: Place) -> None:
    """What callers change: a roster is frozen, a run is cancelled, retried, a key is kept."""
    conn, watched = at.conn, at.watched
    async with watched("idempotency.find"):
        await idempotency.find(conn, at.organisation, "new", b"\0")
    # What it gives is inside of it: four kinds, of which each object is frozen by a look at its latest upload.
    async with watched("runs.accept_run", reads=4 * 4 * LARGE):
        await runs.accept_run(
            conn,
            organisation_id=at.organisation,
            activity_id=named("activity 4"),
            on_record_error="halt",
            key_id=at.key,
            key_name="benchmark",
            most_waiting=1000,
        )
    async with watched("idempotency.keep"):
        await idempotency.keep(conn, at.organisation, "new", b"\0", idempotency.Stored(202, {}, "{}"))
    async with watched("runs.cancel_run"):
        await runs.cancel_run(conn, at.organisation, at.run)
    async with watched("runs.retry_run", reads=2 * BUSY):
        await runs.retry_run(conn, at.organisation, at.run, None)


async def history(at: Place) -> None:
    """The lists of activities, runs and jobs: with each filter, at their beginning and further on."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    middle = (datetime.now(UTC) - timedelta(days=365), at.run, 2)
    async with watched("reads.find_activity"):
        await reads.find_activity(conn, organisation, at.activity)
    # An organisation has thousands of activities at most: where a planner thinks it has few, all are sorted for a page.
    async with watched("reads.list_activities", reads=2 * at.size.queues):
        await reads.list_activities(conn, organisation, after=None, limit=50)
    async with watched("reads.list_activities: further on", reads=2 * at.size.queues):
        after = (datetime.now(UTC) - timedelta(days=1000), at.activity)
        await reads.list_activities(conn, organisation, after=after, limit=50)
    async with watched("reads.list_runs"):
        await reads.list_runs(conn, organisation, at.activity, made_by=None, before=None, limit=50)
    async with watched("reads.list_runs: mine"):
        await reads.list_runs(conn, organisation, at.activity, made_by=at.rare_key, before=(40,), limit=50)
    async with watched("reads.jobs_of"):
        await reads.jobs_of(conn, organisation, [named(f"run {at.size.busy - n * at.size.queues}") for n in range(50)])
    async with watched("reads.find_run, find_job"):
        await reads.find_run(conn, organisation, at.run)
        await reads.find_job(conn, organisation, at.job(2))
    async with watched("reads.find_run_with_jobs, find_run_of_job"):
        await reads.find_run_with_jobs(conn, organisation, at.run)
        await reads.find_run_of_job(conn, organisation, at.job(2))
    async with watched("versions: what is kept of 50 runs"):
        runs = [named(f"run {at.size.busy - n * at.size.queues}") for n in range(50)]
        await conn.exec_driver_sql(CHANGED_VERSIONS, (runs, [1] * len(runs), ["000000000000"], ["1/1"]))
    some: tuple[tuple[str, reads.JobFilter, UUID | None], ...] = (
        ("all", reads.JobFilter(), None),
        ("of an activity", reads.JobFilter(activity_id=at.activity), None),
        ("of a run", reads.JobFilter(run_id=at.run), None),
        ("of a stage", reads.JobFilter(kind="groups"), None),
        ("created lately", reads.JobFilter(created_after=datetime.now(UTC) - timedelta(days=9)), None),
        *((f"that are {each}", reads.JobFilter(status=each), None) for each in _STATUSES),
        ("an activity's that failed", reads.JobFilter(activity_id=at.activity, status="failed"), None),
        ("a stage's that wait", reads.JobFilter(kind="groups", status="waiting"), None),
        ("made by me", reads.JobFilter(), at.key),
        ("made by a rare key", reads.JobFilter(), at.rare_key),
    )
    for name, wanted, made_by in some:
        async with watched(f"reads.list_jobs: {name}"):
            await reads.list_jobs(conn, organisation, wanted, made_by=made_by, after=None, limit=50)
        async with watched(f"reads.list_jobs: {name}, from the middle"):
            await reads.list_jobs(conn, organisation, wanted, made_by=made_by, after=middle, limit=50)


_STATUSES = ("waiting", "queued", "running", "succeeded", "failed", "blocked", "cancelled")


SEARCHES = {
    "by a name": searches.Sought([], [[5]]),
    "by a beginning": searches.Sought([], [[1005, 3000]]),
    "by two": searches.Sought([], [[5], [1005]]),
    "by a rare name": searches.Sought([], [[52_077]]),
    "in vain": searches.Sought([], [[5], [1006]]),
    "by an id": searches.Sought([named("object 2.1.77")], []),
}


async def _contents(at: Place, sought: searches.Sought) -> int:
    """Counts the organisation's contents that a search finds: it must read them all, and no others."""
    query = f"WITH {sought.hits} SELECT count(*) FROM hit"  # noqa: S608 - constants of ours
    return int(await at.conn.scalar(sought.bound(query, organisation=at.organisation)) or 0)


async def record_lists(at: Place) -> None:
    """A large job's records and batches, and rosters, as callers read them."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    for what, position in (("persons", 1), ("duties", 2), ("activities", 4)):
        job = at.job(position)
        lists: tuple[tuple[str, dict[str, Any]], ...] = (
            ("all", {"status": None, "after": None}),
            ("further on", {"status": None, "after": 40_000}),
            ("in error", {"status": "error", "after": None}),
            ("pending, further on", {"status": "pending", "after": 40_000}),
        )
        # A page opens up to three contents of each record.
        for name, wanted in lists:
            async with watched(f"results.list_records: {what}, {name}", reads=500):
                await results.list_records(conn, organisation, job, limit=50, **wanted)
        async with watched(f"results.find_record: {what}"):
            await results.find_record(conn, organisation, job, at.object(position, 77))
        async with watched(f"results.protected_among: {what}", reads=4 * 500):
            some = [at.object(position, number) for number in range(1, 500)]
            await results.protected_among(conn, organisation, job, some)
        for name, sought in SEARCHES.items():
            found = await _contents(at, sought)
            # Each content is looked for among the job's records; of its duties, each among the contents.
            reads = 3 * found + (BUSY if what == "duties" else 0) + 3 * 250
            async with watched(f"searches.search_records: {what}, {name}, {found:,d} contents", reads=reads):
                await searches.search_records(
                    conn, organisation, job, sought, status=None, after=None, limit=250, protected=False
                )
    for name, sought in SEARCHES.items():
        found = await _contents(at, sought)
        # Of each content its object's newest form is looked at, until the page is full. What names the activities is
        # read whole for each where it is small.
        whole = 500 * (at.size.queues + SEED.queues) if at.size.queues < 1000 else 0
        async with watched(f"known.search_objects: {name}, {found:,d} contents", reads=2 * found + 12 * 250 + whole):
            await known.search_objects(conn, organisation, sought, kind=None, after=None, limit=250, protected=False)
    for what, position in (("persons", 1), ("duties", 2), ("activities", 4)):
        async with watched(f"known.find_object: {what}", reads=300):
            await known.find_object(conn, organisation, what, at.object(position, 77), before=None, limit=50)
    async with watched("results.list_batches"):
        await results.list_batches(conn, organisation, at.job(1), after=None, limit=50)
    async with watched("results.find_batch"):
        await results.find_batch(conn, organisation, at.job(1), named(f"batch {at.size.busy}.1.3"))
    async with watched("findings.list_findings"):
        await findings.list_findings(conn, organisation, at.activity, FindingFilter(), after=None, limit=200)
    async with watched("findings.list_findings: further on"):
        await findings.list_findings(
            conn, organisation, at.activity, FindingFilter(), after=("groups", 1500, "", 0), limit=200
        )
    for name, after in (("", -1), (": further on", 4000)):
        async with watched(f"plan_rows.roster_slice{name}", reads=500):
            await plan_rows.roster_slice(conn, organisation, named("roster 2"), "persons", after=after, limit=500)
    async with watched("plan_rows.last_jobs"):
        await plan_rows.last_jobs(conn, organisation, at.activity)
    async with watched("plan_rows.job_slice", reads=500):
        await plan_rows.job_slice(conn, organisation, at.job(1), "persons", after=at.object(1, 7), limit=500)
    await conn.exec_driver_sql(
        "INSERT INTO plan_item (organisation_id, plan_id, kind, ordinal, object_id, person_id, decision, source,"
        " outgoing, protected, likely_refused, marks, codes) SELECT organisation_id, %s, kind, ordinal, object_id,"
        " refs[1], 'send', source, outgoing, protected, false, '{new}', '{}' FROM record WHERE run_id = %s",
        (at.run, at.run),
    )
    for name, place in (("", None), (": further on", (Kind.PERSONS, 4000))):
        async with watched(f"plans.list_items{name}", reads=500):
            await plans.list_items(conn, organisation, at.run, ItemFilter(), protected=False, after=place, limit=50)
    # What is rare is looked for among all.
    async with watched("plans.list_items: with a mark", reads=4 * BUSY):
        await plans.list_items(
            conn, organisation, at.run, ItemFilter(marks=["left"]), protected=False, after=None, limit=50
        )
    async with watched("plans.find_plan, list_plans"):
        await plans.find_plan(conn, organisation, at.run)
        await plans.list_plans(conn, organisation, at.activity, made_by=None)
    async with watched("rosters.list_items"):
        await rosters.list_items(conn, organisation, named("roster 2"), "persons", after=1000, limit=500)


async def replaced(engine: AsyncEngine, watch: Watch, cipher: OrganisationCipher, queue_number: int) -> None:
    """Puts an empty roster in a large one's place; this one is committed."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"display_name": "Benchmark", "roster": {"persons": []}}'

    # What the roster before had is looked for in the others and in history before it goes.
    with watch("intake.store_roster", reads=8 * LARGE):
        await intake.store_roster(
            engine,
            cipher,
            PUBLISHED,
            named(f"activity {queue_number}"),
            JsonUpload(chunks()),
            if_match=lambda _: True,
            share=LoopShare(),
            most_bytes=2**40,
        )


GROUPS: tuple[Callable[[Place], Awaitable[None]], ...] = (
    sweep,
    step,
    beside_jobs,
    callers,
    history,
    record_lists,
)
