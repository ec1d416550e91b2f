"""Simulator processes: one for a whole module that has time for everybody, or one of the test's own with the limit.

Those who call by hand share a quick one, whose jobs are done at once.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Spawn, spawning
from tests.contract.simulator_at_work import Caller, Skolverket
from tests.unit.simulator.simulator_parts import reference_document

_SIMULATOR = ("simulator", "--port", "0", "--job-delay", "0.2")
_UNLIMITED = ("--calls-per-second", "1000", "--reads-per-second", "1000")


@pytest.fixture(scope="module")
def simulator_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process whose limit no test here reaches."""
    folder: Path = tmp_path_factory.mktemp("simulator")
    with spawning(folder) as spawn:
        yield spawn(*_SIMULATOR, *_UNLIMITED).port


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


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A process whose jobs are done at once and handed over 0.2 s later."""
    with spawning(tmp_path_factory.mktemp("quick")) as spawn:
        options = ("--job-delay", "0", "--handover-delay", "0.2", *_UNLIMITED)
        port = spawn("simulator", "--port", "0", *options).port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield http


@pytest.fixture
def caller(quick: httpx.Client) -> Caller:
    """Calls the quick one by hand; it is emptied, knows the schools of the parts, and has given a token."""
    quick.post("/_simulator/reset?reference=true").raise_for_status()
    quick.put("/_simulator/reference", json=reference_document()).raise_for_status()
    caller = Caller(quick)
    caller.log_in()
    return caller
