"""After a call whose answer never came: which of its objects are sent again, as they were accepted last.

Such a call may still arrive, and put what was older over what has been accepted since.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.domain.roster import uuid_of


@dataclass(frozen=True, slots=True)
class LastAccepted:
    """An object as the target accepted it last, by whichever run; `plain` is None when that has been erased."""

    id: UUID
    digest: bytes
    plain: bytes | None = field(repr=False)
    protected: bool


def to_ask(accepted: Iterable[LastAccepted]) -> list[UUID]:
    """Gives the objects that the target is asked for: not what is of a protected person."""
    return [each.id for each in accepted if each.plain is not None and not each.protected]


def to_send_again(
    accepted: Iterable[LastAccepted], seen: Mapping[UUID, Mapping[str, Any]]
) -> list[tuple[LastAccepted, bytes]]:
    """Gives the objects that the target has not as it accepted them last, with the bytes of each.

    `seen` has those that it was found to have, without the fields that it sets itself. A protected person is sent
    without comparing.
    """
    return [
        (each, each.plain)
        for each in accepted
        if each.plain is not None and (each.protected or not has_arrived(each.plain, seen.get(each.id)))
    ]


def has_arrived(sent: bytes, seen: Mapping[str, Any] | None) -> bool:
    """Tells whether an object that the target was found to have, None when it was not, is as it was `sent`."""
    return seen is not None and _plain(json.loads(sent)) == _plain(seen)


def _plain(value: Any) -> Any:
    """Gives a value as it compares: without what is empty, in no order, ids in one spelling."""
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items() if part not in (None, [])}
        case list():
            return sorted((_plain(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
        case str() if uuid_of(value):
            return value.lower()
    return value
