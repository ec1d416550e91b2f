"""TLS between our processes and the servers of compose.yaml, whose options and certificates these servers have."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from app.db import engine
from app.jobs.notifier import Notifier
from app.local.environment import new_keys
from app.local.postgres import as_role
from app.roles import API
from tests.conftest import Spawn, _quick_folder, _wait
from tests.operate.compose_servers import certify, secured_postgres, secured_redis


@dataclass(frozen=True)
class Secured:
    """Both servers' addresses, the authority to trust, and another one."""

    postgres: str
    redis: str
    authority: Path
    other: Path

    def database(self, host: str = "127.0.0.1", mode: str = "verify-full", authority: Path | None = None) -> str:
        """Gives the address as compose.yaml writes it."""
        address = self.postgres.replace("127.0.0.1", host)
        return f"{address}?sslmode={mode}&sslrootcert={authority or self.authority}"


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    """Both servers, as compose.yaml has them started."""
    # Not pytest's folder: nobody but root gets into that, and Postgres does not run as root.
    with tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder()) as folder:
        for name in ("postgres", "redis"):
            Path(folder, name).mkdir()
        postgres, redis = secured_postgres(Path(folder, "postgres")), secured_redis(Path(folder, "redis"))
        if postgres is None or redis is None:
            pytest.skip("no Postgres or no Redis with TLS here (apt-get install postgresql redis-server)")
        assert certify(Path(folder, "other"), "127.0.0.1").returncode == 0
        Path(folder).chmod(0o755)
        postgres.start()
        redis.start()
        try:
            authority = Path(folder, "authority.pem")
            authority.write_bytes((postgres.folder / "tls/authority/ca.pem").read_bytes())
            authority.write_bytes(authority.read_bytes() + (redis.folder / "tls/authority/ca.pem").read_bytes())
            yield Secured(postgres.url, redis.url, authority, Path(folder, "other/authority/ca.pem"))
        finally:
            redis.stop()
            postgres.stop()


async def test_a_session_is_protected_by_tls_1_3(secured: Secured) -> None:
    async with await engine.open_session(secured.database(), name="test") as session:
        found = await session.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await found.fetchone() == (True, "TLSv1.3")


async def test_another_authority_or_another_name_is_not_believed_by_postgress_clients(secured: Secured) -> None:
    for address in (secured.database(authority=secured.other), secured.database(host="localhost")):
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            await engine.open_session(address, name="test")


async def test_a_postgres_without_tls_is_not_spoken_to(database_url: str, secured: Secured) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        await engine.open_session(f"{database_url}?sslmode=verify-full&sslrootcert={secured.authority}", name="test")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
async def test_postgres_takes_no_session_of_another_machine_without_tls(secured: Secured) -> None:
    """By its second address, which pg_hba.conf does not take for its own; the certificate has no such name."""
    async with await engine.open_session(as_role(secured.database("[::1]", "verify-ca"), API), name="test"):
        pass
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        await engine.open_session(as_role(secured.database("[::1]", "disable"), API), name="test")
    # The superuser is for the machine itself.
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        await engine.open_session(secured.database("[::1]", "verify-ca"), name="test")


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_another_authority_or_another_name_is_not_believed_by_rediss_clients(
    secured: Secured, wrong: str
) -> None:
    good = Notifier(secured.redis, str(secured.authority))
    other = (
        Notifier(secured.redis, str(secured.other))
        if wrong == "authority"
        else Notifier(secured.redis.replace("127.0.0.1", "localhost"), str(secured.authority))
    )
    assert await good.writable()
    assert not await other.writable()
    await good.close()
    await other.close()


async def test_redis_takes_no_plain_connection(secured: Secured) -> None:
    plain = Notifier(secured.redis.replace("rediss://", "redis://"))
    assert not await plain.writable()
    await plain.close()


def test_a_service_works_over_tls(secured: Secured, spawn: Spawn, tmp_path: Path) -> None:
    """Tables, API and worker, with the settings of compose.yaml."""
    env = {
        **new_keys(),
        "DATABASE_URL": secured.database(),
        "REDIS_URL": secured.redis,
        "REDIS_CA_FILE": str(secured.authority),
        "METRICS_PORT": "0",
    }
    migrated = spawn("migrate", env=env, ready=False)
    assert migrated.process.wait(60) == 0, migrated.log.read_text()
    api = spawn("serve", "--port", "0", env=env)
    spawn("worker", env=env)

    def ready() -> bool:
        answer = httpx.get(f"http://127.0.0.1:{api.port}/readyz", trust_env=False).json()
        return bool(answer["status"] == "ok")

    _wait(ready, "the service to be ready")
