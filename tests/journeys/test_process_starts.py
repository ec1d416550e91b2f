"""How `serve` and `worker` begin, and what does not end them."""

import signal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from app.local.environment import new_keys
from app.local.server import free_port
from tests.conftest import Spawn, _wait
from tests.journeys.conftest import Service

VERBS = [("serve", "--port", "0"), ("worker",)]


@pytest.mark.parametrize("verb", VERBS, ids=["serve", "worker"])
def test_the_end_of_a_terminal_ends_no_process(service: Service, verb: tuple[str, ...]) -> None:
    """SIGHUP is not heard: what ends the process is the SIGTERM after it, in order."""
    child = service.spawn(*verb, env=service.env)
    child.process.send_signal(signal.SIGHUP)
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(30) == 0


@pytest.mark.parametrize(
    ("content", "explained"), [(None, "there is no file {}"), ("", "{} cannot be read, or holds no certificate as PEM")]
)
def test_an_unusable_ca_file_ends_the_start(spawn: Spawn, tmp_path: Path, content: str | None, explained: str) -> None:
    """Of a worker, which alone calls: one sentence names the variable and the path."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    env = {"DATABASE_URL": "postgresql://127.0.0.1:9/none", **new_keys(), "SKOLVERKET_CA_FILE": str(path)}
    child = spawn("worker", env=env, ready=False)
    assert child.process.wait(30) == 1
    assert child.log.read_text() == f"provkedja: SKOLVERKET_CA_FILE: {explained.format(path)}.\n"


def test_the_health_of_a_worker(service: Service, tmp_path: Path) -> None:
    """Of this one by its ready file, or of any: at work until it ends, or is silent for ten seconds."""

    def health(*options: str) -> tuple[int, str]:
        child = service.spawn("health", *options, env=service.env, ready=False)
        return child.process.wait(30), child.log.read_text()

    mine = ("--ready-file", str(tmp_path / "mine.json"))
    assert health() == (1, "provkedja: No worker has been heard of lately.\n")
    assert health(*mine) == (1, "provkedja: The worker of this ready file has not begun its work.\n")
    worker = service.spawn("worker", *mine, env=service.env, ready=False)
    _wait(lambda: health(*mine)[0] == 0, "the worker to be at work")
    assert health()[0] == 0
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0
    assert health(*mine) == (1, "provkedja: This worker has not been heard of lately.\n")


def test_a_redis_that_can_never_do_ends_the_start_of_a_worker(service: Service) -> None:
    """And one that is away does not: it is started below, without any."""
    wrong = service.env["REDIS_URL"].rsplit("/", 1)[0] + "/9999"
    child = service.spawn("worker", env={**service.env, "REDIS_URL": wrong}, ready=False)
    assert child.process.wait(30) == 1
    assert child.log.read_text().endswith(
        "Redis has no database of the number in REDIS_URL: give another one, `…/0` is always there.\n"
    )
    service.spawn("worker", env={**service.env, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})


@pytest.mark.parametrize("verb", VERBS, ids=["serve", "worker"])
def test_what_may_pass_is_said_once_and_waited_for(service: Service, tmp_path: Path, verb: tuple[str, ...]) -> None:
    """The API answers meanwhile, and a worker begins when the database takes writes."""
    ready = tmp_path / "ready.json"
    parts = urlsplit(service.env["DATABASE_URL"])
    with psycopg.connect(service.env["DATABASE_URL"], autocommit=True) as connection:
        setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        name = sql.Identifier(parts.path.removeprefix("/"))
        connection.execute(setting.format(name, sql.Literal("on")))
        child = service.spawn(*verb, "--ready-file", str(ready), env=service.env, ready=False)
        _wait(lambda: child.log.exists() and "DATABASE_URL only reads" in child.log.read_text(), "its sentence")
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(setting.format(name, sql.Literal("off")))
    _wait(ready.exists, "the process to be ready")
    assert child.log.read_text().count("DATABASE_URL only reads") == 1
