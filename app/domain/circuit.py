"""When a service counts as away for everybody, and when it is asked again; times are seconds of the holder's clock."""

from dataclasses import dataclass
from random import Random

_FAILURES = 5
_FAILING_FOR = 3.0
_SOONEST, _LATEST = 2.0, 60.0


def opens(failures: int, failing_for: float) -> bool:
    """Tells whether failures in a row open the circuit: several, and over a while, since one cut ends many calls."""
    return failures >= _FAILURES and failing_for >= _FAILING_FOR


def next_probe(open_for: float, random: Random) -> float:
    """Gives how long until somebody asks whether a service is back: as long as it has been away, at most a minute."""
    return min(max(open_for, _SOONEST), _LATEST) * random.uniform(0.8, 1.0)


@dataclass(slots=True)
class Circuit:
    """What a holder knows of a service: how often nobody was there since its last sign of life, and since when."""

    failures: int = 0
    failing_since: float | None = None
    code: str | None = None
    opened_at: float | None = None
    probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Tells whether the service is left alone, but for probes."""
        return self.opened_at is not None

    def until_probe(self, now: float, timeout: float, random: Random) -> float | None:
        """Gives how long the service is left alone; None when it may be called, by everybody or by this caller alone.

        A probe that says nothing for `timeout` counts as having failed.
        """
        if self.opened_at is None or self.probe_at is None:
            return None
        if self.probe_at > now:
            return self.probe_at - now
        self.probe_at = now + max(timeout, next_probe(now - self.opened_at, random))
        return None

    def return_probe(self, now: float) -> None:
        """Gives a probe back that came to nothing for reasons of the caller's own: somebody else may try at once."""
        if self.probe_at is not None:
            self.probe_at = min(self.probe_at, now)

    def nobody_there(self, code: str, now: float, random: Random) -> bool:
        """Counts a call that found nobody there; tells whether that opened the circuit."""
        self.failures, self.code = self.failures + 1, code
        self.failing_since = now if self.failing_since is None else self.failing_since
        opening = self.opened_at is None and opens(self.failures, now - self.failing_since)
        if opening:
            self.opened_at = now
        if self.opened_at is not None:
            self.probe_at = now + next_probe(now - self.opened_at, random)
        return opening

    def answered(self) -> bool:
        """Notes that the service is there; tells whether that closed the circuit."""
        closing = self.is_open
        self.failures, self.failing_since, self.opened_at, self.probe_at = 0, None, None, None
        return closing
