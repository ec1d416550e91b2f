"""What is wrong with an object, or of note: codes, pointers and ids, never a value of the object."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

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
