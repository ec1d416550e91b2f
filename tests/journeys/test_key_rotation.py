"""Keys are changed in rounds beside all work; the API has neither the workers' keys nor their certificates."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import httpx
import psycopg
import pytest

from app.db.cipher import new_key
from app.demo.roster import RosterPlan, generate, roster_only
from tests.forks import KILL_AT, KILLED
from tests.journeys.conftest import Json, Service

# The API is given a folder and a file that are not there: it needs neither.
NO_CERTIFICATES = {"CERTIFICATE_FOLDER": "/nowhere", "SKOLVERKET_CA_FILE": "/nowhere/ca.pem", "TOKEN_KEYS": ""}
ROSTER = generate(RosterPlan(persons=40, schools=2, seed=11))


@contextmanager
def served_anew(service: Service, keys: str) -> Iterator[Service]:
    """Starts an API in a process of its own with these encryption keys, without what workers alone have."""
    child = service.spawn("serve", "--port", "0", env={**service.env, **NO_CERTIFICATES, "ENCRYPTION_KEYS": keys})
    address = f"http://127.0.0.1:{child.port}"
    with httpx.Client(base_url=address, headers=service.api.headers, trust_env=False, timeout=30) as api:
        yield replace(service, api=api)


def sealed_anew(service: Service, keys: str) -> Json:
    """Asks for it and follows it to its end, as an operator does."""
    env = {**service.env, "ENCRYPTION_KEYS": keys}
    service.spawn("reencrypt", "--wait", env=env, ready=False).wait_until_done()
    said: Json = json.loads(service.spawn("reencrypt", "--json", env=env, ready=False).wait_until_done())
    return said


def sealing_keys(service: Service, query: str) -> set[str]:
    with psycopg.connect(service.env["DATABASE_URL"]) as conn:
        return {bytes(sealed)[1 : 1 + bytes(sealed)[0] % 64].decode() for (sealed,) in conn.execute(query)}


def test_an_encryption_key_is_replaced_beside_all_work(service: Service) -> None:
    """Behind, in front, sealed anew, gone: runs go on, and the last API finds and shows all without the old key."""
    old, new = service.env["ENCRYPTION_KEYS"], f"new:{new_key()}"
    first = service.worker()
    activity = service.store(ROSTER)
    run = service.finished(service.provision(activity)["id"])
    assert run["status"] == "succeeded"
    service.worker(ENCRYPTION_KEYS=f"{new},{old}", TOKEN_KEYS=f"other:{new_key()},{service.env['TOKEN_KEYS']}")
    first.terminate()
    first.wait_or_kill()
    # An API still has the old key in front, and stores something meanwhile.
    with served_anew(service, f"{old},{new}") as both:
        meanwhile = both.provision(both.store(generate(RosterPlan(persons=40, schools=2, seed=12))))
        sealed_anew(service, f"{new},{old}")
        assert both.finished(meanwhile["id"])["status"] == "succeeded"
    said = sealed_anew(service, f"{new},{old}")
    assert (said["first"], said["left"], said["goes_on"]) == ("new", 0, False)
    assert {each["id"] for each in said["keys"] if each["setting"] == "encryption"} == {"new"}
    person, persons_job = roster_only(ROSTER)["persons"][0], run["jobs"][0]["id"]
    with served_anew(service, new) as anew:
        asked = anew.api.post(f"/jobs/{persons_job}/records/search", json={"q": person["familyName"]})
        assert person["id"] in {each["id"] for each in asked.raise_for_status().json()["data"]}
        shown = anew.get(f"/jobs/{persons_job}/records/{person['id']}")
        assert person["givenName"] in json.dumps(shown, ensure_ascii=False)
        # The same roster is the same: its contents are known by what they were known by before.
        before = anew.api.get(f"/activities/{activity}").headers["ETag"]
        anew.store(ROSTER, activity)
        assert anew.api.get(f"/activities/{activity}").headers["ETag"] == before


@pytest.mark.parametrize("point", ["before_commit:seal_anew", "after_commit:seal_anew"])
def test_a_worker_that_dies_while_it_seals_anew_loses_nothing(service: Service, point: str) -> None:
    """Another goes on with what is left, and everything opens with the new key alone."""
    old, new = service.env["ENCRYPTION_KEYS"], f"new:{new_key()}"
    service.store(ROSTER)
    keys = {**service.env, "ENCRYPTION_KEYS": f"{new},{old}"}
    service.spawn("reencrypt", env=keys, ready=False).wait_until_done()
    dying = service.spawn("worker", env={**keys, KILL_AT: point}, ready=False)
    assert dying.process.wait(40) == KILLED, f"{point} is never passed"
    with psycopg.connect(service.env["DATABASE_URL"]) as conn:
        # Else it would be its for two minutes more.
        conn.execute("UPDATE task SET leased_until = clock_timestamp() WHERE kind = 'seal_anew'")
    service.worker(ENCRYPTION_KEYS=f"{new},{old}")
    assert sealed_anew(service, f"{new},{old}")["left"] == 0
    with served_anew(service, new) as anew:
        run = anew.finished(anew.provision(anew.store(ROSTER))["id"])
    assert run["status"] == "succeeded"


def test_an_api_without_the_workers_keys_does_its_work_and_opens_no_token(service: Service) -> None:
    """It stores, provisions and shows; the token that a worker has kept is sealed with a key that it never had."""
    keys: Mapping[str, str] = {"TOKEN_KEYS": f"workers:{new_key()}"}
    service.worker(**keys)
    with served_anew(service, service.env["ENCRYPTION_KEYS"]) as api:
        run = api.finished(api.provision(api.store(ROSTER))["id"])
        assert run["status"] == "succeeded"
        assert api.get("/readyz")["status"] == "ok"
    assert sealing_keys(service, "SELECT token FROM access_token") == {"workers"}
