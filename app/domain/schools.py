"""What the target has published of school units, programmes and exams, as rules need it; None where it is not known.

Ids are written in lower case.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """A school unit: whether it has closed, the number of its organisation, whether it takes part in exams.

    `school_types` are those that take part, each with the years that do; None for the years of one that has none.
    """

    expired: bool = False
    owner: str | None = None
    takes_part: bool = True
    school_types: Mapping[str, Set[int] | None] | None = None


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme of upper secondary school: whether it is active, and from when on."""

    active: bool = True
    valid_from: date | None = None


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam: for which school type it is, and for which year if for one."""

    school_type: str | None = None
    school_year: int | None = None


@dataclass(frozen=True, slots=True)
class Schools:
    """What is published for an organisation.

    `number` is its organisation number, `units` its school units by id, `others` the ids of other organisations' as far
    as they are known; `programmes` stand by code, `exams` by id.
    """

    number: str = ""
    units: Mapping[str, Unit] | None = None
    others: Set[str] = field(default=frozenset())
    programmes: Mapping[str, Programme] | None = None
    exams: Mapping[str, Exam] | None = None


NOTHING_KNOWN: Final = Schools()
