"""The whole service as its users meet it: processes of ours, spoken to over HTTP only."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.db.tenants import CertificateFiles
from app.demo.roster import RosterPlan, generate, reference_only, roster_only
from app.local.environment import new_keys, towards_simulator
from app.local.launcher import Child
from app.local.organisation import create_organisation
from app.server.serving import serve_api
from app.settings import Settings
from tests.conftest import ROOT, Spawn, spawning
from tests.one_app import app_over
from tests.tls import Client, Tls, make_tls

Json = dict[str, Any]
SHARED = [ROOT.parent / "shared" / "rosters" / f"{name}.json" for name in ("small", "small-with-defects")]
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
    figures_port: int
    workers: list[Child] = field(default_factory=list)

    def worker(self, **env: str) -> Child:
        self.workers.append(self.spawn("worker", env={**self.env, **env}))
        return self.workers[-1]

    def figures(self) -> str:
        """Gives the API's figures as they are now."""
        return self.outside.get(f"http://127.0.0.1:{self.figures_port}/metrics").raise_for_status().text

    def store(self, generated: Json, activity_id: str | None = None) -> str:
        """Makes the simulator know the schools, and stores the roster as an activity, a new one without an id."""
        self.outside.put(f"{self.simulator}/_simulator/reference", json=reference_only(generated)).raise_for_status()
        activity_id = activity_id or str(uuid4())
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

    def waiting(self, run_ids: str | list[str], code: str, within: float = 30) -> Json:
        """Waits until a job of the run, or of one of some runs, shows a fault, and gives the job."""

        def shown() -> Json | None:
            runs = [run_ids] if isinstance(run_ids, str) else run_ids
            jobs = (job for run_id in runs for job in self.run(run_id)["jobs"] if job["status"] not in FINISHED)
            return next((job for job in jobs if job["error"] is not None and job["error"]["code"] == code), None)

        found: Json = self.until(shown, f"a job that waits for {code}", within)
        return found

    def finished(self, run_id: str, within: float = 60) -> Json:
        """Waits until a run has ended."""
        # An end stays: to look seldom misses nothing, and leaves the processor to those who work towards it.

        def ended() -> Json | None:
            run = self.run(run_id)
            return run if run["status"] in FINISHED else None

        found: Json = self.until(ended, "the run to end", within, every=0.15)
        return found

    def until(self, happened: Callable[[], Any], what: str, within: float = 30, every: float = 0.05) -> Any:
        """Waits for what may pass again, so that it is looked for often."""
        deadline = time.monotonic() + within
        while not (seen := happened()):
            assert time.monotonic() < deadline, f"waited {within:g} s for {what}"
            time.sleep(every)
        return seen

    def records(self, job: Json, **params: Any) -> list[Json]:
        """Reads all of a job's records, page by page."""
        return list(self.pages(f"/jobs/{job['id']}/records", **params))

    def batches(self, job: Json) -> list[Json]:
        return list(self.pages(f"/jobs/{job['id']}/batches"))

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

    def pages(self, path: str, **params: Any) -> Iterator[Json]:
        """Reads a list to its end."""
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


@dataclass(frozen=True)
class Secure:
    """A simulator that serves https and knows organisations by their certificates."""

    address: str
    tls: Tls

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SKOLVERKET_CA_FILE": str(self.tls.ca_file),
            "SKOLVERKET_AUTHORISATION_PINS": self.tls.pin,
            "SKOLVERKET_ANSWER_AFTER": "0.1",
        }


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """One that is quick to answer batches; it knows the organisers of the rosters that are used here."""
    folder = tmp_path_factory.mktemp("secure")
    shared = [json.loads(path.read_bytes())["huvudman"]["organisationNumber"] for path in SHARED if path.exists()]
    tls = make_tls(folder / "tls", PLAN.organisation_number, *shared)
    options = ("--job-delay", "0.05", "--calls-per-second", "50", "--reads-per-second", "50")
    with spawning(folder) as spawn:
        child = spawn("simulator", "--port", "0", "--tls", str(tls.folder), *options)
        yield Secure(f"https://127.0.0.1:{child.port}", tls)


@pytest.fixture
def service(database_url: str, redis_url: str, simulator: str, spawn: Spawn, tmp_path: Path) -> Iterator[Service]:
    """The service without a worker: each journey starts those that it needs."""
    with served(database_url, redis_url, simulator, spawn, tmp_path) as made:
        add_organisation(made, generate(PLAN)["huvudman"])
        yield made


@pytest.fixture
def secure_service(
    database_url: str, redis_url: str, secure: Secure, spawn: Spawn, tmp_path: Path
) -> Iterator[Service]:
    """The same towards a simulator with mutual TLS, and still without an organisation; no step of a worker breaks."""
    with served(database_url, redis_url, secure.address, spawn, tmp_path, **secure.settings) as made:
        yield made
        assert not [worker for worker in made.workers if "step failed" in worker.log.read_text(encoding="utf-8")]


@contextmanager
def served(
    database_url: str, redis_url: str, simulator: str, spawn: Spawn, folder: Path, **given: str
) -> Iterator[Service]:
    """Lends an API and an emptied simulator, with settings for workers at 50 calls a second."""
    env = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        **new_keys(),
        **towards_simulator(simulator),
        "SKOLVERKET_CALLS_PER_SECOND": "50",
        "SKOLVERKET_READS_PER_SECOND": "50",
        "SKOLVERKET_ANSWER_AFTER": "0.25",
        "METRICS_PORT": "0",
        "SIGN_IN_OVER_HTTP": "on",
        **given,
    }
    settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
    headers = {"Content-Type": "application/json"}
    with (
        serving(settings, folder / "api.ready") as (port, figures_port),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=30, verify=False
        ) as api,
        httpx.Client(trust_env=False, timeout=30, verify=False) as outside,
    ):
        outside.post(f"{simulator}/_simulator/reset", params={"reference": "true"}).raise_for_status()
        yield Service(spawn, env, simulator, api, outside, figures_port)


@contextmanager
def serving(settings: Settings, ready: Path) -> Iterator[tuple[int, int]]:
    """Serves the API and its figures from a thread, on real sockets; a process of its own would only cost time."""
    stop = threading.Event()
    patch = pytest.MonkeyPatch()
    patch.setattr("app.server.serving.create_app", app_over)
    thread = threading.Thread(target=lambda: asyncio.run(serve_api(settings, "127.0.0.1", 0, ready, stop)))
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert thread.is_alive(), "the API did not start"
            assert time.monotonic() < deadline, "waited 20 s for the API"
            time.sleep(0.005)
        ports = json.loads(ready.read_text())
        yield ports["port"], ports["metrics_port"]
    finally:
        stop.set()
        thread.join()
        patch.undo()


def add_organisation(
    service: Service,
    organiser: Json,
    client: Client | None = None,
    scopes: tuple[str, ...] = ("provision", "history", "pii", "protected"),
) -> str:
    """Makes another organisation, with its certificate if it has one, and goes on as it; gives its key."""
    key = asyncio.run(
        create_organisation(
            service.env["DATABASE_URL"],
            service.env["ENCRYPTION_KEYS"],
            organiser["organisationNumber"],
            organiser["displayName"],
            scopes,
            certificate=None if client is None else CertificateFiles(client.certificate_file, client.key_file),
            entity_id=None if client is None else client.entity_id,
        )
    )
    service.api.headers["Authorization"] = f"Bearer {key}"
    return key


PLAN = RosterPlan(persons=120, schools=3, seed=7)


@pytest.fixture(scope="session")
def clean() -> Json:
    """A roster of 120 persons without a fault."""
    return generate(PLAN)


@pytest.fixture(scope="session")
def spoilt() -> Json:
    """The same with ten defects."""
    return generate(RosterPlan(persons=120, schools=3, seed=7, defects=10))
