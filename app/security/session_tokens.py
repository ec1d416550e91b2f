"""What a session's cookie says, sealed: whose it is, since when, until when protected persons are shown in it. Pure.

The row of a session is found by the cookie's digest, and counts for the cookie's key alone. So nobody makes a session
another key's, has it last for longer, or has protected persons shown in it, by writing to the database without the keys
that seal cookies.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_SECRET: Final = 32
_LENGTH: Final = _SECRET + 16 + 8 + 8


@dataclass(frozen=True, slots=True)
class SessionToken:
    """Random bytes that are the session's own, the id of its key, when it began, and until when it shows more.

    Moments are seconds since 1970.
    """

    secret: bytes = field(repr=False)
    key_id: UUID
    began_at: int
    protected_until: int = 0

    @classmethod
    def begun(cls, key_id: UUID, now: float, protected_for: timedelta | None) -> "SessionToken":
        """Makes one of a key, with a fresh secret of 256 bits."""
        until = 0 if protected_for is None else int(now + protected_for.total_seconds())
        return cls(secrets.token_bytes(_SECRET), key_id, int(now), until)

    @classmethod
    def of_bytes(cls, plain: bytes) -> "SessionToken":
        """Reads what was sealed; raises ValueError for what is no such thing."""
        if len(plain) != _LENGTH:
            raise ValueError("this is no token of a session")
        key_id, began_at, until = plain[_SECRET : _SECRET + 16], plain[_SECRET + 16 : -8], plain[-8:]
        return cls(plain[:_SECRET], UUID(bytes=key_id), int.from_bytes(began_at, "big"), int.from_bytes(until, "big"))

    def to_bytes(self) -> bytes:
        """Writes what is sealed."""
        moments = (self.began_at, self.protected_until)
        return self.secret + self.key_id.bytes + b"".join(each.to_bytes(8, "big") for each in moments)

    def is_over(self, now: float, longest: timedelta) -> bool:
        """Tells whether the session began longer ago than any lasts, whatever its row says."""
        return now >= self.began_at + longest.total_seconds()

    def shows_protected_until(self, now: float) -> datetime | None:
        """Gives until when protected persons are shown in the session of somebody of the provider's; None if not."""
        return datetime.fromtimestamp(self.protected_until, UTC) if now < self.protected_until else None
