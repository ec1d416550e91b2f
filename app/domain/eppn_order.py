"""In which order EPPNs that persons of one job take from each other are sent: the giver before the taker."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EppnOrder:
    """Who `waits`, and for how many others one after the other; `swapping` go first of those that wait in a circle."""

    waits: Mapping[UUID, int]
    swapping: Set[UUID]


def eppn_order(givers: Mapping[UUID, UUID]) -> EppnOrder:
    """Gives the order of persons of whom each takes an EPPN that its giver still has; a giver may be a taker too.

    Of a circle the lowest goes first: the target may refuse it, but the others do not wait for ever.
    """
    swapping = _first_of_circles(givers)
    # How many are before each, itself included; who gives and takes nothing has none before it.
    places = dict[UUID, int]()
    for taker in givers:
        chain = [taker]
        while chain[-1] not in places and chain[-1] in givers and chain[-1] not in swapping:
            chain.append(givers[chain[-1]])
        place = places.setdefault(chain.pop(), 1)
        for each in reversed(chain):
            place += 1
            places[each] = place
    return EppnOrder({taker: places[taker] - 1 for taker in givers if taker not in swapping}, swapping)


def _first_of_circles(givers: Mapping[UUID, UUID]) -> frozenset[UUID]:
    found = set[UUID]()
    seen = dict[UUID, UUID]()
    for taker in givers:
        person = taker
        while person in givers and person not in seen:
            seen[person] = taker
            person = givers[person]
        # What this walk meets again is a circle; what an earlier one has seen was one then.
        if seen.get(person) == taker:
            circle, each = [person], givers[person]
            while each != person:
                circle.append(each)
                each = givers[each]
            found.add(min(circle))
    return frozenset(found)
