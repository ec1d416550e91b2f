"""When a service counts as away for everybody, and when it is asked again."""

from datetime import timedelta
from random import Random

_FAILURES = 5
_FAILING_FOR = timedelta(seconds=3)
_SOONEST, _LATEST = timedelta(seconds=2), timedelta(minutes=1)


def opens(failures: int, failing_for: timedelta) -> bool:
    """Tells whether failures in a row open the circuit: several, and over a while, since one cut ends many calls."""
    return failures >= _FAILURES and failing_for >= _FAILING_FOR


def next_probe(open_for: timedelta, random: Random) -> timedelta:
    """Gives how long until somebody asks whether a service is back: as long as it has been away, at most a minute."""
    return min(max(open_for, _SOONEST), _LATEST) * random.uniform(0.8, 1.0)
