"""What is made of files that are replaced while we run: certificates, authorities."""

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class FromFiles(Generic[T]):
    """What was made of some files, made anew once one of them changes; for many threads."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[list[tuple[int, ...]], T]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, paths: Sequence[Path], make: Callable[[], T]) -> T:
        """Gives what `make` gave for the files as they are now; raises OSError when one isn't there."""
        with self._lock:
            seen = _stamps(paths)
            known = self._made.get(key)
            if known is not None and known[0] == seen:
                return known[1]
            made = make()
            # Files that changed meanwhile are read again by the next one who asks.
            self._made[key] = (seen, made)
            return made


def _stamps(paths: Sequence[Path]) -> list[tuple[int, ...]]:
    # With the time of its rights: a key that others may read from now on is none to go on with.
    return [(each.st_mtime_ns, each.st_ctime_ns, each.st_size, each.st_ino) for each in (path.stat() for path in paths)]
