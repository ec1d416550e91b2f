"""The rosters that callers send: invented, of 5 to some thousand persons, each with ids and logins of its own."""

import json
import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

from app.demo.roster import RosterPlan, generate, reference_only, roster_only

SMALLEST = 5
_LEAST_PLAN = 20
_SCHOOLS = 8
_NAMED = 3
DOMAIN = "tortyrkoping.se"


@dataclass
class Made:
    """A roster as the body of a request, and what of it must show nowhere."""

    body: bytes = field(repr=False)
    persons: int
    secrets: set[str] = field(repr=False)
    # Some of its persons.
    ids: list[str] = field(default_factory=list)


def draw_size(random: Random, largest: int) -> int:
    """Draws how many persons: most are few, some as many as they get."""
    return round(SMALLEST * math.pow(largest / SMALLEST, random.random() ** 4))


@dataclass
class Maker:
    """Invents one organisation's rosters, which all speak of the same school units."""

    organisation: str
    seed: int

    def __post_init__(self) -> None:
        generated = generate(self._plan(_LEAST_PLAN * _SCHOOLS, _SCHOOLS, self.seed, 0))
        self.reference = reference_only(generated)
        self._units = [unit["id"] for unit in generated["schoolUnits"]]

    def make(self, persons: int, seed: int, *, defects: int = 0) -> Made:
        """Invents a roster; the same arguments give the same one, other seeds other ids and logins."""
        planned = max(persons, _LEAST_PLAN)
        schools = max(1, min(_SCHOOLS, planned // 150))
        generated = generate(self._plan(planned, schools, seed, min(defects, planned // 20)))
        roster = roster_only(generated)
        if persons < planned:
            roster = _few(roster, persons)
        text = json.dumps({"display_name": f"Prov {seed}", "roster": roster}, separators=(",", ":"))
        for unit, known in zip(generated["schoolUnits"], self._units, strict=False):
            text = text.replace(unit["id"], known)
        persons_ = roster["persons"]
        ids = [person["id"] for person in persons_[:_NAMED]]
        return Made(text.encode("ascii"), len(persons_), set(_secrets(persons_)), ids)

    def _plan(self, persons: int, schools: int, seed: int, defects: int) -> RosterPlan:
        return RosterPlan(
            persons=persons,
            schools=schools,
            seed=seed,
            defects=defects,
            organisation_number=self.organisation,
            domain=f"a{seed}.{DOMAIN}",
        )


def _few(roster: dict[str, Any], persons: int) -> dict[str, Any]:
    """Leaves so many persons, of which the staff come first, and of the rest what goes without the others."""
    employed = {duty["person"]["id"] for duty in roster["duties"]}
    kept = sorted(roster["persons"], key=lambda person: person["id"] not in employed)[:persons]
    ids = {person["id"] for person in kept}
    groups = [
        {**group, "groupMemberships": [each for each in group["groupMemberships"] or () if each["person"]["id"] in ids]}
        for group in roster["groups"]
    ]
    duties = [duty for duty in roster["duties"] if duty["person"]["id"] in ids]
    return {**roster, "persons": kept, "duties": duties, "groups": groups}


def _secrets(persons: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for person in persons:
        found += [value for name in ("givenName", "familyName") if isinstance(value := person.get(name), str)]
        civic_no = person.get("civicNo")
        if isinstance(civic_no, dict) and isinstance(civic_no.get("value"), str):
            found.append(civic_no["value"])
        eppns = person.get("eduPersonPrincipalNames")
        found += [value for value in eppns if isinstance(value, str)] if isinstance(eppns, list) else []
    return found
