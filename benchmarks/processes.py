"""Processes of ours for a benchmark: a database of its own, settings, and `python -m app …` that ends with it."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.local.embedded import embedded_servers
from app.local.environment import new_keys, towards_simulator
from app.local.launcher import Child, Launcher, Process
from app.local.organisation import create_organisation


class Workshop:
    """Where a benchmark's processes live: their `folder`, and `env`, their settings."""

    def __init__(self, launcher: Launcher) -> None:
        self.folder, self.env = launcher.folder, launcher.env
        self._launcher = launcher

    def key(self, organisation: str) -> str:
        """Makes an organisation and a key for it."""
        scopes = ("provision", "history", "pii", "protected")
        url, keys = self.env["DATABASE_URL"], self.env["ENCRYPTION_KEYS"]
        return asyncio.run(create_organisation(url, keys, organisation, "Benchmark", scopes))

    @contextmanager
    def started(self, verb: str, *arguments: str, **env: str) -> Iterator[tuple[Process, int]]:
        """Lends a process that is ready, with its port (0 for one that has none)."""
        child: Child = self._launcher.start(verb, *arguments, env=env)
        try:
            child.wait_until_ready()
            yield child.process, child.port
        finally:
            self._launcher.end([child])


@contextmanager
def workshop(*, durable: bool = True) -> Iterator[Workshop]:
    """Lends a migrated database and a Redis: those of DATABASE_URL and REDIS_URL when set, else embedded ones.

    With `durable` an embedded Postgres makes sure of every commit, as it would in production.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="provkedja-benchmark-")))
        # Towards nobody, unless a benchmark says towards whom.
        env = {**towards_simulator("http://127.0.0.1:9"), **os.environ, **new_keys()}
        if "DATABASE_URL" not in env:
            lent = stack.enter_context(embedded_servers(folder / "servers", durable=durable))
            env |= {"DATABASE_URL": lent.database_url, "REDIS_URL": lent.redis_url}
        launcher = stack.enter_context(Launcher(folder, env))
        launcher.run("migrate")
        yield Workshop(launcher)
