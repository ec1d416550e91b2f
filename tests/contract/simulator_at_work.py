"""A simulator process: what tests ask of it under `/_simulator`, and calls of its services made by hand."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import httpx

from app.settings import Settings
from tests.unit.simulator.simulator_parts import ORGANISATION, transaction

_TIMEOUT = 10.0


@dataclass(frozen=True)
class Skolverket:
    """Where a simulator listens."""

    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def provisioning(self) -> str:
        return f"{self.base}/provisioning/v1"

    @property
    def transaction(self) -> str:
        return f"{self.base}/transaction"

    def settings(self, **changes: Any) -> Settings:
        """Gives settings that lead here."""
        return Settings(
            skolverket_provisioning_url=self.provisioning,
            skolverket_open_data_url=f"{self.base}/open-data/v1",
            skolverket_authorisation_url=self.transaction,
            **changes,
        )

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Orders faults in the place of all before."""
        self._ask("PUT", "/_simulator/faults", list(rules))

    def forget(self) -> None:
        """Empties it, faults and calls included."""
        self._ask("POST", "/_simulator/reset", None)

    def ledger(self) -> list[dict[str, Any]]:
        """Lists every call."""
        calls: list[dict[str, Any]] = self._ask("GET", "/_simulator/ledger", None)["calls"]
        return calls

    def _ask(self, method: str, path: str, content: object) -> Any:
        body = None if content is None else json.dumps(content).encode()
        with urlopen(Request(self.base + path, data=body, method=method), timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())


@dataclass
class Caller:
    """Calls a simulator's services by hand, so that nothing of our client stands between; calls are not ours then."""

    http: httpx.Client
    token: str = ""

    def log_in(self, organisation: str = ORGANISATION) -> str:
        """Gets a token, keeps it for later calls and gives it."""
        answer = self.http.post("/transaction", json=transaction(organisation))
        assert answer.status_code == 200, answer.text
        self.token = str(answer.json()["access_token"]["value"])
        return self.token

    def call(
        self, method: str, path: str, document: Any = None, *, token: str | None = None, timeout: float = _TIMEOUT
    ) -> httpx.Response:
        """Makes one call of the Provisioning API; bytes go as they are, an empty token is none."""
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if document is None:
            return self.http.request(method, f"/provisioning/v1{path}", headers=headers, timeout=timeout)
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
        return self.http.request(method, f"/provisioning/v1{path}", headers=headers, content=content, timeout=timeout)

    def send(self, kind: str, *items: Any) -> str:
        """Sends objects and gives the job's id."""
        answer = self.call("POST", f"/{kind}/bulk?updateIfExists=true", {"data": list(items)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def until_completed(self, kind: str, job_id: str) -> list[dict[str, Any]]:
        """Asks until a job is completed, and gives its items."""
        self.until(lambda: self.call("GET", f"/{kind}/bulk/jobs/{job_id}/isCompleted").json() is True)
        items: list[dict[str, Any]] = self.call("GET", f"/{kind}/bulk/jobs/{job_id}").json()["responses"]
        return items

    def carry_out(self, kind: str, *items: Any) -> list[dict[str, Any]]:
        """Sends objects and gives what became of each."""
        return [item["response"] for item in self.until_completed(kind, self.send(kind, *items))]

    def order(self, *faults: Mapping[str, Any]) -> None:
        """Orders faults in the place of all before."""
        answer = self.http.put("/_simulator/faults", json=list(faults))
        assert answer.status_code == 200, answer.text

    def ledger(self) -> list[dict[str, Any]]:
        """Lists every call."""
        calls: list[dict[str, Any]] = self.http.get("/_simulator/ledger").json()["calls"]
        return calls

    @staticmethod
    def until(happened: Callable[[], bool]) -> None:
        """Asks again until it is so; past a bound it never will be."""
        deadline = time.monotonic() + _TIMEOUT
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)
