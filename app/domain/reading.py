"""The reading of a roster, object by object: what leaves of each, and all that is wrong with it or with many.

Whoever takes a roster in, and whoever only looks at one, reads it here. Where objects come from is not known here.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from app.domain.issues import Issue
from app.domain.outgoing import Outgoing
from app.domain.roster import Item, RosterObject

# The place of a finding that counts objects, ahead of all objects of its kind.
COUNTED: Final = -1


@dataclass(frozen=True, slots=True)
class Finding:
    """An issue of the object with this `ordinal` in a list of a kind; or of `count` objects, none of them named."""

    kind: str
    ordinal: int
    object_id: UUID | None
    issue: Issue
    count: int | None = None


class Reading:
    """One reading of a roster: `outgoing` makes what leaves of an object of a kind on a day, which is `today`."""

    def __init__(self, outgoing: Callable[[str, Item, date], Outgoing], today: date) -> None:
        self._outgoing = outgoing
        self._today = today
        # What was left out, by kind, code and pointer: of how many objects.
        self._left_out: Counter[tuple[str, str, str]] = Counter()

    def leaves(self, given: RosterObject) -> Outgoing:
        """Gives what leaves of an object, with its issues and findings, and counts what was left out."""
        leaves = self._outgoing(given.kind, given.object, self._today)
        self._left_out.update((given.kind, *left) for left in leaves.left_out)
        return leaves

    def findings(self, given: RosterObject) -> list[Finding]:
        """Lists what is wrong with an object by itself, and counts what was left out."""
        leaves = self.leaves(given)
        return [Finding(given.kind, given.ordinal, given.id, issue) for issue in (*leaves.issues, *leaves.findings)]

    def at_end(self) -> Iterator[Finding]:
        """Gives what is known of the roster when all its objects have been read."""
        for (kind, code, pointer), count in sorted(self._left_out.items()):
            yield Finding(kind, COUNTED, None, Issue(code, "warning", pointer=pointer), count)
