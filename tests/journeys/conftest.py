"""The whole service as its users meet it: processes of ours, spoken to over HTTP only."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.api.serving import serve_api
from app.db import tenants
from app.db.cipher import new_key
from app.db.engine import connect
from app.demo.roster import RosterPlan, generate, reference_only, roster_only
from app.settings import Settings
from tests.conftest import Child, Spawn, spawning

Json = dict[str, Any]
STAGES = ("persons", "duties", "groups", "activities")
FINISHED = {"succeeded", "failed", "cancelled"}


@dataclass
class Service:
    """An API, a simulator and any number of workers, for one organisation."""

    spawn: Spawn
    env: Mapping[str, str]
    simulator: str
    api: httpx.Client
    outside: httpx.Client

    def worker(self, **env: str) -> Child:
        return self.spawn("worker", env={**self.env, **env})

    def store(self, generated: Json) -> str:
        """Makes the simulator know the schools, and stores the roster; gives the activity's id."""
        self.outside.put(f"{self.simulator}/_simulator/reference", json=reference_only(generated)).raise_for_status()
        activity_id = str(uuid4())
        body = json.dumps({"display_name": "Nationella prov", "roster": roster_only(generated)})
        self.api.put(f"/activities/{activity_id}", content=body).raise_for_status()
        return activity_id

    def provision(self, activity_id: str, on_record_error: str = "halt") -> Json:
        answer = self.api.post(f"/activities/{activity_id}/provision", json={"on_record_error": on_record_error})
        assert answer.status_code == 202, answer.text
        return self.get(answer.headers["Location"])

    def get(self, path: str, **params: Any) -> Json:
        found: Json = self.api.get(path, params=params).raise_for_status().json()
        return found

    def run(self, run_id: str) -> Json:
        return self.get(f"/runs/{run_id}")

    def finished(self, run_id: str, within: float = 60) -> Json:
        """Waits until a run has ended."""
        self.until(lambda: self.run(run_id)["status"] in FINISHED, "the run to end", within)
        return self.run(run_id)

    def until(self, happened: Callable[[], Any], what: str, within: float = 30) -> Any:
        deadline = time.monotonic() + within
        while not (seen := happened()):
            assert time.monotonic() < deadline, f"waited {within:g} s for {what}"
            time.sleep(0.02)
        return seen

    def records(self, job: Json, **params: Any) -> list[Json]:
        """Reads all of a job's records, page by page."""
        return list(self._pages(f"/jobs/{job['id']}/records", **params))

    def batches(self, job: Json) -> list[Json]:
        return list(self._pages(f"/jobs/{job['id']}/batches"))

    def by_status(self, job: Json) -> dict[str, set[str]]:
        """Gives the ids of a job's records by status."""
        found: dict[str, set[str]] = {}
        for record in self.records(job):
            found.setdefault(record["status"], set()).add(record["id"])
        return found

    def ledger(self) -> list[Json]:
        calls: list[Json] = self.outside.get(f"{self.simulator}/_simulator/ledger").raise_for_status().json()["calls"]
        return calls

    def sends(self) -> list[Json]:
        """Gives the calls that sent a batch, in the order of their arrival."""
        return [call for call in self.ledger() if call["method"] == "POST" and call["path"].endswith("/bulk")]

    def plant(self, *faults: Json) -> None:
        self.outside.put(f"{self.simulator}/_simulator/faults", json=list(faults)).raise_for_status()

    def _pages(self, path: str, **params: Any) -> Iterator[Json]:
        cursor = None
        while True:
            page = self.get(path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["data"]
            if (cursor := page["next_cursor"]) is None:
                return


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulator whose limits stand at 50 calls a second; each journey empties it."""
    with spawning(tmp_path_factory.mktemp("simulator")) as spawn:
        child = spawn(
            "simulator", "--port", "0", "--job-delay", "0.2", "--calls-per-second", "50", "--reads-per-second", "50"
        )
        yield f"http://127.0.0.1:{child.port}"


@pytest.fixture
def service(database_url: str, redis_url: str, simulator: str, spawn: Spawn, tmp_path: Path) -> Iterator[Service]:
    """The service without a worker: each journey starts those that it needs."""
    env = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENCRYPTION_KEYS": f"test:{new_key()}",
        "SEARCH_KEY": new_key(),
        "SKOLVERKET_PROVISIONING_URL": f"{simulator}/provisioning/v1",
        "SKOLVERKET_OPEN_DATA_URL": f"{simulator}/open-data/v1",
        "SKOLVERKET_AUTHORISATION_URL": f"{simulator}/transaction",
        "SKOLVERKET_CALLS_PER_SECOND": "50",
        "SKOLVERKET_READS_PER_SECOND": "50",
        "SKOLVERKET_ANSWER_AFTER": "0.25",
    }
    settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
    key = asyncio.run(make_key(settings.sqlalchemy_url, generate(PLAN)["huvudman"]))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with (
        serving(settings, tmp_path / "api.ready") as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=30, verify=False
        ) as api,
        httpx.Client(trust_env=False, timeout=30, verify=False) as outside,
    ):
        outside.post(f"{simulator}/_simulator/reset", params={"reference": "true"}).raise_for_status()
        yield Service(spawn, env, simulator, api, outside)


@contextmanager
def serving(settings: Settings, ready: Path) -> Iterator[int]:
    """Serves the API from a thread, on a real socket; a process of its own would only cost time."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve_api(settings, "127.0.0.1", 0, ready, stop)))
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert thread.is_alive(), "the API did not start"
            assert time.monotonic() < deadline, "waited 20 s for the API"
            time.sleep(0.005)
        yield json.loads(ready.read_text())["port"]
    finally:
        stop.set()
        thread.join()


def add_organisation(service: Service, organiser: Json) -> None:
    """Makes another organisation, and goes on as it."""
    settings = Settings.model_validate({"database_url": service.env["DATABASE_URL"]})
    key = asyncio.run(make_key(settings.sqlalchemy_url, organiser))
    service.api.headers["Authorization"] = f"Bearer {key}"


async def make_key(url: str, organiser: Json) -> str:
    """Makes an organisation and a key for it."""
    database = connect(url, pool=1)
    try:
        async with database.begin() as conn:
            await tenants.create_organisation(conn, organiser["organisationNumber"], organiser["displayName"])
            scopes = ("provision", "history", "pii")
            return (await tenants.create_key(conn, organiser["organisationNumber"], "journeys", scopes)).text
    finally:
        await database.dispose()


PLAN = RosterPlan(persons=300, schools=3, seed=7)


@pytest.fixture(scope="session")
def clean() -> Json:
    """A roster of 300 persons without a fault."""
    return generate(PLAN)


@pytest.fixture(scope="session")
def spoilt() -> Json:
    """The same with ten defects."""
    return generate(RosterPlan(persons=300, schools=3, seed=7, defects=10))
