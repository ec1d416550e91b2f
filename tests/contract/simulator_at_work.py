"""A simulator process and what tests ask of it under `/_simulator`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from app.settings import Settings


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
            skolverket_provisioning_url=self.provisioning, skolverket_authorisation_url=self.transaction, **changes
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
