"""What three witnesses and the callers say, each in its own words: the shapes, nothing of how they are asked.

All times are seconds of the epoch by the one clock of the machine. Ids of objects are UUIDs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

STAGES = ("persons", "duties", "groups", "activities")
FINISHED_RUN = frozenset({"succeeded", "failed", "cancelled"})
FINAL_RECORD = frozenset({"unchanged", "succeeded", "warning", "error", "skipped"})


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as the database has it."""

    id: UUID
    organisation: str
    activity: UUID
    sequence: int
    status: str
    finished: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job, as the database has it; `error` is its code."""

    id: UUID
    run: UUID
    position: int
    status: str
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A record, as the database has it."""

    object: UUID
    status: str
    attempts: int
    completed: float | None
    batch: UUID | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A call to Skolverket, as the database has it."""

    id: UUID
    job: UUID
    number: int
    status: str
    # None where somebody that it carried has been erased.
    sha256: str | None
    bytes: int
    records: tuple[UUID, ...]
    created: float
    called: float | None
    finished: float | None = None
    http_status: int | None = None
    remote_job: str | None = None
    error: str | None = None

    def is_that(self, sha256: str, objects: Sequence[str], size: int) -> bool:
        """Tells whether a call with this body carried it; by its objects and its size where its hash has gone.

        A call that was refused or cut off before its body was read names no objects: its size must do.
        """
        if self.sha256 is None:
            return size == self.bytes and (not objects or tuple(objects) == tuple(map(str, self.records)))
        return self.sha256 == sha256


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person that was to be erased: whether it has been, and whether contents are left that no roster has."""

    person: UUID
    done: bool
    left: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state in the history, in the order of `id`; without a job it is the run's."""

    id: int
    run: UUID
    job: UUID | None
    before: str | None
    after: str
    claim: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as the simulator saw it arrive; status is None when nothing was answered."""

    number: int
    at: float
    monotonic: float
    method: str
    path: str
    query: str = ""
    organisation: str | None = None
    status: int | None = None
    bytes: int = 0
    sha256: str | None = None
    objects: tuple[str, ...] = ()
    job: str | None = None
    planted: str | None = None
    not_kept: tuple[str, ...] = ()

    @property
    def sends(self) -> bool:
        """Tells whether it is a batch."""
        return self.method == "POST" and self.path.endswith("/bulk")

    @property
    def kind(self) -> str:
        """Gives the kind of object that it is about."""
        return self.path.removeprefix("/provisioning/v1/").partition("/")[0]

    @property
    def bucket(self) -> str | None:
        """Gives the limit that it counts against: sending and status calls, or reading back."""
        if self.kind not in STAGES:
            return None
        return "calls" if "/bulk" in self.path else "reads"


@dataclass(slots=True)
class Post:
    """A request for a run, as its caller knows it: outcome is accepted, refused, or unknown without an answer."""

    organisation: str
    activity: UUID
    key: str | None
    sent: float
    answered: float | None = None
    outcome: str = "unknown"
    run: UUID | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as the public API shows it: its own object, and each job's list of batches by the job's id."""

    run: Mapping[str, Any]
    batches: Mapping[UUID, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """One of a job's records and batches, read in full: what stands in each, to be held against the other."""

    job: UUID
    record: Mapping[str, Any]
    batch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: which, how, where."""

    promise: str
    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Two runs of one roster without faults: `alone`, and `beside` others with many runs; and the pace of calls."""

    alone: UUID
    beside: UUID
    calls_per_second: float


@dataclass
class Seen:
    """All testimony."""

    runs: Mapping[UUID, Run] = field(default_factory=dict)
    jobs: Mapping[UUID, Job] = field(default_factory=dict)
    records: Mapping[UUID, Sequence[Record]] = field(default_factory=dict)
    batches: Mapping[UUID, Batch] = field(default_factory=dict)
    events: Sequence[Event] = ()
    calls: Sequence[Call] = ()
    # What the simulator holds at the end, by organisation and kind; None when it was not asked.
    held: Mapping[tuple[str, str], set[str]] | None = None
    posts: Sequence[Post] = ()
    shown: Mapping[UUID, Shown] = field(default_factory=dict)
    # Lists of records by job, of those that were read through the API.
    listed: Mapping[UUID, Mapping[UUID, str]] = field(default_factory=dict)
    looked: Sequence[Looked] = ()
    # Cancels that were answered with 202: the run, and when.
    cancels: Sequence[tuple[UUID, float]] = ()
    # Activities that were paused, from the answer until they were to go on.
    pauses: Sequence[tuple[UUID, float, float]] = ()
    # When some worker stood still.
    stops: Sequence[tuple[float, float]] = ()
    quiet: Quiet | None = None
    erasures: Sequence[Erasure] = ()
    # How many lines the file of erasures has, and how many of them nobody can read.
    erasure_lines: tuple[int, int] = (0, 0)
    # Contents that should have gone by their age and are there.
    kept_in_vain: int = 0
    # How many rows the audit has, and what is wrong with their chain.
    audit_rows: int = 0
    audit_wrong: Sequence[str] = ()
    calls_per_second: int = 5
    reads_per_second: int = 10
    # Statuses of requests for what is another organisation's, and places with personal data in them.
    foreign: Sequence[tuple[str, int]] = ()
    leaks: Sequence[tuple[str, int]] = ()
    # Searches that found nothing where they must find something: what they say of other places is worth nothing.
    blind: Sequence[str] = ()

    @cached_property
    def jobs_of(self) -> Mapping[UUID, Sequence[Job]]:
        """Gives each run's jobs, in order."""
        found: dict[UUID, list[Job]] = defaultdict(list)
        for job in sorted(self.jobs.values(), key=lambda job: job.position):
            found[job.run].append(job)
        return found

    @cached_property
    def batches_of(self) -> Mapping[UUID, Sequence[Batch]]:
        """Gives each job's batches, in order."""
        found: dict[UUID, list[Batch]] = defaultdict(list)
        for batch in sorted(self.batches.values(), key=lambda batch: batch.number):
            found[batch.job].append(batch)
        return found

    def sendings(self, job: UUID) -> Mapping[UUID, Sequence[Batch]]:
        """Gives, for each object of a job, the batches that carried it."""
        found: dict[UUID, list[Batch]] = defaultdict(list)
        for batch in self.batches_of.get(job, ()):
            for record in batch.records:
                found[record].append(batch)
        return found
