"""The promises of the design, checked from two witnesses: what the API says and what the simulator saw."""

from datetime import datetime
from typing import Any

from tests.journeys.conftest import STAGES, Json, Service


def assert_kept(service: Service, *runs: Json) -> None:
    """Checks a finished run's promises: never early, never lost, as sent, within limits."""
    sends = service.sends()
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
