"""Reads a file of what Skolverket publishes, in the form in which it is written beside a generated roster."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from app.demo.roster import REFERENCE_KEYS

Item = dict[str, Any]


class ReferenceFile(NamedTuple):
    """The organiser's number, and its school units, the programmes and the exams; None where the file has no list."""

    number: str
    units: list[Item] | None
    programmes: list[Item] | None
    exams: list[Item] | None


def read_reference(path: Path) -> ReferenceFile:
    """Reads the file; raises OSError, and ValueError when it is no such file or names no organiser."""
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    organisers, units, programmes, exams = (_listed(document, name) for name in REFERENCE_KEYS)
    number = organisers[0].get("organisationNumber") if organisers else None
    if not isinstance(number, str):
        raise ValueError(f"it names no organisationNumber in {REFERENCE_KEYS[0]}")
    return ReferenceFile(number, units, programmes, exams)


def _listed(document: Item, name: str) -> list[Item] | None:
    entries = document.get(name)
    if entries is None:
        return None
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{name} is no list of objects")
    return entries
