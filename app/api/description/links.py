"""Where an answer leads: which operations take what it has. Programs that read the description follow them."""

from typing import Any, Final, NamedTuple


class _Link(NamedTuple):
    """A link's name, where it leads, and which parameter it fills from where in the body."""

    name: str
    operation: str
    parameter: str
    pointer: str


_OF_A_RUN: Final = (
    _Link("run", "get_run", "run_id", "/id"),
    _Link("events", "follow_run", "run_id", "/id"),
    _Link("cancel", "cancel_run", "run_id", "/id"),
    _Link("retry", "retry_run", "run_id", "/id"),
    _Link("first_job", "get_job", "job_id", "/jobs/0/id"),
    _Link("activity", "get_activity", "activity_id", "/activity_id"),
)
_OF_A_JOB: Final = (
    _Link("records", "list_records", "job_id", "/id"),
    _Link("search", "search_records", "job_id", "/id"),
    _Link("batches", "list_batches", "job_id", "/id"),
    _Link("events", "follow_job", "job_id", "/id"),
    _Link("run", "get_run", "run_id", "/run_id"),
)
_OF_AN_ACTIVITY: Final = (
    _Link("activity", "get_activity", "activity_id", "/id"),
    _Link("findings", "list_findings", "activity_id", "/id"),
    _Link("readiness", "get_readiness", "activity_id", "/id"),
    _Link("plan", "create_plan", "activity_id", "/id"),
    _Link("provision", "provision", "activity_id", "/id"),
    _Link("runs", "list_activity_runs", "activity_id", "/id"),
)
_OF_A_PLAN: Final = (
    _Link("plan", "get_plan", "plan_id", "/id"),
    _Link("items", "list_plan_items", "plan_id", "/id"),
)
_OF_A_LIST_OF_JOBS: Final = (
    _Link("first", "get_job", "job_id", "/data/0/id"),
    _Link("records_of_first", "list_records", "job_id", "/data/0/id"),
)
_OF_A_LIST_OF_RUNS: Final = (_Link("first", "get_run", "run_id", "/data/0/id"),)

# By operation and status.
_LINKS: Final = {
    ("put_activity", "200"): _OF_AN_ACTIVITY,
    ("put_activity", "201"): _OF_AN_ACTIVITY,
    ("get_activity", "200"): _OF_AN_ACTIVITY,
    ("provision", "202"): _OF_A_RUN,
    ("cancel_run", "202"): _OF_A_RUN,
    ("retry_run", "202"): _OF_A_RUN,
    ("get_run", "200"): _OF_A_RUN,
    ("list_runs", "200"): _OF_A_LIST_OF_RUNS,
    ("list_activity_runs", "200"): _OF_A_LIST_OF_RUNS,
    ("get_job", "200"): _OF_A_JOB,
    ("list_jobs", "200"): _OF_A_LIST_OF_JOBS,
    ("create_plan", "201"): _OF_A_PLAN,
}


def links_of(operation_id: str, status: str) -> dict[str, Any]:
    """Gives what OpenAPI calls the links of a response, by name."""
    return {
        link.name: {
            "operationId": link.operation,
            "parameters": {link.parameter: f"$response.body#{link.pointer}"},
        }
        for link in _LINKS.get((operation_id, status), ())
    }
