"""What is wrong with an object, or of note: codes, pointers and ids, never a value of the object."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

# The place of a finding that counts objects, ahead of all objects of its kind.
COUNTED: Final = -1
# The finding that speaks of those members whom a group has in one upload and not in a later one.
OF_MEMBERS: Final = "roster_differs_members"

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an object: its `code` and `severity`, and what of the rest is known of it.

    `pointer` is the attribute that it is about, "" the whole object; `ids` are other objects that it speaks of, `cause`
    is the code of the fault behind it. None of it is a value of the object, which may be a personnummer.
    """

    code: str
    severity: Severity = "error"
    pointer: str | None = None
    ids: tuple[UUID, ...] = ()
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """An issue of the object with this `ordinal` in a list of a kind; or of `count` objects, none of them named."""

    kind: str
    ordinal: int
    object_id: UUID | None
    issue: Issue
    count: int | None = None


def stored(issues: Iterable[Issue]) -> list[dict[str, Any]]:
    """Gives issues as they are stored, what is not known of each left out."""
    return [
        {
            "code": issue.code,
            "severity": issue.severity,
            **({} if issue.pointer is None else {"pointer": issue.pointer}),
            **({"ids": [str(each) for each in issue.ids]} if issue.ids else {}),
            **({} if issue.cause is None else {"cause": issue.cause}),
        }
        for issue in issues
    ]


def issues_of(given: Iterable[Mapping[str, Any]]) -> Iterator[Issue]:
    """Reads issues as they are stored."""
    for each in given:
        ids = tuple(UUID(one) for one in each.get("ids", ()))
        yield Issue(each["code"], each["severity"], each.get("pointer"), ids, each.get("cause"))


def explaining(issues: Iterable[Issue], severity: str, pointer: str) -> Issue | None:
    """Picks the issue of an object that says the same as somebody else's objection to what stands at a `pointer`.

    It is as severe, and about the very same place or one within it; the first of those about the very place, else the
    first. None when there is none such.
    """
    alike = [issue for issue in issues if issue.severity == severity and _is_within(issue.pointer, pointer)]
    return next((issue for issue in alike if issue.pointer == pointer), alike[0] if alike else None)


def _is_within(pointer: str | None, other: str) -> bool:
    return pointer is not None and other != "" and f"{pointer}/".startswith(f"{other}/")
