"""What is stuck, since when, why, and what would free it: from plain rows of one moment to findings.

It decides and words; `app/db/doctor.py` reads the rows. Only ids, organisation numbers, codes and times go in, so that
nothing personal can come out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from app.domain.retry import MAX_WAIT
from app.domain.steps import CIRCUIT_OPEN, MAX_LOSSES

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
class Job:
    """The job of a run that is queued or running."""

    id: UUID
    stage: str
    status: str
    due_at: datetime
    lease_until: datetime | None = None
    worker: UUID | None = None
    attempt: int = 0
    losses: int = 0
    fault_since: datetime | None = None
    fault_code: str | None = None
    # Batches without their final answer, since when the oldest, and how often one was asked for.
    batches: int = 0
    oldest_batch_at: datetime | None = None
    polls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """An activity with a run under way, or with runs that wait; `free_since` is when its last run ended."""

    organisation: str
    activity_id: UUID
    run_id: UUID | None = None
    sequence: int | None = None
    started_at: datetime | None = None
    cancelling: bool = False
    job: Job | None = None
    waiting: int = 0
    next_sequence: int | None = None
    waiting_since: datetime | None = None
    free_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that has not ended in order, or that lanes name as theirs."""

    id: UUID
    seen_at: datetime
    alive: bool
    in_hand: int = 0
    leases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of Skolverket's services, as all workers know it."""

    name: str
    failures: int = 0
    failing_since: datetime | None = None
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An organisation whose last try for a token failed."""

    organisation: str
    failed_at: datetime
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session of the database that waits for a lock, or has had a transaction open for long or left one lying."""

    pid: int
    program: str
    open_since: datetime | None = None
    idle_since: datetime | None = None
    waiting_since: datetime | None = None
    blocked_by: Sequence[int] = ()
    # Tables of ours that it may have locked rows of, and all that it uses: these no migration can change.
    tables: Sequence[str] = ()
    used: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything at one moment of the database's clock; `redis` and what follows is from outside of it."""

    now: datetime
    migrated: bool = True
    lanes: Sequence[Lane] = ()
    lanes_in_all: int = 0
    workers: Sequence[Worker] = ()
    last_heard_of: datetime | None = None
    services: Sequence[Service] = ()
    tokens: Sequence[Token] = ()
    # By kind of call, when the next one may leave.
    next_slots: Mapping[str, datetime] = field(default_factory=dict)
    sessions: Sequence[Session] = ()
    without_certificate: Sequence[str] = ()
    redis: bool | None = True
    certificates_needed: bool = False
    fault_horizon: timedelta = timedelta(hours=6)

    @property
    def alive(self) -> list[Worker]:
        """Gives the workers that have been heard of lately."""
        return [worker for worker in self.workers if worker.alive]


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


# For each code: what is so, why, and what would free it.
SAID: Mapping[str, tuple[str, str, str]] = {
    "not_migrated": (
        "The database lacks this version's tables.",
        "Workers of this version wait for them, and the API answers 503.",
        "python -m app migrate",
    ),
    "no_worker": (
        "No worker is alive; {heard}.",
        "None runs, or those that do cannot reach Postgres: their logs say so.",
        "python -m app worker",
    ),
    "worker_silent": (
        "Worker {worker} says nothing; it holds {leases}.",
        "It was killed or stopped, or does not reach Postgres.",
        "nothing to do: its leases run out, and other workers take its jobs",
    ),
    "circuit_open": (
        "Skolverket's {service} service is away: its circuit is open.",
        "{calls} in a row without an answer, the last: {fault}. All jobs wait.",
        "the first probe that is answered; the next is {probe}. Look at Skolverket's service status, and whether this"
        " network reaches it.",
    ),
    "calls_failing": (
        "Calls to Skolverket's {service} service go unanswered.",
        "{calls} in a row, the last: {fault}.",
        "the next answer; at five in a row the circuit opens",
    ),
    "token_failing": (
        "Organisation {organisation} gets no token.",
        "The last try failed: {fault}.",
        "python -m app organisations check --number {organisation}",
    ),
    "calls_held_back": (
        "Slots for {bucket} are held back for another {ahead}.",
        "Skolverket asked for fewer calls (429), or others use up the limit of the same address.",
        "nothing to do; if it comes again and again, find who else calls from this address",
    ),
    "slots_far_ahead": (
        "There is no slot for {bucket} within {ahead}.",
        "No answer holds calls back for so long: the database's clock has been wrong.",
        "UPDATE call_limit SET next_at = clock_timestamp() WHERE bucket = '{bucket}'",
    ),
    "session_blocked": (
        "Session {pid} ({program}) waits for a lock.",
        "Session {blockers} has it.",
        "the end of that transaction, or SELECT {ending}",
    ),
    "session_idle": (
        "Session {pid} ({program}) has left a transaction lying.",
        "It may keep rows that others need, of: {tables}.",
        "its commit, or SELECT {ending}",
    ),
    "session_in_the_way": (
        "Session {pid} ({program}) has a transaction open.",
        "It uses {tables}: a migration that changes one of them waits for its end.",
        "its end, or SELECT {ending}",
    ),
    "redis_away": (
        "Redis does not answer{unset}.",
        "All works without it, slower: the sweepers find each second what is due.",
        "Redis; nothing was lost with it, and nothing has to be put back",
    ),
    "no_certificate": (
        "Without a certificate: {organisations}.",
        "The authorisation server lets nobody in without one.",
        "python -m app organisations set --number … --certificate … --key …",
    ),
    "lane_not_started": (
        "run {next} is the next, and nobody starts it",
        "{nobody}",
        "a worker's sweep; if workers are alive, the end of whatever session keeps the activity's row",
    ),
    "run_without_job": (
        "the run is under way, and no job of it is",
        "The service never leaves a run so: something else has written to the database.",
        "POST /runs/{run}/cancel, then …/retry",
    ),
    "lease_expired": (
        "worker {worker} let its lease run out, and nobody has taken the job{lost}",
        "{nobody}",
        "any worker with a free hand",
    ),
    "due_not_taken": ("it is due, and nobody takes it", "{nobody}", "any worker with a free hand"),
    "far_ahead": (
        "it waits until {until}",
        "Nothing is put off for so long: the database's clock has been wrong.",
        "UPDATE job SET fence = claim, lease_until = NULL, due_at = clock_timestamp() WHERE id = '{job}'",
    ),
    "waits_for_circuit": (
        "it waits for Skolverket to come back; it looks again {next}",
        "See circuit_open.",
        "the probe that is answered wakes all jobs at once; what has not left by {gone} ends in error (FAULT_HORIZON)",
    ),
    "waits_for_token": (
        "nothing but faults for want of a token, the last: {fault}; {attempts}; it tries again {next}",
        "See token_failing.",
        "the next token wakes nobody, but all try again within five minutes; what has not left by {gone} ends in error",
    ),
    "faults": (
        "nothing but faults, the last: {fault}; {attempts}; it tries again {next}",
        "GET /jobs/{job} says what the code means, and …/batches has Skolverket's own words.",
        "what the code says; what has not left by {gone} ends in error (FAULT_HORIZON)",
    ),
    "lease_of_silent": (
        "worker {worker} holds it and says nothing; its lease ends {until}{lost}",
        "It was killed or stopped, or does not reach Postgres.",
        "the lease's end: then another worker takes the job",
    ),
    "workers_lost": (
        "worker {worker} works at it; its lease ends {until}{lost}",
        "Workers that held it died or were stopped: this job may be what kills them.",
        "a worker that survives it; after {most} it fails with worker_lost",
    ),
    "answer_slow": (
        "{batches} without an answer from Skolverket, asked for up to {polls}; the next look is {next}",
        "Skolverket has taken them and is not done.",
        "Skolverket's answer; its support, if it stays so",
    ),
    "starts": ("run {next} starts with the next sweep", "", ""),
    "held": ("worker {worker} works at it; its lease ends {until}", "", ""),
    "waits_for_answer": ("{batches} without an answer from Skolverket; the next look is {next}", "", ""),
    "goes_on": ("it goes on {next}", "", ""),
}


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
    said = {"worker": job.worker, "until": _at(seen.now, until), "lost": _lost(job), "most": MAX_LOSSES}
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
    return f"; {job.losses} of at most {MAX_LOSSES} claims in a row were lost" if job.losses else ""


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
