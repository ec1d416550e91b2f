"""The promises of the design, checked from two witnesses: what the API says and what the simulator saw."""

import json
import re
from datetime import datetime
from typing import Any

from app.local.launcher import Child
from tests.journeys.conftest import STAGES, Json, Service


def assert_kept(service: Service, *runs: Json) -> None:
    """Checks a finished run's promises: never early, never lost, as sent, within limits, no more
    than needed."""
    sends = service.sends()
    assert not [call["not_kept"] for call in sends if call["not_kept"]], "no more leaves than is needed"
    by_hash: dict[str, list[Json]] = {}
    for call in sends:
        by_hash.setdefault(call["sha256"], []).append(call)
    for run in runs:
        before: Json | None = None
        for job in run["jobs"]:
            batches = service.batches(job)
            for batch in batches:
                assert batch["bytes"] <= 200_000
                calls = by_hash.get(batch["sha256"], [])
                assert calls or batch["status"] == "lost", "a batch that was answered was seen by Skolverket"
                for call in calls:
                    assert call["bytes"] == batch["bytes"]
            if batches and before is not None:
                assert before["status"] == "succeeded"
                first = min(moment(batch["called_at"]) for batch in batches if batch["called_at"])
                assert first >= moment(before["finished_at"]), "a call left before the job ahead had ended"
            if job["status"] == "succeeded":
                assert not job["progress"]["pending"]
            assert not job["progress"]["sent"], "no record is left without its answer"
            before = job


def assert_in_stage_order(calls: list[Json]) -> None:
    """Checks that the sends of one run arrived stage by stage."""
    positions = [STAGES.index(call["resource"]) for call in calls]
    assert positions == sorted(positions)


def moment(text: Any) -> datetime:
    return datetime.fromisoformat(text)


def assert_told(worker: Child, job: Json, roster: Json, *hidden: str) -> None:
    """Checks that the fault for which a job waits is in its worker's log in the same words, and nothing personal is."""
    lines = faults_logged(worker, job)
    assert job["error"]["detail"] in {line["detail"] for line in lines if line["code"] == job["error"]["code"]}
    # What it says of its settings, when it starts, has the paths of certificates.
    told = worker.log.read_text(encoding="utf-8").splitlines()
    log = "\n".join(line for line in told if '"event": "process starts"' not in line)
    people = roster["persons"]
    names = {person[name] for person in people for name in ("givenName", "familyName")}
    assert not [name for name in names if re.search(rf"\b{re.escape(name)}\b", log)]
    values = {value for person in people for value in (person["civicNo"]["value"], *person["eduPersonPrincipalNames"])}
    assert not [value for value in (*values, *hidden, "@", "BEGIN", "eyJ") if value in log]


def faults_logged(worker: Child, job: Json) -> list[Json]:
    """Reads what a worker's log says of calls for a job that came to nothing."""
    written = worker.log.read_text(encoding="utf-8").rpartition("\n")[0]
    lines = map(json.loads, written.splitlines())
    return [line for line in lines if line["event"] == "call to Skolverket failed" and line["job_id"] == job["id"]]
