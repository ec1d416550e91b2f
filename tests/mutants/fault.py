"""What a fault is: one place in one file, and how it is planted there. Which ones there are is in the lists."""

from dataclasses import dataclass
from pathlib import Path


class Rotten(Exception):
    """A fault's place is gone, or there are several: the list no longer fits the code."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A text that occurs once in a file, what stands there instead, and the proofs that are expected to see it."""

    name: str
    file: str
    old: str
    new: str
    seen_by: tuple[str, ...]

    def planted_in(self, text: str) -> str:
        """Gives the file's text with the fault in it; raises Rotten unless its place is there exactly once."""
        if (times := text.count(self.old)) != 1:
            raise Rotten(f"{self.name}: its text occurs {times} times in {self.file}")
        if self.new == self.old:
            raise Rotten(f"{self.name}: it changes nothing")
        return text.replace(self.old, self.new)

    def plant(self, root: Path) -> str:
        """Writes the fault into a tree, and gives what the file held before."""
        file = root / self.file
        before = file.read_text(encoding="utf-8")
        file.write_text(self.planted_in(before), encoding="utf-8")
        return before
