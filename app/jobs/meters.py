"""What this worker has met, for Prometheus: each worker serves its own figures, whatever becomes of Postgres."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Thread
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.db.workers import Tally
from app.logs import describe_exception
from app.own_certificate import OwnCertificate

PORT = 9101

# A connection has so long for its handshake, request and answer (s): whoever keeps it open takes a thread each time.
_WITHIN = 10.0

_log = structlog.stdlib.get_logger(__name__)

# Seconds; a last class has all that took longer.
_WOKEN_WITHIN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_PERMIT_WITHIN = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Meters:
    """The meters of one worker: its tally, which is written to Postgres as well, and what is its own alone."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.registry = CollectorRegistry()
        self.registry.register(_OfTally(self.tally))
        self._woken = Histogram(
            "provkedja_wake_up_to_claim_seconds",
            "From a wake-up to the claim that followed it.",
            buckets=_WOKEN_WITHIN,
            registry=self.registry,
        )
        self._calls = Counter(
            "provkedja_worker_calls",
            "Calls to the Provisioning API that have left, by what they were and what became of them.",
            ("call", "outcome"),
            registry=self.registry,
        )
        self._permits = Histogram(
            "provkedja_permit_wait_seconds",
            "From a call's joining the line to its leaving.",
            ("bucket",),
            buckets=_PERMIT_WITHIN,
            registry=self.registry,
        )

    def claimed(self, *, after_a_death: bool, wake_latency: timedelta | None) -> None:
        """Counts a claim, with how long after its wake-up it was made, if there was one."""
        self.tally.claims += 1
        self.tally.reaped += after_a_death
        if wake_latency is not None:
            self._woken.observe(max(0.0, wake_latency.total_seconds()))

    def called(self, bucket: str, call: str, outcome: str, waited: float) -> None:
        """Counts a call that has left, with how long it `waited` for its permit (s); `outcome` is a code of ours."""
        self._calls.labels(call, outcome).inc()
        self._permits.labels(bucket).observe(waited)


class _OfTally(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        met, name = self._tally, "provkedja_worker"
        yield GaugeMetricFamily(f"{name}_steps_in_progress", "Steps that this worker is making now.", met.in_progress)
        yield CounterMetricFamily(f"{name}_claims", "Jobs that it took for a step.", met.claims)
        yield CounterMetricFamily(f"{name}_claims_after_death", "Those that another had when it died.", met.reaped)
        yield CounterMetricFamily(f"{name}_claims_lost", "Its steps dropped since another had the job.", met.lost)
        yield CounterMetricFamily(f"{name}_wake_ups", "Wake-ups that it heard.", met.wake_ups)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Writes nothing: who fetches figures does so all day."""

    def log_error(self, *given: object) -> None:
        """Writes nothing: a line of the library's has no form."""


class _Server(ThreadingWSGIServer):
    """Listens from the beginning, for IPv4 or IPv6 as the host is, and serves nobody before it is told to."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        [(self.address_family, *_, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self._since: dict[Any, float] = {}
        super().__init__((str(address[0]), port), _Quiet)
        self.set_app(make_wsgi_app(registry))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a connection in its own thread, and knows since when."""
        self._since[request] = monotonic()
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._since[request]

    def service_actions(self) -> None:
        """Ends what has taken too long, between two connections or some times a second: its thread reads an end."""
        for request, since in list(self._since.items()):
            if monotonic() - since > _WITHIN:
                # Also of one that speaks TLS, in whatever state that is; it may have ended by itself just now.
                with suppress(OSError):
                    socket.socket.shutdown(request, socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        _log.info("metrics were not fetched", fault=describe_exception(sys.exception() or ConnectionError()))


@contextmanager
def served(meters: Meters, host: str, port: int, certificate: OwnCertificate | None = None) -> Iterator[int]:
    """Serves the meters over HTTP while the context lasts, from a thread of its own, and gives the port.

    With a `certificate` it does so over TLS. Port 0 takes any free one. Where nobody can listen, says so and gives 0:
    the work goes on without.
    """
    try:
        server = _Server(host, port, meters.registry)
    except OSError as problem:
        _log.warning("metrics are not served", host=host, port=port, reason=problem.strerror)
        yield 0
        return
    if certificate is not None:
        # Each handshake in the thread of its connection: who keeps one waiting holds up no other, and no end.
        listening = certificate.context().wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.socket = listening
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    _log.info("metrics are served", host=host, port=server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
