"""Versions of what a process keeps in memory, and for how long they may be used. Decides only; times are in seconds.

Whatever was right at one moment may be used for a second from it. A question that is asked twice a second says which
versions are no longer those of now, and renews the others.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.change_log import Stamp

FRESH_FOR: Final = 1.0
ASKS_EVERY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Versions:
    """Runs by id and API keys by handle, each with its version; the same one may be there in several versions.

    And logs of changes by their organisation, each with the stamp up to which it was read.
    """

    runs: frozenset[tuple[UUID, int]] = frozenset()
    keys: frozenset[tuple[str, str]] = frozenset()
    logs: frozenset[tuple[UUID, Stamp]] = frozenset()

    def __or__(self, other: "Versions") -> "Versions":
        return Versions(self.runs | other.runs, self.keys | other.keys, self.logs | other.logs)

    def __bool__(self) -> bool:
        return bool(self.runs or self.keys or self.logs)

    def overlaps(self, other: "Versions") -> bool:
        """Tells whether something is in both in the same version."""
        return not (
            self.runs.isdisjoint(other.runs) and self.keys.isdisjoint(other.keys) and self.logs.isdisjoint(other.logs)
        )


def is_fresh(right_at: float | None, now: float) -> bool:
    """Tells whether what was right at one moment may be used at `now`; None was never right."""
    return right_at is not None and now - right_at <= FRESH_FOR


def until_next_question(asked_at: float, now: float) -> float:
    """Gives how long to wait at `now` with the next question, if the last one was asked at `asked_at`."""
    return max(0.0, asked_at + ASKS_EVERY - now)
