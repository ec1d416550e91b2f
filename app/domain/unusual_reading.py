"""Whether a key reads as it never has: decided from how much it was shown on each day, and from nothing else."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final, Literal

# So many times its usual number is unusual, of a key with so many days before, and never below so many objects: whoever
# looks up one pupil a day may look up eleven.
TIMES: Final = 10
_LEAST_DAYS, _LEAST_OBJECTS = 3, 1000
# Days before that count.
USUAL_WITHIN: Final = timedelta(days=28)
# A finding is told of today and yesterday.
_TOLD_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDay:
    """How many objects a key was shown on a day; `protected_since` is the first day with a protected person."""

    key: str
    organisation: str
    day: date
    objects: int
    protected_since: date | None = None


@dataclass(frozen=True, slots=True)
class Unusual:
    """What is unusual of a key on a day: how many objects it was shown, and how many it usually is."""

    what: Literal["reads_more", "protected_first"]
    key: str
    organisation: str
    day: date
    objects: int = 0
    usual: int = 0


def unusual(days: Iterable[KeyDay], today: date) -> list[Unusual]:
    """Gives what is unusual today or was yesterday, by key: ten times the median of its days, the first protected."""
    by_key: defaultdict[tuple[str, str], list[KeyDay]] = defaultdict(list)
    for each in days:
        by_key[each.organisation, each.key].append(each)
    return [found for key in sorted(by_key) for found in _of_key(sorted(by_key[key], key=lambda each: each.day), today)]


def _of_key(days: list[KeyDay], today: date) -> list[Unusual]:
    found = list[Unusual]()
    for each in days:
        if not today - _TOLD_FOR <= each.day <= today:
            continue
        before = [one.objects for one in days if each.day - USUAL_WITHIN <= one.day < each.day]
        usual = round(median(before)) if len(before) >= _LEAST_DAYS else None
        if usual is not None and each.objects >= max(TIMES * usual, _LEAST_OBJECTS):
            found.append(Unusual("reads_more", each.key, each.organisation, each.day, each.objects, usual))
        if each.protected_since == each.day:
            found.append(Unusual("protected_first", each.key, each.organisation, each.day))
    return found
