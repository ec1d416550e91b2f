"""The rosters that callers send: invented, of 5 to some thousand persons, each with ids and logins of its own."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from app.demo.roster import RosterPlan, generate, reference_only, roster_only

SMALLEST = 5
_LEAST_PLAN = 20
_SCHOOLS = 8
_NAMED = 3
DOMAIN = "tortyrkoping.se"
# Stands in every family name that is one person's alone, before so many letters, and in no program.
STEM, STEM_LETTERS = "rtyrmark", 8
# With the second of these Python holds a name, and any text that it is in, with two bytes a letter.
_FIRST_LETTERS = "ÖŐ"
_PROTECTED = ("Sekretessmarkering", "Skyddad folkbokföring")


@dataclass(frozen=True)
class Marked:
    """A person of `organisation` by whom a search can tell its leak from another's: `values` are nobody else's there.

    `told` is all that shows who it is, names that others have too among it.
    """

    id: str
    organisation: str
    protected: bool
    values: frozenset[str] = field(repr=False)
    told: frozenset[str] = field(repr=False)


@dataclass
class Made:
    """A roster as the body of a request, and what of it must show nowhere."""

    body: bytes = field(repr=False)
    persons: int
    secrets: set[str] = field(repr=False)
    # Some of its persons, and those by whom a leak is told.
    ids: list[str] = field(default_factory=list)
    marked: list[Marked] = field(default_factory=list)


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
        planted = {each["id"] for each in generated["planted"]}
        renamed = set(_name_apart(roster["persons"], planted, Random(f"names {self.organisation} {seed}")))
        text = json.dumps({"display_name": f"Prov {seed}", "roster": roster}, separators=(",", ":"))
        for unit, known in zip(generated["schoolUnits"], self._units, strict=False):
            text = text.replace(unit["id"], known)
        persons_ = roster["persons"]
        ids = [person["id"] for person in persons_[:_NAMED]]
        marked = list(self._marked(persons_, renamed, set(ids)))
        return Made(text.encode("ascii"), len(persons_), set(_secrets(persons_)), ids, marked)

    def _marked(self, persons: list[dict[str, Any]], renamed: set[str], more: set[str]) -> Iterator[Marked]:
        shared = {value for value, times in Counter(_secrets(persons)).items() if times > 1}
        for person in persons:
            if person["id"] in renamed | more:
                told = frozenset(_secrets([person]))
                names = {person.get("givenName"), None if person["id"] in renamed else person.get("familyName")}
                values = told - shared - names
                protected = person.get("securityMarking") in _PROTECTED
                yield Marked(person["id"], self.organisation, protected, values, told)

    def _plan(self, persons: int, schools: int, seed: int, defects: int) -> RosterPlan:
        return RosterPlan(
            persons=persons,
            schools=schools,
            seed=seed,
            defects=defects,
            organisation_number=self.organisation,
            domain=f"a{seed}.{DOMAIN}",
        )


def _name_apart(persons: list[dict[str, Any]], planted: set[str], random: Random) -> Iterator[str]:
    """Gives family names of their own to some and to all who are protected, of whom there is one at least.

    Gives the ids of those who have one then. What is spoiled stays as it is.
    """
    for nth, person in enumerate(persons):
        if person["id"] in planted or not isinstance(person.get("familyName"), str):
            continue
        if nth == 1:
            person["securityMarking"] = _PROTECTED[0]
        if nth < _NAMED or person.get("securityMarking") in _PROTECTED:
            letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=STEM_LETTERS))
            person["familyName"] = _FIRST_LETTERS[nth % 2] + STEM + letters
            yield person["id"]


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
