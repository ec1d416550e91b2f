"""What is stuck, since when, why, and what would free it: from plain rows of one moment to findings.

It decides and words; `app/db/doctor.py` reads the rows. Only ids, organisation numbers, codes and times go in, so that
nothing personal can come out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.diagnosis_words import SAID
from app.domain.open_work import MAX_WORKER_DEATHS
from app.domain.retry import MAX_WAIT
from app.domain.situation import Job, Lane, Seen

Level = Literal["error", "warning", "ok"]

# The sweepers look each second, and take by themselves what has been due for five: whatever lasts longer is stuck.
GRACE = timedelta(seconds=5)
# Faults shorter than that are met with another try, and nobody need wake up for them.
FAULTY_FOR = timedelta(minutes=5)
# A token is tried for at least every five minutes while a job needs it; an older failure is of no job's any more.
TOKEN_FAILED_WITHIN = timedelta(minutes=15)
# Our own sessions are ended by Postgres when they leave a transaction lying for so long; others are not.
IDLE_FOR = timedelta(seconds=10)
# Waits and leases are far shorter; what lies further ahead was reckoned with a clock that was wrong.
FAR_AHEAD = 2 * MAX_WAIT
# Answers of Skolverket's have come within seconds so far.
_ANSWER_SLOW = timedelta(minutes=10)
# Answers hold calls back by 30 s at most.
_HELD_BACK, _HELD_BACK_TOO_LONG = timedelta(seconds=2), timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is stuck (`error`), may become so (`warning`), or goes on as it should (`ok`)."""

    level: Level
    code: str
    what: str
    why: str
    frees: str
    since: datetime | None = None
    lane: Lane | None = None


def diagnose(seen: Seen) -> list[Finding]:
    """Gives what is to say of the parts that all lanes share, then of each lane; the worst and oldest first in both."""
    if not seen.migrated:
        return [_found("error", "not_migrated"), *_sessions(seen), *_in_the_way(seen)]
    shared = [*_workers(seen), *_services(seen), *_tokens(seen), *_slots(seen), *_sessions(seen), *_around(seen)]
    return [*sorted(shared, key=_rank), *sorted((_lane(seen, lane) for lane in seen.lanes), key=_rank)]


def headline(seen: Seen, findings: Sequence[Finding]) -> str:
    """Says in one line whether all is well."""
    if not seen.migrated:
        return "Stuck: the database is not migrated."
    stuck, doubtful = ([found for found in findings if found.level == level] for level in ("error", "warning"))
    behind, alive = sum(lane.waiting for lane in seen.lanes), len(seen.alive)
    size = f"{_count(seen.lanes_in_all, 'lane')}, {_count(behind, 'waiting run')}, {_count(alive, 'worker')} alive."
    if stuck:
        lanes = sum(found.lane is not None for found in stuck)
        shared = f"; {_count(len(stuck) - lanes, 'trouble')} that lanes share" if len(stuck) > lanes else ""
        return f"Stuck: {_count(lanes, 'lane')}{shared}. {size}"
    if doubtful:
        return f"Nothing is stuck, but there is something to look at: {len(doubtful)}. {size}"
    return f"All is well: nothing is stuck. {size}"


def in_words(span: timedelta) -> str:
    """Gives a length of time in its two largest units, e.g. `2 h 5 min`."""
    seconds, parts = max(0, round(span.total_seconds())), []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if count := seconds // length:
            parts.append(f"{count} {unit}")
        seconds %= length
    return " ".join(parts[:2]) or "0 s"


def _workers(seen: Seen) -> Iterator[Finding]:
    if not seen.alive:
        last = seen.last_heard_of
        heard = f"the last was heard of {in_words(seen.now - last)} ago" if last else "none has ever been heard of"
        yield _found("error" if seen.lanes else "warning", "no_worker", last, heard=heard)
    for worker in seen.workers:
        if not worker.alive and worker.leases:
            leases = _count(worker.leases, "lease")
            yield _found("warning", "worker_silent", worker.seen_at, worker=worker.id, leases=leases)


def _services(seen: Seen) -> Iterator[Finding]:
    for each in seen.services:
        said = {"service": each.name, "calls": _count(each.failures, "call"), "fault": each.code}
        if each.opened_at is not None:
            probe = _at(seen.now, each.probe_at or seen.now)
            yield _found("error", "circuit_open", each.failing_since or each.opened_at, None, **said, probe=probe)
        elif each.failures:
            yield _found("warning", "calls_failing", each.failing_since, None, **said)


def _tokens(seen: Seen) -> Iterator[Finding]:
    needing = {lane.organisation for lane in seen.lanes}
    for token in seen.tokens:
        level: Level = "error" if token.organisation in needing else "warning"
        said = {"organisation": token.organisation, "fault": token.failure}
        yield _found(level, "token_failing", token.failed_at, None, **said)


def _slots(seen: Seen) -> Iterator[Finding]:
    for bucket, next_at in seen.next_slots.items():
        ahead = next_at - seen.now
        if ahead > _HELD_BACK_TOO_LONG:
            yield _found("error", "slots_far_ahead", bucket=bucket, ahead=in_words(ahead))
        elif ahead > _HELD_BACK:
            yield _found("warning", "calls_held_back", bucket=bucket, ahead=in_words(ahead))


def _sessions(seen: Seen) -> Iterator[Finding]:
    waiting = {session.pid for session in seen.sessions if session.waiting_since is not None}
    blockers = {pid for session in seen.sessions for pid in session.blocked_by}
    for each in seen.sessions:
        said = {"pid": each.pid, "program": each.program}
        if each.waiting_since is not None and seen.now - each.waiting_since > GRACE:
            roots = [pid for pid in each.blocked_by if pid not in waiting] or each.blocked_by
            lock = {"blockers": _listed(each.blocked_by), "ending": _ending(*roots)}
            yield _found("error", "session_blocked", each.waiting_since, None, **said, **lock)
        idle = each.idle_since is not None and seen.now - each.idle_since > IDLE_FOR
        if idle and (each.tables or each.pid in blockers):
            rows = {"tables": _listed(each.tables) or "no table of ours", "ending": _ending(each.pid)}
            yield _found("error", "session_idle", each.idle_since, None, **said, **rows)


def _in_the_way(seen: Seen) -> Iterator[Finding]:
    for each in seen.sessions:
        if each.used and each.open_since is not None and seen.now - each.open_since > IDLE_FOR:
            said = {"pid": each.pid, "program": each.program, "tables": _listed(each.used), "ending": _ending(each.pid)}
            yield _found("error", "session_in_the_way", each.open_since, None, **said)


def _around(seen: Seen) -> Iterator[Finding]:
    if not seen.redis:
        yield _found("warning", "redis_away", unset="" if seen.redis is False else ": REDIS_URL is not set here")
    if seen.certificates_needed and (bare := seen.without_certificate):
        shown = _listed(bare[:10]) + (f" and {len(bare) - 10} more" if len(bare) > 10 else "")
        yield _found("warning", "no_certificate", organisations=shown)


def _lane(seen: Seen, lane: Lane) -> Finding:
    """Gives the foremost thing that a lane waits for."""
    now, job = seen.now, lane.job
    if lane.sequence is None:
        since = max(filter(None, (lane.waiting_since, lane.free_since)), default=now)
        late = now - since > GRACE
        said = {"next": lane.next_sequence, "nobody": _nobody(seen)}
        return _found("error" if late else "ok", "lane_not_started" if late else "starts", since, lane, **said)
    if job is None:
        return _found("error", "run_without_job", lane.started_at, lane, run=lane.run_id)
    until = job.lease_until or job.due_at
    if until - now > FAR_AHEAD:
        return _found("error", "far_ahead", None, lane, until=_at(now, until), job=job.id)
    if now - until > GRACE:
        said = {"nobody": _nobody(seen), "worker": str(job.worker), "lost": _lost(job)}
        return _found("error", "lease_expired" if job.lease_until else "due_not_taken", until, lane, **said)
    if job.fault_since is not None:
        return _faulty(seen, lane, job, job.fault_since)
    return _holder(seen, lane, job, until) if job.lease_until else _waits(now, lane, job)


def _faulty(seen: Seen, lane: Lane, job: Job, since: datetime) -> Finding:
    """Says what is to say of faults: without a service or a token a job is stuck at once, with others after a while."""
    code, lasts = "faults", seen.now - since > FAULTY_FOR
    if job.fault_code == CIRCUIT_OPEN and any(service.opened_at for service in seen.services):
        code, lasts = "waits_for_circuit", True
    elif any(token.organisation == lane.organisation for token in seen.tokens):
        code, lasts = "waits_for_token", True
    return _found(
        "error" if lasts else "warning",
        code,
        since,
        lane,
        fault=job.fault_code,
        attempts=_count(job.attempt, "attempt"),
        next="now" if job.lease_until else _at(seen.now, job.due_at),
        gone=_at(seen.now, since + seen.fault_horizon),
        job=job.id,
    )


def _holder(seen: Seen, lane: Lane, job: Job, until: datetime) -> Finding:
    holder = next((worker for worker in seen.workers if worker.id == job.worker), None)
    said = {"worker": job.worker, "until": _at(seen.now, until), "lost": _lost(job), "most": MAX_WORKER_DEATHS}
    if holder is None or not holder.alive:
        return _found("warning", "lease_of_silent", holder.seen_at if holder else None, lane, **said)
    if job.losses > 1:
        return _found("warning", "workers_lost", None, lane, **said)
    return _found("ok", "held", None, lane, **said)


def _waits(now: datetime, lane: Lane, job: Job) -> Finding:
    if job.oldest_batch_at is None:
        return _found("ok", "goes_on", None, lane, next=_at(now, job.due_at))
    slow = now - job.oldest_batch_at > _ANSWER_SLOW
    return _found(
        "warning" if slow else "ok",
        "answer_slow" if slow else "waits_for_answer",
        job.oldest_batch_at,
        lane,
        batches=_count(job.batches, "batch", "batches"),
        polls=_count(job.polls, "time"),
        next=_at(now, job.due_at),
    )


def _nobody(seen: Seen) -> str:
    if not seen.alive:
        return "No worker is alive."
    hands = _count(sum(worker.in_hand for worker in seen.alive), "step")
    locked = "; a session keeps a lock, or waits for one" if any(_sessions(seen)) else ""
    alive = _count(len(seen.alive), "worker")
    return f"{alive} alive with {hands} in hand: perhaps no hand is free (WORKER_JOBS){locked}."


def _lost(job: Job) -> str:
    return f"; {job.losses} of at most {MAX_WORKER_DEATHS} claims in a row were lost" if job.losses else ""


def _found(level: Level, code: str, at: datetime | None = None, lane: Lane | None = None, **said: object) -> Finding:
    what, why, frees = (text.format_map(said) for text in SAID[code])
    return Finding(level=level, code=code, what=what, why=why, frees=frees, since=at, lane=lane)


def _rank(found: Finding) -> tuple[int, datetime]:
    return ("error", "warning", "ok").index(found.level), found.since or datetime.max.replace(tzinfo=UTC)


def _at(now: datetime, at: datetime) -> str:
    shown = f"{at.astimezone(UTC):%H:%M:%S} UTC"
    return f"at {shown} (in {in_words(at - now)})" if at > now else "now"


def _ending(*pids: int) -> str:
    return ", ".join(f"pg_terminate_backend({pid})" for pid in pids)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
