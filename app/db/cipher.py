"""Personal data at rest: AES-GCM over values, keyed digests of contents and buckets of search keys, by organisation.

An organisation's keys are derived (HKDF, RFC 5869) from ours and its own random salt: without the salt nothing of it
can be opened any more. What its digests and buckets are made with is random, and its own for as long as it is there:
its row has it, sealed, so that it stays the same whichever key of ours seals.

Layout of a sealed value: one byte with the key id's length, the key id, 12 bytes of nonce, ciphertext and tag. The
associated data binds it to its organisation and place: one that was moved does not open. Where 64 has been added to the
first byte, what was encrypted is compressed: a specimen's number, then DEFLATE against it.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import Stopped

SALT_BYTES = 32
# Of a bucket: there are so few that many texts share each.
BUCKET_BYTES = 3
_TRAIT_BYTES = 16
_NONCE = 12
_TAG = 16
_KEY = 32
_COMPRESSED = 64
# A small window and little memory: what is compressed is short, and making ready for more would take longer than it.
_WINDOW, _MEMORY = -10, 1
# So long (s) after they were needed last an organisation's keys stay in memory: who has been erased or disabled needs
# none. And those of so many organisations at most.
KEPT_UNUSED: Final = 60.0
_MOST_KEPT: Final = 4096
# What binds an organisation's sealed digest key to its place.
DIGEST_KEY_PLACE = b"digests"


class KeyUnknown(LookupError):
    """No key of ours has the id of the one that something was sealed with, or nothing opens with ours of that id."""


@dataclass(frozen=True, slots=True)
class OrganisationCipher:
    """Seals and opens what belongs to one organisation; made by `Cipher.of`."""

    organisation_id: UUID
    current: str
    keys: Mapping[str, AESGCM] = field(repr=False)
    sealed_digest_key: bytes = field(repr=False)
    specimens: Sequence[bytes] = field(default=(), repr=False)
    # Ids of keys that have opened something that was stored: what does not open with one of these has been damaged.
    proven: set[str] = field(default_factory=set, repr=False, compare=False)
    _digests: "list[_Digests]" = field(default_factory=list, init=False, repr=False, compare=False)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypts one value for one place: a content's digest, or a name such as `token`."""
        nonce = os.urandom(_NONCE)
        sealed = self.keys[self.current].encrypt(nonce, plain, self.organisation_id.bytes + place)
        return bytes([len(self.current)]) + self.current.encode("ascii") + nonce + sealed

    def seal_compressed(self, plain: bytes, place: bytes) -> bytes:
        """Encrypts one value as `seal` does, compressed against the newest specimen: what is like it becomes short."""
        number = len(self.specimens)
        made = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, self._specimen(number))
        sealed = self.seal(bytes([number]) + made.compress(plain) + made.flush(), place)
        return bytes([sealed[0] + _COMPRESSED]) + sealed[1:]

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypts what was sealed for that place.

        Raises KeyUnknown when its key, or the specimen that it is compressed against, is not among ours,
        `cryptography.exceptions.InvalidTag` when it was made for another place or has been changed.
        """
        key_id, length = key_id_of(sealed), sealed[0] % _COMPRESSED
        if key_id not in self.keys:
            raise KeyUnknown(f"no encryption key has the id {key_id!r}: add it to ENCRYPTION_KEYS")
        nonce, rest = sealed[1 + length : 1 + length + _NONCE], sealed[1 + length + _NONCE :]
        plain = self.keys[key_id].decrypt(nonce, rest, self.organisation_id.bytes + place)
        if sealed[0] < _COMPRESSED:
            return plain
        return zlib.decompressobj(_WINDOW, self._specimen(plain[0])).decompress(plain[1:])

    def sealed_anew(self, sealed: bytes, place: bytes) -> bytes:
        """Seals with the current key what was sealed for that place with another one; raises as `open` does."""
        plain = self.open(sealed, place)
        return self.seal(plain, place) if sealed[0] < _COMPRESSED else self.seal_compressed(plain, place)

    def _specimen(self, number: int) -> bytes:
        if number > len(self.specimens):
            raise KeyUnknown(f"compressed against specimen {number}, which this version of the service lacks")
        return self.specimens[number - 1] if number else b""

    def digest(self, kind: str, object_id: UUID, plain: bytes) -> bytes:
        """Gives the 32 bytes by which a content is known: it is one object's, whatever else has the same bytes."""
        return hmac.digest(self._keyed().contents, b"\0".join((kind.encode("ascii"), object_id.bytes, plain)), "sha256")

    def bucket(self, key: str) -> int:
        """Gives the bucket of 24 bits in which a search key is; another organisation has it in another one."""
        digest = self._keyed().buckets.copy()
        digest.update(key.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest(), "big")

    def buckets(self, keys: Iterable[str]) -> list[int]:
        """Gives the buckets of some search keys, ascending."""
        return sorted(set(map(self.bucket, keys)))

    def trait(self, name: str, text: str | None, object_id: UUID | None = None) -> bytes | None:
        """Gives a keyed digest of 16 bytes of what is compared under `name`; None for no text.

        With an `object_id` it is comparable within that object alone.
        """
        if text is None:
            return None
        of = b"" if object_id is None else object_id.bytes
        digest = self._keyed().traits.copy()
        digest.update(b"\0".join((name.encode("ascii"), of, text.encode("utf-8", "surrogatepass"))))
        return digest.digest()

    def _keyed(self) -> "_Digests":
        """Opens the digest key when it is first needed, and raises as `open` does."""
        if not self._digests:
            if not self.sealed_digest_key:
                raise KeyUnknown("what has no digest key of its own is not compared with anything")
            self._digests.append(_Digests.of(self.open(self.sealed_digest_key, DIGEST_KEY_PLACE)))
        return self._digests[0]


@dataclass(frozen=True, slots=True)
class _Digests:
    """What an organisation's digests are made with."""

    contents: bytes = field(repr=False)
    # Each a keyed BLAKE2b that has been given nothing yet: a copy of it takes a third of the time of an HMAC.
    buckets: "hashlib.blake2b" = field(repr=False)
    traits: "hashlib.blake2b" = field(repr=False)

    @classmethod
    def of(cls, digest_key: bytes) -> "_Digests":
        return cls(
            _derived(digest_key, None, b"digest"),
            hashlib.blake2b(key=_derived(digest_key, None, b"words"), digest_size=BUCKET_BYTES),
            hashlib.blake2b(key=_derived(digest_key, None, b"traits"), digest_size=_TRAIT_BYTES),
        )


class OwnKeys(NamedTuple):
    """What an organisation's row has of its keys: both together, one behind the other, are what `Cipher.of` takes."""

    salt: bytes
    digest_key: bytes


@dataclass(frozen=True, slots=True)
class Cipher:
    """The keys that all organisations' are derived from; the first of `masters` seals, all open."""

    current: str
    masters: Mapping[str, bytes] = field(repr=False)
    # What values that are stored compressed look like, the newest last. Each stays as long as something is stored.
    specimens: Sequence[bytes] = field(default=(), repr=False)

    # Deriving takes some 20 µs a key, and every request and job asks for it. With when each was needed last; the one
    # that was needed least lately comes first.
    _made: OrderedDict[tuple[UUID, bytes], tuple[OrganisationCipher, float]] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )
    # Ids of keys, by organisation: what a key has proven outlives it.
    _proven: dict[UUID, set[str]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, organisation_id: UUID, own: bytes) -> OrganisationCipher:
        """Gives the keys of an organisation, whose salt and sealed digest key are `own`; without the latter it seals
        and opens, and makes no digest.
        """
        made, _ = self._made.pop((organisation_id, own), (None, 0.0))
        if made is None:
            made = OrganisationCipher(
                organisation_id,
                self.current,
                {key_id: _sealing(master, own[:SALT_BYTES]) for key_id, master in self.masters.items()},
                own[SALT_BYTES:],
                self.specimens,
                self._proven.setdefault(organisation_id, set()),
            )
        self._made[organisation_id, own] = made, time.monotonic()
        if len(self._made) > _MOST_KEPT:
            self._made.popitem(last=False)
        return made

    def forget_unused(self, now: float) -> None:
        """Forgets keys that nobody has needed for a while, at a moment of the monotonic clock."""
        for key, (_, used_at) in list(self._made.items()):
            if now - used_at <= KEPT_UNUSED:
                return
            self._made.pop(key, None)

    def new_keys(self, organisation_id: UUID) -> OwnKeys:
        """Makes the salt and the digest key of an organisation."""
        return self.keys_with(organisation_id, os.urandom(SALT_BYTES), os.urandom(_KEY))

    def keys_with(self, organisation_id: UUID, salt: bytes, digest_key: bytes) -> OwnKeys:
        """Gives what an organisation's row has with this salt and this digest key, which is sealed."""
        return OwnKeys(salt, self.of(organisation_id, salt).seal(digest_key, DIGEST_KEY_PLACE))


async def forget_unused_keys(cipher: Cipher) -> None:
    """Has a process forget organisations' keys that nobody has needed for a while, until it is cancelled."""
    while True:
        await asyncio.sleep(KEPT_UNUSED / 4)
        cipher.forget_unused(time.monotonic())


def key_id_of(sealed: bytes) -> str:
    """Reads the id of the key that a value was sealed with."""
    return sealed[1 : 1 + sealed[0] % _COMPRESSED].decode("ascii", "replace")


def plain_length(sealed_length: int, first_byte: int) -> int:
    """Tells how long a value is that `seal` made one of this length of; `first_byte` is that of what it made."""
    return sealed_length - 1 - first_byte % _COMPRESSED - _NONCE - _TAG


def cipher_of(keys: str, specimens: Sequence[bytes] = (), *, setting: str = "ENCRYPTION_KEYS") -> Cipher:
    """Reads keys as `setting` has them; raises Stopped with what is wrong, never with a key.

    `specimens` are what values that are stored compressed look like, the newest last.
    """
    masters: dict[str, bytes] = {}
    for part in filter(None, (part.strip() for part in keys.split(","))):
        key_id, colon, encoded = part.partition(":")
        if not colon or not key_id.isascii() or not key_id.isalnum() or len(key_id) > 32:
            raise Stopped(f"{setting}: each key is `id:base64`, its id 1–32 ASCII letters and digits")
        if key_id in masters:
            raise Stopped(f"{setting}: the id {key_id} stands there twice")
        masters[key_id] = _key(encoded, f"{setting}: key {key_id}")
    if not masters:
        raise Stopped(f"{setting} is not set: give at least one `id:base64 of 32 bytes`")
    return Cipher(next(iter(masters)), masters, specimens)


def new_key() -> str:
    """Makes the base64 of 32 random bytes."""
    return base64.b64encode(os.urandom(_KEY)).decode("ascii")


def _sealing(master: bytes, salt: bytes) -> AESGCM:
    return AESGCM(_derived(master, salt, b"content"))


def _derived(master: bytes, salt: bytes | None, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY, salt=salt, info=purpose).derive(master)


def _key(encoded: str, name: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise Stopped(f"{name} is not the base64 of {_KEY} bytes")
    return key
