"""What the simulator has stored, per organisation and kind, and which person each EPPN belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from app.simulator.messages import Json
from app.simulator.shapes import Kind


@dataclass(slots=True)
class Stored:
    """One object as it was sent, without the attributes that are Skolverket's own; times are epoch seconds."""

    sequence: int
    body: Json
    created: float
    modified: float


class Holdings:
    """Objects by organisation, kind and id; ids are compared without regard to case."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, Kind], dict[str, Stored]] = {}
        self._eppn_owners: dict[str, tuple[str, str]] = {}
        self._sequence = count(1)

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
        """Stores or replaces an object; a person's EPPN is that person's from then on."""
        objects = self._objects.setdefault((organisation, kind), {})
        object_id = body["id"].lower()
        known = objects.get(object_id)
        if known is None:
            known = objects[object_id] = Stored(next(self._sequence), body, epoch, epoch)
        else:
            known.body, known.modified = body, epoch
        if kind == "persons":
            for eppn in body["eduPersonPrincipalNames"]:
                self._eppn_owners[eppn.casefold()] = (organisation, object_id)
        return known

    def remove(self, organisation: str, kind: Kind, object_id: str) -> None:
        """Forgets an object, but not whose its EPPN was: an EPPN is never given to another person."""
        self._objects.get((organisation, kind), {}).pop(object_id.lower(), None)

    def eppn_is_free(self, eppn: str, organisation: str, person_id: str) -> bool:
        """Tells whether a person may have an EPPN: nobody else in any organisation has or had it."""
        return self._eppn_owners.get(eppn.casefold(), (organisation, person_id.lower())) == (
            organisation,
            person_id.lower(),
        )
