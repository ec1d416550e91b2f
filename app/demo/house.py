"""The service's processes on one machine: embedded servers, simulator, API and worker, with their state in one folder.

Whoever comes second to the same folder uses what runs there already; whoever came first ends it.
"""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console

from app.db import engine, tenants
from app.db.cipher import new_key
from app.demo.roster import RosterPlan, generate, reference_only
from app.embedded import embedded_servers, free_port, tethered
from app.errors import Conflict, Stopped
from app.security.keys import matches, parse
from app.settings import Settings

PLAN = RosterPlan(persons=2000, schools=5, seed=2026, defects=12)

_READY_WITHIN = 60.0
# A worker may finish a step before it goes.
_GONE_WITHIN = 40.0
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class House:
    """Where the running processes are: addresses, the key to the API, process ids."""

    api: str
    simulator: str
    key: str = field(repr=False)
    pids: Mapping[str, int]
    joined: bool = False


@contextmanager
def house(folder: Path, port: int = 8000, *, join: bool = True) -> Iterator[House]:
    """Starts everything, and ends it again; with `join`, uses what somebody else keeps up in the same folder.

    Raises Stopped when a process does not get ready, or when others are up and joining is not wanted.
    """
    folder = folder.resolve()
    with ExitStack() as stack:
        given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(given) < 2:
            servers = stack.enter_context(embedded_servers(folder, durable=True))
            given = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url} | given
        state = folder / "house.json"
        lock = stack.enter_context((folder / "house.lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not state.exists():
                raise Stopped(f"something is starting or ending in {folder}: try again in a moment") from None
            up = House(**json.loads(state.read_text()) | {"joined": True})
            if not join:
                raise Stopped(f"already up at {up.api} (process ids {_listed(up.pids)})") from None
            yield up
            return
        state.unlink(missing_ok=True)
        environment = {
            **os.environ,
            **_secrets(folder),
            **given,
        }
        processes = stack.enter_context(_Processes(folder, environment))
        simulator = f"http://127.0.0.1:{processes.start('simulator', '--port', str(free_port(8100)))}"
        environment |= {
            "SKOLVERKET_PROVISIONING_URL": f"{simulator}/provisioning/v1",
            "SKOLVERKET_OPEN_DATA_URL": f"{simulator}/open-data/v1",
            "SKOLVERKET_AUTHORISATION_URL": f"{simulator}/transaction",
        }
        processes.run("migrate")
        reference = generate(PLAN)
        httpx.put(
            f"{simulator}/_simulator/reference", json=reference_only(reference), trust_env=False
        ).raise_for_status()
        key = asyncio.run(_key(folder, environment["DATABASE_URL"], reference["huvudman"]))
        api = f"http://127.0.0.1:{processes.start('serve', '--port', str(free_port(port)))}"
        processes.start("worker")
        up = House(api, simulator, key, processes.pids)
        _keep(folder / "port", api.rpartition(":")[2])
        _keep(state, json.dumps({name: value for name, value in asdict(up).items() if name != "joined"}))
        stack.callback(state.unlink, missing_ok=True)
        yield up


def stay(folder: Path, port: int) -> None:
    """Keeps the house up until Ctrl-C or SIGTERM, and says where it is."""
    told = threading.Event()

    def tell(_: int, __: FrameType | None) -> None:
        told.set()

    with house(folder, port, join=False) as up:
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, tell)
        say = Console(highlight=False, soft_wrap=True).print
        say(f"API        {up.api}/docs")
        say(f"simulator  {up.simulator}")
        say(f"key        {up.key}", markup=False)
        say(f"pids       {_listed(up.pids)}")
        say("Ctrl-C stops everything; data, port and key stay in .local/")
        while not told.wait(0.5):
            for name, pid in up.pids.items():
                if not _alive(pid):
                    raise Stopped(f"the {name} process has ended by itself: {folder / name}.log says why")


class _Processes:
    """Child processes that end with this one, whatever ends it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._started.items()}

    def start(self, verb: str, *arguments: str) -> int:
        """Starts `python -m app VERB`, waits until it is ready and gives its port."""
        ready = self._folder / f"{verb}.ready"
        ready.unlink(missing_ok=True)
        self._started[verb] = process = self._popen(verb, *arguments, "--ready-file", str(ready))
        deadline = time.monotonic() + _READY_WITHIN
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Stopped(f"{verb} did not start: {self._folder / verb}.log says why")
            time.sleep(0.02)
        port: int = json.loads(ready.read_text())["port"]
        ready.unlink()
        return port

    def run(self, verb: str) -> None:
        """Runs `python -m app VERB` to its end."""
        if self._popen(verb).wait() != 0:
            raise Stopped(f"{verb} failed: {self._folder / verb}.log says why")

    def _popen(self, verb: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{verb}.log").open("wb") as log:
            return subprocess.Popen(
                tethered([sys.executable, "-m", "app", verb, *arguments]),
                cwd=_ROOT,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us: we end them in order.
                start_new_session=True,
            )

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, *_: object) -> None:
        # The simulator last: a worker that finishes its step still talks to it.
        for verbs in (("serve", "worker"), ("simulator",)):
            ending = [process for verb, process in self._started.items() if verb in verbs]
            for process in ending:
                process.terminate()
            for process in ending:
                try:
                    process.wait(_GONE_WITHIN)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


async def _key(folder: Path, database_url: str, organiser: Mapping[str, str]) -> str:
    """Gives the key of the demonstration's organisation, the one kept in the folder as long as it opens the API.

    Raises Stopped when the database has other organisations: a worker of ours would carry their jobs to the simulator.
    """
    kept = folder / "key"
    database = engine.connect(Settings(database_url=database_url).sqlalchemy_url, pool=1)
    try:
        async with database.begin() as conn:
            if any(row["number"] != organiser["organisationNumber"] for row in await tenants.organisations(conn)):
                raise Stopped(
                    "DATABASE_URL has other organisations in it: give the demonstration a database of its own"
                )
            try:
                await tenants.create_organisation(conn, organiser["organisationNumber"], organiser["displayName"])
            except Conflict:
                if kept.exists() and (read := parse(kept.read_text().strip())):
                    found = await tenants.find_key(conn, read[0])
                    if found and matches(read[1], found["digest"]):
                        return kept.read_text().strip()
            made = await tenants.create_key(
                conn, organiser["organisationNumber"], "demonstration", ("provision", "history", "pii")
            )
    finally:
        await database.dispose()
    _keep(kept, made.text)
    return made.text


def _secrets(folder: Path) -> dict[str, str]:
    """Gives the encryption keys: the environment's, or those that the folder keeps for its own data."""
    if os.environ.get("ENCRYPTION_KEYS") and os.environ.get("SEARCH_KEY"):
        return {}
    kept = folder / "secrets.json"
    if not kept.exists():
        _keep(kept, json.dumps({"ENCRYPTION_KEYS": f"local:{new_key()}", "SEARCH_KEY": new_key()}))
    secrets: dict[str, str] = json.loads(kept.read_text())
    return secrets


def _keep(path: Path, text: str) -> None:
    """Writes a file for its owner alone, in one piece."""
    draft = path.with_name(f"{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)


def _listed(pids: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {pid}" for name, pid in pids.items())


def _alive(pid: int) -> bool:
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return ended == 0
