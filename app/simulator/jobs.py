"""Bulk jobs: taken at once, carried out when they are due, their results kept until they are ordered forgotten.

There is no timer: whoever looks calls `settle` first, which carries out what is due in the order in which it came due.
That gives the same results as if each had run at its moment, and lets tests move the clock.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Literal
from uuid import uuid4

from app.simulator import messages
from app.simulator.config import SimulatorConfig
from app.simulator.marks import SLOW_SECONDS, Mark, mark_of
from app.simulator.messages import Finding, Json
from app.simulator.objects import Objects
from app.simulator.persons import Scene
from app.simulator.reference import Reference
from app.simulator.shapes import Kind
from app.simulator.verdicts import refused, remove, store, unfinished

Action = Literal["create", "upsert", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a fault makes of a bulk job: all its items as if marked so, seconds more until it is due (inf: never)."""

    mark: Mark | None = None
    seconds: float = 0.0


UNTOUCHED = Ordered()


@dataclass(slots=True)
class Job:
    """One bulk call that was accepted; items are emptied once there are results. due is monotonic, None means never."""

    id: str
    organisation: str
    kind: Kind
    action: Action
    items: list[Json]
    object_ids: list[str]
    location: str  # of the kind's collection
    received: float
    due: float | None
    ordered: Ordered = UNTOUCHED
    results: list[Json] | None = None

    @property
    def has_mark(self) -> bool:
        """Tells whether an answer about the job may be wrong on purpose, by its data or by order."""
        return self.ordered.mark is not None or any(mark_of(object_id) is not None for object_id in self.object_ids)


@dataclass(slots=True)
class Jobs:
    """All jobs; those of one organisation complete in the order in which they came."""

    config: SimulatorConfig
    reference: Reference
    objects: Objects
    _jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _met: set[str] = field(default_factory=set)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.config.seed)  # noqa: S311 - a delay, no secret

    def submit(
        self,
        organisation: str,
        kind: Kind,
        action: Action,
        items: list[Json],
        object_ids: list[str],
        *,
        location: str,
        epoch: float,
        now: float,
        ordered: Ordered = UNTOUCHED,
    ) -> Job:
        """Takes a bulk call; its job is due after the configured delay, never before one of the same organisation."""
        queue = self._waiting.setdefault(organisation, deque())
        delay = self.config.job_delay + self._random.uniform(0, self.config.job_jitter) + ordered.seconds
        if any(mark_of(object_id) is Mark.SLOW for object_id in object_ids):
            delay += SLOW_SECONDS
        due = None
        if not math.isinf(delay):
            due = max([now + delay, *(job.due for job in queue if job.due is not None)])
        job = Job(str(uuid4()), organisation, kind, action, items, object_ids, location, epoch, due, ordered)
        self._jobs[job.id] = job
        if due is not None:
            queue.append(job)
        return job

    def is_completed(self, job_id: str) -> bool:
        """Tells whether a job has results; false of one that is not known."""
        job = self._jobs.get(job_id.lower())
        return job is not None and job.results is not None

    def forget(self) -> None:
        """Forgets all jobs taken so far; those under way are carried out, but nobody can ask for their results."""
        self._jobs.clear()

    def find(self, organisation: str, kind: Kind, job_id: str) -> Job | None:
        """Finds a job of an organisation and kind."""
        job = self._jobs.get(job_id.lower())
        return job if job is not None and (job.organisation, job.kind) == (organisation, kind) else None

    def settle(self, now: float, epoch: float) -> None:
        """Carries out every job that is due."""
        due = [job for queue in self._waiting.values() for job in queue if job.due is not None and job.due <= now]
        for job in sorted(due, key=lambda job: job.due or 0.0):
            self._waiting[job.organisation].popleft()
            job.results = list(self._carry_out(job, epoch))
            job.items = []

    def status(self, job: Job) -> list[Json]:
        """Gives the entries of a job's answer: Pending for all until it has been carried out."""
        if job.results is not None:
            return job.results
        return [unfinished(job.kind, object_id, "Pending", job.received) for object_id in job.object_ids]

    def _carry_out(self, job: Job, epoch: float) -> Iterator[Json]:
        today = datetime.fromtimestamp(epoch, UTC).date()
        scene = Scene(job.organisation, self.reference, self.objects, today)
        create, replace = job.action in ("create", "upsert"), job.action in ("upsert", "update")
        for index, object_id in enumerate(job.object_ids):
            if (marked := self._marked(job, object_id, epoch)) is not None:
                yield marked
            elif job.action == "delete":
                yield remove(job.kind, object_id, scene, epoch)
            else:
                item = job.items[index]
                yield store(job.kind, item, scene, epoch, job.location, may_create=create, may_replace=replace)

    def _marked(self, job: Job, object_id: str, epoch: float) -> Json | None:
        match job.ordered.mark or mark_of(object_id):
            case Mark.TEMPORARY_ONCE if object_id not in self._met:
                self._met.add(object_id)
                return unfinished(job.kind, object_id, "TemporaryError", epoch)
            case Mark.TEMPORARY_ALWAYS:
                return unfinished(job.kind, object_id, "TemporaryError", epoch)
            case Mark.UNLISTED_STATUS:
                return unfinished(job.kind, object_id, "Deferred", epoch)
            case Mark.UNLISTED_ERROR:
                return refused(job.kind, object_id, [Finding(messages.NEVER_SEEN, "id", object_id)], epoch)
            case _:
                return None
