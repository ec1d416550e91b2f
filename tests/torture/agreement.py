"""Where two witnesses do not say the same: one of them is wrong, and so is the service."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

from tests.torture.pairs import Pairs
from tests.torture.witnesses import Record, Seen, Violation

# A call that was let go may be on its way for so long, in seconds.
_ON_ITS_WAY = 2.0


def cancelled_in_vain(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Nothing of a run leaves after its cancel was answered, until a retry; but of a worker that stood still."""
    cancels: dict[UUID, list[float]] = defaultdict(list)
    for run, at in seen.cancels:
        cancels[run].append(at)
    retries: dict[UUID, list[float]] = defaultdict(list)
    for event in seen.events:
        if event.job is None and event.before in ("failed", "cancelled") and event.after == "running":
            retries[event.run].append(event.at)
    for batch, call in pairs:
        run = seen.jobs[batch.job].run
        for at in cancels.get(run, ()):
            again = any(at - _ON_ITS_WAY < retry < call.at for retry in retries[run])
            stood = any(begin < call.at and end > at for begin, end in seen.stops)
            if call.at > at + _ON_ITS_WAY and not again and not stood:
                yield Violation("cancelled", f"call {call.number} left after its run's cancel", f"run {run}")


def paused_in_vain(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Nothing leaves of an activity from the answer to its pause until it goes on; but of a worker that stood still."""
    pauses: dict[UUID, list[tuple[float, float]]] = defaultdict(list)
    for activity, since, until in seen.pauses:
        pauses[activity].append((since, until))
    for batch, call in pairs:
        run = seen.jobs[batch.job].run
        for since, until in pauses.get(seen.runs[run].activity, ()):
            stood = any(begin < call.at and end > since for begin, end in seen.stops)
            if since + _ON_ITS_WAY < call.at < until and not stood:
                yield Violation("paused", f"call {call.number} left in a pause of its activity", f"run {run}")


def kept_in_vain(seen: Seen) -> Iterator[Violation]:
    """Of runs whose contents have gone by their age nothing is left that nobody else has use for."""
    if seen.kept_in_vain:
        yield Violation("retention", f"{seen.kept_in_vain} contents are there that should have gone", "the database")


def erased_in_vain(seen: Seen) -> Iterator[Violation]:
    """Whoever was to be erased has been, nothing is left of them, and each has a line in the file that can be read."""
    for each in seen.erasures:
        if not each.done:
            yield Violation("erased", "an erasure was never done", f"person {each.person}")
        elif each.left:
            yield Violation("erased", "contents of somebody who was erased are left", f"person {each.person}")
    done = sum(each.done for each in seen.erasures)
    lines, unread = seen.erasure_lines
    if lines < done or unread:
        yield Violation(
            "erased", f"{done} erasures have {lines} lines, {unread} of them unread", "the file of erasures"
        )


def audited_in_vain(seen: Seen) -> Iterator[Violation]:
    """The chain of the audit holds, whatever was killed while it was made; and there is one."""
    for each in seen.audit_wrong:
        yield Violation("audited", each, "the chain of the audit")
    if seen.posts and not seen.audit_rows:
        yield Violation("audited", "callers have changed something, and no row says so", "the audit")


def searched_in_vain(seen: Seen) -> Iterator[Violation]:
    """Each search for persons finds those whom a place has to have: else it would find nobody anywhere."""
    for each in seen.blind:
        yield Violation("searched", each, "a search that can't fail")


def contradictions(seen: Seen, pairs: Pairs) -> Iterator[Violation]:
    """Where the API, the database and the simulator do not say the same."""
    if seen.shown and set(seen.shown) != set(seen.runs):
        yield Violation("contradiction", "API and database have different runs", f"{len(seen.shown)} {len(seen.runs)}")
    for run_id, shown in seen.shown.items():
        run = seen.runs.get(run_id)
        if run is None:
            continue
        if (shown.run["status"], shown.run["sequence"]) != (run.status, run.sequence):
            yield Violation("contradiction", "API and database differ about a run", f"run {run_id}")
        for shown_job in shown.run["jobs"]:
            job = seen.jobs[UUID(shown_job["id"])]
            if shown_job["status"] != job.status or shown_job["progress"] != dict(job.counts):
                yield Violation("contradiction", "API and database differ about a job", f"job {job.id}")
        for job_id, listed in shown.batches.items():
            ours = {batch.id: batch for batch in seen.batches_of.get(job_id, ())}
            if len(ours) != len(listed):
                yield Violation("contradiction", "API and database have different batches", f"job {job_id}")
            for each in listed:
                batch = ours.get(UUID(each["id"]))
                said = (each["status"], each["sha256"], each["bytes"], each["records"], each["remote_job_id"])
                if batch is None or said != (
                    (batch.status, batch.sha256, batch.bytes, len(batch.records), batch.remote_job)
                ):
                    yield Violation("contradiction", "API and database differ about a batch", f"batch {each['id']}")
    for job_id, records in seen.records.items():
        counted = _counted(records)
        if counted != dict(seen.jobs[job_id].counts):
            yield Violation("contradiction", "a job's counts are not those of its records", f"job {job_id}")
        if job_id in seen.listed and dict(seen.listed[job_id]) != {one.object: one.status for one in records}:
            yield Violation("contradiction", "API and database differ about records", f"job {job_id}")
    for batch in seen.batches.values():
        calls = pairs.of_batch.get(batch.id, ())
        if batch.status == "answered" and not any(call.job == batch.remote_job for call in calls):
            yield Violation("contradiction", "the simulator never took a batch that was answered", f"batch {batch.id}")


def _counted(records: Sequence[Record]) -> dict[str, int]:
    names = {"succeeded": "succeeded", "warning": "warnings", "error": "errors", "skipped": "skipped"}
    counts = dict.fromkeys(("total", "pending", "sent", "unchanged", *names.values()), 0)
    for record in records:
        counts["total"] += 1
        counts[names.get(record.status, record.status)] += 1
    return counts
