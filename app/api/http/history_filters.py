"""What lists of runs and jobs are narrowed to, as a query says it: for routes and pages alike.

A parameter that is given several times means one of these. The order in which they are given makes no other list.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Query

from app.api.http.ids import Id
from app.api.http.moments import Moment
from app.api.schemas.parts import Kind, Outcome, RunStatus
from app.api.schemas.runs import JobStatus
from app.db.history import JobFilter, RunFilter

# Each value is a walk through the history.
_MOST = 50
_EXAMPLE = "2026-11-23T08:00:00Z"

Activities = Annotated[list[Id] | None, Query(max_length=_MOST, description="Of these activities, deleted ones too.")]
Outcomes = Annotated[list[Outcome] | None, Query(max_length=_MOST, description="With one of these outcomes.")]
CreatedAfter = Annotated[Moment | None, Query(examples=[_EXAMPLE], description="Asked for later than this.")]
CreatedBefore = Annotated[Moment | None, Query(examples=[_EXAMPLE], description="Asked for earlier than this.")]


async def run_filter(
    activity_id: Activities = None,
    status: Annotated[list[RunStatus] | None, Query(max_length=_MOST, description="In one of these states.")] = None,
    outcome: Outcomes = None,
    requested_by: Annotated[
        list[Id] | None, Query(max_length=_MOST, description="Asked for with one of these keys, by their ids.")
    ] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> RunFilter:
    """Gives what a list of runs is narrowed to."""
    return RunFilter(
        activity_ids=_sorted(activity_id),
        statuses=_sorted(status),
        outcomes=_sorted(outcome),
        requested_by=_sorted(requested_by),
        created_after=created_after,
        created_before=created_before,
    )


async def job_filter(
    activity_id: Activities = None,
    run_id: Annotated[list[Id] | None, Query(max_length=_MOST, description="Of these runs.")] = None,
    stage: Annotated[list[Kind] | None, Query(max_length=_MOST, description="Of these stages.")] = None,
    status: Annotated[list[JobStatus] | None, Query(max_length=_MOST, description="In one of these states.")] = None,
    outcome: Outcomes = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> JobFilter:
    """Gives what a list of jobs is narrowed to."""
    return JobFilter(
        activity_ids=_sorted(activity_id),
        run_ids=_sorted(run_id),
        kinds=_sorted(stage),
        statuses=_sorted(status),
        outcomes=_sorted(outcome),
        created_after=created_after,
        created_before=created_before,
    )


RunsWanted = Annotated[RunFilter, Depends(run_filter)]
JobsWanted = Annotated[JobFilter, Depends(job_filter)]


def _sorted(given: Iterable[Any] | None) -> tuple[Any, ...]:
    return tuple(sorted(set(given or ())))
