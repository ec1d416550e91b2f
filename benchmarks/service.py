"""The service beside a simulator of Skolverket, for benchmarks: rosters stored and accepted, runs awaited."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from app.demo.roster import json_chunks
from benchmarks.processes import Workshop

_FINAL = {"succeeded", "failed", "cancelled"}
Object = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """An accepted run: where it is, and the key that may read it."""

    location: str
    key: str


@dataclass(frozen=True)
class Service:
    """An API and a simulator at work; workers are started with `settings`."""

    shop: Workshop
    simulator: str
    api: httpx.Client
    settings: dict[str, str]

    def know(self, reference: Object) -> None:
        """Gives the simulator the open data that a roster refers to."""
        httpx.put(f"{self.simulator}/_simulator/reference", json=reference, timeout=60).raise_for_status()

    def ledger(self) -> list[Object]:
        """Gives the calls that the simulator has seen since it was reset."""
        calls: list[Object] = httpx.get(f"{self.simulator}/_simulator/ledger", timeout=60).json()["calls"]
        return calls

    def reset_simulator(self) -> None:
        """Empties the simulator of all but its open data."""
        httpx.post(f"{self.simulator}/_simulator/reset", timeout=60).raise_for_status()

    def accept(self, key: str, roster: Object) -> Run:
        """Stores a roster as a new activity and has it provisioned."""
        activity, headers = f"/activities/{uuid4()}", {"Authorization": f"Bearer {key}"}
        content = "".join(json_chunks({"display_name": "Benchmark", "roster": roster})).encode()
        self.api.put(
            activity, content=content, headers=headers | {"Content-Type": "application/json"}
        ).raise_for_status()
        answer = self.api.post(f"{activity}/provision", headers=headers, json={"on_record_error": "continue"})
        return Run(answer.raise_for_status().headers["Location"], key)

    def finished(self, run: Run) -> Object:
        """Waits until a run has ended, and gives it as it is then."""
        while True:
            headers = {"Authorization": f"Bearer {run.key}"}
            shown: Object = self.api.get(run.location, headers=headers).raise_for_status().json()
            if shown["status"] in _FINAL:
                return shown
            time.sleep(0.5)


@contextmanager
def service(shop: Workshop, *simulator: str, **settings: str) -> Iterator[Service]:
    """Lends a service whose simulator has the given options, and whose API and workers the given settings."""
    with shop.started("simulator", "--port", "0", *simulator) as (_, simulator_port):
        address = f"http://127.0.0.1:{simulator_port}"
        # Counted they are, as anybody's; what is measured here is not how few are taken.
        most = {"REQUESTS_PER_SECOND_PER_KEY": "1e6", "REQUESTS_PER_SECOND_PER_ORGANISATION": "1e6"}
        settings = most | {"MAX_STREAMS_PER_KEY": "10000"} | settings
        settings |= {
            "SKOLVERKET_PROVISIONING_URL": f"{address}/provisioning/v1",
            "SKOLVERKET_OPEN_DATA_URL": f"{address}/open-data/v1",
            "SKOLVERKET_AUTHORISATION_URL": f"{address}/transaction",
        }
        with (
            shop.started("serve", "--port", "0", **settings) as (_, port),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as api,
        ):
            yield Service(shop, address, api, settings)


@contextmanager
def workers(at: Service, number: int = 1) -> Iterator[None]:
    """Has so many workers at work meanwhile."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(at.shop.started("worker", **at.settings))
        yield
