"""The processes under torture: Postgres, Valkey behind a proxy, two APIs, three workers, a simulator.

Whoever of ours ends is started anew after a short pause. What is done to them is decided elsewhere.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from app.db import tenants
from app.db.cipher import new_key
from app.db.engine import connect
from app.embedded import Postgres, Valkey, free_port
from app.settings import Settings
from tests.forks import Forked, Forks
from tests.torture.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
APIS, WORKERS = 2, 3
_READY_WITHIN, _GONE_WITHIN = 60.0, 40.0
SCOPES = ("provision", "history", "pii", "protected")


@dataclass
class Place:
    """One process that is meant to be there: how it is started, and what has been done to it."""

    name: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    process: Forked
    starts: int = 1
    # The signal that is to end it, and since when; whether it stands still.
    ending: signal.Signals | None = None
    told_at: float = 0.0
    stopped: bool = False

    @property
    def free(self) -> bool:
        """Tells whether nothing has been done to it yet."""
        return self.ending is None and not self.stopped and self.process.poll() is None


@dataclass
class House:
    """Everything that runs. `ended_wrongly` says who ended by itself, or not as it was told."""

    folder: Path
    random: Random
    calls_per_second: int
    lease: float
    forks: Forks = field(default_factory=lambda: Forks(ROOT))
    places: dict[str, Place] = field(default_factory=dict)
    ended_wrongly: list[str] = field(default_factory=list)
    # When a worker stood still, by the clock of all; how long the ends by SIGTERM took.
    stops: list[tuple[float, float]] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Servers end with the thread that started them: it has to live as long as they.
        self._thread = ThreadPoolExecutor(1)
        self.postgres = Postgres(self.folder / "postgres", password=secrets.token_hex(16), durable=True)
        self.valkey = Valkey(self.folder / "valkey", password=secrets.token_hex(16), durable=True)
        self.outside = httpx.AsyncClient(trust_env=False, timeout=30)
        self._env: dict[str, str] = {}
        self._restarting: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Starts everything, and returns when all are ready."""
        await asyncio.gather(self.servers(self.postgres.start), self.servers(self.valkey.start))
        self.proxy = Proxy(self.valkey.port)
        await self.proxy.open()
        pace = str(self.calls_per_second)
        options = ("--calls-per-second", pace, "--reads-per-second", pace, "--job-delay", "0.1")
        simulator_port = free_port()
        self.simulator = f"http://127.0.0.1:{simulator_port}"
        ours = {name.upper() for name in Settings.model_fields}
        self._env = {name: value for name, value in os.environ.items() if name not in ours and name[:2] != "PG"} | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url.replace(f":{self.valkey.port}/", f":{self.proxy.port}/"),
            "ENCRYPTION_KEYS": f"torture:{new_key()}",
            "SEARCH_KEY": new_key(),
            "SKOLVERKET_PROVISIONING_URL": f"{self.simulator}/provisioning/v1",
            "SKOLVERKET_OPEN_DATA_URL": f"{self.simulator}/open-data/v1",
            "SKOLVERKET_AUTHORISATION_URL": f"{self.simulator}/transaction",
            "SKOLVERKET_CALLS_PER_SECOND": pace,
            "SKOLVERKET_READS_PER_SECOND": pace,
            "SKOLVERKET_TIMEOUT": "3",
            "SKOLVERKET_ANSWER_AFTER": "0.2",
            # Few enough that two cores carry them: a step that waits for a core has no time left for its calls.
            "WORKER_JOBS": "8",
            "LEASE_SECONDS": str(self.lease),
            "FAULT_HORIZON": "6 h",
        }
        migrating = self.forks.start(["migrate"], self._env, self.folder / "migrate.log")
        await self._wait(lambda: migrating.poll() is not None, "the migration")
        if migrating.poll() != 0:
            raise RuntimeError((self.folder / "migrate.log").read_text()[-2000:])
        self._place("simulator", ["simulator", "--port", str(simulator_port), *options])
        ports = [free_port() for _ in range(APIS)]
        self.apis = [f"http://127.0.0.1:{port}" for port in ports]
        for number, port in enumerate(ports, 1):
            self._place(f"api-{number}", ["serve", "--port", str(port)])
        for number in range(1, WORKERS + 1):
            self._place(f"worker-{number}", ["worker"])
        await self._wait(lambda: all(self._ready(place).exists() for place in self.places.values()), "all processes")

    def named(self, kind: str, *, free: bool = True) -> list[Place]:
        """Lists the processes of a kind, by default those that nothing has been done to."""
        return [place for name, place in self.places.items() if name.startswith(kind) and (place.free or not free)]

    async def servers(self, do: Any, *given: Any) -> None:
        """Does something to Postgres or Valkey, in the thread that they belong to."""
        await asyncio.get_running_loop().run_in_executor(self._thread, do, *given)

    def tell(self, place: Place, number: signal.Signals) -> None:
        """Sends the signal that is to end a process."""
        place.ending, place.told_at = number, time.monotonic()
        place.process.send_signal(number)

    async def hold_still(self, place: Place, seconds: float) -> None:
        """Stops a process for so long, and lets it go on."""
        place.stopped, began = True, time.time()
        place.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            place.process.send_signal(signal.SIGCONT)
            place.stopped = False
            if place.name.startswith("worker"):
                self.stops.append((began, time.time()))

    async def watch(self) -> None:
        """Starts anew whoever has ended, until cancelled."""
        while True:
            for place in self.places.values():
                code = place.process.poll()
                if code is not None and place.starts > 0:
                    self._note_end(place, code)
                    place.starts = -place.starts
                    task = asyncio.create_task(self._again(place, self.random.uniform(0.1, 1.5)))
                    self._restarting.add(task)
                    task.add_done_callback(self._restarting.discard)
            await asyncio.sleep(0.1)

    async def organisation(self, number: str, name: str) -> dict[str, str]:
        """Makes an organisation; gives its key by which it calls."""
        settings = Settings.model_validate({"database_url": self.postgres.url})
        database = connect(settings.sqlalchemy_url, pool=1)
        try:
            async with database.begin() as conn:
                await tenants.create_organisation(conn, number, name)
                made = await tenants.create_key(conn, number, "torture", SCOPES)
        finally:
            await database.dispose()
        return {"Authorization": f"Bearer {made.text}"}

    async def close(self) -> None:
        """Ends everything in order."""
        for task in list(self._restarting):
            task.cancel()
        # The simulator last: a worker that finishes its step still talks to it.
        for kinds in (("api", "worker"), ("simulator",)):
            ending = [place for place in self.places.values() if place.name.startswith(kinds)]
            for place in ending:
                place.process.send_signal(signal.SIGCONT)
                self.tell(place, signal.SIGTERM)
            for place in ending:
                with suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(place.process.wait, _GONE_WITHIN)
                if place.process.poll() is None:
                    self.ended_wrongly.append(f"{place.name} is still there {_GONE_WITHIN:g} s after SIGTERM")
                    place.process.kill()
                elif place.starts > 0:
                    self._note_end(place, place.process.wait())
        if hasattr(self, "proxy"):
            await self.proxy.close()
        await self.outside.aclose()
        await self.servers(self.valkey.stop)
        await self.servers(self.postgres.stop)
        self._thread.shutdown()
        self.forks.close()

    def _place(self, name: str, arguments: Sequence[str]) -> None:
        log, ready = self.folder / f"{name}.001.log", self.folder / f"{name}.001.ready"
        process = self.forks.start([*arguments, "--ready-file", str(ready)], self._env, log)
        self.places[name] = Place(name, arguments, self._env, process)

    def _ready(self, place: Place) -> Path:
        return self.folder / f"{place.name}.{abs(place.starts):03}.ready"

    def _note_end(self, place: Place, code: int) -> None:
        if place.ending is None:
            self.ended_wrongly.append(f"{place.name} ended by itself with {code}, log {abs(place.starts):03}")
        elif place.ending == signal.SIGTERM:
            self.terms.append(time.monotonic() - place.told_at)
            # Before it is ready it may not have got as far as to hear of an orderly end.
            if code != 0 and (code != -signal.SIGTERM or self._ready(place).exists()):
                self.ended_wrongly.append(f"{place.name} ended with {code} after SIGTERM, log {abs(place.starts):03}")

    async def _again(self, place: Place, pause: float) -> None:
        await asyncio.sleep(pause)
        number = abs(place.starts) + 1
        log, ready = self.folder / f"{place.name}.{number:03}.log", self.folder / f"{place.name}.{number:03}.ready"
        place.process = self.forks.start([*place.arguments, "--ready-file", str(ready)], place.env, log)
        place.ending, place.stopped, place.starts = None, False, number

    async def _wait(self, happened: Any, what: str) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not happened():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {_READY_WITHIN:g} s for {what}: {self.folder}")
            await asyncio.sleep(0.02)


async def ask(client: httpx.AsyncClient, method: str, url: str, **given: Any) -> httpx.Response | None:
    """Makes one request; None when no answer came."""
    with suppress(httpx.TransportError):
        return await client.request(method, url, **given)
    return None


def read_json(answer: httpx.Response) -> dict[str, Any]:
    """Reads an answer's object."""
    read: dict[str, Any] = json.loads(answer.content)
    return read
