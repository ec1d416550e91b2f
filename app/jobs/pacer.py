"""Permits for calls of one kind, given in memory by the process that holds the egress: never too many a second."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.domain.egress import UNACKNOWLEDGED_FOR
from app.domain.line import Line

# The target counts by its own clock: five calls a second leave here as five per 1.05 s, so that jitter makes no sixth.
_SLACK = 1.05
# A call that was late by no more than this (s) is caught up with by the next one: a timer is never quite in time.
_CATCH_UP = 0.005
# What is next but two gets ready while those before it leave; at higher limits, what leaves within this (s).
_LEAST_NEAR, _NEAR_WITHIN = 3, 0.05
# Where calls are further apart than this (s), a permit waits until the call before it has been written; but no longer
# than so many seconds.
_APART, _WRITTEN_WITHIN = 0.02, 1.0
# Who has been getting ready for longer than this (s) keeps its place, and others get ready beside it.
_PATIENCE = 1.0
# Our own calls are counted over a little more than the target's second, since they arrive later than they leave.
_COUNTED = 1.3


class NoPermit(Exception):
    """The right to call has been given away or has run out: the call does not leave."""


@dataclass(eq=False, slots=True)
class Place:
    """A call's place in the line: first far from the head, then near, then ready to leave."""

    organisation: UUID | None
    near: asyncio.Future[None]
    near_since: float = 0.0
    ready: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Pacer:
    """Lets `per_second` calls leave while `may_call_for` gives seconds; each joins, and leaves the line in the end."""

    per_second: float
    may_call_for: Callable[[], float]
    _line: Line[Place] = field(default_factory=Line)
    # Those that are near the head, in the order in which they came to it.
    _near: list[Place] = field(default_factory=list)
    _next_at: float = 0.0
    # The one that has its permit and has not been written yet, and since when.
    _leaving: Place | None = None
    _leaving_since: float = 0.0
    _timer: asyncio.TimerHandle | None = None
    _left: deque[float] = field(default_factory=deque)
    _closed: bool = False

    @property
    def waiting(self) -> int:
        """Counts the calls that have not left."""
        return len(self._line) + len(self._near)

    @property
    def paused_for(self) -> float:
        """Gives the seconds until the next call may leave."""
        return max(0.0, self._next_at - time.monotonic())

    @property
    def own(self) -> int:
        """Counts our calls of about the last second."""
        now = time.monotonic()
        while self._left and self._left[0] < now - _COUNTED:
            self._left.popleft()
        return len(self._left)

    def pause(self, wait: timedelta) -> None:
        """Lets nothing leave for so long."""
        self._next_at = max(self._next_at, time.monotonic() + wait.total_seconds())
        self._go_on()

    def close(self) -> None:
        """Lets nothing leave any more: who waits is told so, now and from now on."""
        self._closed = True
        for place in self._near:
            self._refuse(place)
        while (far := self._line.next()) is not None:
            self._refuse(far)
        if self._timer is not None:
            self._timer.cancel()

    async def join(self, organisation: UUID | None) -> Place:
        """Puts a call into the line, the service's own without an organisation, and returns when it is near the head.

        Raises NoPermit.
        """
        place = Place(organisation, asyncio.get_running_loop().create_future())
        if self._closed:
            raise NoPermit
        self._line.join(organisation, place)
        self._go_on()
        try:
            await place.near
        except BaseException:
            self.leave(place)
            raise
        return place

    async def permit(self, place: Place) -> float:
        """Returns at the moment at which a call may leave; it stands ready to, and leaves at once. Raises NoPermit.

        The next one waits until it is `written`, or has left the line. Gives for how many seconds what it writes may
        stay unacknowledged.
        """
        if self._closed or place not in self._near:
            raise NoPermit
        place.ready = asyncio.get_running_loop().create_future()
        self._go_on()
        await place.ready
        # The process may have stood still since the permit was given.
        if (left := self.may_call_for()) <= 0:
            raise NoPermit
        self._left.append(time.monotonic())
        with suppress(ValueError):
            self._near.remove(place)
        if _SLACK / self.per_second < _APART:
            self.written(place)
        else:
            self._go_on()
        return min(UNACKNOWLEDGED_FOR, left)

    def written(self, place: Place) -> None:
        """Hears that a call has really left: the distance to the next one counts from now."""
        if self._leaving is place:
            self._has_left(time.monotonic())
            self._go_on()

    def _has_left(self, now: float) -> None:
        self._leaving = None
        spacing = _SLACK / self.per_second
        self._next_at = max(self._next_at + spacing, now + spacing - _CATCH_UP)

    def leave(self, place: Place) -> None:
        """Takes a call out of the line: it has left, or will not."""
        self._line.leave(place.organisation, place)
        with suppress(ValueError):
            self._near.remove(place)
        self.written(place)
        self._go_on()

    def _go_on(self) -> None:
        if self._closed:
            return
        now = time.monotonic()
        self._draw_near(now)
        wait = self._let_go(now)
        slow = [place.near_since + _PATIENCE - now for place in self._near if place.ready is None]
        waits = [each for each in (wait, *(each for each in slow if each > 0)) if each is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._go_on)

    def _draw_near(self, now: float) -> None:
        most = max(_LEAST_NEAR, round(self.per_second * _NEAR_WITHIN))
        counted = sum(place.ready is not None or now - place.near_since < _PATIENCE for place in self._near)
        while counted < most and (place := self._line.next()) is not None:
            place.near_since = now
            self._near.append(place)
            if not place.near.done():
                place.near.set_result(None)
            counted += 1

    def _let_go(self, now: float) -> float | None:
        """Gives a permit if one is due; else how long until one is, None when nobody stands ready."""
        if self._leaving is not None:
            if (late := now - self._leaving_since) < _WRITTEN_WITHIN:
                return _WRITTEN_WITHIN - late
            self._has_left(now)
        first = next((each for each in self._near if each.ready is not None and not each.ready.done()), None)
        if first is None or first.ready is None:
            return None
        if self.may_call_for() <= 0:
            self._refuse(first)
            return None
        if now < self._next_at:
            return self._next_at - now
        self._leaving, self._leaving_since = first, now
        first.ready.set_result(None)
        return None

    @staticmethod
    def _refuse(place: Place) -> None:
        for future in (place.near, place.ready):
            if future is not None and not future.done():
                future.set_exception(NoPermit())
                # Who was about to wait for it may have been cancelled.
                future.exception()
