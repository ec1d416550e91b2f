"""What a session's cookie says, sealed: of which key it is, and until when protected persons are shown in it. Pure.

The row of a session is found by the cookie's digest, and counts for the cookie's key alone. So nobody makes a session
another key's, nor has protected persons shown in it, by writing to the database without the keys that seal cookies.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_SECRET: Final = 32
_LENGTH: Final = _SECRET + 16 + 8


@dataclass(frozen=True, slots=True)
class SessionToken:
    """Random bytes that are the session's own, the id of its key, and until when (seconds since 1970) it shows more."""

    secret: bytes = field(repr=False)
    key_id: UUID
    protected_until: int = 0

    @classmethod
    def begun(cls, key_id: UUID, now: float, protected_for: timedelta | None) -> "SessionToken":
        """Makes one of a key, with a fresh secret of 256 bits."""
        until = 0 if protected_for is None else int(now + protected_for.total_seconds())
        return cls(secrets.token_bytes(_SECRET), key_id, until)

    @classmethod
    def of_bytes(cls, plain: bytes) -> "SessionToken":
        """Reads what was sealed; raises ValueError for what is no such thing."""
        if len(plain) != _LENGTH:
            raise ValueError("this is no token of a session")
        key_id, until = plain[_SECRET : _SECRET + 16], plain[_SECRET + 16 :]
        return cls(plain[:_SECRET], UUID(bytes=key_id), int.from_bytes(until, "big"))

    def to_bytes(self) -> bytes:
        """Writes what is sealed."""
        return self.secret + self.key_id.bytes + self.protected_until.to_bytes(8, "big")

    def shows_protected_until(self, now: float) -> datetime | None:
        """Gives until when protected persons are shown in the session of somebody of the provider's; None if not."""
        return datetime.fromtimestamp(self.protected_until, UTC) if now < self.protected_until else None
