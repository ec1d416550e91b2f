"""The service on one machine: embedded servers, simulator, API and worker, with their state in one folder.

Whoever comes second to the same folder uses what runs there already; whoever came first ends it.
"""

import asyncio
import json
import os
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from app.errors import Stopped
from app.local.embedded import embedded_servers, try_lock
from app.local.environment import new_keys, towards_simulator
from app.local.launcher import GONE_WITHIN, Child, Launcher, execute
from app.local.organisation import first_organisation
from app.local.postgres import address_for
from app.local.server import free_port
from app.settings import Settings

_TRIES = 5
_SCOPES = ("provision", "history", "pii", "protected")


@dataclass(frozen=True)
class LocalStack:
    """Where the running processes are: addresses, the key to the API, process ids, that of their owner apart.

    `children` are those that the caller owns: none when it has joined somebody else's.
    """

    api: str
    simulator: str
    key: str = field(repr=False)
    pids: Mapping[str, int]
    owner: int
    children: Sequence[Child] = ()


@contextmanager
def local_stack(
    folder: Path, reference: Mapping[str, Any], port: int | None = None, *, join: bool = True
) -> Iterator[LocalStack]:
    """Starts everything, and ends it again; with `join`, uses what somebody else keeps up in the same folder.

    The simulator knows the `reference` data, whose organiser gets the key. The API listens on `port`, by default on
    that of the last time; where that is taken, on another one. Raises Stopped when a process does not get ready, or
    when others are up and joining is not wanted.
    """
    folder = folder.resolve()
    with ExitStack() as stack:
        given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(given) < 2:
            servers = stack.enter_context(embedded_servers(folder, durable=True))
            given = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url} | given
        state = folder / "stack.json"
        if not try_lock(_lock(stack, folder / "stack.lock")):
            if not state.exists():
                raise Stopped(f"something is starting or ending in {folder}: try again in a moment")
            up = LocalStack(**json.loads(state.read_text()))
            if not join:
                raise Stopped(f"already up at {up.api}; SIGTERM to process {up.owner} ends it")
            yield up
            return
        state.unlink(missing_ok=True)
        # Held by the processes too: those of an owner that was killed still have the port, while they end.
        left = _lock(stack, folder / "processes.lock")
        _wait_for_end(left, folder)
        launcher = Launcher(folder, {**os.environ, **_keys(folder), **given}, partial(execute, keep_open=(left,)))
        stack.enter_context(launcher)
        up = _start_all(launcher, reference, port)
        shared = {"api": up.api, "simulator": up.simulator, "key": up.key, "pids": up.pids, "owner": up.owner}
        _keep(state, json.dumps(shared))
        stack.callback(state.unlink, missing_ok=True)
        yield up


def run_until_stopped(folder: Path, reference: Mapping[str, Any], port: int | None = None) -> None:
    """Keeps a stack up until Ctrl-C or SIGTERM, and says where it is; the end of its terminal does not stop it."""
    stopped = threading.Event()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with local_stack(folder, reference, port, join=False) as up:
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, lambda *_: stopped.set())
        show = Console(highlight=False, soft_wrap=True).print
        show(f"page       {up.api}/historik")
        show(f"API        {up.api}/docs")
        show(f"simulator  {up.simulator}")
        show(f"key        {up.key}", markup=False)
        show(f"settings   {folder}/env")
        show(f"pids       {', '.join(f'{name} {pid}' for name, pid in up.pids.items())}")
        show(f"Ctrl-C stops everything; data, port and key stay in {folder}/")
        while not stopped.wait(0.5):
            for child in up.children:
                if child.process.poll() is not None:
                    raise Stopped(f"the {child.name} process has ended by itself: {child.log} says why")


def _start_all(launcher: Launcher, reference: Mapping[str, Any], port: int | None) -> LocalStack:
    """Starts our processes, side by side where one need not wait for another, and keeps key, port and settings."""
    folder = launcher.folder
    migrating = launcher.start("migrate", ready=False)
    simulating = _launch_on(8100, launcher, "simulator")
    simulator = f"http://127.0.0.1:{simulating.port}"
    launcher.env |= {**towards_simulator(simulator), "WEBHOOKS_TO_LOOPBACK": "on", "SIGN_IN_OVER_HTTP": "on"}
    httpx.put(f"{simulator}/_simulator/reference", json=reference, trust_env=False).raise_for_status()
    migrating.wait_until_done()
    # Before a worker starts: it must not carry the jobs of somebody else's organisations to a simulator.
    key = _key(folder, launcher.env, reference["huvudman"])
    working = launcher.start("worker")
    last = _read(folder / "port")
    serving = _launch_on(port or (int(last) if last else 8000), launcher, "serve")
    working.wait_until_ready()
    _keep(folder / "port", str(serving.port))
    # For commands beside the stack, which have the workers' role.
    beside = {**launcher.env, "DATABASE_URL": address_for("command", launcher.env["DATABASE_URL"])}
    _keep(folder / "env", _for_a_shell(beside))
    children = [simulating, serving, working]
    api, pids = f"http://127.0.0.1:{serving.port}", {child.verb: child.pid for child in children}
    return LocalStack(api, simulator, key, pids, os.getpid(), children)


def _launch_on(port: int, launcher: Launcher, verb: str) -> Child:
    """Launches a process that listens on the port, or on another one where that is taken."""
    for _ in range(_TRIES):
        try:
            return launcher.launch(verb, "--port", str(free_port(port)))
        except Stopped as problem:
            # Somebody else took it after it was found free.
            if "address already in use" not in str(problem):
                raise
            lost = problem
    raise lost


def _lock(stack: ExitStack, path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, lock)
    return lock


def _wait_for_end(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while not try_lock(lock):
        if time.monotonic() > deadline:
            raise Stopped(f"processes of an earlier run do not end in {folder}")
        time.sleep(0.02)


def _key(folder: Path, env: Mapping[str, str], organiser: Mapping[str, str]) -> str:
    """Gives the key of the demonstration's organisation, the one kept in the folder as long as it opens the API."""
    number, name = organiser["organisationNumber"], organiser["displayName"]
    key = asyncio.run(
        first_organisation(env["DATABASE_URL"], env["ENCRYPTION_KEYS"], number, name, _SCOPES, _read(folder / "key"))
    )
    _keep(folder / "key", key)
    return key


def _keys(folder: Path) -> dict[str, str]:
    """Gives the encryption keys: the environment's, or those that the folder keeps for its own data."""
    if os.environ.get("ENCRYPTION_KEYS"):
        return {}
    kept = folder / "secrets.json"
    if not kept.exists():
        _keep(kept, json.dumps(new_keys()))
    keys: dict[str, str] = json.loads(kept.read_text())
    return keys


def _for_a_shell(env: Mapping[str, str]) -> str:
    """Writes our settings as a shell reads them, for commands beside the stack."""
    ours = [name.upper() for name in Settings.model_fields if name.upper() in env]
    return "\n".join(f"export {name}={shlex.quote(env[name])}" for name in ours)


def _read(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def _keep(path: Path, text: str) -> None:
    """Writes a file for its owner alone, in one piece."""
    draft = path.with_name(f"{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)
