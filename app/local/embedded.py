"""Postgres and Valkey for the demo and the tests, from wheels, shared by all processes that use one folder.

A guard process (`python -m app.local.guard`) owns both servers. Who uses them holds a lock that the kernel frees at any
death, and the guard stops them when the last one is gone. Three locks in the folder keep the order:

    entry     held while somebody comes or goes, so that these happen one by one
    users     shared by every user; the guard takes it for itself, then stops the servers and never gives it back
    servers   inherited by the guard and every process of both servers: it is free when nothing of them is left
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import Stopped
from app.local import postgres, valkey

STATE = "servers.json"
_GONE_WITHIN = 60.0


@dataclass(frozen=True)
class Servers:
    """Where both servers are; the addresses carry their password, so `repr` leaves them out."""

    database_url: str
    redis_url: str

    def __repr__(self) -> str:
        return "Servers(…)"


@contextmanager
def embedded_servers(folder: Path, *, durable: bool) -> Iterator[Servers]:
    """Lends real servers that keep everything under `folder`, and ends them with their last user, however it ends.

    With `durable`, data, ports and passwords stay for the next time; without, Postgres runs without fsync and all data
    goes at the end. Raises Stopped when a server cannot be had or the folder is used the other way.
    """
    folder = folder.resolve()
    guard: subprocess.Popen[bytes] | None = None
    with _closing(_enter(folder)) as entry:
        users = _open(folder, "users")
        try:
            with _locked(entry):
                fcntl.flock(users, fcntl.LOCK_SH)
                if (servers := _join(folder, durable=durable)) is None:
                    guard = _start(folder, durable=durable)
                    servers, _ = _read(folder)
            yield servers
        finally:
            with _locked(entry):
                ended = _leave(folder, users)
            if guard and ended:
                guard.wait()
            elif guard:
                guard.returncode = 0  # others use what it guards: it is not this process's to wait for any more


def _enter(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            return _open(folder, "entry")
    except PermissionError:
        pass
    raise Stopped(f"{folder} belongs to another user: remove it, or run as that user.")


def _join(folder: Path, *, durable: bool) -> Servers | None:
    """Finds running servers, or None once nothing of earlier ones is left."""
    with _closing(_open(folder, "servers")) as lock:
        if try_lock(lock):
            return None
        try:
            servers, kept = _read(folder)
            postgres.round_trip(servers.database_url)
            valkey.round_trip(servers.redis_url)
            with _closing(_open(folder, "guard")) as guard:
                if try_lock(guard):
                    raise ProcessLookupError
        except Exception:
            # Their guard was killed, and they are on their way out.
            _wait_for_end(folder, lock)
            return None
    if durable != kept:
        raise Stopped(f"{folder} is in use for {'durable' if kept else 'throwaway'} servers: take another folder.")
    return servers


def _read(folder: Path) -> tuple[Servers, bool]:
    state = json.loads((folder / STATE).read_text())
    return Servers(state["database_url"], state["redis_url"]), state["durable"]


def _start(folder: Path, *, durable: bool) -> subprocess.Popen[bytes]:
    """Starts a guard and returns when its servers are ready."""
    with (
        _closing(_open(folder, "servers")) as lock,
        _closing(os.open(folder / "guard.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as log,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        guard = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "app.local.guard",
                str(folder),
                "durable" if durable else "throwaway",
                str(lock),
            ],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
        )
    assert guard.stdout is not None  # noqa: S101
    with guard.stdout as output:
        answer = output.readline().decode()
        if answer != "ready\n":
            answer += output.read().decode()
            guard.wait()
            raise Stopped(answer.strip() or f"The embedded servers did not start; {folder / 'guard.log'} says why.")
    return guard


def _leave(folder: Path, users: int) -> bool:
    """Gives the lock back; if nobody else holds it, waits until the servers have ended, and says so."""
    os.close(users)
    with _closing(_open(folder, "users")) as probe:
        # Free: the guard is about to find that out. Not even to be shared: it has.
        last = try_lock(probe) or not try_lock(probe, fcntl.LOCK_SH)
    if last:
        with _closing(_open(folder, "servers")) as lock:
            _wait_for_end(folder, lock)
    return last


def _wait_for_end(folder: Path, lock: int) -> None:
    deadline = time.monotonic() + _GONE_WITHIN
    while not try_lock(lock):
        if time.monotonic() > deadline:
            raise Stopped(f"Servers of an earlier run do not end in {folder}.")
        time.sleep(0.01)
    fcntl.flock(lock, fcntl.LOCK_UN)


def try_lock(lock: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Takes a lock if nobody stands in the way."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(folder: Path, name: str) -> int:
    return os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
