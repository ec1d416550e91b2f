"""What is known of the objects of an exam's roster, for whoever decides how far they have come; no values of theirs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.kinds import Kind

# Ids are texts here: there are many, and nothing is done with them.
Id = str


class Seen(NamedTuple):
    """What is known of an object of the roster.

    `current`: the target has accepted what the roster has, or a later upload; `known`: it has accepted something.
    `status` is that of its record in the last run, None without one; `same` whether that record is of what the roster
    has now. `sendable` is whether the roster's object may leave at all.
    """

    current: bool = False
    known: bool = False
    sendable: bool = True
    status: str | None = None
    same: bool = True


class Stage(NamedTuple):
    """A job of the last run; `code` is why it failed."""

    kind: Kind
    status: str
    code: str | None = None


class Member(NamedTuple):
    """A group with its pupils, or an activity with its groups.

    `at_target` are those that it is there with; None for all that it has in the roster. `doubted` is whether it was
    accepted with a remark by which it may lack some of them, whoever they are.
    """

    id: Id
    seen: Seen
    refs: Sequence[Id]
    at_target: Collection[Id] | None = ()
    doubted: bool = False


class Alike(NamedTuple):
    """Persons, or duties, of whom the same is known; `landed` is whether they have been seen to have arrived."""

    seen: Seen
    ids: Sequence[Id]
    pupils: bool = True
    landed: bool = False


@dataclass(frozen=True, slots=True)
class Roster:
    """What is known of all objects of an exam's roster, and the jobs of its last run in their order.

    The persons of `duties` are by their ids in `persons_of`.
    """

    persons: Sequence[Alike] = ()
    duties: Sequence[Alike] = ()
    groups: Sequence[Member] = ()
    activities: Sequence[Member] = ()
    stages: Sequence[Stage] = ()
    persons_of: Mapping[Id, Id] = field(default_factory=dict)
