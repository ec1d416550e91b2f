"""A worker's own figures: what each counts, and where they are served."""

import socket
from datetime import timedelta
from urllib.request import urlopen

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.errors import Stopped
from app.jobs.meters import Meters, served


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _read(port: int) -> dict[str, Metric]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_what_a_worker_has_met_is_served_as_it_is_now() -> None:
    meters, port = Meters(), _free_port()
    with served(meters, "127.0.0.1", port):
        assert _read(port)["provkedja_worker_claims"].samples[0].value == 0
        for ago in (-1, 0.05, 0.3, 60):
            meters.claimed(after_a_death=ago == 60, wake_latency=timedelta(seconds=ago))
        meters.claimed(after_a_death=False, wake_latency=None)
        meters.called("calls", "send", "answered", 0.2)
        meters.called("calls", "send", "http_500", 7)
        meters.called("reads", "look_up", "answered", 0)
        meters.tally.in_progress, meters.tally.lost, meters.tally.wake_ups = 2, 1, 3
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


def test_at_port_0_nothing_is_served() -> None:
    with served(Meters(), "no address", 0):
        pass


def test_a_port_that_is_taken_keeps_the_worker_from_starting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(Stopped, match=f"WORKER_METRICS_PORT: 127.0.0.1:{port}"),
            served(Meters(), "127.0.0.1", port),
        ):
            pass
