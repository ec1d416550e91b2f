"""Postgres and Redis with what compose.yaml gives theirs: the same options, and certificates by the same script.

Both come from the system (Debian's have TLS; the wheels of the embedded servers have none).
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import redis

from app.local.postgres import Postgres, find_postgres
from app.local.valkey import Valkey
from tests.conftest import ROOT
from tests.unit.test_compose import SERVICES

SCRIPT = ROOT / "docs/operate/server-certificates.sh"
OPTIONS: list[str] = [each.removeprefix("-c") for each in SERVICES["postgres"]["command"][1:]]
[_WRITTEN] = re.findall(r"(?s)<<END\n(.*?)END\n", SERVICES["redis"]["command"][-1])


def certify(folder: Path, *servers: str) -> subprocess.CompletedProcess[str]:
    """Runs the script that makes certificates for servers."""
    return subprocess.run(["bash", str(SCRIPT), str(folder), *servers], capture_output=True, text=True, timeout=60)


class ComposePostgres(Postgres):
    """A cluster that is started with more options, which win; `programs` are those of a Postgres of the system."""

    def __init__(self, folder: Path, options: Sequence[str], programs: Path | None = None) -> None:
        super().__init__(folder, password="hidden", durable=False)
        self.options, self.programs = options, programs

    def start(self) -> None:
        self._programs, major = (self.programs, 15) if self.programs else find_postgres()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.data.exists():
            self._make_cluster(major)
        super(Postgres, self).start()
        self._make_database()

    def _command(self) -> tuple[list[str], bytes]:
        program, given = super()._command()
        return [*program, *(part for option in self.options for part in ("-c", option))], given


class ComposeRedis(Valkey):
    """A Redis with the configuration that compose.yaml writes, in a folder of its own."""

    program: str
    scheme = "rediss"

    @property
    def url(self) -> str:
        return f"rediss://:{self.password}@127.0.0.1:{self.port}/0"

    def _command(self) -> tuple[list[str], bytes]:
        written = _WRITTEN.replace("$$REDISCLI_AUTH", self.password).replace("tls-port 6379", f"tls-port {self.port}")
        written = written.replace("/tls/", f"{self.folder}/tls/127.0.0.1/").replace("dir /tmp", f"dir {self.folder}")
        return [self.program, "-"], f"bind 127.0.0.1 ::1\n{written}".encode()

    def _round_trip(self) -> None:
        authority = self.folder / "tls/authority/ca.pem"
        with redis.Redis.from_url(self.url, socket_timeout=5, ssl_ca_certs=str(authority)) as client:
            client.ping()


def secured_postgres(folder: Path) -> ComposePostgres | None:
    """Makes a cluster with compose's options and a certificate for 127.0.0.1; None where none with TLS is installed."""
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if b"SSL_CTX_new" in (programs / "postgres").read_bytes():
            assert certify(folder / "tls", "127.0.0.1").returncode == 0
            shutil.copyfile(ROOT / "docs/operate/pg_hba.conf", folder / "pg_hba.conf")
            given = (each.replace("/pg_hba.conf", f"{folder}/pg_hba.conf") for each in OPTIONS)
            options = [each.replace("/tls/", f"{folder}/tls/127.0.0.1/") for each in given]
            return ComposePostgres(folder, ["listen_addresses=127.0.0.1,::1", *options], programs)
    return None


def secured_redis(folder: Path) -> ComposeRedis | None:
    """Makes a Redis with compose's configuration and a certificate for 127.0.0.1; None where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        return None
    assert certify(folder / "tls", "127.0.0.1").returncode == 0
    made = ComposeRedis(folder, password="hidden", durable=False)
    made.program = program
    return made
