"""The order of all changes of runs and jobs, and which of them make a page. Decides only.

A row is stamped with the transaction that has changed it last. What is shown of a run changes with it and with each of
its jobs, what is shown of a job with it and with its run: each of the five stands where the last of these stands, and
moves on when it changes again. So each is given once, as it is, and nobody who goes on from a place misses one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

_Run = TypeVar("_Run")

_FIRST_ID, _LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
# Above the position of any job.
_LAST_PART = 2**15


class Stamp(NamedTuple):
    """A row that was changed, and the transaction that did it: the order of the rows."""

    changed_in: int
    row_id: UUID


class Place(NamedTuple):
    """Where a change stands: at a stamp; there the run is `part` 0 and a job its position."""

    stamp: Stamp
    part: int = 0

    @classmethod
    def before(cls, transaction: int) -> "Place":
        """Gives the place before all that a transaction changes."""
        return cls(Stamp(transaction, _FIRST_ID), -1)

    @classmethod
    def behind(cls, stamp: Stamp) -> "Place":
        """Gives the place behind all that stands at a stamp."""
        return cls(stamp, _LAST_PART)


OLDEST = Place.before(0)


@dataclass(frozen=True, slots=True)
class Stamped(Generic[_Run]):
    """A run with the stamps of its row and of its jobs', these in their order."""

    run: _Run
    own: Stamp
    jobs: Sequence[Stamp]


@dataclass(frozen=True, slots=True)
class Change(Generic[_Run]):
    """One of a run's five things, with its place: the run (`part` 0), or the job at a position."""

    run: _Run
    place: Place

    @property
    def part(self) -> int:
        """Gives 0 for the run itself, and a job's position."""
        return self.place.part


@dataclass(frozen=True, slots=True)
class ChangePage(Generic[_Run]):
    """Changes in their order, where to go on, and whether more is there already."""

    changes: Sequence[Change[_Run]]
    following: Place
    more: bool


def page_of(
    runs: Sequence[Stamped[_Run]], *, after: Place, scanned_to: Stamp | None, whole: bool, limit: int
) -> ChangePage[_Run]:
    """Makes a page of at most `limit` changes behind `after`.

    `runs` are those of which a row has a stamp from `after` to `scanned_to`, the last one that was looked at; None if
    there is none. `whole` is whether as many were looked at as may be, so that more may follow it.
    """
    if scanned_to is None:
        return ChangePage([], after, more=False)
    end = Place.behind(scanned_to)
    found = sorted(
        (change for run in runs for change in _changes(run) if after < change.place <= end),
        key=lambda change: change.place,
    )
    if len(found) > limit:
        return ChangePage(found[:limit], found[limit - 1].place, more=True)
    return ChangePage(found, max(after, end), more=whole)


def _changes(run: Stamped[_Run]) -> Iterator[Change[_Run]]:
    yield Change(run.run, Place(max((run.own, *run.jobs)), 0))
    for position, stamp in enumerate(run.jobs, 1):
        yield Change(run.run, Place(max(run.own, stamp), position))
