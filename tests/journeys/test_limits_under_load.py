"""Skolverket's own limits, with more to send than may go: the one journey at the real pace."""

import signal
from pathlib import Path

from app.demo.roster import RosterPlan, generate
from app.local.launcher import Child
from tests.conftest import Spawn
from tests.journeys.conftest import Json, add_organisation, served
from tests.journeys.promises import assert_kept

PLANS = [
    RosterPlan(persons=40, schools=1, seed=seed, organisation_number=number, domain=f"kommun{seed}.se")
    for seed, number in enumerate(("2120009812", "2120009788", "2120009689"), 1)
]


def spoilt(roster: Json) -> Json:
    """Takes the address from one of the staff: Skolverket refuses that one, who is then looked up."""
    staff = roster["duties"][0]["person"]["id"]
    persons = [{**person, "emails": []} if person["id"] == staff else person for person in roster["persons"]]
    return {**roster, "persons": persons}


def test_two_workers_and_three_organisations_stay_within_the_limits_in_every_second(
    database_url: str, redis_url: str, spawn: Spawn, tmp_path: Path
) -> None:
    """The server counts: at most 5 sending and status calls and 10 reads in any second, and says 429 to nobody.

    On the way the worker that calls is told to end, and the other one takes over.
    """
    simulator = spawn("simulator", "--port", "0", "--job-delay", "0.2")
    pace = {"SKOLVERKET_CALLS_PER_SECOND": "5", "SKOLVERKET_READS_PER_SECOND": "10"}
    with served(database_url, redis_url, f"http://127.0.0.1:{simulator.port}", spawn, tmp_path, **pace) as service:
        runs: list[tuple[str, str]] = []
        for plan in PLANS:
            roster = generate(plan)
            key = add_organisation(service, roster["huvudman"])
            for each in (spoilt(roster), roster) if plan is PLANS[0] else (spoilt(roster),):
                runs.append((key, service.provision(service.store(each), "continue")["id"]))
        workers = [service.worker()]
        service.until(service.sends, "the first call to arrive")
        workers.append(service.worker())
        service.until(lambda: len(service.sends()) >= 3, "some calls to arrive")
        workers[0].process.send_signal(signal.SIGTERM)
        for key, run_id in runs:
            service.api.headers["Authorization"] = f"Bearer {key}"
            run = service.finished(run_id)
            assert [job["status"] for job in run["jobs"]] == ["succeeded"] * 4
            assert_kept(service, run)
        ledger = service.ledger()

    assert_within_limits(ledger)
    assert all(has_called(worker) for worker in workers)


def assert_within_limits(ledger: list[Json]) -> None:
    calls = [call for call in ledger if call["path"].startswith("/provisioning/")]
    assert {call["status"] for call in calls} == {200, 202}
    sending = [call["monotonic"] for call in calls if "/bulk" in call["path"]]
    reading = [call["monotonic"] for call in calls if "/bulk" not in call["path"]]
    assert len({call["organisation"] for call in calls}) == len(PLANS)
    assert len(reading) >= len(PLANS), "each organisation looks its failed ones up"
    assert min_span(sending, 6) > 1
    assert min_span(reading, 11) > 1


def min_span(times: list[float], count: int) -> float:
    """Gives the shortest time within which so many calls came."""
    return min((last - first for first, last in zip(times, times[count - 1 :], strict=False)), default=float("inf"))


def has_called(worker: Child) -> bool:
    return '"egress taken"' in worker.log.read_text(encoding="utf-8")
