"""A call that was given up arrives after all, and puts what was older over what has been accepted since."""

import psycopg

from app.demo.roster import RosterPlan, generate
from app.simulator.routes import PREFIX
from tests.contract.simulator_at_work import Caller
from tests.journeys.conftest import Service
from tests.journeys.promises import assert_kept


def test_what_a_late_call_has_put_back_gives_way_to_what_was_accepted_last(service: Service) -> None:
    older = generate(RosterPlan(persons=20, schools=1, seed=7))
    person = older["persons"][0]
    newer = {**older, "persons": [{**person, "givenName": "Örjan"}, *older["persons"][1:]]}
    service.plant({"match": {"path": f"{PREFIX}/persons/bulk$"}, "times": 1, "action": "cut_before"})
    worker = service.worker()
    runs = [service.finished(service.provision(service.store(each))["id"]) for each in (older, newer)]
    [lost] = [batch for batch in service.batches(runs[0]["jobs"][0]) if batch["status"] == "lost"]

    there = Caller(service.outside)
    service.outside.base_url = service.simulator
    there.log_in(older["huvudman"]["organisationNumber"])

    def name() -> str:
        return str(there.call("GET", f"/persons/{person['id']}").json()["givenName"])

    service.until(lambda: _looked_up(service) == 1, "its objects to be looked up when its job had ended")
    assert name() == "Örjan"
    there.carry_out("persons", *older["persons"])
    assert name() == person["givenName"]
    with psycopg.connect(service.env["DATABASE_URL"]) as connection:
        # A quarter of an hour has passed.
        moved = connection.execute("UPDATE task SET due_at = clock_timestamp() WHERE kind = 'repair' RETURNING key")
        assert [str(key) for (key,) in moved] == [lost["id"]]
    service.until(lambda: name() == "Örjan", "the repair")
    service.until(lambda: _repairs(service) == 0, "its end")

    assert [call["object_ids"] for call in service.sends()[-1:]] == [[person["id"]]], "nothing but what differed"
    assert [service.run(run["id"]) for run in runs] == runs
    assert_kept(service, *runs)
    log = worker.log.read_text(encoding="utf-8")
    assert '"objects": 1' in log
    assert not [
        text for text in ("Örjan", person["id"], person["familyName"], person["civicNo"]["value"]) if text in log
    ]


def _looked_up(service: Service) -> int:
    return sum(call["path"].endswith("/persons/lookup") for call in service.ledger())


def _repairs(service: Service) -> int:
    with psycopg.connect(service.env["DATABASE_URL"]) as connection:
        return connection.execute("SELECT * FROM task WHERE kind = 'repair'").rowcount
