"""API keys: their text, what of it is stored, what they allow. Knows no database.

A key is `pk_<handle>_<secret>_<checksum>`. The handle finds its row and may be shown; of the secret only a SHA-256
digest is kept (it has 256 random bits, so nothing slower is needed); the checksum tells a mistyped key from a wrong one
without asking anybody.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

# What a key of an organisation may have, in any company but for what NEEDS says: each opens something of its own.
SCOPES: Final = ("provision", "history", "pii", "protected", "admin", "audit")
# The one scope of a key that is of no organisation; no other key has it.
OPERATOR: Final = "operator"
# What a key that is narrowed to school units may have: it reads.
READING: Final = ("history", "pii", "protected")
# What means nothing without another one. The database refuses the same by a constraint made of these.
NEEDS: Final = {"pii": "history", "protected": "pii"}

_SHAPE = re.compile(r"(pk_(?P<handle>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43}))_(?P<checksum>[0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its text is shown once and stored nowhere."""

    text: str = field(repr=False)
    handle: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key of one organisation, and what it allows."""

    key_id: UUID
    key_name: str
    organisation_id: UUID
    scopes: frozenset[str]
    # Of its organisation, whose contents are opened with it.
    own_keys: bytes = field(default=b"", repr=False)
    # What the key is known by, and its version: another one whenever it, or its organisation, has been changed. Whoever
    # signs in elsewhere has no digest.
    handle: str = ""
    digest: bytes = field(default=b"", repr=False)
    version: str = ""
    # Whose objects alone it is shown; None for all of its organisation's.
    school_units: frozenset[UUID] | None = None

    def may(self, *any_of: str) -> bool:
        """Tells whether the key has at least one of the scopes."""
        return not self.scopes.isdisjoint(any_of)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who looks after the service: a key of no organisation, which sees no person."""

    key_id: UUID
    key_name: str
    handle: str
    digest: bytes = field(repr=False)
    version: str


def new_key() -> NewKey:
    """Makes a key of 32 random bytes."""
    handle, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    text = f"pk_{handle}_{secret}"
    return NewKey(f"{text}_{_checksum(text)}", handle, _digest(secret))


def parse(text: str) -> tuple[str, bytes] | None:
    """Splits a key into its handle and its secret's digest; gives None for what was never a key of ours."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or not hmac.compare_digest(_checksum(shape[1]), shape["checksum"]):
        return None
    return shape["handle"], _digest(shape["secret"])


def matches(digest: bytes, stored: bytes) -> bool:
    """Compares two digests in a time that does not tell how much of them is the same."""
    return hmac.compare_digest(digest, stored)


def read_scopes(text: str) -> tuple[str, ...]:
    """Reads `provision,history`: known scopes, each once, in the order of SCOPES.

    Raises ValueError on another word, and on scopes that make no sense together.
    """
    asked = {part.strip() for part in text.split(",") if part.strip()}
    if OPERATOR in asked:
        raise ValueError("the scope operator is of a key of no organisation, and alone: it sees no person")
    if not asked or not asked.issubset(SCOPES):
        raise ValueError(f"scopes are {', '.join(SCOPES)}, separated by commas")
    for scope, needed in NEEDS.items():
        if scope in asked and needed not in asked:
            raise ValueError(f"the scope {scope} opens nothing without {needed}: name both")
    return tuple(scope for scope in SCOPES if scope in asked)


def read_narrowed_scopes(text: str) -> tuple[str, ...]:
    """Reads scopes as `read_scopes` does, for a key that is narrowed to school units: it reads, and that alone."""
    scopes = read_scopes(text)
    if more := [each for each in scopes if each not in READING]:
        raise ValueError(f"a key of single school units reads, and has no scope {', '.join(more)}")
    if "pii" not in scopes:
        raise ValueError(
            "a key of single school units tells where everybody goes whom it shows: it needs the scope pii"
        )
    return scopes


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:6]
