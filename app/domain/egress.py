"""Who may call the target from an address: how long a holder's right lasts, and when somebody else takes it over.

Nobody compares clocks: the holder counts from when it sent a beat that was confirmed, a standby from when it first saw
the beat that it still sees. What the holder allows itself is shorter than what a standby waits.
"""

from dataclasses import dataclass

# The holder writes a beat so often, and calls no more when the last confirmed one was sent so long ago (s).
BEAT_EVERY = 2.0
CALLS_FOR = 8.0
# A standby looks so often, and takes over from a beat that it has seen stand still for so long (s).
LOOK_EVERY = 0.5
TAKEN_OVER_AFTER = 10.0
# The epoch of another address is ended by whoever has seen its beat stand still for so long (s).
ENDED_AFTER = 30.0
# What the holder before has sent last may still arrive: a new one begins to call after so long (s).
FIRST_CALL_AFTER = 1.0
# What has been written and is not acknowledged for so long (s) is not sent again by the kernel; sooner when the right
# to call ends sooner, since somebody else may call then.
UNACKNOWLEDGED_FOR = 5.0


@dataclass(slots=True)
class Tenure:
    """A holder's right to call; `confirmed_at` is when the last beat that was confirmed had been sent, by its clock."""

    confirmed_at: float

    def confirmed(self, sent_at: float) -> None:
        """Takes in that a beat which was sent at `sent_at` has been written."""
        self.confirmed_at = max(self.confirmed_at, sent_at)

    def left(self, now: float) -> float:
        """Gives how many seconds it may call yet; none or less when it may no more."""
        return self.confirmed_at + CALLS_FOR - now


@dataclass(slots=True)
class Watch:
    """What somebody who stands by has seen of an epoch's beat; `Seen` is any value that changes with it."""

    seen: object = None
    since: float = 0.0

    def look(self, seen: object, now: float) -> None:
        """Takes in what is there at `now`; a look that failed is None, and what comes after it begins anew."""
        if seen is None or seen != self.seen:
            self.seen, self.since = seen, now

    def stood_still(self, now: float, seconds: float) -> bool:
        """Tells whether the same beat has been seen for so long."""
        return self.seen is not None and now - self.since >= seconds
