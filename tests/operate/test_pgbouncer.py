"""All processes behind PgBouncer in transaction mode, with the file and the statements of docs/operate."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from app.api.readiness import NEEDED
from app.db.address import PINNED
from app.local.environment import new_keys
from app.local.server import free_port
from app.roles import API, OWNER, WORKER
from tests.conftest import ROOT, Spawn

FILE = (ROOT / "docs/operate/pgbouncer.ini").read_text("utf-8")
GIVEN = re.findall(
    r"^ALTER (?:DATABASE|ROLE provkedja_worker IN DATABASE) provkedja SET (\w+) = (.+);$",
    (ROOT / "docs/operate/postgres.md").read_text("utf-8"),
    re.MULTILINE,
)
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
WITHIN = 30.0


def test_the_role_is_given_what_every_session_is_asked_for() -> None:
    assert {name: value.strip("'") for name, value in GIVEN} == {**PINNED, "idle_in_transaction_session_timeout": "10s"}


@pytest.fixture
def pooled_url(empty_database_url: str) -> Iterator[str]:
    """The address of an empty database through PgBouncer."""
    if PROGRAM is None:
        pytest.skip("no pgbouncer here (apt-get install pgbouncer)")
    there, port = urlsplit(empty_database_url), free_port()
    name = there.path[1:]
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for setting, value in GIVEN:
            named = sql.Identifier(name), sql.Identifier(setting)
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(*named, value.strip("'")))
    # Not pytest's folder: nobody but root gets into that, and PgBouncer does not run as root.
    with tempfile.TemporaryDirectory(prefix="provkedja-") as folder:
        users, written = Path(folder, "userlist.txt"), Path(folder, "pgbouncer.ini")
        roles = (str(there.username), OWNER, API, WORKER)
        users.write_text("".join(f'"{role}" "{there.password}"\n' for role in roles))
        written.write_text(
            FILE.replace(
                "provkedja = host=127.0.0.1 port=5432 dbname=provkedja",
                f"{name} = host={there.hostname} port={there.port}",
            )
            .replace("listen_port = 6432", f"listen_port = {port}")
            .replace("/etc/pgbouncer/userlist.txt", str(users))
        )
        as_nobody = {"user": "nobody"} if os.geteuid() == 0 else {}
        for path in (Path(folder), users, written):
            if as_nobody:
                shutil.chown(path, "nobody")
        with subprocess.Popen([PROGRAM, str(written)], stderr=subprocess.DEVNULL, **as_nobody) as process:  # type: ignore[call-overload]
            yield there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{port}").geturl()
            process.terminate()


def test_every_process_works_behind_a_pooler_in_transaction_mode(pooled_url: str, redis_url: str, spawn: Spawn) -> None:
    """The tables are made through it; the API is ready once the worker is at work."""
    env = {**new_keys(), "DATABASE_URL": pooled_url, "REDIS_URL": redis_url}
    migrated = spawn("migrate", env=env, ready=False)
    assert migrated.process.wait(WITHIN) == 0, migrated.log.read_text()
    spawn("worker", env=env)
    api = spawn("serve", "--port", "0", env=env)
    checks = httpx.get(f"http://127.0.0.1:{api.port}/readyz", trust_env=False, timeout=WITHIN).json()["checks"]
    assert {checks[name] for name in (*NEEDED, "worker")} == {"ok"}, checks
