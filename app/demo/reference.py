"""Reads a file of what Skolverket publishes, in the form in which it is written beside a generated roster."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from app.demo.roster import REFERENCE_KEYS

Item = dict[str, Any]


class ReferenceFile(NamedTuple):
    """The organisation's number, its school units, the programmes and the exams; None where the file has no list.

    Without school units the number may be "": nothing is asked of it.
    """

    number: str
    units: list[Item] | None
    programmes: list[Item] | None
    exams: list[Item] | None


def read_reference(path: Path, number: str | None = None) -> ReferenceFile:
    """Reads the file, for the organisation with this `number`: else its organiser, or whose all of its units are.

    Raises OSError, and ValueError when it is no such file or does not tell which organisation is meant.
    """
    try:
        document = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    organisers, units, programmes, exams = (_listed(document, name) for name in REFERENCE_KEYS)
    number = number or _number(organisers, units or [])
    if number is None and units is not None:
        raise ValueError("whose its school units are is not clear; say with --organisation which number is yours")
    return ReferenceFile(number or "", units, programmes, exams)


def _number(organisers: list[Item] | None, units: list[Item]) -> str | None:
    """Gives the number of the first organiser, else the single one of the units' organisations."""
    owners = (unit.get("parentOrganisation") for unit in units)
    given = organisers[:1] if organisers else [owner for owner in owners if isinstance(owner, dict)]
    numbers = {number for each in given if isinstance(number := each.get("organisationNumber"), str)}
    return numbers.pop() if len(numbers) == 1 else None


def _listed(document: Item, name: str) -> list[Item] | None:
    entries = document.get(name)
    if entries is None:
        return None
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{name} is no list of objects")
    return entries
