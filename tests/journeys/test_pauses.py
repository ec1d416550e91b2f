"""A pause in the middle of a stage, with real processes: what is out is answered, nothing new leaves, all goes on."""

import subprocess
import sys

from tests.conftest import ROOT
from tests.journeys.conftest import STAGES, Json, Service
from tests.journeys.promises import assert_in_stage_order, assert_kept


def _command(service: Service, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=service.env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout


def test_what_is_paused_gets_its_answers_and_sends_nothing_new_until_it_goes_on(service: Service, clean: Json) -> None:
    """New runs are taken meanwhile; the one that was held ends as if nothing had been, and the others after it."""
    service.plant({"match": {"path": "persons/bulk$"}, "times": 1, "action": "delay", "seconds": 2})
    service.worker()
    activity_id = service.store(clean)
    run_id = service.provision(activity_id)["id"]
    service.until(service.sends, "the first call to arrive")
    paused = service.api.post(f"/activities/{activity_id}/pause", json={"reason": "Lov"})
    assert paused.status_code == 200, paused.text

    held = service.until(
        lambda: run if (run := service.run(run_id))["status"] == "held" else None, "the run to be held"
    )
    assert (held["held"]["reason"], held["held"]["by"]) == ("Lov", "organisation")
    assert [job["status"] for job in held["jobs"]] == ["succeeded", "held", "waiting", "waiting"]
    assert held["jobs"][0]["progress"]["sent"] == held["jobs"][0]["progress"]["pending"] == 0
    behind = service.provision(activity_id)
    assert behind["status"] == "queued"
    # An operator pauses it as well, and then has the last word.
    number = str(clean["huvudman"]["organisationNumber"])
    assert "paused" in _command(service, "pause", "--organisation", number, "--reason", "Underhåll")
    service.api.post(f"/activities/{activity_id}/resume").raise_for_status()
    assert "paused_by_operator" in _doctor(service)
    assert service.run(run_id)["held"]["reason"] == "Underhåll"

    left = len(service.sends())
    assert {call["resource"] for call in service.sends()} == {"persons"}
    assert "goes on" in _command(service, "resume", "--organisation", number)
    # Whatever had left in the pause would have been in the ledger before the rest of the chain.
    for each in (run_id, behind["id"]):
        run = service.finished(each)
        assert [job["status"] for job in run["jobs"]] == ["succeeded"] * len(STAGES)
        assert_kept(service, run)
    sends = service.sends()
    assert {call["resource"] for call in sends[:left]} == {"persons"}
    first = sends[: len(sends) // 2]
    assert_in_stage_order(first)
    assert len({call["sha256"] for call in first}) == len(first), "something was sent twice"


def _doctor(service: Service) -> str:
    # Its exit code is that of what is stuck, which a pause is not.
    return _command(service, "doctor", "--json")
