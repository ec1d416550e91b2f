"""What the doctor looks at: plain rows of one moment. Only ids, organisation numbers, codes and times are in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.retention import Retention
from app.domain.unusual_reading import KeyDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job of a run that is queued, running or held; one that is held is due at no time, and this is now."""

    id: UUID
    kind: str
    status: str
    due_at: datetime
    # Whether a worker has it in hand, and which.
    held: bool = False
    worker: UUID | None = None
    attempt: int = 0
    worker_deaths: int = 0
    # How often in a row it was laid down for a fault of ours, and the last of them.
    rests: int = 0
    rest_code: str | None = None
    # For as long before its last fault as it has been tried in vain.
    fault_since: datetime | None = None
    fault_code: str | None = None
    # Batches without their final answer, since when the oldest, and how often one was asked for.
    batches: int = 0
    oldest_batch_at: datetime | None = None
    polls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How often a job had been claimed by a moment, and all that may have come of a claim by then."""

    claims: int
    calls: int = 0
    polls: int = 0
    settled: int = 0
    faults: int = 0
    rests: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityQueue:
    """An activity with a run under way, or with runs that wait; `free_since` is when its last run ended."""

    organisation: str
    activity_id: UUID
    run_id: UUID | None = None
    sequence: int | None = None
    started_at: datetime | None = None
    cancelling: bool = False
    # Since when it is paused, and whether by an operator or by the organisation.
    paused_since: datetime | None = None
    paused_by: str | None = None
    job: Job | None = None
    waiting: int = 0
    next_sequence: int | None = None
    waiting_since: datetime | None = None
    free_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that has not ended in order, or that activity queues name as theirs."""

    id: UUID
    seen_at: datetime
    alive: bool
    in_progress: int = 0
    # Jobs that count as its own.
    held: int = 0


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
class FailingTasks:
    """Tasks of one kind that fail again and again for one reason; `failed_at` is the last time."""

    kind: str
    tasks: int
    failed_at: datetime
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingErasure:
    """An organisation with an erasure that has not been done; asked for at `since`, which failed last for `failure`."""

    organisation: str
    since: datetime
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingWebhook:
    """An endpoint that has not taken `deliveries` in several tries each, the oldest of them made at `since`."""

    organisation: str
    id: UUID
    deliveries: int
    since: datetime
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchained:
    """How many rows of the audit have waited for their link for longer than they should, the oldest since then."""

    rows: int
    since: datetime


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
    # Whether its transaction has a number: no change that was made since is settled before its end.
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything at one moment of the database's clock; `redis` and what follows is from outside of it."""

    now: datetime
    migrated: bool = True
    queues: Sequence[ActivityQueue] = ()
    queues_in_all: int = 0
    workers: Sequence[Worker] = ()
    last_heard_of: datetime | None = None
    services: Sequence[Service] = ()
    tokens: Sequence[Token] = ()
    tasks: Sequence[FailingTasks] = ()
    erasures: Sequence[WaitingErasure] = ()
    # When the first run ended that still has its contents, and for how long they are kept.
    oldest_contents_at: datetime | None = None
    retention: Retention | None = None
    webhooks: Sequence[FailingWebhook] = ()
    unchained: Unchained | None = None
    # How much keys were shown on the last days.
    readings: Sequence[KeyDay] = ()
    # By kind of call, until when none may leave; by egress, the worker that calls.
    pauses: Mapping[str, datetime] = field(default_factory=dict)
    holders: Mapping[str, UUID] = field(default_factory=dict)
    sessions: Sequence[Session] = ()
    without_certificate: Sequence[str] = ()
    # By the id of an encryption key, how many values it seals; of many not all are counted. The ids of the keys that
    # there are, the first of which seals; None where that is not known.
    sealed: Mapping[str, int] = field(default_factory=dict)
    keys: Sequence[str] | None = None
    # Parts that could not be read in time.
    unread: Sequence[str] = ()
    redis: bool | None = True
    # Jobs that were claimed again and again while the doctor looked, and nothing came of it.
    claimed_in_vain: int = 0
    # Egresses whose holder heard nothing of a wake-up that Redis had taken.
    not_reached: Sequence[str] = ()
    # How far the database's clock is ahead of this process's; and how many times in tables are further ahead than any
    # may be, by what has them.
    clock_ahead: timedelta = timedelta()
    far_ahead: Mapping[str, int] = field(default_factory=dict)
    # How long the database took to answer the shortest of questions.
    round_trip: timedelta = timedelta()
    # Why the database takes no work, although it can be read: a code of the catalogue.
    outage: str | None = None
    certificates_needed: bool = False
    # Roles of services and workers that no policy of the database hinders.
    unhindered: Sequence[str] = ()
    fault_horizon: timedelta = timedelta(hours=6)

    @property
    def alive(self) -> list[Worker]:
        """Gives the workers that have been heard of lately."""
        return [worker for worker in self.workers if worker.alive]
