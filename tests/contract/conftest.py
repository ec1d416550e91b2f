"""Simulator processes: one for a whole module that has time for everybody, or one of the test's own with the limit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Spawn, spawning
from tests.contract.simulator_at_work import Skolverket

_SIMULATOR = ("simulator", "--port", "0", "--job-delay", "0.2")


@pytest.fixture(scope="module")
def simulator_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process whose limit no test here reaches."""
    folder: Path = tmp_path_factory.mktemp("simulator")
    with spawning(folder) as spawn:
        yield spawn(*_SIMULATOR, "--calls-per-second", "1000").port


@pytest.fixture
def skolverket(simulator_port: int) -> Skolverket:
    """A look-alike of Skolverket's services on a socket, emptied for the test."""
    skolverket = Skolverket(simulator_port)
    skolverket.forget()
    return skolverket


@pytest.fixture
def strict(spawn: Spawn) -> Skolverket:
    """One of the test's own, with Skolverket's limit: five sending and status calls in any second."""
    return Skolverket(spawn(*_SIMULATOR).port)
