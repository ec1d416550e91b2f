"""How `serve` and `worker` begin, and what does not end them."""

import signal
from pathlib import Path

import pytest

from app.local.environment import new_keys
from tests.conftest import Spawn
from tests.journeys.conftest import Service

VERBS = [("serve", "--port", "0"), ("worker",)]


@pytest.mark.parametrize("verb", VERBS, ids=["serve", "worker"])
def test_the_end_of_a_terminal_ends_no_process(service: Service, verb: tuple[str, ...]) -> None:
    """SIGHUP is not heard: what ends the process is the SIGTERM after it, in order."""
    child = service.spawn(*verb, env=service.env)
    child.process.send_signal(signal.SIGHUP)
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(30) == 0


@pytest.mark.parametrize("verb", VERBS, ids=["serve", "worker"])
@pytest.mark.parametrize(
    ("content", "explained"), [(None, "there is no file {}"), ("", "{} cannot be read, or holds no certificate as PEM")]
)
def test_an_unusable_ca_file_ends_the_start(
    spawn: Spawn, tmp_path: Path, verb: tuple[str, ...], content: str | None, explained: str
) -> None:
    """One sentence names the variable and the path."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    env = {"DATABASE_URL": "postgresql://127.0.0.1:9/none", **new_keys(), "SKOLVERKET_CA_FILE": str(path)}
    child = spawn(*verb, env=env, ready=False)
    assert child.process.wait(30) == 1
    assert child.log.read_text() == f"provkedja: SKOLVERKET_CA_FILE: {explained.format(path)}\n"
