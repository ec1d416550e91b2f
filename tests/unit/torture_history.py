"""A made-up history that keeps all promises, and the ways in which tests spoil it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.torture.witnesses import STAGES, Batch, Call, Event, Job, Looked, Post, Record, Run, Seen, Shown

ORGANISATION = "2120000000"
RUN, ACTIVITY = UUID(int=1), UUID(int=2)
JOBS = [UUID(int=10 + position) for position in range(1, 5)]
OBJECTS = [UUID(int=20 + position) for position in range(1, 5)]
BATCHES = [UUID(int=30 + position) for position in range(1, 5)]
BYTES = 100


def history() -> Seen:
    """One run of four stages with one record each: stage N is called at 10N + 1, answered at 10N + 5."""
    seen = Seen(runs={RUN: Run(RUN, ORGANISATION, ACTIVITY, 1, "succeeded", 46.0)})
    jobs, batches, records = dict[UUID, Job](), dict[UUID, Batch](), dict[UUID, list[Record]]()
    calls, events = list[Call](), [Event(1, RUN, None, None, "queued", None, 5), run_event(2, "queued", "running", 6)]
    counts = {
        "total": 1,
        "pending": 0,
        "sent": 0,
        "unchanged": 0,
        "succeeded": 1,
        "warnings": 0,
        "errors": 0,
        "skipped": 0,
    }
    shown: list[dict[str, Any]] = []
    listed: dict[UUID, list[dict[str, Any]]] = {}
    for index, (job, batch, one) in enumerate(zip(JOBS, BATCHES, OBJECTS, strict=True)):
        at = 10.0 * (index + 1)
        sha256, remote = f"{index:064}", f"remote-{index}"
        jobs[job] = Job(job, RUN, index + 1, "succeeded", at, at + 6, None, counts)
        batches[batch] = Batch(batch, job, 1, "answered", sha256, BYTES, (one,), at, at + 0.9, at + 5, 202, remote)
        records[job] = [Record(one, "succeeded", 1, at + 5, batch)]
        events.append(Event(3 + index, RUN, job, "queued", "running", 1, at))
        path = f"/provisioning/v1/{STAGES[index]}/bulk"
        calls.append(
            Call(
                index + 1,
                at + 1,
                at + 1,
                "POST",
                path,
                "updateIfExists=true",
                ORGANISATION,
                202,
                BYTES,
                sha256,
                (str(one),),
                remote,
            )
        )
        shown.append({"id": str(job), "status": "succeeded", "progress": dict(counts)})
        listed[job] = [
            {"id": str(batch), "status": "answered", "sha256": sha256, "bytes": BYTES, "records": 1}
            | {"remote_job_id": remote}
        ]
    events.append(run_event(9, "running", "succeeded", 46))
    seen.jobs, seen.batches, seen.records, seen.calls, seen.events = jobs, batches, records, calls, events
    seen.posts = [Post(ORGANISATION, ACTIVITY, "key", 4.0, 5.0, "accepted", RUN)]
    seen.held = {(ORGANISATION, kind): {str(one)} for kind, one in zip(STAGES, OBJECTS, strict=True)}
    seen.shown = {RUN: Shown({"id": str(RUN), "status": "succeeded", "sequence": 1, "jobs": shown}, listed)}
    seen.listed = {JOBS[0]: {OBJECTS[0]: "succeeded"}}
    item = {"id": str(OBJECTS[0]), "response": {"status": "Successful"}}
    seen.looked = [
        Looked(
            JOBS[0],
            {"id": str(OBJECTS[0]), "status": "succeeded", "sent": {"id": str(OBJECTS[0])}, "received": item},
            {
                "request": {"data": [{"id": str(OBJECTS[0])}]},
                "sha256": "aa",
                "request_sha256": "aa",
                "answer": {"responses": [item]},
            },
        )
    ]
    seen.foreign = [("GET /runs/1", 404)]
    return seen


def run_event(number: int, before: str, after: str, at: float, run: UUID = RUN) -> Event:
    return Event(number, run, None, before, after, None, at)


def call(seen: Seen, index: int, **changes: Any) -> None:
    calls = list(seen.calls)
    calls[index] = replace(calls[index], **changes)
    seen.calls = calls


def job(seen: Seen, index: int, **changes: Any) -> None:
    seen.jobs = {**seen.jobs, JOBS[index]: replace(seen.jobs[JOBS[index]], **changes)}


def record(seen: Seen, index: int, **changes: Any) -> None:
    seen.records = {**seen.records, JOBS[index]: [replace(seen.records[JOBS[index]][0], **changes)]}


def batch(seen: Seen, index: int, **changes: Any) -> None:
    seen.batches = {**seen.batches, BATCHES[index]: replace(seen.batches[BATCHES[index]], **changes)}


def again(seen: Seen, *, first: dict[str, Any], created: float = 12.0) -> None:
    """Lets the first batch have ended otherwise, and its record leave once more."""
    second = replace(
        seen.batches[BATCHES[0]], id=UUID(int=99), number=2, created=created, called=created, remote_job="remote-99"
    )
    batch(seen, 0, **first)
    seen.batches = {**seen.batches, second.id: second}
    number = len(seen.calls) + 1
    sent = replace(seen.calls[0], number=number, at=created + 1, monotonic=created + 1, job="remote-99")
    seen.calls = [*seen.calls, sent]
    record(seen, 0, attempts=2, batch=second.id)
    shown = seen.shown[RUN]
    said = {"status": seen.batches[BATCHES[0]].status, "remote_job_id": seen.batches[BATCHES[0]].remote_job}
    ours = [
        {**shown.batches[JOBS[0]][0], **said},
        {**shown.batches[JOBS[0]][0], "id": str(second.id), "remote_job_id": "remote-99"},
    ]
    seen.shown = {RUN: Shown(shown.run, {**shown.batches, JOBS[0]: ours})}


def second_run(seen: Seen, sequence: int, *events: Event, sent: float = 6.0, key: str = "other") -> None:
    """Adds another run of the same activity, without jobs of its own."""
    other = UUID(int=3)
    seen.runs = {**seen.runs, other: Run(other, ORGANISATION, ACTIVITY, sequence, "cancelled")}
    seen.jobs = {**seen.jobs, **{UUID(int=50 + n): Job(UUID(int=50 + n), other, n, "cancelled") for n in range(1, 5)}}
    seen.posts = [*seen.posts, Post(ORGANISATION, ACTIVITY, key, sent, sent + 1, "accepted", other)]
    seen.events = sorted([*seen.events, *events], key=lambda event: event.id)
    jobs = [{"id": str(UUID(int=50 + n)), "status": "cancelled", "progress": {}} for n in range(1, 5)]
    seen.shown = {
        **seen.shown,
        other: Shown({"id": str(other), "status": "cancelled", "sequence": sequence, "jobs": jobs}),
    }


def without_last_job(seen: Seen) -> None:
    """Takes the last stage out of all that is said."""
    seen.jobs = {key: one for key, one in seen.jobs.items() if key != JOBS[3]}
    seen.records = {key: one for key, one in seen.records.items() if key != JOBS[3]}
    seen.batches = {key: one for key, one in seen.batches.items() if key != BATCHES[3]}
    seen.calls, seen.shown = seen.calls[:3], {}


LOST = {"status": "lost", "remote_job": None, "finished": 11.9, "error": "worker_lost"}


def status_calls(count: int) -> list[Call]:
    return [Call(10 + n, 50, 50, "GET", "/provisioning/v1/persons/bulk/jobs/1") for n in range(count)]
