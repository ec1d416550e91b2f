"""Figures for Prometheus: of this process, and of all together; no label tells an organisation or a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.db.backlog import Backlog
from app.db.circuits import ServiceState
from app.db.sealed import MANY, SealedWith
from app.db.workers import Workers

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
        self.from_memory = Gauge(
            "provkedja_answers_from_memory", "1 while polls are answered from memory.", registry=self.registry
        )


@dataclass(frozen=True, slots=True)
class Together:
    """What all processes know together, as Postgres has it at one moment."""

    backlog: Backlog
    circuits: Sequence[ServiceState]
    workers: Workers
    sealed: Sequence[SealedWith]


class Shared(Collector):
    """The figures of all processes; without any, that Postgres is away, and no old ones in their place."""

    def __init__(self, together: Together | None) -> None:
        self._together = together

    def collect(self) -> Iterator[Metric]:
        """Gives them as Prometheus's families."""
        yield _gauge(
            "database_up", "1 when Postgres answers and has this version's tables.", int(self._together is not None)
        )
        if self._together is not None:
            yield from _of_backlog(self._together.backlog)
            yield from _of_circuits(self._together.circuits)
            yield from _of_workers(self._together.workers)
            yield _of_keys(self._together.sealed)


def _of_backlog(seen: Backlog) -> Iterator[Metric]:
    jobs = _gauge("jobs", "Unfinished jobs by stage and status.", labels=("stage", "status"))
    for (stage, status), count in seen.jobs.items():
        jobs.add_metric((stage, status), count)
    yield jobs
    yield _gauge("jobs_due", "Jobs that are due and held by no worker.", seen.due)
    yield _gauge("oldest_due_job_seconds", "For how long the oldest of those has been due.", seen.oldest_due)
    yield _gauge("jobs_faulty", "Jobs whose calls meet nothing but faults.", seen.faulty)
    yield _gauge("oldest_fault_seconds", "For how long at most one of those has been tried in vain.", seen.oldest_fault)
    yield _gauge("queues_held", "Activities with a run under way.", seen.queues_held)
    yield _gauge("queues_waiting", "Runs that wait behind another one of their activity.", seen.runs_waiting)
    yield _gauge("jobs_held", "Jobs that a worker has in hand.", seen.jobs_held)
    yield _gauge(
        "tokens_failing", "Organisations whose last try for a token failed a short while ago.", seen.tokens_failing
    )
    held_back = _gauge("calls_held_back_seconds", "Until the next call of a kind may leave.", labels=("bucket",))
    for bucket, ahead in seen.held_back.items():
        held_back.add_metric((bucket,), ahead)
    yield held_back


def _of_keys(seen: Sequence[SealedWith]) -> GaugeMetricFamily:
    values = _gauge(
        "sealed_values",
        f"Values that a key seals, by its id and setting; {MANY} stands for that many or more.",
        labels=("keys", "key"),
    )
    for each in seen:
        values.add_metric((each.keys, each.key), each.values)
    return values


def _of_circuits(seen: Sequence[ServiceState]) -> Iterator[Metric]:
    is_open = _gauge(
        "circuit_open", "1 while one of Skolverket's services is away and only probes go there.", labels=("service",)
    )
    failures = _gauge("service_failures", "Calls in a row to which nobody answered.", labels=("service",))
    for circuit in seen:
        is_open.add_metric((circuit.service,), int(circuit.opened_at is not None))
        failures.add_metric((circuit.service,), circuit.failures)
    yield is_open
    yield failures


def _of_workers(seen: Workers) -> Iterator[Metric]:
    yield _gauge("workers", "Workers that have been heard of within half a minute.", seen.alive)
    yield _gauge("steps_in_progress", "Steps that these are making now.", seen.in_progress)
    yield _counter("claims", "Jobs taken for a step, over all workers.", seen.claims)
    yield _counter("claims_after_death", "Claims of jobs that a worker had in hand when it died.", seen.reaped)
    yield _counter("claims_lost", "Steps dropped since somebody else had taken the job.", seen.lost)
    yield _counter("wake_ups", "Wake-ups that workers heard.", seen.wake_ups)


def _gauge(name: str, said: str, value: float | None = None, labels: Sequence[str] | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"provkedja_{name}", said, value, labels)


def _counter(name: str, said: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"provkedja_{name}", said, value)
