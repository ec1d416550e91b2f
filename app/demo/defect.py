"""What a way to spoil a record is: which records it fits, what it does to them, and what comes of it."""

import random
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

Item = dict[str, Any]
Outcome = Literal["error", "warning", "schema", "succeeded"]
"""Refused by Skolverket; accepted with a remark, by Skolverket or of ours; kept here and never sent; nothing at all."""


@dataclass(frozen=True)
class Scene:
    """What is to be seen from a record: the roster, the unspoiled records before it in its list, and chance.

    `taken` are the ids of what is spoiled already, or needed by something that is.
    """

    roster: Mapping[str, Any]
    before: Sequence[Item]
    taken: Set[str]
    rng: random.Random


Spoiler = Callable[[Item, Scene], Mapping[str, str] | None]
"""Changes a record and gives what is worth noting besides; None when it finds that it cannot."""


@dataclass(frozen=True)
class Defect:
    """One way to spoil records of a kind, and those that it fits.

    `as_it_is` is what Skolverket would make of a spoiled record that is sent whole, where that is another outcome:
    something is left out of what is sent, or the record is kept here by a rule of ours.
    """

    kind: str
    name: str
    outcome: Outcome
    fits: Callable[[Item], bool]
    spoil: Spoiler
    as_it_is: Outcome | None = None
