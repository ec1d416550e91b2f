"""Tickets for event streams: who shows one calls as the key that has got it. Knows no cipher, no clock, no database.

A browser's EventSource can send no header, and what stands in an address is seen by proxies and kept in histories. So
a ticket is good for a minute, for event streams alone, and for what its key may do by then; nothing of the key can be
read out of it, since it is sealed. It may be used again within its minute, as EventSource does by itself after a break.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# In seconds: for the way from the page's script to the stream.
GOOD_FOR: Final = 60
PREFIX: Final = "et_"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The handle of the key that has got it, the scopes that this had, and when it ends (seconds since 1970)."""

    handle: str
    scopes: frozenset[str]
    expires_at: int

    @classmethod
    def until(cls, handle: str, scopes: Iterable[str], now: float) -> "Ticket":
        """Makes one that is good from now on."""
        return cls(handle, frozenset(scopes), int(now) + GOOD_FOR)

    def is_good(self, now: float) -> bool:
        """Tells whether it is not over yet, nor from a clock that is far ahead of ours."""
        return now < self.expires_at <= now + 2 * GOOD_FOR


def to_bytes(ticket: Ticket) -> bytes:
    """Writes what is sealed."""
    return json.dumps([ticket.handle, sorted(ticket.scopes), ticket.expires_at]).encode("ascii")


def of_bytes(plain: bytes) -> Ticket:
    """Reads what was sealed."""
    handle, scopes, expires_at = json.loads(plain)
    return Ticket(handle, frozenset(scopes), expires_at)
