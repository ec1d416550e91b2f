"""What a fault is: one place in the code, and how it is planted there. Which ones there are is in the lists.

A fault names its text and not its file, so that code can move without a change here.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path


class Rotten(Exception):
    """A fault's place is gone, or there are several: the list no longer fits the code."""


# Where a fault may be.
_ROOMS = (
    *("app/**/*.py", "app/**/*.sql", "migrations/**/*.py", "migrations/**/*.sql"),
    *(".dockerignore", "compose.yaml", "docs/operate/pg_hba.conf"),
)


@cache
def _texts(root: Path) -> dict[Path, str]:
    """Reads what is in a tree when none of the faults is."""
    return {path: path.read_text(encoding="utf-8") for room in _ROOMS for path in root.glob(room)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A text that occurs once in the code, what stands there instead, and the proofs that are expected to see it."""

    name: str
    old: str
    new: str
    seen_by: tuple[str, ...]

    def file(self, root: Path) -> Path:
        """Finds the file of a tree that has the text; raises Rotten unless there is exactly one, with it once."""
        places = [path for path, text in _texts(root).items() for _ in range(text.count(self.old))]
        if len(places) != 1:
            raise Rotten(f"{self.name}: its text occurs {len(places)} times")
        if self.new == self.old:
            raise Rotten(f"{self.name}: it changes nothing")
        return places[0]

    def plant(self, root: Path) -> tuple[Path, str]:
        """Writes the fault into a tree; gives its file and what that held before."""
        file = self.file(root)
        before = file.read_text(encoding="utf-8")
        file.write_text(before.replace(self.old, self.new), encoding="utf-8")
        return file, before
