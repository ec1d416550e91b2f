"""What commands take, read once for all of them: a slip ends with exit code 2 and a sentence."""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from app.domain.organisation_number import read_number
from app.settings import read_duration

_Read = TypeVar("_Read")


def check(read: Callable[[str], _Read], text: str) -> _Read:
    """Reads an argument by a function that raises ValueError with a sentence."""
    try:
        return read(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


def one_of(names: Collection[str]) -> Callable[[list[str] | str | None], list[str] | str | None]:
    """Makes what takes these names and no others, one or several."""

    def taken(given: list[str] | str | None) -> list[str] | str | None:
        for name in [given] if isinstance(given, str) else given or ():
            if name not in names:
                raise typer.BadParameter(f"it is one of {', '.join(sorted(names))}")
        return given

    return taken


def several(names: Collection[str]) -> Any:
    """Makes the option that takes several of these names."""
    said = f"Only these, once for each: {', '.join(names)}."
    return typer.Option(help=said, callback=one_of(names), show_default=False)


def read_expiry(text: str, now: datetime) -> datetime:
    """Reads when something expires: after a length of time, or at the end of a day in UTC (`2027-06-30`).

    Raises ValueError for what is neither, and for what is not after `now`.
    """
    try:
        day = date.fromisoformat(text.strip()) if "-" in text else None
        expires = now + read_duration(text) if day is None else datetime.combine(day, time(23, 59, 59), UTC)
    except ValueError:
        raise ValueError("give a number of days or a date, such as 90d or 2027-06-30") from None
    if expires <= now:
        raise ValueError("that is over already")
    return expires


def expiry(text: str | None) -> datetime | None:
    """Reads `--expires`."""
    return None if text is None else check(lambda given: read_expiry(given, datetime.now(UTC)), text)


def duration(text: str) -> timedelta:
    """Reads a length of time."""
    return check(read_duration, text)


def read_moment(text: str) -> datetime:
    """Reads a day or a time; one without an offset is in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give a day or a time, such as 2027-03-01 or 2027-03-01T08:00:00+01:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def read_id(text: str) -> UUID:
    """Reads an id."""
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter("an id is a UUID of 36 characters, with its hyphens") from None


def read_organisation(text: str | None) -> str | None:
    """Reads an organisation number, if there is one."""
    return None if text is None else check(read_number, text)


FORM = "Organisation number, such as 212000-0001 or 2120000001."

Number = Annotated[str, typer.Option("--number", help=FORM, callback=read_organisation, show_default=False)]
OnlyNumber = Annotated[
    str | None, typer.Option("--number", help="Only this organisation.", callback=read_organisation, show_default=False)
]
Only = Annotated[
    str | None,
    typer.Option(
        "--organisation",
        help="Only that with this number.",
        callback=read_organisation,
        show_default=False,
    ),
]
Of = Annotated[str | None, typer.Option("--organisation", help=FORM, callback=read_organisation, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Expires = Annotated[
    str | None,
    typer.Option(help="When it expires: after 90d, say, or with the day 2027-06-30 (UTC).", show_default="never"),
]
Id = Annotated[UUID, typer.Argument(help="Its id.", parser=read_id, show_default=False)]
