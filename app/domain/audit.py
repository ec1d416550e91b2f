"""The audit's rows as bytes, and the chain over them: each link is made of the one before and of its row.

Whoever has the database and not the chain's key can make no link that fits, and change, take out or put in no row
behind which a link stands. Pure: rows and keys are given.
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from app.domain.kinds import Kind

ActorKind = Literal["key", "operator", "command", "service", "unknown"]
Via = Literal["api", "page", "export", "command", "service"]

# Of an object's id, as long as any keyed digest that is compared.
DIGEST_BYTES: Final = 16
LINK_BYTES: Final = 32
# What stands before the first link.
BEGINNING: Final = bytes(LINK_BYTES)

_FORM: Final = b"provkedja audit 1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row: who (an actor's kind, id and name) did what, how, about which run, job, activity and objects.

    `objects` are digests of 16 bytes each, one behind the other, of which `protected` are of protected persons.
    """

    id: UUID
    organisation_id: UUID | None
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor: str
    action: str
    via: str
    run_id: UUID | None = None
    job_id: UUID | None = None
    activity_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    objects: bytes = b""
    protected: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and how: a key by its id and handle, who types a command by the system's name for them."""

    kind: ActorKind
    id: UUID | None
    name: str
    via: Via


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written of something that an actor does; the organisation is None where it is nobody's.

    `objects` are digests, of which `protected` are of protected persons.
    """

    organisation_id: UUID | None
    actor: Actor
    action: str
    run_id: UUID | None = None
    job_id: UUID | None = None
    activity_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    objects: Sequence[bytes] = ()
    protected: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is stored, with the row that it is about, None where that is not there."""

    seq: int
    digest: bytes
    row: AuditRow | None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the chain: the number of a link, 0 before the first, and its digest."""

    seq: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """The first link that does not hold: what is wrong with it."""

    seq: int
    what: Literal["changed", "missing"]


def canonical(row: AuditRow) -> bytes:
    """Writes a row as the bytes that its link is made of: two rows that differ in anything differ in them."""
    return _FORM + b"".join(_field(getattr(row, each.name)) for each in fields(row))


def link(key: bytes, before: bytes, seq: int, row: AuditRow) -> bytes:
    """Makes the link number `seq` over a row: an HMAC-SHA256 under the chain's key, with the link `before` in it."""
    return hmac.digest(key, before + seq.to_bytes(8, "big") + canonical(row), "sha256")


def follow(key: bytes, place: Place, links: Iterable[Link]) -> Place | Break:
    """Follows the links behind a place in their order: gives where they end, or the first that does not hold."""
    for each in links:
        if each.seq != place.seq + 1 or each.row is None:
            return Break(min(each.seq, place.seq + 1), "missing")
        if not hmac.compare_digest(each.digest, link(key, place.digest, each.seq, each.row)):
            return Break(each.seq, "changed")
        place = Place(each.seq, each.digest)
    return place


def digests_in(objects: bytes) -> Sequence[bytes]:
    """Splits what a row has of objects."""
    return [objects[place : place + DIGEST_BYTES] for place in range(0, len(objects), DIGEST_BYTES)]


def position(key: Sequence[Any] | None) -> list[Any]:
    """Gives what may be kept of where a page begins: numbers, times and kinds, and no id or word of anybody."""
    return [
        each.isoformat() if isinstance(each, datetime) else each
        for each in key or ()
        if isinstance(each, int | datetime | Kind)
    ]


def _field(value: object) -> bytes:
    """Writes a value with its length before it, so that nothing can move from one to the next."""
    if value is None:
        return b"-"
    plain = _plain(value)
    return b"+" + len(plain).to_bytes(4, "big") + plain


def _plain(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case UUID():
            return value.bytes
        case datetime():
            # To the microsecond, as Postgres keeps it, in whichever zone it was read.
            since = value.astimezone(UTC) - _EPOCH
            return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds).encode()
        case Mapping():
            return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
        case str():
            return value.encode("utf-8")
        case int():
            return str(value).encode()
    raise TypeError(f"no canonical form for {type(value).__name__}")
