"""The reading of a roster, object by object: what leaves of each, and all that is wrong with it or with many.

Whoever takes a roster in, and whoever only looks at one, reads it here. Where objects come from is not known here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Set
from datetime import date
from typing import NamedTuple

from app.domain.batching import BodyForm
from app.domain.issues import COUNTED, Finding, Issue
from app.domain.outgoing import LeftOut, Outgoing
from app.domain.roster import Item, RosterObject
from app.domain.rules.check import RosterCheck
from app.domain.rules.given import Given
from app.domain.rules.size import exceeds_call


class Read(NamedTuple):
    """What leaves of an object, with its record's issues, and what else there is to say of it by itself.

    `outside` is what there is to say in the light of what stands outside the roster.
    """

    leaves: Outgoing
    findings: list[Issue]
    outside: list[Issue]


class Reading:
    """One reading of a roster.

    `outgoing` makes what leaves of an object of a kind on a day, `body_form` is the form of the calls that it leaves
    in, `given` what rules look at beside an object.
    """

    def __init__(self, outgoing: Callable[[str, Item, date], Outgoing], body_form: BodyForm, given: Given) -> None:
        self._outgoing = outgoing
        self._body_form = body_form
        # What was left out, by kind, code and pointer: of how many objects.
        self._left_out: Counter[tuple[str, str, str]] = Counter()
        # Of persons who may turn out to be guardians, by their places: these are not sent, with or without it.
        self._may_be_guardians: dict[int, Set[LeftOut]] = {}
        self.check = RosterCheck(given)

    def read(self, one: RosterObject) -> Read:
        """Reads one object, and remembers what has to be known of it at the end."""
        kind, ordinal, object_id, item = one
        leaves = self._outgoing(kind, item, self.check.given.today)
        self._left_out.update((kind, *left) for left in leaves.left_out)
        findings = [*leaves.findings, *self.check.of_object(kind, ordinal, object_id, item, leaves.broken)]
        if leaves.left_out and kind == "persons" and self.check.facts.persons.is_nobody(-1):
            self._may_be_guardians[ordinal] = leaves.left_out
        if leaves.plain is not None:
            findings += exceeds_call(leaves.plain, self._body_form)
        return Read(leaves, findings, self.check.against_open_data(kind, item))

    def counted(self) -> Iterator[Finding]:
        """Gives the findings that count objects of which something was left out, when all have been read.

        Guardians are not among them.
        """
        for ordinal in self.check.guardians() if self._may_be_guardians else ():
            self._left_out.subtract(("persons", *left) for left in self._may_be_guardians.pop(ordinal, ()))
        for (kind, code, pointer), count in sorted((+self._left_out).items()):
            yield Finding(kind, COUNTED, None, Issue(code, "warning", pointer=pointer), count)


def findings_of(reading: Reading, objects: Iterator[RosterObject]) -> list[Finding]:
    """Lists all that is wrong with a roster of these objects: those of each object, and then those of many."""
    found: list[Finding] = []
    for one in objects:
        leaves, findings, outside = reading.read(one)
        found += (Finding(one.kind, one.ordinal, one.id, issue) for issue in (*leaves.issues, *findings, *outside))
    found += reading.check.across_and_open_data()
    guardians = set(reading.check.guardians())
    # They are not sent, and counted: of each there is nothing to say.
    found = [each for each in found if each.kind != "persons" or each.ordinal not in guardians]
    return [*found, *reading.check.across(), *reading.counted()]
