"""To what the lists of runs and jobs are narrowed when their plans are looked at: each filter, and some together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from app.db.history import JobFilter, RunFilter
from app.domain.outcome import OUTCOMES

_Filter = TypeVar("_Filter")


@dataclass(frozen=True)
class Places:
    """Ids of the largest organisation: ten activities, ten runs, a key that made nearly all, and one that made one."""

    activities: Sequence[UUID]
    runs: Sequence[UUID]
    key: UUID
    rare_key: UUID


@dataclass(frozen=True)
class Narrowed(Generic[_Filter]):
    """A list under a name; `made_by` is whoever may see their own runs alone."""

    name: str
    wanted: _Filter
    made_by: UUID | None = None


def runs_wanted(at: Places) -> Iterator[Narrowed[RunFilter]]:
    """Gives the lists of runs."""
    began = datetime.now(UTC) - timedelta(days=365)
    yield Narrowed("all", RunFilter())
    yield Narrowed("of an activity", RunFilter(activity_ids=at.activities[:1]))
    yield Narrowed("of an activity, mine", RunFilter(activity_ids=at.activities[:1]), at.rare_key)
    yield Narrowed("of ten activities", RunFilter(activity_ids=at.activities))
    yield Narrowed("of ten activities that failed", RunFilter(activity_ids=at.activities, statuses=["failed"]))
    yield Narrowed("of two keys", RunFilter(requested_by=[at.key, at.rare_key]))
    yield Narrowed("made by me", RunFilter(), at.key)
    yield Narrowed("made by a rare key", RunFilter(), at.rare_key)
    yield Narrowed("created in a week", RunFilter(created_after=began, created_before=began + timedelta(days=7)))
    yield Narrowed("under way", RunFilter(statuses=["queued", "running"]))
    for status in ("queued", "running", "succeeded", "failed", "cancelled"):
        yield Narrowed(f"that are {status}", RunFilter(statuses=[status]))
    for outcome in OUTCOMES:
        yield Narrowed(f"with the outcome {outcome}", RunFilter(outcomes=[outcome]))
    yield Narrowed("of which there are none", RunFilter(statuses=["failed"], outcomes=["clean"]))


def jobs_wanted(at: Places) -> Iterator[Narrowed[JobFilter]]:
    """Gives the lists of jobs."""
    began = datetime.now(UTC) - timedelta(days=365)
    yield Narrowed("all", JobFilter())
    yield Narrowed("of an activity", JobFilter(activity_ids=at.activities[:1]))
    yield Narrowed("of ten activities", JobFilter(activity_ids=at.activities))
    yield Narrowed("of a run", JobFilter(run_ids=at.runs[:1]))
    yield Narrowed("of ten runs", JobFilter(run_ids=at.runs))
    yield Narrowed("of a stage", JobFilter(kinds=["groups"]))
    yield Narrowed("created lately", JobFilter(created_after=datetime.now(UTC) - timedelta(days=9)))
    yield Narrowed("created in a week", JobFilter(created_after=began, created_before=began + timedelta(days=7)))
    for status in ("waiting", "queued", "running", "succeeded", "failed", "blocked", "cancelled"):
        yield Narrowed(f"that are {status}", JobFilter(statuses=[status]))
    yield Narrowed("under way", JobFilter(statuses=["waiting", "queued", "running"]))
    for outcome in OUTCOMES:
        yield Narrowed(f"with the outcome {outcome}", JobFilter(outcomes=[outcome]))
    yield Narrowed("an activity's that failed", JobFilter(activity_ids=at.activities[:1], statuses=["failed"]))
    yield Narrowed("a stage's that wait", JobFilter(kinds=["groups"], statuses=["waiting"]))
    yield Narrowed("of which there are none", JobFilter(kinds=["persons"], statuses=["failed"]))
    yield Narrowed("of an activity, mine", JobFilter(activity_ids=at.activities[:1]), at.rare_key)
    yield Narrowed("made by me", JobFilter(), at.key)
    yield Narrowed("made by a rare key", JobFilter(), at.rare_key)
