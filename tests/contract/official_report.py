"""Counts verdicts and says in lines what was checked, what was not, and what was wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.contract.official import DOCUMENTS, Breach, Official, Verdict
from tests.exchanges import MOST_BYTES, Exchange

_MOST_LINES = 40


@dataclass(slots=True)
class Tally:
    """What was checked of all exchanges with one document."""

    exchanges: int = 0
    requests: int = 0
    answers: int = 0
    cut: int = 0
    operations: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Report:
    """All verdicts of a run; a breach in an answer that a fault was asked for stands apart and is no violation."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in DOCUMENTS.values()})
    outside: Counter[str] = field(default_factory=Counter)
    violations: Counter[Breach] = field(default_factory=Counter)
    planted: Counter[Breach] = field(default_factory=Counter)
    faults: int = 0
    wronged: int = 0
    oversized: int = 0
    seen_in: dict[Breach, str] = field(default_factory=dict)

    @property
    def exchanges(self) -> int:
        """Counts every exchange, with a document or without."""
        return sum(tally.exchanges for tally in self.tallies.values()) + self.outside.total()

    def add(self, exchange: Exchange, verdict: Verdict) -> None:
        """Counts one exchange."""
        if verdict.document is None:
            self.outside[_place(exchange)] += 1
            return
        tally = self.tallies[verdict.document]
        tally.exchanges += 1
        tally.requests += verdict.request_checked
        tally.answers += verdict.answer_checked
        tally.cut += exchange.status is None
        tally.operations[verdict.operation] += 1
        self.oversized += exchange.is_ours and len(exchange.request_body) > MOST_BYTES
        excused = {breach for breach in verdict.breaches if breach.side == "simulator" and exchange.planted is not None}
        self.faults += exchange.planted is not None
        self.wronged += bool(excused)
        for breach, times in verdict.breaches.items():
            (self.planted if breach in excused else self.violations)[breach] += times
            self.seen_in.setdefault(breach, exchange.test)

    def lines(self) -> Iterator[str]:
        """Says it all, the violations last."""
        for name, tally in self.tallies.items():
            operations = ", ".join(f"{operation} {times}" for operation, times in sorted(tally.operations.items()))
            yield (
                f"{name}: {tally.exchanges} exchanges, {tally.requests} requests of the client and {tally.answers} "
                f"answers of the simulator checked, {tally.cut} cut off without an answer"
                + (f": {operations}" if operations else "")
            )
        outside = ", ".join(f"{place} {times}" for place, times in sorted(self.outside.items()))
        yield f"outside both documents: {self.outside.total()}" + (f" ({outside})" if outside else "")
        yield f"with a planted fault: {self.faults}, of which it made the answer wrong: {self.wronged}"
        yield f"requests of the client over {MOST_BYTES} bytes: {self.oversized}"
        yield f"violations: {self.violations.total()}"
        for breach, times in self.violations.most_common(_MOST_LINES):
            seen_in = self.seen_in[breach]
            yield f"  {times} × {breach}" + (f" (first with the simulator of {seen_in})" if seen_in else "")
        if len(self.violations) > _MOST_LINES:
            yield f"  and {len(self.violations) - _MOST_LINES} other kinds"


def report_of(official: Official, exchanges: Iterable[Exchange]) -> Report:
    """Judges exchanges one by one; nothing of them is kept but counts."""
    report = Report()
    for exchange in exchanges:
        report.add(exchange, official.judge(exchange))
    return report


def _place(exchange: Exchange) -> str:
    # Paths that no document knows may hold anything that a test made up: only the service's name is repeated.
    path = urlsplit(exchange.url).path
    for known in (*DOCUMENTS, "/transaction", "/.well-known/jwks.json"):
        if path == known or path.startswith(f"{known}/"):
            return known if known not in DOCUMENTS else f"{known}/*"
    return "elsewhere"
