"""What a simulator does by its settings: exchanges written down, invented persons that go."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.simulator.config import SimulatorConfig
from app.simulator.serving import make_server
from tests.contract.simulator_at_work import Caller
from tests.unit.simulator.simulator_parts import UNKNOWN, numbered, pupil, reference_document

HASTY = SimulatorConfig(calls_per_second=1000, reads_per_second=1000, job_delay=0, job_jitter=0, invented_after=0.3)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that exchanges go to."""
    return tmp_path_factory.mktemp("record") / "exchanges.jsonl"


@pytest.fixture(scope="module")
def server(record: Path) -> Iterator[Caller]:
    """One in which little lasts, in a thread: whoever runs the tests may have given processes a record of theirs."""
    server = make_server("127.0.0.1", 0, HASTY, record=record)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(10)
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:
            http.put("/_simulator/reference", json=reference_document()).raise_for_status()
            yield Caller(http)
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def hasty(server: Caller) -> Caller:
    """The same with a new token."""
    server.log_in()
    return server


def _until_recorded(caller: Caller, record: Path) -> list[dict[str, Any]]:
    """Gives all lines once that of the last call is there: it is written after the answer has gone."""
    number = caller.ledger()[-1]["number"]
    lines: list[dict[str, Any]] = []

    def is_there() -> bool:
        lines[:] = [json.loads(line) for line in record.read_text().splitlines()]
        return bool(lines[-1]["number"] == number)

    caller.until(is_there)
    return lines


def test_a_person_with_an_invented_number_goes_without_a_word(hasty: Caller) -> None:
    """A temporary number does not count as invented; who is sent again is new."""
    sent = pupil(1), pupil(3, civicNo={"value": "20120304TF20"})
    assert [one["status"] for one in hasty.carry_out("persons", *sent)] == ["Success", "Success"]
    hasty.until(lambda: hasty.call("GET", f"/persons/{numbered(1)}").status_code == 404)
    assert hasty.call("GET", f"/persons/{numbered(3)}").status_code == 200
    assert [one["statusCode"] for one in hasty.carry_out("persons", *sent)] == [201, 200]


def test_an_exchange_is_recorded_whole_but_for_its_token(hasty: Caller, record: Path) -> None:
    sent = json.dumps({"data": [pupil()]}).encode()
    answer = hasty.call("POST", "/persons/bulk?updateIfExists=true", sent)
    line = _until_recorded(hasty, record)[-1]
    headers = line["request_headers"]
    assert (line["method"], line["url"]) == ("POST", str(answer.request.url))
    assert (b64decode(line["request_body"]), b64decode(line["response_body"])) == (sent, answer.content)
    assert (headers["authorization"], headers["user-agent"]) == ("Bearer ...", answer.request.headers["user-agent"])
    assert (line["status"], line["response_headers"]["location"]) == (202, answer.headers["location"])
    assert line["planted"] is None


@pytest.mark.parametrize(
    ("action", "status"),
    [("cut_before", None), ("cut_after", None), ("truncate", 200), ("status", 503), ("extra_fields", 200)],
)
def test_a_planted_fault_is_recorded_as_one(hasty: Caller, record: Path, action: str, status: int | None) -> None:
    hasty.order({"action": action, "times": 1})
    try:
        hasty.call("POST", "/persons/lookup", {"ids": [UNKNOWN]})
    except httpx.TransportError:
        assert action in ("cut_before", "cut_after", "truncate")
    line = _until_recorded(hasty, record)[-1]
    assert (line["planted"], line["status"]) == (action, status)
    assert json.loads(b64decode(line["request_body"])) == {"ids": [UNKNOWN]}


@pytest.mark.parametrize("mark", ["5e000001", "5e000002", "5e000003", "5e000004"])
def test_a_marked_object_makes_its_exchanges_planted(hasty: Caller, record: Path, mark: str) -> None:
    job_id = hasty.send("persons", pupil(id=f"{mark}-0000-4000-8000-000000000000"))
    hasty.until_completed("persons", job_id)
    lines = _until_recorded(hasty, record)
    about = [line for line in lines if job_id in line["url"] or job_id.encode() in b64decode(line["response_body"])]
    assert len(about) >= 3
    assert {line["planted"] for line in about} == {"mark"}


def test_what_is_asked_of_the_simulator_itself_is_not_recorded(hasty: Caller, record: Path) -> None:
    hasty.call("GET", "/alive")
    assert not [line for line in _until_recorded(hasty, record) if "/_simulator" in line["url"]]
