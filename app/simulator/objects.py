"""What the simulator has stored, per organisation and kind, and which person each EPPN belongs to."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from app.simulator.civic_number import is_invented
from app.simulator.eppn import folded
from app.simulator.messages import Json
from app.simulator.shapes import Kind


@dataclass(slots=True)
class Stored:
    """One object as it was sent, without the attributes that are Skolverket's own; times are epoch seconds.

    invented is since when a person has had the invented number that it has, None for all others.
    """

    sequence: int
    body: Json
    created: float
    modified: float
    invented: float | None = None


class Objects:
    """Objects by organisation, kind and id; ids are compared without regard to case."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, Kind], dict[str, Stored]] = {}
        self._eppn_owners: dict[str, tuple[str, str]] = {}
        self._sequence = count(1)
        # (organisation, id, since) in the order of since.
        self._invented: deque[tuple[str, str, float]] = deque()

    def get(self, organisation: str, kind: Kind, object_id: str) -> Stored | None:
        """Finds an object of an organisation."""
        return self._objects.get((organisation, kind), {}).get(object_id.lower())

    def all(self, organisation: str, kind: Kind) -> Iterator[Stored]:
        """Yields an organisation's objects of a kind in the order in which they first came."""
        return iter(self._objects.get((organisation, kind), {}).values())

    def everything(self) -> Iterator[tuple[str, Kind, Stored]]:
        """Yields all objects of all organisations with their organisation and kind."""
        for (organisation, kind), objects in self._objects.items():
            for stored in objects.values():
                yield organisation, kind, stored

    def put(self, organisation: str, kind: Kind, body: Json, epoch: float) -> Stored:
        """Stores or replaces an object; a person's EPPN is that person's until the person has another one."""
        objects = self._objects.setdefault((organisation, kind), {})
        object_id = body["id"].lower()
        known = objects.get(object_id)
        if known is None:
            known = objects[object_id] = Stored(next(self._sequence), body, epoch, epoch)
            before: Json = {}
        else:
            before, known.body, known.modified = known.body, body, epoch
        if kind == "persons":
            for eppn in before.get("eduPersonPrincipalNames", []):
                self._eppn_owners.pop(folded(eppn), None)
            for eppn in body["eduPersonPrincipalNames"]:
                self._eppn_owners[folded(eppn)] = (organisation, object_id)
            if before.get("civicNo", {}).get("value") != body["civicNo"]["value"]:
                known.invented = epoch if is_invented(body["civicNo"]["value"]) else None
                if known.invented is not None:
                    self._invented.append((organisation, object_id, epoch))
        return known

    def drop_invented(self, before: float) -> None:
        """Forgets the persons who have had an invented number since then or longer; nobody is told."""
        while self._invented and self._invented[0][2] <= before:
            organisation, object_id, since = self._invented.popleft()
            stored = self.get(organisation, "persons", object_id)
            if stored is not None and stored.invented == since:
                self.remove(organisation, "persons", object_id)

    def remove(self, organisation: str, kind: Kind, object_id: str) -> None:
        """Forgets an object, but not whose its EPPN is: that of somebody who has gone is never given to another."""
        self._objects.get((organisation, kind), {}).pop(object_id.lower(), None)

    def eppn_is_free(self, eppn: str, organisation: str, person_id: str) -> bool:
        """Tells whether a person may have an EPPN: nobody else in any organisation has it.

        One that a person has changed for another is free again, so that in a chain the giver has to come before the
        taker (inferred: "never reassigned" is what the organisers are asked for).
        """
        person = (organisation, person_id.lower())
        return self._eppn_owners.get(folded(eppn), person) == person
