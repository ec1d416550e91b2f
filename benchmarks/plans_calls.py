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
    backlog,
    batches,
    changes,
    claims,
    egress,
    findings,
    idempotency,
    intake,
    known,
    operations,
    pauses,
    plan_rows,
    plans,
    readiness,
    reads,
    record_lists,
    record_schools,
    reference,
    related,
    repairs,
    results,
    rosters,
    runs,
    searches,
    sessions,
    surroundings,
    tasks,
)
from app.db import history as history_of
from app.db.cipher import OrganisationCipher, cipher_of, new_key
from app.db.content import sealed_content
from app.db.findings import FindingFilter
from app.db.free_text import name_place, seal_text
from app.db.idempotency import forget_old_keys
from app.db.loop_share import LoopShare
from app.db.plans import ItemFilter
from app.db.record_lists import RecordFilter, RecordOrder
from app.db.versions import CHANGED_VERSIONS
from app.domain.change_log import OLDEST, Stamp
from app.domain.change_log import Place as LogPlace
from app.domain.kinds import Kind
from app.domain.repair import LastAccepted
from app.domain.verdicts import RecordChange
from app.skolverket.published import PUBLISHED
from app.sources.json_upload import JsonUpload
from benchmarks.many_rows import BUSY, LARGE, SEED, Size
from benchmarks.plans_history import Places, jobs_wanted, runs_wanted
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

    @property
    def places(self) -> Places:
        """Gives what the history is narrowed to."""
        activities = [named(f"activity {number}") for number in range(2, 12)]
        runs = [self.run, *(named(f"run {self.size.busy - number}") for number in range(1, 10))]
        return Places(activities, runs, self.key, self.rare_key)

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


# The numbers of the activities whose rosters are replaced, one each time that all calls are made.
REPLACED = (6, 8, 10, 12)


def named(name: str) -> UUID:
    """Gives the id of something that `many_rows` has written."""
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def sealed_for(conn: psycopg.Connection[Any], size: Size) -> OrganisationCipher:
    """Makes a cipher, and the contents of the busy job's records such that it can open them."""
    organisation, job = named("organisation 1"), named(f"job {size.busy}.4")
    salt = conn.execute("SELECT salt FROM organisation WHERE id = %s", (organisation,)).fetchone()
    assert salt is not None  # noqa: S101 - many_rows has written it
    ciphers = cipher_of(f"b1:{new_key()}")
    cipher = ciphers.of(organisation, b"".join(ciphers.keys_with(organisation, bytes(salt[0]), bytes(32))))
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
        # Those whose rosters are replaced: their names are opened.
        for number in REPLACED:
            exam = named(f"activity {number}")
            cursor.execute(
                "UPDATE activity SET display_name_sealed = %s WHERE organisation_id = %s AND id = %s",
                (seal_text(cipher, "Benchmark", name_place(exam)), organisation, exam),
            )
    return cipher


async def sweep(at: Place) -> None:
    """What every worker asks each second, and what gives it work: all of what is live may be looked at, at most."""
    conn, watched = at.conn, at.watched
    async with watched("activity_queue.start_free_queues", reads=at.size.live):
        await activity_queue.start_free_queues(conn)
    # Organisation by organisation, along the index of what is due.
    async with watched("claims.bring_near", reads=4 * at.size.organisations):
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
    async with watched("backlog.backlog", reads=8 * at.size.live):
        await backlog.backlog(conn)


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
    # Of each record in the three batches: its content, its upload, what is known of its object, whether it stays here.
    async with watched("batches.call_batch", reads=3 * 8 * 500):
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
        await answers.refuse_batch(conn, at.cipher, held, out[1], 400, b"{}", {}, PUBLISHED.codes)
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
    async with watched("batches.expire", reads=8 * BUSY):
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
    used = idempotency.Used.of(at.cipher, at.key, "new", "benchmark")
    async with watched("idempotency.find"):
        await idempotency.find(conn, at.cipher, used)
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
        await idempotency.keep(conn, at.cipher, used, idempotency.Stored(at.run, "{}"))
    async with watched("reads.newer_roster_version"):
        await reads.newer_roster_version(conn, at.organisation, at.run)
    async with watched("runs.cancel_run"):
        await runs.cancel_run(conn, at.organisation, at.run)
    async with watched("runs.retry_run", reads=3 * BUSY):
        await runs.retry_run(conn, at.organisation, at.run, None)


async def operators(at: Place) -> None:
    """An organisation with thousands of runs under way is paused and goes on; operators look at all of them."""
    conn, watched = at.conn, at.watched
    place = pauses.Place(at.organisation)
    # Of one activity all that is under way in its organisation is passed over.
    for name, looks in (("an activity", 3 * at.size.live), ("an organisation", 40 * at.size.queues)):
        of = place if name == "an organisation" else pauses.Place(at.organisation, at.activity)
        async with watched(f"pauses.pause: {name}", reads=looks):
            await pauses.pause(conn, of, cipher=None, who="benchmark", reason="Benchmark")
        async with watched(f"pauses.resume: {name}", reads=looks):
            await pauses.resume(conn, of, by="operator", who="benchmark")
    async with watched("pauses.pauses_of_activity"):
        await pauses.pauses_of_activity(conn, pauses.Place(at.organisation, at.activity))
    async with watched("operations.list_organisations", reads=1000 + 4 * at.size.queues):
        first, *_ = await operations.list_organisations(conn, "", 50)
    async with watched("operations.read_organisation, latest_runs", reads=1000 + 4 * at.size.queues):
        await operations.read_organisation(conn, first["number"])
        await operations.latest_runs(conn, first["id"], 20)
    async with watched("operations.find_run, job_counts"):
        await operations.find_run(conn, at.run)
        await operations.job_counts(conn, [at.job(number) for number in range(1, 5)])


async def history(at: Place) -> None:
    """The lists of activities, runs and jobs: with each filter, at their beginning and further on."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    middle = (datetime.now(UTC) - timedelta(days=365), at.run, 2)
    async with watched("reads.find_activity"):
        await reads.find_activity(conn, organisation, at.activity, made_by=None)
    # An organisation has thousands of activities at most: where a planner thinks it has few, all are sorted for a page.
    async with watched("reads.list_activities", reads=2 * at.size.queues):
        await reads.list_activities(conn, organisation, made_by=None, after=None, limit=50)
    async with watched("reads.list_activities: further on", reads=2 * at.size.queues):
        after = (datetime.now(UTC) - timedelta(days=1000), at.activity)
        await reads.list_activities(conn, organisation, made_by=None, after=after, limit=50)
    async with watched("reads.find_job"):
        await reads.find_job(conn, organisation, at.job(2))
    async with watched("reads.find_run_with_jobs, find_run_of_job"):
        await reads.find_run_with_jobs(conn, organisation, at.run)
        await reads.find_run_of_job(conn, organisation, at.job(2))
    async with watched("surroundings.surroundings_of: of a run, of one that waits"):
        await surroundings.surroundings_of(conn, organisation, at.run)
        await surroundings.surroundings_of(conn, organisation, named(f"run {at.size.busy + at.size.queues}"))
    async with watched("sessions.find: one that counts, none"):
        for name in ("session 1", "none"):
            await sessions.find(conn, hashlib.sha256(name.encode()).digest(), at.key, by_hand=True)
    async with watched("sessions.forget_ended_sessions"):
        await sessions.forget_ended_sessions(conn)
    async with watched("versions: what is kept of 50 runs"):
        runs = [named(f"run {at.size.busy - n * at.size.queues}") for n in range(50)]
        logs = ([organisation] * 2, ["0", "900000000000"], [at.run] * 2)
        await conn.exec_driver_sql(CHANGED_VERSIONS, (runs, [1] * len(runs), ["000000000000"], ["1/1"], *logs))
    for name, made_by in (("all", None), ("made by me", at.key), ("of a rare key", at.rare_key)):
        for since, place_in_log in (("the oldest", OLDEST), ("the middle", LogPlace.behind(Stamp(1000, at.job(2))))):
            # A run with its four jobs for each row; for one key 1,000 rows are passed over at a time, with their runs.
            passed = 51 if made_by is None else 1000
            async with watched(f"changes.read_changes: {name}, from {since}", reads=6 * 51 + 8 * passed):
                await changes.read_changes(conn, organisation, made_by=made_by, after=place_in_log, limit=50)
        async with watched(f"changes.read_under_way: {name}", reads=8 * at.size.live):
            await changes.read_under_way(conn, organisation, made_by=made_by)
    for narrowed in runs_wanted(at.places):
        for place, behind in (("", None), (", from the middle", middle)):
            # A walk for each value, and the four jobs of each run.
            async with watched(f"history.list_runs: {narrowed.name}{place}", reads=20 * 51):
                await history_of.list_runs(
                    conn,
                    organisation,
                    narrowed.wanted,
                    made_by=narrowed.made_by,
                    after=None if behind is None else behind[:2],
                    limit=50,
                )
    for chosen in jobs_wanted(at.places):
        for place, behind in (("", None), (", from the middle", middle)):
            async with watched(f"history.list_jobs: {chosen.name}{place}", reads=20 * 51):
                await history_of.list_jobs(
                    conn, organisation, chosen.wanted, made_by=chosen.made_by, after=behind, limit=50
                )


SEARCHES = {
    "by a name": searches.Sought([], [[5]]),
    "by a beginning": searches.Sought([], [[1005, 3000]]),
    "by two": searches.Sought([], [[5], [1005]]),
    "by a rare name": searches.Sought([], [[52_077]]),
    "in vain": searches.Sought([], [[5], [1006]]),
    "by an id": searches.Sought([named("object 2.1.77")], [[52_077]]),
}


async def _contents(at: Place, sought: searches.Sought) -> int:
    """Counts the organisation's contents that a search finds: it must read them all, and no others."""
    query = f"WITH {sought.hits} SELECT count(*) FROM hit"  # noqa: S608 - constants of ours
    return int(await at.conn.scalar(sought.bound(query, organisation=at.organisation)) or 0)


async def records_of_jobs(at: Place) -> None:
    """A large job's records and batches, and rosters, as callers read them."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    for what, position in (("persons", 1), ("duties", 2), ("activities", 4)):
        job = at.job(position)
        everything, by_status = RecordFilter(), RecordOrder("status")
        rare = RecordFilter(codes=["rare"], school_units=[named("school unit 1")])
        school = RecordFilter(roles=["Elev"], school_units=[named("school unit 3")], school_years=[6, 9])
        lists: tuple[tuple[str, RecordFilter, RecordOrder, tuple[Any, ...] | None], ...] = (
            ("all", everything, RecordOrder(), None),
            ("further on", everything, RecordOrder(), (40_000,)),
            ("in error", RecordFilter(["error"]), RecordOrder(), None),
            ("pending, further on", RecordFilter(["pending"]), RecordOrder(), (40_000,)),
            ("backwards", everything, RecordOrder(descending=True), (40_000,)),
            ("errors first", everything, by_status, None),
            ("errors first, further on", everything, by_status, (6, 40_000)),
            ("completed last", everything, RecordOrder("completed_at", descending=True), None),
            ("with a code", RecordFilter(codes=["pattern"]), RecordOrder(), None),
            ("with a rare code of a unit", rare, by_status, None),
            ("of a school", school, RecordOrder(), None),
            ("of a school, errors first", school, by_status, (1, 300)),
        )
        # A page opens up to three contents of each record. What the index has of each record of the job is looked at
        # where it is narrowed by rare values, sorted by another time, or counted: twice, and who is protected too.
        for name, wanted, order, place in lists:
            reads = 500 if wanted.values.keys() <= {"statuses"} and order.by != "completed_at" else BUSY + 500
            for counted in (False, True) if place is None else (False,):
                label = f"record_lists.list_records: {what}, {name}{', counted' if counted else ''}"
                async with watched(label, reads=reads + 6 * BUSY * counted):
                    await record_lists.list_records(
                        conn, organisation, job, wanted, order, after=place, limit=50, protected=False, counted=counted
                    )
        async with watched(f"results.find_record: {what}"):
            await results.find_record(conn, organisation, job, at.object(position, 77))
        # What has a code of each later stage, or waits there, may be kept back by it.
        async with watched(f"related.find_related: {what}", reads=4 * BUSY):
            await related.find_related(conn, organisation, job, at.object(position, 77))
        async with watched(f"results.protected_among: {what}", reads=4 * 500):
            some = [at.object(position, number) for number in range(1, 500)]
            await results.protected_among(conn, organisation, job, some)
        for name, sought in SEARCHES.items():
            found = await _contents(at, sought)
            # Each content is looked for among the job's records, and each of these among the contents.
            reads = 5 * found + (BUSY if what == "duties" else 0) + 3 * 250
            async with watched(f"searches.search_records: {what}, {name}, {found:,d} contents", reads=reads):
                await searches.search_records(
                    conn, organisation, job, sought, everything, by_status, after=None, limit=250, protected=False
                )
    # All groups of the run are looked at in an index.
    async with watched("record_schools.list_schools", reads=BUSY):
        await record_schools.list_schools(conn, organisation, at.run)
    for name, sought in SEARCHES.items():
        found = await _contents(at, sought)
        # Of each content its object's newest form is looked at, until the page is full. What names the activities is
        # read whole for each where it is small.
        whole = 500 * (at.size.queues + SEED.queues) if at.size.queues < 1000 else 0
        async with watched(f"known.search_objects: {name}, {found:,d} contents", reads=3 * found + 12 * 250 + whole):
            await known.search_objects(
                conn, organisation, sought, kind=None, after=None, limit=250, protected=False, units=None
            )
    for what, position in (("persons", 1), ("duties", 2), ("activities", 4)):
        async with watched(f"known.find_object: {what}", reads=300):
            await known.find_object(conn, organisation, what, at.object(position, 77), before=None, limit=50)
    async with watched("results.list_batches"):
        await results.list_batches(conn, organisation, at.job(1), after=None, limit=50)
    async with watched("results.find_batch"):
        await results.find_batch(conn, organisation, at.job(1), named(f"batch {at.size.busy}.1.3"))
    async with watched("findings.list_findings"):
        unshown = FindingFilter(unshown=["roster_differs_name"], protected=False)
        await findings.list_findings(conn, organisation, at.activity, unshown, after=None, limit=200)
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
        " outgoing, protected, likely_refused, marks, open_marks, plain_marks, codes) SELECT organisation_id, %s,"
        " kind, ordinal, object_id, refs[1], 'send', source, outgoing, protected, false, '{new}', '{new}', '{new}',"
        " '{}' FROM record WHERE run_id = %s",
        (at.run, at.run),
    )
    for name, place in (("", None), (": further on", (Kind.PERSONS, 4000))):
        async with watched(f"plans.list_items{name}", reads=500):
            await plans.list_items(
                conn,
                organisation,
                at.run,
                ItemFilter(),
                protected=False,
                others=True,
                marked_since=True,
                after=place,
                limit=50,
            )
    # What is rare is looked for among all.
    async with watched("plans.list_items: with a mark", reads=4 * BUSY):
        await plans.list_items(
            conn,
            organisation,
            at.run,
            ItemFilter(marks=["left"]),
            protected=False,
            others=True,
            marked_since=True,
            after=None,
            limit=50,
        )
    async with watched("plans.find_plan, list_plans"):
        await plans.find_plan(conn, organisation, at.run)
        await plans.list_plans(conn, organisation, at.activity, made_by=None, after=None, limit=50)
    # What keeps persons back is rare, and looked for among all of them.
    async with watched("plans.list_withheld", reads=4 * BUSY):
        await plans.list_withheld(conn, organisation, [at.run])
    async with watched("rosters.list_items"):
        await rosters.list_items(conn, organisation, named("roster 2"), "persons", after=1000, limit=500)


async def missing(at: Place) -> None:
    """Who is missing in an exam with a large roster, and what is wrong with its roster by its causes."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    exam = named("activity 4")
    # What it gives stands in arrays: of each object its item, what is known of it, its record, what it was sent as.
    async with watched("readiness.read_roster", reads=4 * 4 * LARGE):
        await readiness.read_roster(conn, organisation, exam, everybody=False, names=False)
    # A name and a record of each, and whether it is protected.
    async with watched("readiness.list_objects", reads=200):
        wanted = [(kind.value, named(f"object 4.{kind.position}.{n}")) for n in range(1, 51) for kind in Kind]
        await readiness.list_objects(conn, organisation, exam, wanted)
    async with watched("findings.count_findings", reads=2 * BUSY):
        await findings.count_findings(conn, organisation, at.activity)
    async with watched("findings.list_by_code"):
        await findings.list_by_code(conn, organisation, at.activity, examples=5, protected=False)
    async with watched("findings.count_of_unseen_members"):
        await findings.count_of_unseen_members(conn, organisation, [at.activity])


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
            stored_by=None,
            made_by=None,
            if_match=lambda _: True,
            share=LoopShare(),
            most_bytes=2**40,
        )


GROUPS: tuple[Callable[[Place], Awaitable[None]], ...] = (
    sweep,
    step,
    beside_jobs,
    callers,
    operators,
    history,
    records_of_jobs,
    missing,
)
