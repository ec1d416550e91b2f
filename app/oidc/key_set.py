"""The provider's public keys, as its key set (RFC 7517) has them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_MOST_KEYS: Final = 50
_LEAST_RSA_BITS: Final = 2048
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# What each kind of key signs; there is no kind whose two halves are one.
_SIGNS: Final = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and what it may have signed."""

    key_id: str
    algorithms: frozenset[str]
    public: Any = field(repr=False)


def read_key_set(document: object) -> tuple[Key, ...]:
    """Reads a key set, without what is no public key for signatures with an id; raises ValueError for what is none."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise ValueError("this is no key set")
    return tuple(key for each in keys[:_MOST_KEYS] if (key := _key(each)) is not None)


def find_key(keys: Sequence[Key], key_id: str, algorithm: str) -> Key | None:
    """Gives the key of this id that signs so."""
    return next((each for each in keys if each.key_id == key_id and algorithm in each.algorithms), None)


def _key(given: object) -> Key | None:
    if not isinstance(given, dict) or given.get("use", "sig") != "sig" or "d" in given:
        return None
    key_id, kind, said = given.get("kid"), given.get("kty"), given.get("alg")
    if not isinstance(key_id, str) or not isinstance(kind, str):
        return None
    curve = given.get("crv") if kind != "RSA" else None
    signs = _SIGNS.get((kind, curve)) if curve is None or isinstance(curve, str) else None
    if signs is None or (said is not None and said not in (*signs, "Ed25519")):
        return None
    try:
        public = jwt.PyJWK(given, algorithm=signs[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        return None
    return Key(key_id, frozenset([said] if said in signs else signs), public)
