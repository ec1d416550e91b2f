"""Which addresses of Postgres and Redis leave this machine without TLS that looks at who answers."""

import pytest

from app.plain_addresses import plain_to_postgres, plain_to_redis


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("", False),
        ("no address at all", False),
        ("postgresql://", False),
        ("postgresql:///provkedja", False),
        ("postgresql:///provkedja?host=/run/postgresql", False),
        ("host=/run/postgresql dbname=provkedja", False),
        ("postgresql://localhost/provkedja", False),
        ("postgresql+psycopg://127.0.0.1:5432/provkedja", False),
        ("postgresql://127.8.9.10/provkedja?sslmode=disable", False),
        ("postgresql://[::1]/provkedja", False),
        ("postgresql://db.example.se/provkedja", True),
        ("postgresql+psycopg://db.example.se/provkedja", True),
        ("host=db.example.se", True),
        ("postgresql://192.168.1.2/provkedja", True),
        ("postgresql://localhost.example.se/provkedja", True),
        ("postgresql://localhost/provkedja?hostaddr=192.168.1.2", True),
        ("postgresql://db.example.se/provkedja?hostaddr=127.0.0.1", False),
        ("postgresql://localhost,db.example.se/provkedja", True),
        ("service=provkedja", True),
        ("service=provkedja host=localhost", False),
        *((f"postgresql://db.example.se/p?sslmode={mode}", True) for mode in ("disable", "prefer", "require")),
        ("postgresql://db.example.se/p?sslmode=verify-ca", True),
        ("postgresql://db.example.se/p?sslmode=verify-full", False),
        ("postgresql://pg-a,pg-b/p?target_session_attrs=read-write&sslmode=verify-full", False),
        ("service=provkedja sslmode=verify-full", False),
    ],
)
def test_an_address_of_postgres(address: str, plain: bool) -> None:
    assert plain_to_postgres(address) is plain


def test_what_an_address_leaves_out_comes_from_libpqs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.se")
    assert plain_to_postgres("dbname=provkedja")
    assert not plain_to_postgres("host=localhost dbname=provkedja")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert not plain_to_postgres("dbname=provkedja")
    assert plain_to_postgres("dbname=provkedja sslmode=prefer")


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("", False),
        ("unix:///run/redis.sock?db=0", False),
        ("redis://localhost:6379/0", False),
        ("redis://:password@127.0.0.1:6379/0", False),
        ("redis://[::1]:6379/0", False),
        ("redis://:password@redis:6379/0", True),
        ("redis://192.168.1.2/0", True),
        ("rediss://:password@redis:6379/0", False),
        ("rediss://:password@redis:6379/0?ssl_cert_reqs=none", True),
        ("rediss://:password@redis:6379/0?ssl_check_hostname=false", True),
        ("rediss://127.0.0.1/0?ssl_cert_reqs=none", False),
        ("redis://[", False),
    ],
)
def test_an_address_of_redis(address: str, plain: bool) -> None:
    assert plain_to_redis(address) is plain
