"""Cursors of the log of changes: a place, and the log that it is a place of, which a restored database has no more."""

import hashlib
from typing import Any, Final, NamedTuple

from app.api.http import cursors
from app.domain.change_log import Place, Stamp

_LISTED: Final = ("changes",)
_MOST_DIGITS: Final = 18


class LogPlace(NamedTuple):
    """A place in a log, which goes by a digest of its identity."""

    log: str
    place: Place

    @classmethod
    def of(cls, identity: str, place: Place) -> "LogPlace":
        """Makes the place in the log with this identity."""
        return cls(hashlib.sha256(identity.encode()).hexdigest()[:16], place)

    @classmethod
    def read(cls, cursor: str) -> "LogPlace":
        """Reads a cursor; raises BadRequest for any but our own."""
        key = cursors.read(cursor, (cursors.text, _transaction, cursors.uuid, _part), *_LISTED, name="after")
        assert key is not None  # noqa: S101 - there is a cursor
        log, changed_in, row_id, part = key
        return cls(log, Place(Stamp(changed_in, row_id), part))

    @property
    def cursor(self) -> str:
        """Gives the cursor, in which the transaction is text: many readers of JSON keep 53 bits of a number."""
        stamp, part = self.place
        return cursors.write((self.log, str(stamp.changed_in), stamp.row_id, part), *_LISTED)


def _transaction(part: Any) -> int:
    if not isinstance(part, str) or not (part.isascii() and part.isdigit()) or len(part) > _MOST_DIGITS:
        raise ValueError
    return int(part)


def _part(part: Any) -> int:
    if type(part) is not int or not -1 <= part <= 2**15:
        raise ValueError
    return part
