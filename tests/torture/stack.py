"""The processes under torture: Postgres and Valkey behind a proxy each, two APIs, three workers, a simulator.

Whoever of ours ends is started anew after a short pause. What is done to them is decided elsewhere.
"""

import asyncio
import json
import secrets
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from app.db import tenants
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher, cipher_of
from app.db.engine import close, connect
from app.local.environment import new_keys, outer_environment, towards_simulator
from app.local.launcher import GONE_WITHIN, READY_WITHIN, ROOT, Child, Launcher
from app.local.organisation import create_organisation
from app.local.postgres import Postgres
from app.local.proxy import Proxy
from app.local.server import free_port
from app.local.valkey import Valkey
from app.skolverket.published import PUBLISHED
from tests.forks import Forks

APIS, WORKERS = 2, 3
SCOPES = ("provision", "history", "pii", "protected", "admin")


@dataclass
class Supervised:
    """One process that is meant to be there: how it is started, and what has been done to it."""

    name: str
    arguments: Sequence[str]
    child: Child
    starts: int = 1
    # The signal that is to end it, and since when; whether it stands still; whether its end has been noted.
    ending: signal.Signals | None = None
    ending_since: float = 0.0
    stopped: bool = False
    gone: bool = False

    @property
    def free(self) -> bool:
        """Tells whether nothing has been done to it yet."""
        return self.ending is None and not self.stopped and self.child.process.poll() is None


@dataclass
class TortureStack:
    """Everything that runs. `ended_wrongly` says who ended by itself, or not as it was told."""

    folder: Path
    random: Random
    calls_per_second: int
    # What Postgres is here.
    cluster: type[Postgres] = Postgres
    supervised: dict[str, Supervised] = field(default_factory=dict)
    ended_wrongly: list[str] = field(default_factory=list)
    # When a worker stood still, by the clock of all; how long the ends by SIGTERM took.
    stops: list[tuple[float, float]] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Servers end with the thread that started them: it has to live as long as they.
        self._thread = ThreadPoolExecutor(1)
        self._forks = Forks(ROOT)
        self._launcher = Launcher(self.folder, outer_environment(), self._forks.start)
        self.postgres = self.cluster(self.folder / "postgres", password=secrets.token_hex(16), durable=True)
        self.valkey = Valkey(self.folder / "valkey", password=secrets.token_hex(16), durable=True)
        self.outside = httpx.AsyncClient(trust_env=False, timeout=30)
        self._restarting: set[asyncio.Task[None]] = set()

    @property
    def erasures_file(self) -> Path:
        """Gives the file in which the workers write erasures."""
        return self.folder / "erasures.jsonl"

    @property
    def cipher(self) -> Cipher:
        """Gives the keys that all processes have."""
        env = self._launcher.env
        return cipher_of(env["ENCRYPTION_KEYS"], PUBLISHED.specimens)

    async def open(self) -> None:
        """Starts everything, and returns when all are ready."""
        await asyncio.gather(self.servers(self.postgres.start), self.servers(self.valkey.start))
        self.proxy, self.way = Proxy(self.valkey.port), Proxy(self.postgres.port)
        await asyncio.gather(self.proxy.open(), self.way.open())
        pace = str(self.calls_per_second)
        options = ("--calls-per-second", pace, "--reads-per-second", pace, "--job-delay", "0.1")
        simulator_port = free_port()
        self.simulator = f"http://127.0.0.1:{simulator_port}"
        self._launcher.env |= {
            "DATABASE_URL": self.postgres.url.replace(f":{self.postgres.port}/", f":{self.way.port}/"),
            "REDIS_URL": self.valkey.url.replace(f":{self.valkey.port}/", f":{self.proxy.port}/"),
            **new_keys(),
            **towards_simulator(self.simulator),
            "SKOLVERKET_CALLS_PER_SECOND": pace,
            "SKOLVERKET_READS_PER_SECOND": pace,
            "SKOLVERKET_TIMEOUT": "3",
            "SKOLVERKET_ANSWER_AFTER": "0.2",
            "FAULT_HORIZON": "6 h",
            "ERASURES_FILE": str(self.erasures_file),
            "WEBHOOKS_TO_LOOPBACK": "on",
        }
        await asyncio.to_thread(self._launcher.run, "migrate")
        self._supervise("simulator", "simulator", "--port", str(simulator_port), *options)
        ports = [free_port() for _ in range(APIS)]
        self.apis = [f"http://127.0.0.1:{port}" for port in ports]
        for number, port in enumerate(ports, 1):
            self._supervise(f"api-{number}", "serve", "--port", str(port))
        for number in range(1, WORKERS + 1):
            self._supervise(f"worker-{number}", "worker")
        for each in self.supervised.values():
            await asyncio.to_thread(each.child.wait_until_ready, READY_WITHIN)

    @property
    def figures(self) -> list[str]:
        """Gives where the APIs and the workers serve their figures."""
        children = (each.child for name, each in self.supervised.items() if name != "simulator")
        return [f"http://127.0.0.1:{child.metrics_port}/metrics" for child in children if child.metrics_port]

    async def doctor(self) -> str:
        """Lets the doctor look; gives what it finds, as JSON, empty when it was not done when this was cancelled."""
        child = self._launcher.start("doctor", "--json", name="doctor", ready=False)
        try:
            # Processes are asked for one at a time, and not in a thread of their own.
            while child.process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            child.process.kill()
        return child.log.read_text(encoding="utf-8")

    def named(self, kind: str, *, free: bool = True) -> list[Supervised]:
        """Lists the processes of a kind, by default those that nothing has been done to."""
        return [each for name, each in self.supervised.items() if name.startswith(kind) and (each.free or not free)]

    async def servers(self, do: Any, *given: Any) -> None:
        """Does something to Postgres or Valkey, in the thread that they belong to."""
        await asyncio.get_running_loop().run_in_executor(self._thread, do, *given)

    def end(self, each: Supervised, number: signal.Signals) -> None:
        """Sends the signal that is to end a process."""
        each.ending, each.ending_since = number, time.monotonic()
        each.child.process.send_signal(number)

    async def hold_still(self, each: Supervised, seconds: float) -> None:
        """Stops a process for so long, and lets it go on."""
        each.stopped, began = True, time.time()
        each.child.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            each.child.process.send_signal(signal.SIGCONT)
            each.stopped = False
            if each.name.startswith("worker"):
                self.stops.append((began, time.time()))

    async def watch(self) -> None:
        """Starts anew whoever has ended, until cancelled."""
        while True:
            for each in self.supervised.values():
                code = each.child.process.poll()
                if code is not None and not each.gone:
                    self._note_end(each, code)
                    each.gone = True
                    task = asyncio.create_task(self._again(each, self.random.uniform(0.1, 1.5)))
                    self._restarting.add(task)
                    task.add_done_callback(self._restarting.discard)
            await asyncio.sleep(0.1)

    async def pace(self, calls_per_second: float) -> None:
        """Has all workers start anew, in order, with another pace; returns when they are ready."""
        self._launcher.env |= {"SKOLVERKET_CALLS_PER_SECOND": str(calls_per_second)}
        workers = {each.name: each.starts for each in self.named("worker", free=False)}
        for each in self.named("worker", free=False):
            self.end(each, signal.SIGTERM)
        for each in self.named("worker", free=False):
            # `watch` starts them; processes are asked for one at a time, and not in a thread of their own.
            while each.starts == workers[each.name] or not each.child.is_ready():  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def organisation(self, number: str, name: str) -> dict[str, str]:
        """Makes an organisation; gives its key by which it calls."""
        key = await create_organisation(self.postgres.url, self._launcher.env["ENCRYPTION_KEYS"], number, name, SCOPES)
        return {"Authorization": f"Bearer {key}"}

    async def key(self, number: str, scopes: tuple[str, ...]) -> dict[str, str]:
        """Makes one more key of an organisation, by which it calls."""
        engine = connect(self.postgres.url, pool=1, name="torture", acting=EVERYBODY)
        try:
            async with engine.begin() as conn:
                made = await tenants.create_key(conn, number, "torture", scopes)
        finally:
            await close(engine)
        return {"Authorization": f"Bearer {made.text}"}

    async def start_anew(self, name: str, *arguments: str) -> Child:
        """Starts one more process, and gives it when it is ready."""
        self._supervise(name, *arguments)
        child = self.supervised[name].child
        await asyncio.to_thread(child.wait_until_ready, READY_WITHIN)
        return child

    async def end_all(self, *kinds: str) -> None:
        """Ends in order whoever is of these kinds and has not ended, and starts none of them anew."""
        for task in list(self._restarting):
            task.cancel()
        ending = [each for each in self.supervised.values() if each.name.startswith(kinds) and not each.gone]
        for each in ending:
            each.child.process.send_signal(signal.SIGCONT)
            self.end(each, signal.SIGTERM)
        for each in ending:
            if not await asyncio.to_thread(each.child.wait_or_kill, GONE_WITHIN):
                self.ended_wrongly.append(f"{each.name} is still there {GONE_WITHIN:g} s after SIGTERM")
            else:
                self._note_end(each, each.child.process.wait())
            each.gone = True

    async def close(self) -> None:
        """Ends everything in order."""
        # The simulator last: a worker that finishes its step still talks to it.
        await self.end_all("api", "worker")
        await self.end_all("simulator")
        if hasattr(self, "proxy"):
            await asyncio.gather(self.proxy.close(), self.way.close())
        await self.outside.aclose()
        await self.servers(self.valkey.stop)
        await self.servers(self.postgres.stop)
        self._thread.shutdown()
        self._forks.close()

    def _supervise(self, name: str, *arguments: str) -> None:
        child = self._launcher.start(*arguments, name=f"{name}.001")
        self.supervised[name] = Supervised(name, arguments, child)

    def _note_end(self, each: Supervised, code: int) -> None:
        if each.ending is None:
            self.ended_wrongly.append(f"{each.name} ended by itself with {code}, log {each.starts:03}")
        elif each.ending == signal.SIGTERM:
            self.terms.append(time.monotonic() - each.ending_since)
            # Before it is ready it may not have got as far as to hear of an orderly end.
            if code != 0 and (code != -signal.SIGTERM or each.child.is_ready()):
                self.ended_wrongly.append(f"{each.name} ended with {code} after SIGTERM, log {each.starts:03}")

    async def _again(self, each: Supervised, pause: float) -> None:
        await asyncio.sleep(pause)
        each.starts += 1
        each.child = self._launcher.start(*each.arguments, name=f"{each.name}.{each.starts:03}")
        each.ending, each.stopped, each.gone = None, False, False


async def ask(client: httpx.AsyncClient, method: str, url: str, **given: Any) -> httpx.Response | None:
    """Makes one request; None when no answer came."""
    with suppress(httpx.TransportError):
        return await client.request(method, url, **given)
    return None


def read_json(answer: httpx.Response) -> dict[str, Any]:
    """Reads an answer's object."""
    read: dict[str, Any] = json.loads(answer.content)
    return read
