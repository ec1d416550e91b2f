"""The choice of the records of a roster to spoil; in what ways stands in `defect_table`.

The outcome is the record's own; what follows for those that depend on it is left to the reader.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

from app.demo.defect import Defect, Item, Scene
from app.demo.defect_table import DEFECTS


def plant(roster: Mapping[str, Any], count: int, rng: random.Random) -> list[Item]:
    """Spoils so many records in place, with one defect after the other, and lists them as {kind, id, defect, outcome}.

    A record is spoiled once at most, and not together with one that it depends on: each comes to its own outcome. A
    shared login has `other` too, the person who had it first, and a duty of a pupil `pupil`. Raises ValueError when the
    roster has too few records.
    """
    planted: list[Item] = []
    taken: set[str] = set()
    turns = _turns(rng)
    refused = 0
    while len(planted) < count:
        if refused == len(DEFECTS):
            raise ValueError(f"the roster has room for {len(planted)} defects, not for {count}")
        entry = _plant_one(next(turns), roster, taken, rng)
        refused = 0 if entry else refused + 1
        if entry:
            planted.append(entry)
    return planted


def _turns(rng: random.Random) -> Iterator[Defect]:
    """Shuffles the table, with one defect of each kind in front, so that a few defects reach all four stages."""
    order = rng.sample(DEFECTS, len(DEFECTS))
    first = {defect.kind: defect for defect in order}
    return cycle([*first.values(), *(defect for defect in order if defect not in first.values())])


def _plant_one(defect: Defect, roster: Mapping[str, Any], taken: set[str], rng: random.Random) -> Item | None:
    items: list[Item] = roster[defect.kind]
    start = rng.randrange(len(items)) if items else 0
    for place in (*range(start, len(items)), *range(start)):
        item = items[place]
        involved = {item["id"], *_needed(defect.kind, item)}
        if involved & taken or not defect.fits(item):
            continue
        before = [near for near in items[max(0, place - 50) : place] if near["id"] not in taken]
        noted = defect.spoil(item, Scene(roster, before, taken, rng))
        if noted is None:
            continue
        taken |= involved | set(noted.values())
        return {"kind": defect.kind, "id": item["id"], "defect": defect.name, "outcome": defect.outcome, **noted}
    return None


def _needed(kind: str, item: Item) -> list[str]:
    """Names the records without which this one would be skipped."""
    if kind == "duties":
        return [item["person"]["id"]]
    if kind == "activities":
        return [group["id"] for group in item["groups"]]
    return []
