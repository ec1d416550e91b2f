"""From a roster to four finished stages, with everything that happens on the way."""

import signal
import time
from collections import Counter
from itertools import pairwise

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from app.demo.roster import RosterPlan, generate, roster_only
from app.local.server import free_port
from tests.journeys.conftest import STAGES, Json, Service
from tests.journeys.promises import assert_in_stage_order, assert_kept, moment


def test_a_clean_roster_ends_with_every_record_succeeded(service: Service, clean: Json) -> None:
    service.worker()
    run = service.finished(service.provision(service.store(clean))["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    for job in run["jobs"]:
        assert job["progress"]["succeeded"] == job["progress"]["total"] == len(clean[job["stage"]])
    assert_kept(service, run)
    assert_in_stage_order(service.sends())


def test_what_is_shown_as_sent_is_the_object_itself(service: Service, clean: Json) -> None:
    service.worker()
    run = service.finished(service.provision(service.store(clean))["id"])

    for job in run["jobs"]:
        item = clean[job["stage"]][-1]
        record = service.get(f"/jobs/{job['id']}/records/{item['id']}")
        protected = item.get("securityMarking", "Ingen") != "Ingen"
        assert protected or list(record["sent"].items()) == list(item.items())
        assert record["received"]["response"]["status"] == "Success"
        assert record["attempts"] == 1


def test_under_continue_only_the_spoilt_and_what_hangs_on_them_fail(service: Service, spoilt: Json) -> None:
    service.worker()
    run = service.finished(service.provision(service.store(spoilt), "continue")["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    failed: set[str] = set()
    for job in run["jobs"]:
        found = service.by_status(job)
        planted = [each for each in spoilt["planted"] if each["kind"] == job["stage"]]
        pairs = [{each["id"], each["other"]} for each in planted if each.get("other")]
        bad = {each["id"] for each in planted if each["outcome"] in {"error", "schema"}}
        paired = set().union(*pairs)
        assert found.get("error", set()) - paired == bad - paired
        assert all(len(found["error"] & pair) == 1 for pair in pairs)
        if job["stage"] == "duties":
            hanging = {each["id"] for each in spoilt["duties"] if each["person"]["id"] in failed}
            assert found.get("skipped", set()) == hanging
        failed |= found.get("error", set()) | found.get("skipped", set())
    assert_kept(service, run)


def test_under_halt_a_job_sends_what_it_can_and_the_chain_stops(service: Service, spoilt: Json) -> None:
    service.worker()
    run = service.finished(service.provision(service.store(spoilt), "halt")["id"])

    assert run["status"] == "failed"
    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    persons = run["jobs"][0]["progress"]
    assert persons["errors"] > 0
    assert persons["succeeded"] + persons["warnings"] + persons["errors"] == persons["total"]
    assert run["jobs"][0]["error"]["type"].endswith("records_failed")
    assert {call["resource"] for call in service.sends()} == {"persons"}
    assert_kept(service, run)


def test_a_halted_run_goes_on_after_a_retry_with_continue(service: Service, spoilt: Json) -> None:
    service.worker()
    run = service.finished(service.provision(service.store(spoilt), "halt")["id"])
    before = service.by_status(run["jobs"][0])
    sent_first = len(service.sends())

    answer = service.api.post(f"/runs/{run['id']}/retry", json={"on_record_error": "continue"})
    assert answer.status_code == 202
    again = service.finished(run["id"])

    assert [job["status"] for job in again["jobs"]] == ["succeeded"] * 4
    resent = {
        each for call in service.sends()[sent_first:] if call["resource"] == "persons" for each in call["object_ids"]
    }
    assert resent <= before["error"], "what had succeeded was not sent again"
    assert_kept(service, again)


def test_runs_of_one_activity_go_one_after_the_other(service: Service, clean: Json) -> None:
    activity_id = service.store(clean)
    runs = [service.provision(activity_id) for _ in range(3)]
    service.worker()
    service.worker()
    ended = [service.finished(run["id"]) for run in runs]

    assert [run["sequence"] for run in ended] == [1, 2, 3]
    for first, second in pairwise(ended):
        assert moment(first["finished_at"]) <= moment(second["started_at"])
    assert_in_stage_order_per_run(service, ended)
    assert_kept(service, *ended)


def assert_in_stage_order_per_run(service: Service, runs: list[Json]) -> None:
    """The simulator saw the four stages of the first run, then those of the second, and so on."""
    seen = [call["resource"] for call in service.sends()]
    changes = [stage for at, stage in enumerate(seen) if at == 0 or seen[at - 1] != stage]
    assert changes == list(STAGES) * len(runs)


def test_different_activities_go_side_by_side(service: Service, clean: Json) -> None:
    runs = [service.provision(service.store(clean)) for _ in range(2)]
    service.worker()
    first, second = (service.finished(run["id"]) for run in runs)

    assert moment(second["started_at"]) < moment(first["finished_at"])
    assert moment(first["started_at"]) < moment(second["finished_at"])
    assert {first["status"], second["status"]} == {"succeeded"}
    assert_kept(service, first, second)


def test_another_worker_finishes_what_a_killed_one_began(service: Service, clean: Json) -> None:
    first = service.worker()
    run_id = service.provision(service.store(clean))["id"]
    service.until(lambda: [call for call in service.sends() if call["resource"] == "duties"], "stage 2 to be sent")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()

    service.worker()
    run = service.finished(run_id)
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    assert_kept(service, run)


def test_a_worker_killed_before_the_answer_shows_both_calls(service: Service, clean: Json) -> None:
    service.plant({"match": {"path": "duties/bulk$", "method": "POST"}, "times": 1, "action": "delay", "seconds": 3})
    first = service.worker()
    run_id = service.provision(service.store(clean))["id"]
    service.until(lambda: [call for call in service.sends() if call["resource"] == "duties"], "stage 2 to be sent")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()

    service.worker()
    run = service.finished(run_id)
    duties = run["jobs"][1]
    assert duties["status"] == "succeeded"
    assert sorted(batch["status"] for batch in service.batches(duties)) == ["answered", "lost"]
    assert len({call["sha256"] for call in service.sends() if call["resource"] == "duties"}) == 1
    assert {record["status"] for record in service.records(duties)} == {"succeeded"}
    assert_kept(service, run)


def test_nothing_is_lost_when_the_notifier_is_emptied(service: Service, clean: Json, redis_url: str) -> None:
    service.worker()
    run_id = service.provision(service.store(clean))["id"]
    service.until(lambda: [call for call in service.sends() if call["resource"] == "duties"], "stage 2 to be sent")
    with redis.Redis.from_url(redis_url) as notifier:
        notifier.flushdb()

    run = service.finished(run_id)
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    assert_kept(service, run)


def test_everything_works_without_a_notifier(service: Service, clean: Json) -> None:
    service.worker(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    run = service.finished(service.provision(service.store(clean))["id"])
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    assert_kept(service, run)


def test_a_worker_serves_what_it_has_met(service: Service, clean: Json) -> None:
    """Its calls as the simulator counted them, its claims, and the wake-up for the second run, which it holds for."""
    worker = service.worker()
    worker.wait_until_ready()
    activity_id = service.store(clean)
    for _ in range(2):
        service.finished(service.provision(activity_id)["id"])

    def met() -> dict[tuple[str, ...], float]:
        text = service.outside.get(f"http://127.0.0.1:{worker.metrics_port}/metrics").raise_for_status().text
        families = text_string_to_metric_families(text)
        return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}

    service.until(lambda: met()["provkedja_worker_wake_ups_total",] >= 1, "the wake-up to be heard")
    seen = met()
    assert seen["provkedja_worker_calls_total", "send", "answered"] == len(service.sends())
    assert seen["provkedja_permit_wait_seconds_count", "calls"] >= len(service.sends())
    assert seen["provkedja_worker_claims_total",] >= 8
    assert (seen["provkedja_worker_claims_lost_total",], seen["provkedja_worker_steps_in_progress",]) == (0, 0)


def test_a_cancelled_run_sends_nothing_more_and_keeps_the_answers(service: Service, clean: Json) -> None:
    service.plant({"match": {"path": "persons/bulk$"}, "times": 1, "action": "delay", "seconds": 1})
    service.worker()
    run_id = service.provision(service.store(clean))["id"]
    service.until(service.sends, "the first batch to arrive")
    assert service.api.post(f"/runs/{run_id}/cancel").status_code == 202

    run = service.finished(run_id)
    assert run["status"] == "cancelled"
    assert run["cancel_requested_at"] is not None
    assert [job["status"] for job in run["jobs"]][1:] == ["cancelled"] * 3
    assert {call["resource"] for call in service.sends()} == {"persons"}
    assert all(batch["status"] == "answered" for batch in service.batches(run["jobs"][0]))
    assert service.api.post(f"/runs/{run_id}/cancel").status_code == 409
    assert_kept(service, run)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_cancelled_run_looks_up_what_was_called_without_an_answer(
    service: Service, clean: Json, arrives: bool
) -> None:
    """What Skolverket has as it was sent ends as a warning; the rest stays pending, and the run ends all the same."""
    service.plant({"match": {"path": "persons/bulk$"}, "times": 1, "action": "hang", "taken": arrives})
    service.worker(SKOLVERKET_TIMEOUT="3")
    run_id = service.provision(service.store(clean))["id"]
    service.until(service.sends, "the first batch to arrive")
    assert service.api.post(f"/runs/{run_id}/cancel").status_code == 202

    run = service.finished(run_id)
    persons = run["jobs"][0]
    assert (run["status"], len(service.sends())) == ("cancelled", 1), "nothing is sent again"
    assert {batch["status"] for batch in service.batches(persons)} == {"lost"}
    by_status = service.by_status(persons)
    protected = {each["id"] for each in clean["persons"] if each.get("securityMarking", "Ingen") != "Ingen"}
    if arrives:
        assert by_status["warning"] == {each["id"] for each in clean["persons"]} - protected
        assert by_status.get("pending", set()) == protected
        [one, *_] = service.records(persons, status="warning")
        assert [message["code"] for message in one["messages"]] == ["found_without_answer"]
    else:
        assert by_status.keys() == {"pending"}
    assert_kept(service, run)


def test_a_cancelled_run_ends_while_skolverket_is_away(service: Service, clean: Json) -> None:
    """Its look-up is tried once."""
    service.plant(
        {"match": {"path": "persons/bulk$"}, "times": 1, "action": "hang", "taken": True},
        {"match": {"path": "/lookup$"}, "times": None, "action": "status", "status": 503},
    )
    service.worker(SKOLVERKET_TIMEOUT="3")
    run_id = service.provision(service.store(clean))["id"]
    service.until(service.sends, "the first batch to arrive")
    service.api.post(f"/runs/{run_id}/cancel").raise_for_status()
    run = service.finished(run_id)
    assert (run["status"], run["jobs"][0]["status"]) == ("cancelled", "cancelled")
    assert [call for call in service.ledger() if call["path"].endswith("/lookup")], "it has been tried"
    assert_kept(service, run)


def test_nothing_leaves_after_a_cancel_is_accepted(service: Service) -> None:
    """But for the few that had been marked as leaving: what is written and waits further behind stays here."""
    large = generate(RosterPlan(persons=3500, schools=3, seed=7))
    activity_id = service.store(large)
    service.worker(SKOLVERKET_CALLS_PER_SECOND="0.7")
    run_id = service.provision(activity_id)["id"]
    service.until(service.sends, "the first batch to arrive")
    service.api.post(f"/runs/{run_id}/cancel").raise_for_status()
    accepted = time.time()

    run = service.finished(run_id)
    assert run["status"] == "cancelled"
    persons = run["jobs"][0]
    # A call that was noted before the cancel may arrive a moment after it.
    batches = service.batches(persons)
    assert max(moment(batch["called_at"]).timestamp() for batch in batches) <= accepted
    assert len(service.sends()) == len(batches)
    assert persons["progress"]["pending"] > 0
    for record in service.records(persons, status="pending")[::200]:
        detail = service.get(f"/jobs/{persons['id']}/records/{record['id']}")
        assert (detail["sent"], detail["attempts"]) == (None, 0), "what has not left is as if it had never been taken"
    assert_kept(service, run)


def test_a_job_ends_when_its_token_is_lost_for_good(service: Service) -> None:
    """Contact was made, then no token can be had: what has not left ends in error after the horizon, written or not."""
    large = generate(RosterPlan(persons=1500, schools=3, seed=7))
    activity_id = service.store(large)
    service.worker(FAULT_HORIZON="3s", SKOLVERKET_CALLS_PER_SECOND="2")
    run_id = service.provision(activity_id, "halt")["id"]
    service.until(lambda: any(call["job_id"] for call in service.sends()), "the first batch to be taken")
    service.plant(
        {"match": {"path": "persons/bulk$"}, "times": None, "action": "status", "status": 403},
        {"match": {"path": "/transaction$"}, "times": None, "action": "status", "status": 500},
    )

    run = service.finished(run_id)
    persons = run["jobs"][0]
    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    found = service.by_status(persons)
    assert set(found) <= {"succeeded", "error"}, "no record is left without its end"
    assert_kept(service, run)


FAULTS: list[tuple[str, Json]] = [
    ("persons", {"action": "status", "status": 503}),
    ("persons", {"action": "cut_after"}),
    ("duties", {"action": "status", "status": 429, "retry_after": 1}),
    ("duties", {"action": "status", "status": 500}),
    ("groups", {"action": "cut_before"}),
    ("groups", {"action": "wrong_json"}),
    ("activities", {"action": "temporary_error"}),
]


def test_passing_faults_are_met_with_another_try(service: Service, clean: Json) -> None:
    service.plant(
        *({"match": {"path": f"{stage}/bulk$", "method": "POST"}, "times": 1, **fault} for stage, fault in FAULTS)
    )
    service.worker()
    run = service.finished(service.provision(service.store(clean))["id"])

    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    for job in run["jobs"]:
        assert {record["status"] for record in service.records(job)} == {"succeeded"}
    assert [job["attempt"] for job in run["jobs"]] == [2, 2, 2, 0], "faults of calls count, waiting does not"
    assert_kept(service, run)


def test_without_any_contact_the_job_fails_with_the_reason(service: Service, clean: Json) -> None:
    service.worker(FAULT_HORIZON="3s", SKOLVERKET_PROVISIONING_URL=f"http://127.0.0.1:{free_port()}/provisioning/v1")
    run = service.finished(service.provision(service.store(clean), "continue")["id"])

    assert run["status"] == "failed"
    assert [job["status"] for job in run["jobs"]] == ["failed", "blocked", "blocked", "blocked"]
    assert run["jobs"][0]["error"]["type"].endswith("no_contact")
    assert run["jobs"][0]["attempt"] > 0
    assert run["jobs"][0]["progress"]["pending"] == len(clean["persons"])


def test_after_the_horizon_a_record_ends_in_error_and_says_why(service: Service, clean: Json) -> None:
    service.plant({"match": {"path": "groups/bulk$", "method": "POST"}, "times": None, "action": "temporary_error"})
    service.worker(FAULT_HORIZON="3s")
    run = service.finished(service.provision(service.store(clean), "continue")["id"])

    groups, activities = run["jobs"][2], run["jobs"][3]
    assert groups["status"] == "succeeded"
    assert {record["status"] for record in service.records(groups)} == {"error"}
    assert "gave_up" in {message["code"] for message in service.records(groups)[0]["messages"]}
    assert {record["status"] for record in service.records(activities)} == {"skipped"}


def test_a_worker_that_is_told_to_end_finishes_its_step(service: Service, clean: Json) -> None:
    service.plant({"match": {"path": "persons/bulk$"}, "times": 1, "action": "delay", "seconds": 1})
    worker = service.worker()
    run_id = service.provision(service.store(clean))["id"]
    service.until(service.sends, "the first batch to arrive")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0

    service.worker()
    run = service.finished(run_id)
    assert run["status"] == "succeeded"
    assert [job["attempt"] for job in run["jobs"]] == [0] * 4, "the end of a worker costs no attempt"
    seen = Counter(each for call in service.sends() for each in call["object_ids"])
    assert set(seen.values()) == {1}, "nothing was sent twice"


def test_a_worker_that_is_told_to_end_begins_no_further_call(service: Service) -> None:
    """A deploy does not wait for a large job: the step lets go of it, with what has not left still pending."""
    activity_id = service.store(generate(RosterPlan(persons=1500, schools=3, seed=7)))
    # The second call stands in line for ten seconds, long after it was told to end.
    worker = service.worker(SKOLVERKET_CALLS_PER_SECOND="0.1")
    run_id = service.provision(activity_id)["id"]
    service.until(service.sends, "the first batch to arrive")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0
    assert len(service.sends()) == 1

    # What a worker has changed is seen within a second.
    persons = service.until(
        lambda: next((job for job in service.run(run_id)["jobs"] if job["status"] == "running"), None), "its job", 1
    )
    assert persons["position"] == 1
    assert persons["attempt"] == 0
    assert "lost" not in {batch["status"] for batch in service.batches(persons)}
    service.worker()
    service.until(lambda: service.run(run_id)["jobs"][0]["progress"]["succeeded"], "another worker to go on", 5)


def test_a_roster_without_records_succeeds_without_a_call(service: Service, clean: Json) -> None:
    service.worker()
    empty = {**clean, **{stage: [] for stage in roster_only(clean)}}
    run = service.finished(service.provision(service.store(empty))["id"])
    assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
    assert service.sends() == []
