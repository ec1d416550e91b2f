"""How times are written on the pages: as clocks in Sweden show them, whatever the language."""

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Final
from zoneinfo import ZoneInfo

SWEDEN: Final = ZoneInfo("Europe/Stockholm")


def in_sweden(at: datetime) -> str:
    """Writes a moment, e.g. `2026-03-22 18:13:19`."""
    return at.astimezone(SWEDEN).strftime("%Y-%m-%d %H:%M:%S")


def time_of(given: datetime | str) -> datetime:
    """Reads a moment as an answer has it, which is a text once it has been JSON."""
    return given if isinstance(given, datetime) else datetime.fromisoformat(given)


def start_of(day: date) -> datetime:
    """Gives the moment at which a day begins in Sweden."""
    return datetime.combine(day, clock(), SWEDEN)


def end_of(day: date) -> datetime:
    """Gives the moment at which the next day begins; behind the last day of all there is none."""
    return start_of(day + timedelta(days=1)) if day < date.max else datetime.max.replace(tzinfo=UTC)
