"""An answer about a batch without what it says of each object: that is kept once, as the object's own content."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

# An object with this key alone stands for a content; no answer has it.
_STANDS_FOR = "\x00content"
# Made once: to make one takes longer than to write an item.
_written = json.JSONEncoder(separators=(",", ":")).encode


def fold(answer: bytes, kept: Mapping[UUID, tuple[bytes, bytes]]) -> bytes:
    """Puts the digests of `kept` in the place of the items that are stored by themselves.

    `kept` has, by object id, the bytes that are stored of an item and their digest. What is no JSON stays as it is.
    """
    document = _parsed(answer)
    if document is None:
        return answer
    by_bytes = dict(kept.values())

    def folded(value: Any) -> Any:
        digest = by_bytes.get(compact(value)) if isinstance(value, dict) else None
        return value if digest is None else {_STANDS_FOR: digest.hex()}

    return compact({name: [*map(folded, part)] if isinstance(part, list) else part for name, part in document.items()})


def folded_digests(envelope: bytes) -> list[bytes]:
    """Lists the digests that stand in an envelope."""
    return [bytes.fromhex(digest) for part in (_parsed(envelope) or {}).values() for digest in _digests(part)]


def unfold(envelope: bytes, contents: Mapping[bytes, bytes]) -> bytes:
    """Puts the contents back into an envelope; one that has been erased is null."""
    document = _parsed(envelope)
    if document is None or not folded_digests(envelope):
        return envelope

    def unfolded(value: Any) -> Any:
        for digest in _digests([value]):
            plain = contents.get(bytes.fromhex(digest))
            return None if plain is None else json.loads(plain)
        return value

    return compact(
        {name: [*map(unfolded, part)] if isinstance(part, list) else part for name, part in document.items()}
    )


def compact(value: Any) -> bytes:
    """Writes JSON without blanks, in ASCII."""
    return _written(value).encode("ascii")


def _digests(part: Any) -> list[str]:
    listed = part if isinstance(part, list) else []
    return [each[_STANDS_FOR] for each in listed if isinstance(each, dict) and each.keys() == {_STANDS_FOR}]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
