"""The simulator behind a real socket: limits, tokens, jobs, faults that cut, the process and its end."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import jwt
import pytest

from app.simulator.config import SimulatorConfig
from tests.unit.simulator.simulator_parts import ORGANISATION, Line, numbered, pupil, running, transaction

_BULK = "/provisioning/v1/persons/bulk"
_UPSERT = f"{_BULK}?updateIfExists=true"
_DEADLINE = 10.0
_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def line() -> Iterator[Line]:
    with running(SimulatorConfig(job_delay=0.05, job_jitter=0, calls_per_second=1000)) as one:
        yield one


def _until_completed(line: Line, job_id: str) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not line.ask("GET", f"{_BULK}/jobs/{job_id}/isCompleted")[2]:
        assert time.monotonic() < deadline


def test_a_batch_is_taken_carried_out_and_shown(line: Line) -> None:
    status, headers, accepted = line.ask("POST", _UPSERT, {"data": [pupil()]})
    assert (status, set(accepted)) == (202, {"jobId", "message"})
    assert headers["location"] == f"http://127.0.0.1:{line.port}{_BULK}/jobs/{accepted['jobId']}"
    assert headers["x-ratelimit-limit"] == "1000"
    _until_completed(line, accepted["jobId"])
    status, _, answer = line.ask("GET", f"{_BULK}/jobs/{accepted['jobId']}")
    assert (status, answer["jobId"]) == (200, accepted["jobId"])
    assert [(one["id"], one["response"]["status"]) for one in answer["responses"]] == [(numbered(1), "Success")]
    objects = line.ask("GET", f"/_simulator/objects?organisation={ORGANISATION}&kind=persons")[2]["objects"]
    assert [one["object"] for one in objects] == [pupil()]


def test_the_token_is_signed_with_the_published_key(line: Line) -> None:
    keys = jwt.PyJWKSet.from_dict(line.ask("GET", "/.well-known/jwks.json")[2])
    key = keys[jwt.get_unverified_header(line.token)["kid"]]
    claims = jwt.decode(line.token, key, algorithms=["ES256"])
    assert (claims["sub"], claims["organisation_id"], claims["exp"] - claims["iat"]) == (ORGANISATION,) * 2 + (36_000,)


def test_the_authorisation_server_answers_in_the_shape_of_gnap(line: Line) -> None:
    status, _, answer = line.ask("POST", "/transaction", transaction())
    token = answer["access_token"]
    assert (status, token["expires_in"], token["flags"]) == (200, 36_000, ["bearer"])
    assert token["access"] == transaction()["access_token"][0]["access"]
    assert line.ask("POST", "/transaction", b"{")[0] == 400


def test_a_wrong_token_is_403(line: Line) -> None:
    status, headers, answer = line.ask("POST", _UPSERT, {"data": []}, token="x")
    assert (status, answer[0]["id"]) == (403, "5002")
    assert "x-ratelimit-remaining" in headers


def test_a_body_of_200_000_bytes_is_taken_and_one_more_byte_is_413(line: Line) -> None:
    largest = b'{"data": []}'.ljust(200_000)
    assert line.ask("POST", _UPSERT, largest)[0] == 202
    status, _, answer = line.ask("POST", _UPSERT, largest + b" ")
    assert (status, answer[0]["id"]) == (413, "5020")
    taken, refused = line.ledger()[-2:]
    assert (taken["bytes"], taken["sha256"]) == (200_000, sha256(largest).hexdigest())
    assert (refused["bytes"], refused["status"], refused["job_id"]) == (200_001, 413, None)


def test_the_limit_is_429_and_its_call_is_in_the_ledger() -> None:
    with running(SimulatorConfig(calls_per_second=0)) as line:
        status, headers, entries = line.ask("POST", _UPSERT, {"data": []})
        assert (status, entries[0]["id"]) == (429, "5021")
        assert (headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]) == ("0", "1")
        assert [call["status"] for call in line.ledger()] == [200, 429]


def test_the_ledger_has_every_call_but_those_to_the_simulator_itself(line: Line) -> None:
    line.ask("GET", "/provisioning/v1/alive")
    line.ask("GET", "/provisioning/v1/persons?limit=1")
    calls = line.ledger()
    assert [(call["method"], call["path"], call["query"]) for call in calls] == [
        ("POST", "/transaction", ""),
        ("GET", "/provisioning/v1/alive", ""),
        ("GET", "/provisioning/v1/persons", "limit=1"),
    ]
    assert {call["organisation"] for call in calls} == {ORGANISATION}
    assert all(call["time"] <= call["answered_at"] for call in calls)


@pytest.mark.parametrize(("action", "is_taken"), [("cut_before", False), ("cut_after", True)])
def test_a_cut_connection_gives_no_answer(line: Line, action: str, is_taken: bool) -> None:
    line.order({"match": {"path": "persons/bulk"}, "times": 1, "action": action})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        line.ask("POST", _UPSERT, {"data": [pupil()]})
    call = line.ledger()[-1]
    assert (call["status"], call["job_id"] is not None) == (None, is_taken)
    assert line.ask("POST", _UPSERT, {"data": [pupil()]})[0] == 202


def test_a_status_fault_refuses_the_call(line: Line) -> None:
    line.order({"times": 1, "action": "status", "status": 503}, {"action": "status", "status": 429, "retry_after": 7})
    status, headers, answer = line.ask("POST", _UPSERT, {"data": []})
    assert (status, answer[0]["id"]) == (503, "5022")
    assert not [name for name in headers if name.startswith("x-ratelimit")]
    status, headers, answer = line.ask("POST", _UPSERT, {"data": []})
    assert (status, answer[0]["id"], headers["retry-after"]) == (429, "5021", "7")
    assert [call["job_id"] for call in line.ledger()[-2:]] == [None, None]


def test_faults_about_items_decide_what_becomes_of_a_job(line: Line) -> None:
    line.order({"times": 1, "action": "temporary_error"}, {"times": 1, "action": "stay_pending"})
    interrupted, stuck, clean = (line.ask("POST", _UPSERT, {"data": [pupil()]})[2]["jobId"] for _ in range(3))
    _until_completed(line, clean)
    statuses = [
        line.ask("GET", f"{_BULK}/jobs/{job_id}")[2]["responses"][0]["response"]["status"]
        for job_id in (interrupted, stuck, clean)
    ]
    assert statuses == ["TemporaryError", "Pending", "Success"]


def test_a_broken_answer_is_no_json_and_the_call_was_taken(line: Line) -> None:
    line.order({"times": 1, "action": "wrong_json"})
    with pytest.raises(json.JSONDecodeError):
        line.ask("POST", _UPSERT, {"data": []})
    call = line.ledger()[-1]
    assert (call["status"], call["job_id"] is not None) == (202, True)


def test_a_delayed_answer_comes_after_the_call_was_taken(line: Line) -> None:
    line.order({"times": 1, "action": "delay", "seconds": 0.2})
    assert line.ask("POST", _UPSERT, {"data": []})[0] == 202
    call = line.ledger()[-1]
    assert call["answered_at"] - call["time"] >= 0.2


def test_reset_forgets_calls_objects_and_faults_and_the_reference_only_when_asked(line: Line) -> None:
    line.order({"action": "status"})
    line.ask("POST", "/_simulator/reset")
    assert line.ledger() == []
    job_id = line.ask("POST", _UPSERT, {"data": [pupil()]})[2]["jobId"]
    _until_completed(line, job_id)
    assert len(line.ask("GET", "/_simulator/objects")[2]["objects"]) == 1
    line.ask("POST", "/_simulator/reset?reference=true")
    assert line.ask("GET", "/_simulator/objects")[2]["objects"] == []
    known = line.ask("PUT", "/_simulator/reference", {})[2]["known"]
    assert set(known.values()) == {0}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_its_port_and_ends_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    program = (
        "import sys; from pathlib import Path; from app.simulator.serving import run;"
        "run(port=0, ready_file=Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(ready)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + _DEADLINE
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        line = Line(json.loads(ready.read_text())["port"])
        assert line.ask("GET", "/provisioning/v1/alive")[0] == 200
        process.send_signal(ending)
        _, errors = process.communicate(timeout=_DEADLINE)
        assert (process.returncode, errors) == (0, b"")
    finally:
        process.kill()
        process.communicate()
