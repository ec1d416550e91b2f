"""A worker's own figures: what each counts, and where they are served."""

import select
import socket
from contextlib import suppress
from datetime import timedelta
from urllib.request import urlopen

import pytest
import structlog
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app import __version__
from app.build import register_process
from app.jobs import meters
from app.jobs.meters import Meters, served


def _read(port: int) -> dict[str, Metric]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_what_a_worker_has_met_is_served_as_it_is_now() -> None:
    own = Meters()
    with served(own, "127.0.0.1", 0) as port:
        assert _read(port)["provkedja_worker_claims"].samples[0].value == 0
        for ago in (-1, 0.05, 0.3, 60):
            own.claimed(after_a_death=ago == 60, wake_latency=timedelta(seconds=ago))
        own.claimed(after_a_death=False, wake_latency=None)
        own.called("calls", "send", "answered", 0.2)
        own.called("calls", "send", "http_500", 7)
        own.called("reads", "look_up", "answered", 0)
        own.tally.in_progress, own.tally.lost, own.tally.wake_ups = 2, 1, 3
        found = _read(port)
    samples = {(each.name, *each.labels.values()): each.value for family in found.values() for each in family.samples}
    woken = "provkedja_wake_up_to_claim_seconds"
    assert [samples[f"{woken}_bucket", bound] for bound in ("0.05", "0.25", "0.5", "30.0", "+Inf")] == [2, 2, 3, 3, 4]
    assert samples[f"{woken}_sum",] == pytest.approx(60.35)
    counted = ("claims_total", "claims_after_death_total", "claims_lost_total", "wake_ups_total", "steps_in_progress")
    assert [samples[f"provkedja_worker_{name}",] for name in counted] == [5, 1, 1, 3, 2]
    assert samples["provkedja_worker_calls_total", "send", "http_500"] == 1
    assert samples["provkedja_worker_calls_total", "look_up", "answered"] == 1
    assert samples["provkedja_permit_wait_seconds_sum", "calls"] == pytest.approx(7.2)
    with pytest.raises(OSError, match="refused"):
        _read(port)


def _is_ended(slow: socket.socket, word: bytes) -> bool:
    """Says a word now and then, and tells whether the connection ends within some seconds."""
    with suppress(ConnectionError):
        for _ in range(200):
            if select.select([slow], [], [], 0.05)[0]:
                return slow.recv(1) == b""
            slow.sendall(word)
        return False
    return True


@pytest.mark.parametrize("word", [b"", b"a"])
def test_who_never_ends_a_request_is_let_go(monkeypatch: pytest.MonkeyPatch, word: bytes) -> None:
    """Whether nothing comes or a little at a time: with a thread for each there would be more and more."""
    monkeypatch.setattr(meters, "_WITHIN", 0.2)
    with served(Meters(), "127.0.0.1", 0) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        assert _is_ended(slow, word)
        assert "provkedja_worker_claims" in _read(port)


def test_port_0_takes_a_free_one_and_logs_it() -> None:
    with structlog.testing.capture_logs() as lines, served(Meters(), "127.0.0.1", 0) as port:
        assert "provkedja_worker_claims" in _read(port)
    assert [(line["event"], line["port"]) for line in lines] == [("metrics are served", port)]


def test_a_port_that_is_taken_is_said_and_gone_without() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with structlog.testing.capture_logs() as lines, served(Meters(), "127.0.0.1", port) as none:
            assert none == 0
    assert [(line["event"], line["port"]) for line in lines] == [("metrics are not served", port)]


def test_every_process_says_which_build_it_is_and_what_it_uses() -> None:
    meters = Meters()
    register_process(meters.registry, "0123abc")
    with served(meters, "127.0.0.1", 0) as port:
        found = _read(port)
    [build] = found["provkedja_build_info"].samples
    assert (build.labels, build.value) == ({"version": __version__, "commit": "0123abc"}, 1)
    assert found["process_resident_memory_bytes"].samples[0].value > 0
