"""Runs in every state that a page can show, made through the API of a service that runs: for tests and for pictures."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from app.db import engine, tenants
from app.db.acting import EVERYBODY
from app.db.cipher import cipher_of
from app.demo.roster import DEMONSTRATION, RosterPlan, generate, reference_only, roster_only

Json = dict[str, Any]
FINISHED: Final = {"succeeded", "failed", "cancelled"}
MATHS, SWEDISH, ENGLISH, PHYSICS = (
    "Nationellt prov i matematik, årskurs 6",
    "Nationellt prov i svenska, årskurs 9",
    "Nationellt prov i engelska, årskurs 9",
    "Nationellt prov i fysik, årskurs 9",
)
_AWAY: Final = [{"match": {"path": "/bulk"}, "action": "stay_pending"}]


def make_operators_key(database_url: str) -> str:
    """Makes a key for Drift."""

    async def make() -> str:
        database = engine.connect(database_url, pool=1, acting=EVERYBODY)
        try:
            async with database.begin() as conn:
                return (await tenants.create_operator_key(conn, "drift")).text
        finally:
            await database.dispose()

    return asyncio.run(make())


def make_keys(database_url: str, keys: str, number: str) -> dict[str, str]:
    """Makes a key of each other kind of reader: without sight, for the audit, of somebody without data, for Drift.

    `number` is the organisation's, `keys` are those of ENCRYPTION_KEYS.
    """

    async def make() -> dict[str, str]:
        database = engine.connect(database_url, pool=1, acting=EVERYBODY)
        try:
            async with database.begin() as conn:
                masked = await tenants.create_key(conn, number, "utan personuppgifter", ("history",))
                await tenants.create_organisation(conn, cipher_of(keys), "2120009820", "Nybyggda kommun")
                auditor = await tenants.create_key(
                    conn, number, "dataskyddsombudet", ("history", "pii", "protected", "audit")
                )
                empty = await tenants.create_key(conn, "2120009820", "ny", ("provision", "history", "pii"))
                return {"masked": masked.text, "auditor": auditor.text, "empty": empty.text}
        finally:
            await database.dispose()

    return {**asyncio.run(make()), "operator": make_operators_key(database_url)}


@dataclass
class Scenery:
    """A service's clients, and the runs that were made, by what they show."""

    api: httpx.Client
    simulator: str
    runs: dict[str, str] = field(default_factory=dict)
    exams: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """Gives the ids that stand in addresses: of each run by its name, and of that run's exam."""
        exams = {f"exam_of_{name}": self.run(name)["activity_id"] for name in self.runs}
        return {**self.runs, **exams}

    def build(self) -> None:
        """Makes a run of each kind, one after the other; what stays under way is the last."""
        self.end("clean", MATHS, people="a")
        self.end("with_errors", SWEDISH, people="b", defects=10, on_record_error="continue")
        self.end("failed", ENGLISH, people="c", defects=10)
        self.faults(_AWAY)
        # What Skolverket has by now it is not sent again: persons of their own take part in this one.
        self.start("running", PHYSICS, people="d")
        self.until(lambda: self.run("running")["jobs"][0]["progress"]["sent"] > 0, "a batch under way")
        self.start("queued", PHYSICS)
        self.start("cancelled", PHYSICS)
        self.post(f"/runs/{self.runs['cancelled']}/cancel")

    def start(self, name: str, exam: str, on_record_error: str = "halt", **plan: Any) -> None:
        """Uploads an exam, unless it is there, and asks for a run of it."""
        if exam not in self.exams:
            generated = generate(RosterPlan(**{"persons": 120, "schools": 3, "seed": DEMONSTRATION, **plan}))
            httpx.put(
                f"{self.simulator}/_simulator/reference", json=reference_only(generated), trust_env=False, timeout=30
            ).raise_for_status()
            self.exams[exam] = str(uuid4())
            body = json.dumps({"display_name": exam, "roster": roster_only(generated)})
            self.api.put(f"/activities/{self.exams[exam]}", content=body).raise_for_status()
        asked = self.post(f"/activities/{self.exams[exam]}/provision", {"on_record_error": on_record_error})
        self.runs[name] = asked["id"]

    def end(self, name: str, exam: str, **given: Any) -> None:
        """Does so, and waits for its end."""
        self.start(name, exam, **given)
        self.until(lambda: self.run(name)["status"] in FINISHED, f"the end of {name}", 120)

    def run(self, name: str) -> Json:
        """Reads a run."""
        found: Json = self.api.get(f"/runs/{self.runs[name]}").raise_for_status().json()
        return found

    def faults(self, rules: list[Json]) -> None:
        """Has the simulator behave so from now on."""
        httpx.put(f"{self.simulator}/_simulator/faults", json=rules, trust_env=False, timeout=30).raise_for_status()

    def post(self, path: str, body: Json | None = None) -> Json:
        """Asks the API for something."""
        answer = self.api.post(path, json=body or {})
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    def until(self, happened: Callable[[], bool], what: str, within: float = 60) -> None:
        """Waits for what will come to pass."""
        deadline = time.monotonic() + within
        while not happened():
            assert time.monotonic() < deadline, f"waited {within:g} s for {what}"
            time.sleep(0.1)
