"""The guard: starts both servers, keeps them while anybody holds the lock `users`, stops them then.

    python -m app.local.guard FOLDER durable|throwaway LOCK

LOCK is the inherited descriptor of the lock `servers`. It says "ready", or why not, on stdout.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from app.errors import Stopped
from app.local.embedded import STATE, try_lock
from app.local.postgres import Postgres
from app.local.valkey import Valkey


def _guard(folder: Path, *, durable: bool, lock: int) -> None:
    state = _state(folder, durable=durable)
    postgres = Postgres(
        folder / "postgres", password=state["password"], durable=durable, port=state.get("postgres_port"), hold=lock
    )
    valkey = Valkey(
        folder / "valkey", password=state["password"], durable=durable, port=state.get("valkey_port"), hold=lock
    )
    users = os.open(folder / "users.lock", os.O_RDWR)
    # Held by this process alone, and not by its servers: free, it has died, and they are about to.
    alive = os.open(folder / "guard.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        valkey.start()
        postgres.start()
        state |= {
            "postgres_port": postgres.port,
            "valkey_port": valkey.port,
            "database_url": postgres.url,
            "redis_url": valkey.url,
        }
        _write(folder / STATE, state)
        _report("ready")
        while postgres.pid and valkey.pid and not try_lock(users):
            time.sleep(0.05)
    finally:
        valkey.stop()
        postgres.stop()
        if not durable:
            _clear(folder)


def _state(folder: Path, *, durable: bool) -> dict[str, Any]:
    """Reads what the folder was used for, or begins it; what a throwaway cluster left is not to be trusted."""
    path = folder / STATE
    state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if state and state["durable"] != durable:
        raise Stopped(f"{folder} holds {'durable' if state['durable'] else 'throwaway'} servers: take another folder.")
    if not durable:
        _clear(folder)
    elif not state and (folder / "postgres" / "data").exists():
        raise Stopped(f"{folder} holds a cluster without its password: bring {STATE} back, or remove the folder.")
    if not state:
        state = {"durable": durable, "password": secrets.token_urlsafe(24)}
        _write(path, state)  # before the cluster that is locked with it
    return state


def _clear(folder: Path) -> None:
    for name in ("postgres/data", "postgres/data.new"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _write(path: Path, state: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _report(words: str) -> None:
    """Tells the process that waits; should it be gone already, the lock will show."""
    with contextlib.suppress(OSError):
        os.write(1, f"{words}\n".encode())
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.close(silent)


def main() -> None:
    """Runs the guard to its end; SIGTERM is an orderly one."""
    folder, use, lock = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _guard(folder, durable=use == "durable", lock=lock)
    except Stopped as error:
        _report(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
