"""Figures for Prometheus: one registry an app, no label that tells an organisation or a person."""

import time
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


@dataclass
class Metrics:
    """The meters of one app."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        labels = ("method", "route", "status")
        self.requests = Counter(
            "provkedja_http_requests", "Answered requests, by the route's template.", labels, registry=self.registry
        )
        self.seconds = Histogram(
            "provkedja_http_request_seconds",
            "From a request's arrival to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.intake_bytes = Counter("provkedja_intake_bytes", "Bytes of rosters taken in.", registry=self.registry)
        self.intake_objects = Counter(
            "provkedja_intake_objects", "Objects of stored rosters.", ("stage",), registry=self.registry
        )
        self.jobs = Gauge("provkedja_jobs", "Jobs by stage and status.", ("stage", "status"), registry=self.registry)
        self.due = Gauge("provkedja_jobs_due", "Jobs that are due and held by no worker.", registry=self.registry)
        self.oldest_due = Gauge(
            "provkedja_oldest_due_job_seconds", "For how long the oldest of those has been due.", registry=self.registry
        )
        self.circuit_open = Gauge(
            "provkedja_circuit_open",
            "1 while one of Skolverket's services is away and only probes go there.",
            ("service",),
            registry=self.registry,
        )
        self.failures = Gauge(
            "provkedja_service_failures",
            "Calls in a row to which nobody answered.",
            ("service",),
            registry=self.registry,
        )
        self.database_up = Gauge("provkedja_database_up", "1 when Postgres answers.", registry=self.registry)


class Measured:
    """Middleware that counts and times requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            # A template, or one word for all that is none: what callers type is no label.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(method, route, str(status) if status else "aborted").inc()
            self.metrics.seconds.labels(method, route).observe(time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
