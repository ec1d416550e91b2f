"""What is stuck and since when: from plain rows of one moment to findings, which are codes with values.

`app/db/doctor.py` reads the rows, and the catalogue has the words. Only ids, organisation numbers, codes and times go
in, so that nothing personal can come out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.situation import ActivityQueue, Job, Progress, Seen
from app.domain.unusual_reading import unusual

Level = Literal["error", "warning", "ok"]
# A part of a sentence, by its code in the catalogue, with its values.
Phrase = tuple[str, Mapping[str, object]]

# The sweep takes what is due each second: whatever lasts longer is stuck.
GRACE = timedelta(seconds=5)
# Faults shorter than that are met with another try, and nobody need wake up for them.
FAULTY_FOR = timedelta(minutes=5)
# A token is tried for at least every five minutes while a job needs it; an older failure is of no job's any more.
TOKEN_FAILED_WITHIN = timedelta(minutes=15)
# Our own sessions are ended by Postgres when they leave a transaction lying for so long; others are not.
IDLE_FOR = timedelta(seconds=10)
# Waits are far shorter; what lies further ahead was reckoned with a clock that was wrong.
FAR_AHEAD = timedelta(minutes=30)
# Clocks that are kept by NTP differ by less than a second.
CLOCKS_DIFFER = timedelta(seconds=30)
# A round trip to Postgres that takes longer keeps calls from leaving.
SLOW = timedelta(seconds=2)
# Between two looks, LOOK_AGAIN apart, a job that waits as it should is claimed less often.
LOOK_AGAIN = timedelta(seconds=2)
_IN_VAIN = 4
# An erasure waits for a run at most, which ends within hours unless it is held.
_ERASED_WITHIN = timedelta(days=1)
# Faults of an erasure that have words of their own, with what to do.
_OF_ERASURES = {
    "no_erasures_file": ("erasure_no_erasures_file", "erasure_no_erasures_file_to_do"),
    "erasures_file_not_written": ("erasure_erasures_file_not_written", "erasure_erasures_file_not_written_to_do"),
    "run_has_it": ("erasure_run_has_it", "erasure_run_has_it_to_do"),
}
# Whoever stands by has taken over by then, at another address too.
_TAKEN_OVER_WITHIN = timedelta(seconds=60)
# Answers of Skolverket's have come within seconds so far.
_ANSWER_SLOW = timedelta(minutes=10)
_HELD_BACK = timedelta(seconds=2)
# Organisations that are named; of more the number must do.
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is stuck (`error`), may become so (`warning`), or goes on as it should (`ok`).

    `values` are what the code's texts name: numbers, ids, names, moments, lengths of time and phrases.
    """

    level: Level
    code: str
    values: Mapping[str, object] = field(default_factory=dict)
    since: datetime | None = None
    queue: ActivityQueue | None = None


def diagnose(seen: Seen) -> list[Finding]:
    """Gives what is to say of the parts that all share, then of each activity queue; the worst and oldest first."""
    outage = [_found("error", seen.outage)] if seen.outage else []
    if not seen.migrated:
        return [*outage, _found("error", "not_migrated"), *_sessions(seen), *_in_the_way(seen)]
    shared = [
        *outage,
        *_unread(seen),
        *_faults_of_all(seen),
        *_spinning(seen),
        *_workers(seen),
        *_services(seen),
        *_tokens(seen),
        *_tasks(seen),
        *_kept_too_long(seen),
        *_webhooks(seen),
        *_audit(seen),
        *_pauses(seen),
        *_sessions(seen),
        *_clocks(seen),
        *_around(seen),
        *_keys(seen),
    ]
    return [*sorted(shared, key=_rank), *sorted((_queue(seen, queue) for queue in seen.queues), key=_rank)]


def _unread(seen: Seen) -> Iterator[Finding]:
    if seen.unread:
        yield _found("error", "parts_unread", parts=seen.unread)


def _faults_of_all(seen: Seen) -> Iterator[Finding]:
    """Says what jobs rest for that is no single job's: the database, or a key."""
    jobs = [queue.job for queue in seen.queues if queue.job is not None and queue.job.rests]
    codes = {job.rest_code for job in jobs if job.rest_code} - {"internal"}
    if seen.round_trip > SLOW:
        codes.add("database_slow")
    yield from (_found("error", code) for code in sorted(codes - {seen.outage}))


def claimed_in_vain(before: Mapping[UUID, Progress], after: Mapping[UUID, Progress]) -> int:
    """Counts the jobs that were claimed again and again between two looks, some seconds apart, and nothing came of it.

    Whoever waits for something does so for a second or longer; what met a fault or was laid down has that to show.
    """
    both = [(before[job_id], now) for job_id, now in after.items() if job_id in before]
    return sum(now.claims - was.claims >= _IN_VAIN and replace(was, claims=now.claims) == now for was, now in both)


def _spinning(seen: Seen) -> Iterator[Finding]:
    if seen.claimed_in_vain:
        yield _found("error", "claims_without_calls", jobs=seen.claimed_in_vain)


def _workers(seen: Seen) -> Iterator[Finding]:
    if seen.outage is not None:
        # Nobody can write down that it is there.
        return
    if not seen.alive and "workers" not in seen.unread:
        last = seen.last_heard_of
        woken: Phrase = ("last_heard", {"at": last}) if last else ("never_heard", {})
        yield _found("error" if seen.queues else "warning", "no_worker", last, woken=woken)
    for worker in seen.workers:
        if not worker.alive and worker.held:
            yield _found("warning", "worker_silent", worker.seen_at, worker=worker.id, held=worker.held)
    if seen.alive and not seen.holders and "egress" not in seen.unread:
        yield _found("error" if seen.queues else "warning", "no_holder")


def _services(seen: Seen) -> Iterator[Finding]:
    for each in seen.services:
        said = {"service": each.name, "calls": each.failures, "fault": each.code}
        if each.opened_at is not None:
            probe = each.probe_at or seen.now
            yield _found("error", "circuit_open", each.failing_since or each.opened_at, None, **said, probe=probe)
        elif each.failures:
            yield _found("warning", "calls_failing", each.failing_since, None, **said)


def _tokens(seen: Seen) -> Iterator[Finding]:
    needing = {queue.organisation for queue in seen.queues}
    for token in seen.tokens:
        level: Level = "error" if token.organisation in needing else "warning"
        said = {"organisation": token.organisation, "fault": token.failure}
        yield _found(level, "token_failing", token.failed_at, None, **said)


def _tasks(seen: Seen) -> Iterator[Finding]:
    for each in seen.tasks:
        said = {"kind": each.kind, "tasks": each.tasks, "fault": each.failure}
        yield _found("warning", "tasks_failing", each.failed_at, None, **said)


def _kept_too_long(seen: Seen) -> Iterator[Finding]:
    """Says what should have been erased or have gone by its age, and is there."""
    for each in seen.erasures:
        if seen.now - each.since > _ERASED_WITHIN:
            why, to_do = _OF_ERASURES.get(each.failure or "", ("erasure_other", "erasure_other_to_do"))
            reason: Phrase = (why, {"fault": each.failure} if why == "erasure_other" else {})
            said = {"organisation": each.organisation, "reason": reason, "remedy": (to_do, {})}
            yield _found("warning", "erasure_waits", each.since, None, **said)
    if seen.retention and (late := seen.retention.late_since(seen.oldest_contents_at, seen.now)):
        yield _found("warning", "retention_late", late)


def _webhooks(seen: Seen) -> Iterator[Finding]:
    for each in seen.webhooks:
        said = {"webhook": each.id, "organisation": each.organisation, "deliveries": each.deliveries}
        yield _found("warning", "webhook_failing", each.since, None, **said, fault=each.failure)


def _audit(seen: Seen) -> Iterator[Finding]:
    """Says of the audit whether it is chained, and which keys read as they never have."""
    if seen.unchained is not None:
        yield _found("error", "audit_not_chained", seen.unchained.since, None, rows=seen.unchained.rows)
    for each in unusual(seen.readings, seen.now.astimezone(UTC).date()):
        since = datetime.combine(each.day, time(), UTC)
        said: dict[str, object] = {"key": each.key, "organisation": each.organisation}
        if each.what == "reads_more":
            yield _found("warning", "reads_more", since, None, **said, objects=each.objects, usual=each.usual)
        else:
            yield _found("warning", "protected_first", since, None, **said)


def _pauses(seen: Seen) -> Iterator[Finding]:
    for bucket, until in seen.pauses.items():
        if (ahead := until - seen.now) > _HELD_BACK:
            yield _found("warning", "calls_held_back", bucket=bucket, ahead=ahead)


def _sessions(seen: Seen) -> Iterator[Finding]:
    waiting = {session.pid for session in seen.sessions if session.waiting_since is not None}
    blockers = {pid for session in seen.sessions for pid in session.blocked_by}
    for each in seen.sessions:
        said = {"pid": each.pid, "program": each.program}
        if each.waiting_since is not None and seen.now - each.waiting_since > GRACE:
            roots = [pid for pid in each.blocked_by if pid not in waiting] or each.blocked_by
            lock = {"blockers": each.blocked_by, "ending": _ending(*roots)}
            yield _found("error", "session_blocked", each.waiting_since, None, **said, **lock)
        idle = each.idle_since is not None and seen.now - each.idle_since > IDLE_FOR
        if idle and (each.tables or each.pid in blockers):
            rows: dict[str, object] = {"tables": each.tables or ("no_table", {}), "ending": _ending(each.pid)}
            yield _found("error", "session_idle", each.idle_since, None, **said, **rows)
        elif each.writes and each.open_since is not None and seen.now - each.open_since > IDLE_FOR:
            yield _found("warning", "changes_delayed", each.open_since, None, **said, ending=_ending(each.pid))


def _in_the_way(seen: Seen) -> Iterator[Finding]:
    for each in seen.sessions:
        if each.used and each.open_since is not None and seen.now - each.open_since > IDLE_FOR:
            said = {"pid": each.pid, "program": each.program, "tables": each.used, "ending": _ending(each.pid)}
            yield _found("error", "session_in_the_way", each.open_since, None, **said)


def _clocks(seen: Seen) -> Iterator[Finding]:
    # The question was on its way for half of the round trip, more or less.
    if abs(seen.clock_ahead) - seen.round_trip / 2 > CLOCKS_DIFFER:
        way: Phrase = ("clock_ahead" if seen.clock_ahead > timedelta() else "clock_behind", {})
        yield _found("warning", "clock_differs", way=way, by=abs(seen.clock_ahead))
    if seen.far_ahead:
        many = [f"{what} ({count})" for what, count in sorted(seen.far_ahead.items())]
        yield _found("warning", "times_far_ahead", times=many)


def _around(seen: Seen) -> Iterator[Finding]:
    if seen.not_reached:
        yield _found("warning", "wake_ups_lost", egresses=seen.not_reached)
    if not seen.redis:
        yield _found("warning", "redis_away", unset=None if seen.redis is False else ("redis_not_set", {}))
    if seen.unhindered:
        yield _found("warning", "role_unhindered", roles=seen.unhindered)
    if seen.certificates_needed and (bare := seen.without_certificate):
        some = ("some_of", {"some": bare[:_MOST_NAMED], "more": len(bare) - _MOST_NAMED})
        yield _found("warning", "no_certificate", organisations=some if len(bare) > _MOST_NAMED else bare)


def _keys(seen: Seen) -> Iterator[Finding]:
    """Says which keys are missing, and of those that there are besides the first whether they may go."""
    if seen.keys is None or "keys" in seen.unread:
        return
    if missing := sorted(seen.sealed.keys() - set(seen.keys)):
        yield _found("error", "key_missing", keys=missing)
    for key in seen.keys[1:]:
        if values := seen.sealed.get(key):
            yield _found("ok", "key_older", key=key, values=values)
        else:
            yield _found("ok", "key_unused", key=key)


def _queue(seen: Seen, queue: ActivityQueue) -> Finding:
    """Gives the foremost thing that an activity queue waits for."""
    now, job = seen.now, queue.job
    if queue.sequence is None:
        since = max(filter(None, (queue.waiting_since, queue.free_since)), default=now)
        late = now - since > GRACE
        said: dict[str, object] = {"next": queue.next_sequence, "nobody": _nobody(seen)}
        return _found("error" if late else "ok", "queue_not_started" if late else "starts", since, queue, **said)
    if job is None:
        return _found("error", "run_without_job", queue.started_at, queue, run=queue.run_id)
    if job.status == "held":
        code = "paused_by_operator" if queue.paused_by == "operator" else "paused_by_organisation"
        return _found("warning", code, queue.paused_since, queue)
    if not job.held and job.worker_deaths > 1:
        return _found("warning", "suspect", None, queue, deaths=job.worker_deaths, next=job.due_at)
    if not job.held and job.due_at - now > FAR_AHEAD:
        return _found("error", "far_ahead", None, queue, until=job.due_at)
    if not job.held and now - job.due_at > GRACE:
        return _found("error", "due_not_taken", job.due_at, queue, nobody=_nobody(seen))
    if job.rests:
        said = {"times": job.rests, "fault": job.rest_code, "next": now if job.held else job.due_at}
        return _found("error" if job.rests > 1 else "warning", "rests", None, queue, **said)
    if job.fault_since is not None:
        return _faulty(seen, queue, job, job.fault_since)
    return _holder(seen, queue, job) if job.held else _waits(now, queue, job)


def _faulty(seen: Seen, queue: ActivityQueue, job: Job, since: datetime) -> Finding:
    """Says what is to say of faults: without a service or a token a job is stuck at once, with others after a while."""
    code, lasts = "faults", seen.now - since > FAULTY_FOR
    if job.fault_code == CIRCUIT_OPEN and any(service.opened_at for service in seen.services):
        code, lasts = "waits_for_circuit", True
    elif any(token.organisation == queue.organisation for token in seen.tokens):
        code, lasts = "waits_for_token", True
    following = seen.now if job.held else job.due_at
    return _found(
        "error" if lasts else "warning",
        code,
        since,
        queue,
        fault=job.fault_code,
        attempts=job.attempt,
        next=following,
        # Giving up takes a try that fails.
        gone=max(since + seen.fault_horizon, following),
        job=job.id,
    )


def _holder(seen: Seen, queue: ActivityQueue, job: Job) -> Finding:
    holder = next((worker for worker in seen.workers if worker.id == job.worker), None)
    said = {"worker": job.worker, "lost": _lost(job)}
    if seen.outage is None and (holder is None or not holder.alive):
        since = holder.seen_at if holder else None
        if since is None or seen.now - since > _TAKEN_OVER_WITHIN:
            return _found("error", "holder_gone", since, queue, **said, nobody=_nobody(seen))
        return _found("warning", "holder_silent", since, queue, **said)
    if job.worker_deaths > 1:
        return _found("warning", "workers_lost", None, queue, **said)
    return _found("ok", "held", None, queue, **said)


def _waits(now: datetime, queue: ActivityQueue, job: Job) -> Finding:
    if job.oldest_batch_at is None:
        return _found("ok", "goes_on", None, queue, next=job.due_at)
    slow = now - job.oldest_batch_at > _ANSWER_SLOW
    return _found(
        "warning" if slow else "ok",
        "answer_slow" if slow else "waits_for_answer",
        job.oldest_batch_at,
        queue,
        batches=job.batches,
        polls=job.polls,
        next=job.due_at,
    )


def _nobody(seen: Seen) -> Phrase:
    if not seen.alive:
        return "no_worker_alive", {}
    full = {"alive": len(seen.alive), "steps": sum(worker.in_progress for worker in seen.alive)}
    return "no_room_and_lock" if any(_sessions(seen)) else "no_room", full


def _lost(job: Job) -> Phrase | None:
    return ("claims_lost", {"worker_deaths": job.worker_deaths}) if job.worker_deaths else None


def _found(
    level: Level, code: str, at: datetime | None = None, queue: ActivityQueue | None = None, **said: object
) -> Finding:
    return Finding(level=level, code=code, values=said, since=at, queue=queue)


def _rank(found: Finding) -> tuple[int, datetime]:
    return ("error", "warning", "ok").index(found.level), found.since or datetime.max.replace(tzinfo=UTC)


def _ending(*pids: int) -> str:
    return ", ".join(f"pg_terminate_backend({pid})" for pid in pids)
