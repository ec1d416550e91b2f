"""Processes of ours for a benchmark: servers, settings, and `python -m app …` that ends with it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.db import cipher
from app.embedded import embedded_servers, tethered

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Workshop:
    """Where a benchmark's processes live: their folder and settings."""

    folder: Path
    env: Mapping[str, str]

    def app(self, *arguments: str) -> str:
        """Runs `python -m app …` to its end, and gives what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env=dict(self.env),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def key(self, organisation: str) -> str:
        """Makes an organisation and a key for it."""
        self.app("organisations", "create", "--number", organisation, "--name", "Benchmark")
        made = self.app("keys", "create", "--organisation", organisation, "--scopes", "provision,history,pii")
        return made.strip().splitlines()[-1]

    @contextmanager
    def started(self, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """Lends a process that is ready, with its port (0 for one that has none)."""
        ready = self.folder / f"{arguments[0]}-{time.monotonic_ns()}.ready"
        with ready.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                tethered([sys.executable, "-m", "app", *arguments, "--ready-file", str(ready)]),
                cwd=ROOT,
                env={**self.env, **env},
                stdout=log,
                stderr=log,
            )
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit(f"{arguments[0]} did not start: {ready.with_suffix('.log').read_text()}")
                time.sleep(0.02)
            yield process, json.loads(ready.read_text())["port"]
        finally:
            process.terminate()
            process.wait(45)


@contextmanager
def workshop(*, durable: bool = True) -> Iterator[Workshop]:
    """Lends a migrated database and a doorbell: those of DATABASE_URL and REDIS_URL when set, else embedded ones.

    With `durable` an embedded Postgres makes sure of every commit, as it would in production.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="provkedja-benchmark-")))
        env = {**os.environ, "ENCRYPTION_KEYS": f"b1:{cipher.new_key()}", "SEARCH_KEY": cipher.new_key()}
        if "DATABASE_URL" not in env:
            lent = stack.enter_context(embedded_servers(folder / "servers", durable=durable))
            env |= {"DATABASE_URL": lent.database_url, "REDIS_URL": lent.redis_url}
        shop = Workshop(folder, env)
        shop.app("migrate")
        yield shop
