"""Personal data at rest: AES-GCM over columns, keyed digests for search. What is sealed here is opened only here.

Layout of a sealed value: one byte with the key id's length, the key id, 12 bytes of nonce, ciphertext and tag. The
associated data binds it to its organisation, kind, object and field, so that a value copied to another row of the same
object still opens, and one that was moved to anybody else's does not.
"""

import base64
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Stopped

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Cipher:
    """Seals and opens with the keys that it was given; the first one seals."""

    current: str
    keys: Mapping[str, AESGCM] = field(repr=False)
    search_key: bytes = field(repr=False)

    def seal(self, plain: bytes, organisation_id: UUID, kind: str, object_id: UUID, column: str = "") -> bytes:
        """Encrypts one value for one place: kind is a stage, `batch` or `token`; column is empty for a payload."""
        nonce = os.urandom(_NONCE)
        sealed = self.keys[self.current].encrypt(nonce, plain, _bound_to(organisation_id, kind, object_id, column))
        return _prefix(self.current) + nonce + sealed

    def open(self, sealed: bytes, organisation_id: UUID, kind: str, object_id: UUID, column: str = "") -> bytes:
        """Decrypts what was sealed for that place.

        Raises LookupError when its key is not among ours, `cryptography.exceptions.InvalidTag` when it was made for
        another place or has been changed.
        """
        length = sealed[0]
        key_id = sealed[1 : 1 + length].decode("ascii")
        if key_id not in self.keys:
            raise LookupError(f"no encryption key has the id {key_id!r}: add it to ENCRYPTION_KEYS")
        nonce, rest = sealed[1 + length : 1 + length + _NONCE], sealed[1 + length + _NONCE :]
        return self.keys[key_id].decrypt(nonce, rest, _bound_to(organisation_id, kind, object_id, column))

    def digests(self, organisation_id: UUID, words: Iterable[str]) -> list[int]:
        """Gives a 64-bit keyed digest of each word, ascending; the same word gives another one in each organisation."""
        prefix = organisation_id.bytes
        return sorted(
            int.from_bytes(
                hmac.digest(self.search_key, prefix + word.encode("utf-8", "surrogatepass"), "sha256")[:8],
                "big",
                signed=True,
            )
            for word in words
        )


def cipher_of(encryption_keys: str, search_key: str) -> Cipher:
    """Reads the settings ENCRYPTION_KEYS and SEARCH_KEY; raises Stopped with what is wrong, never with a key."""
    keys: dict[str, AESGCM] = {}
    for part in filter(None, (part.strip() for part in encryption_keys.split(","))):
        key_id, colon, encoded = part.partition(":")
        if not colon or not key_id.isascii() or not key_id.isalnum() or len(key_id) > 32:
            raise Stopped("ENCRYPTION_KEYS: each key is `id:base64`, its id 1–32 ASCII letters and digits")
        if key_id in keys:
            raise Stopped(f"ENCRYPTION_KEYS: the id {key_id} stands there twice")
        keys[key_id] = AESGCM(_key(encoded, f"ENCRYPTION_KEYS: key {key_id}"))
    if not keys:
        raise Stopped("ENCRYPTION_KEYS is not set: give at least one `id:base64 of 32 bytes`")
    if not search_key:
        raise Stopped("SEARCH_KEY is not set: give the base64 of 32 bytes")
    return Cipher(next(iter(keys)), keys, _key(search_key, "SEARCH_KEY"))


def new_key() -> str:
    """Makes the base64 of 32 random bytes."""
    return base64.b64encode(os.urandom(32)).decode("ascii")


def _key(encoded: str, name: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Stopped(f"{name} is not the base64 of 32 bytes")
    return key


def _prefix(key_id: str) -> bytes:
    return bytes([len(key_id)]) + key_id.encode("ascii")


def _bound_to(organisation_id: UUID, kind: str, object_id: UUID, column: str) -> bytes:
    return b"\0".join((organisation_id.bytes, kind.encode("ascii"), object_id.bytes, column.encode("ascii")))
