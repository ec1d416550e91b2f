"""Eight promises of the design, each as a pure function over what the witnesses said.

A finding says what is wrong and where, by ids and times alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from uuid import UUID

from tests.torture.pairs import Pairs
from tests.torture.repeats import late, repetitions
from tests.torture.witnesses import FINAL_RECORD, FINISHED_RUN, STAGES, Call, Event, Seen, Violation

MAX_BYTES = 200_000
_FINISHED_JOB = frozenset({"succeeded", "failed", "blocked", "cancelled"})
# With faults that pass long before the horizon, a job fails for its records alone, or for workers that died on it.
_FAILURES = frozenset({"records_failed", "worker_lost"})


def never_early(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Each call of a stage came after the job ahead had succeeded, and after the last of its records had its answer."""
    ready: dict[UUID, float] = {}
    for jobs in seen.jobs_of.values():
        until = 0.0
        for job in jobs:
            ready[job.id] = until
            ends = [job.finished, *(record.completed for record in seen.records.get(job.id, ()))]
            if job.status != "succeeded" or any(end is None for end in ends):
                until = float("inf")
            else:
                until = max(until, *(end for end in ends if end is not None))
    for batch, call in pairs:
        job = seen.jobs[batch.job]
        if call.at < ready[job.id]:
            yield Violation("never early", f"call {call.number} of stage {job.position} came early", f"job {job.id}")
        if call.kind != STAGES[job.position - 1]:
            yield Violation("never early", f"call {call.number} is of stage {call.kind}", f"job {job.id}")


def never_lost(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Whatever was accepted is there and has ended, with each of its records where it belongs."""
    for post in seen.posts:
        if post.run is not None and post.run not in seen.runs:
            yield Violation("never lost", "a run that was accepted is not in the database", f"run {post.run}")
    for run in seen.runs.values():
        if run.status not in FINISHED_RUN:
            yield Violation("never lost", f"a run is still {run.status}", f"run {run.id}")
    for run_id, jobs in seen.jobs_of.items():
        if [job.position for job in jobs] != [1, 2, 3, 4]:
            yield Violation("never lost", "a run has not its four jobs", f"run {run_id}")
    for job in seen.jobs.values():
        where = f"job {job.id} of run {job.run}"
        statuses = {record.status for record in seen.records.get(job.id, ())}
        if job.status not in _FINISHED_JOB:
            yield Violation("never lost", f"a job is still {job.status}", where)
        if "sent" in statuses:
            yield Violation("never lost", "a record is still sent", where)
        if job.status == "succeeded" and not statuses <= FINAL_RECORD:
            yield Violation("never lost", "a record of a succeeded job has no final answer", where)
        if job.started is None and not statuses <= {"pending"}:
            yield Violation("never lost", "a record of a job that never ran is not pending", where)
        if job.status == "failed" and job.error not in _FAILURES:
            yield Violation("never lost", f"a job failed with {job.error}, though faults pass", where)
    yield from _held(seen, pairs)


def _held(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """What is shown as stored left in a call that Skolverket took, and Skolverket holds it."""
    cancelled = {run for run, _ in seen.cancels}
    for job in seen.jobs.values():
        run, kind = seen.runs[job.run], STAGES[job.position - 1]
        for record in seen.records.get(job.id, ()):
            if record.status not in ("succeeded", "warning"):
                continue
            where = f"record {record.object} of job {job.id}"
            batch = seen.batches.get(record.batch) if record.batch is not None else None
            if batch is None or record.object not in batch.records:
                yield Violation("never lost", "a stored record never left", where)
            # Of a lost one a cancelled run has looked up that Skolverket has it.
            elif not (batch.status == "lost" and record.status == "warning" and run.id in cancelled) and not any(
                call.job == batch.remote_job for call in pairs.of_batch.get(batch.id, ())
            ):
                yield Violation("never lost", "Skolverket never took the batch of a stored record", where)
            if seen.held is not None and str(record.object) not in seen.held.get((run.organisation, kind), set()):
                yield Violation("never lost", "Skolverket does not hold a stored record", where)


def never_doubled(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """What left was written down before; what went twice had to; a key is one run; only the stopped are late."""
    for call in pairs.orphans:
        yield Violation("never doubled", f"call {call.number} has no batch", f"sha256 {call.sha256}")
    for call in seen.calls:
        if call.sends and "updateIfExists=true" not in call.query:
            yield Violation("never doubled", f"call {call.number} is no upsert", call.path)
    for earlier, later, explained in repetitions(seen, pairs):
        if not explained:
            yield Violation(
                "never doubled", f"batch {later.id} repeats batch {earlier.id} for no reason", f"job {later.job}"
            )
    for job_id, records in seen.records.items():
        times = seen.sendings(job_id)
        for record in records:
            batches = times.get(record.object, [])
            where = f"record {record.object} of job {job_id}"
            if record.attempts != len(batches):
                yield Violation("never doubled", f"{record.attempts} attempts in {len(batches)} batches", where)
            if record.status in ("succeeded", "warning") and batches and batches[-1].id != record.batch:
                yield Violation("never doubled", "a record left again after its final answer", where)
    for batch, call, excused in late(seen, pairs):
        if not excused:
            yield Violation(
                "never doubled", f"call {call.number} left under a claim that had ended", f"job {batch.job}"
            )
    by_key: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    for post in seen.posts:
        if post.key is not None and post.run is not None:
            by_key[post.organisation, post.key].add(post.run)
    for runs in by_key.values():
        if len(runs) > 1:
            yield Violation("never doubled", "one key led to several runs", f"runs {sorted(map(str, runs))}")
    yield from _unasked(seen)


def _unasked(seen: Seen) -> Iterator[Violation]:
    """Of an activity's runs, no more are unknown to their callers than were asked for without an answer."""
    known = {post.run for post in seen.posts}
    accepted_keys = {post.key for post in seen.posts if post.run is not None}
    asked: dict[UUID, set[object]] = defaultdict(set)
    for post in seen.posts:
        if post.outcome == "unknown" and (post.key is None or post.key not in accepted_keys):
            asked[post.activity].add(post.key or id(post))
    unknown: dict[UUID, int] = defaultdict(int)
    for run in seen.runs.values():
        unknown[run.activity] += run.id not in known
    for activity, count in unknown.items():
        if count > len(asked[activity]):
            yield Violation("never doubled", f"{count} runs that nobody asked for", f"activity {activity}")


def in_order(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Runs of one activity start in the order of their acceptance, and one at a time."""
    del pairs
    queues: dict[tuple[str, UUID], list[Event]] = defaultdict(list)
    for event in seen.events:
        if event.job is None and event.run in seen.runs:
            run = seen.runs[event.run]
            queues[run.organisation, run.activity].append(event)
    for (_, activity), events in queues.items():
        under_way: set[UUID] = set()
        started = 0
        for event in events:
            under_way.discard(event.run)
            if event.after != "running":
                continue
            under_way.add(event.run)
            if len(under_way) > 1:
                yield Violation("in order", "two runs of one activity are under way", f"activity {activity}")
            sequence = seen.runs[event.run].sequence
            if event.before == "queued" and sequence < started:
                yield Violation("in order", f"run {event.run} starts after a later one", f"activity {activity}")
            started = max(started, sequence)
    yield from _accepted_in_order(seen)


def _accepted_in_order(seen: Seen) -> Iterator[Violation]:
    first_sent: dict[object, float] = {}
    for post in seen.posts:
        first_sent[post.key or id(post)] = min(post.sent, first_sent.get(post.key or id(post), post.sent))
    queues: dict[UUID, dict[UUID, tuple[float, float]]] = defaultdict(dict)
    for post in seen.posts:
        if post.run is not None and post.answered is not None and post.run in seen.runs:
            sent, answered = queues[post.activity].get(post.run, (float("inf"), float("inf")))
            queues[post.activity][post.run] = (
                min(sent, first_sent[post.key or id(post)]),
                min(answered, post.answered),
            )
    for activity, runs in queues.items():
        for one, (_, answered) in runs.items():
            for other, (sent, _) in runs.items():
                if answered < sent and seen.runs[one].sequence > seen.runs[other].sequence:
                    yield Violation("in order", f"run {other} was asked for after run {one}", f"activity {activity}")


def as_sent_as_received(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """What was on the wire is what was written down, and what callers are shown of it."""
    for batch, call in pairs:
        where = f"batch {batch.id} of job {batch.job}"
        if call.bytes != batch.bytes or not batch.is_that(call.sha256 or "", call.objects, call.bytes):
            yield Violation("as sent", f"call {call.number} has other bytes than were written down", where)
        if call.objects and call.objects != tuple(map(str, batch.records)):
            yield Violation("as sent", f"call {call.number} has other objects than were written down", where)
    for look in seen.looked:
        record, batch_shown = look.record, look.batch
        where = f"record {record['id']} of job {look.job}"
        # What has been erased, or has gone by its age, is null in its place.
        items = {item["id"].lower(): item for item in batch_shown["request"]["data"] if item is not None}
        if record["sent"] != items.get(record["id"]):
            yield Violation("as sent", "a record is shown otherwise than it was sent", where)
        if batch_shown["sha256"] != batch_shown["request_sha256"]:
            yield Violation("as sent", "a request is shown otherwise than it was sent", where)
        found = batch_shown.get("status") == "lost" and record["received"] is None
        answered = record["received"] in _answers(batch_shown["answer"])
        if record["status"] in ("succeeded", "warning") and not (answered or found):
            yield Violation("as sent", "a record's answer is not in its batch's", where)


def _answers(answer: object) -> Sequence[object]:
    found = answer.get("responses") if isinstance(answer, Mapping) else None
    return found if isinstance(found, list) else []


def within_limits(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """In no second came more than are allowed, and no body was too large."""
    del pairs
    for bucket, limit in (("calls", seen.calls_per_second), ("reads", seen.reads_per_second)):
        times = sorted(call.monotonic for call in seen.calls if call.bucket == bucket)
        for index, time in enumerate(times[limit:]):
            if time - times[index] < 1.0:
                yield Violation("within limits", f"more than {limit} {bucket} in a second", f"at {time:.3f}")
    for call in seen.calls:
        if call.bytes > MAX_BYTES:
            yield Violation("within limits", f"call {call.number} has {call.bytes} bytes", call.path)


def no_more_than_needed(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Nothing left that Skolverket has not published for that kind of object."""
    del pairs
    for call in seen.calls:
        for place in call.not_kept:
            yield Violation("no more than needed", f"call {call.number} sent {place}", call.path)


def nobody_elses(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """What is another organisation's is not there, and personal data is nowhere but in its place."""
    del pairs
    for asked, status in seen.foreign:
        if status != 404:
            yield Violation("nobody else's", f"another organisation's key was answered with {status}", asked)
    found: Counter[str] = Counter()
    for place, count in seen.leaks:
        found[place] += count
    for place, count in found.items():
        yield Violation("nobody else's", f"{count} personal values", place)
    organisation_of = {batch.id: seen.runs[seen.jobs[batch.job].run].organisation for batch in seen.batches.values()}
    for batch, call in pairs_of(seen, organisation_of):
        yield Violation("nobody else's", f"call {call.number} left in another organisation's name", f"batch {batch}")


def pairs_of(seen: Seen, organisation_of: Mapping[UUID, str]) -> Iterator[tuple[UUID, Call]]:
    """Yields calls that were taken for another organisation than that whose batch they answer."""
    by_remote = {batch.remote_job: batch.id for batch in seen.batches.values() if batch.remote_job is not None}
    for call in seen.calls:
        batch = by_remote.get(call.job) if call.job is not None else None
        if batch is not None and call.organisation is not None and call.organisation != organisation_of[batch]:
            yield batch, call


Check = Callable[[Seen, Pairs], Iterator[Violation]]
PROMISES: Mapping[str, Check] = {
    "never early": never_early,
    "never lost": never_lost,
    "never doubled": never_doubled,
    "in order": in_order,
    "as sent, as received": as_sent_as_received,
    "within limits": within_limits,
    "nobody else's": nobody_elses,
    "no more than needed": no_more_than_needed,
}
