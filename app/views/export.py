"""What exports have in their columns: the very values that lists show, with headings and states in words.

Every cell is a text, a whole number or nothing; how it is written is decided by the form of the file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from app.catalogue import Language, phrase
from app.views import Shown

Cell: TypeAlias = str | int | None
_Value = Callable[[Shown, Language], Cell]

_STATUSES: Final[Mapping[str, str]] = {
    "pending": "status_pending",
    "sent": "status_sent",
    "unchanged": "status_unchanged",
    "succeeded": "status_succeeded",
    "warning": "status_warning",
    "error": "status_error",
    "skipped": "status_skipped",
    "queued": "status_queued",
    "running": "status_running",
    "held": "status_held",
    "failed": "status_failed",
    "cancelled": "status_cancelled",
}
_OUTCOMES: Final[Mapping[str, str]] = {
    "clean": "outcome_clean",
    "with_warnings": "outcome_with_warnings",
    "with_errors": "outcome_with_errors",
    "nothing_accepted": "outcome_nothing_accepted",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the phrase that is its heading, how wide it is shown, in letters, and what it has of each row."""

    heading: str
    width: int
    value: _Value


def headings(columns: Sequence[Column], language: Language) -> list[Cell]:
    """Gives the headings, as the first row."""
    return [phrase(column.heading, language) for column in columns]


def cells(columns: Sequence[Column], shown: Shown, language: Language) -> list[Cell]:
    """Gives the cells of one row."""
    return [column.value(shown, language) for column in columns]


def civic_no(number: str | None) -> str | None:
    """Writes a personnummer as people do, with a hyphen before its last four digits; whatever else as it is."""
    if number is not None and len(number) == 12 and number.isascii() and number.isdigit():
        return f"{number[:8]}-{number[8:]}"
    return number


def _field(name: str) -> _Value:
    return lambda shown, _: shown[name]


def _time(name: str) -> _Value:
    def value(shown: Shown, _: Language) -> Cell:
        time: datetime | None = shown[name]
        return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return value


def _word(name: str, words: Mapping[str, str]) -> _Value:
    def value(shown: Shown, language: Language) -> Cell:
        state = shown[name]
        return phrase(words[state], language) if state in words else state

    return value


def _unit(name: str) -> _Value:
    return lambda shown, _: None if shown["school_unit"] is None else _text(shown["school_unit"][name])


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _codes(shown: Shown, _: Language) -> Cell:
    return ", ".join(dict.fromkeys(each["code"] for each in shown["messages"])) or None


def _messages(shown: Shown, language: Language) -> Iterator[str]:
    for each in shown["messages"]:
        explained = each["explanation"]
        said = each["text"] if language == "sv" or explained is None else explained[language]
        yield f"{each['code']}: {said}" if said else str(each["code"])


RECORD_COLUMNS: Final[Sequence[Column]] = (
    Column("column_status", 12, _word("status", _STATUSES)),
    Column("column_name", 30, _field("name")),
    Column("column_role", 10, _field("role")),
    Column("column_civic_no", 16, lambda shown, _: civic_no(shown["civic_no"])),
    Column("column_eppn", 30, _field("eppn")),
    Column("column_school_year", 9, _field("school_year")),
    Column("column_school_type", 10, _field("school_type")),
    Column("column_school_unit", 30, _unit("name")),
    Column("column_duty_role", 16, _field("duty_role")),
    Column("column_codes", 20, _codes),
    Column("column_messages", 60, lambda shown, language: " | ".join(_messages(shown, language)) or None),
    Column("column_completed_at", 21, _time("completed_at")),
    Column("column_id", 38, lambda shown, _: str(shown["id"])),
    Column("column_school_unit_id", 38, _unit("id")),
)


def _counted(name: str) -> _Value:
    return lambda shown, _: sum(job["progress"][name] for job in shown["jobs"])


RUN_COLUMNS: Final[Sequence[Column]] = (
    Column("column_activity", 40, lambda shown, _: shown["activity"]["display_name"]),
    Column("column_sequence", 8, _field("sequence")),
    Column("column_status", 12, _word("status", _STATUSES)),
    Column("column_outcome", 20, _word("outcome", _OUTCOMES)),
    Column("column_summary", 60, lambda shown, language: shown["summary"][language]),
    Column("column_requested_by", 24, lambda shown, _: shown["requested_by"]["name"]),
    Column("column_created_at", 21, _time("created_at")),
    Column("column_started_at", 21, _time("started_at")),
    Column("column_finished_at", 21, _time("finished_at")),
    Column("column_total", 9, _counted("total")),
    Column("column_succeeded", 9, _counted("succeeded")),
    Column("column_unchanged", 12, _counted("unchanged")),
    Column("column_warnings", 12, _counted("warnings")),
    Column("column_errors", 9, _counted("errors")),
    Column("column_skipped", 15, _counted("skipped")),
    Column("column_run_id", 38, lambda shown, _: str(shown["id"])),
    Column("column_activity_id", 38, lambda shown, _: str(shown["activity_id"])),
)
