"""Who waits for a run, or a log of changes, to go on: event streams. They cost nothing while it does not."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from app.domain.change_log import Stamp
from app.domain.changes import Versions


class Follower:
    """One that waits. A change that comes while it is busy ends its next wait at once."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self.seen = Versions()

    def has_seen(self, run: tuple[UUID, int], key: tuple[str, str]) -> None:
        """Notes the versions of the run that was shown, and of the key for which it was."""
        self.seen = Versions(frozenset([run]), frozenset([key]))

    def has_read(self, log: tuple[UUID, Stamp], key: tuple[str, str]) -> None:
        """Notes how far an organisation's log was read, and the version of the key for which it was."""
        self.seen = Versions(keys=frozenset([key]), logs=frozenset([log]))

    def wake(self) -> None:
        """Ends the wait under way, or the next one."""
        self._woken.set()

    async def wait(self, timeout: float) -> bool:
        """Waits until it is woken, or for `timeout` seconds; tells whether it was woken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        woken = self._woken.is_set()
        self._woken.clear()
        return woken


class Followers:
    """All of a process."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()

    @contextmanager
    def following(self) -> Iterator[Follower]:
        """Lends a follower, which is woken when something that it has seen is no longer so."""
        follower = Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.remove(follower)

    def watched(self) -> Versions:
        """Gives the versions that those have seen who wait."""
        return Versions(
            frozenset().union(*(each.seen.runs for each in self._followers)),
            frozenset().union(*(each.seen.keys for each in self._followers)),
            frozenset().union(*(each.seen.logs for each in self._followers)),
        )

    def wake(self, changed: Versions) -> None:
        """Wakes those that have seen something that has changed."""
        if changed:
            for follower in self._followers:
                if follower.seen.overlaps(changed):
                    follower.wake()

    def wake_all(self) -> None:
        """Wakes every one."""
        for follower in self._followers:
            follower.wake()
