"""Tokens that nobody should believe: how each is made, and the word that the log has for it.

Those of both tables are made of what a provider has signed, or of what looks like it.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.small_provider import KEYS, SmallProvider, encoded, public_jwk, signed

# Of an access token or an ID token with some header and claims, signed by a key; `nonce` is of ID tokens.
Make = Callable[..., str]


class Forgery(NamedTuple):
    """A token, made by a provider's way of making good ones, and why it is refused."""

    name: str
    make: Callable[[SmallProvider, Make], str]
    reason: str


def _pem(name: str) -> bytes:
    return bytes(KEYS[name].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _parts(token: str) -> list[str]:
    return token.split(".")


def _header(token: str) -> dict[str, Any]:
    return dict(jwt.get_unverified_header(token))


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def _unsigned(algorithm: str) -> Callable[[SmallProvider, Make], str]:
    def make(_: SmallProvider, good: Make) -> str:
        token = good()
        head = encoded({**_header(token), "alg": algorithm})
        return f"{head}.{_parts(token)[1]}."

    return make


def _with_secret(secret: Callable[[], bytes], algorithm: str = "HS256") -> Callable[[SmallProvider, Make], str]:
    def make(_: SmallProvider, good: Make) -> str:
        token = good()
        # PyJWT refuses a public key as a secret when it signs too: an attacker signs by hand.
        content = f"{encoded({**_header(token), 'alg': algorithm})}.{_parts(token)[1]}"
        hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        return f"{content}.{encoded(hmac.sign(content.encode(), secret()))}"

    return make


def _with_header(key: str = "stranger", **header: Any) -> Callable[[SmallProvider, Make], str]:
    def make(provider: SmallProvider, good: Make) -> str:
        token = good()
        added = {name: value(provider) if callable(value) else value for name, value in header.items()}
        return signed({**_header(token), **added}, _claims(token), key)

    return make


def _with_claims(**claims: Any) -> Callable[[SmallProvider, Make], str]:
    return lambda _, good: good(**{name: value() if callable(value) else value for name, value in claims.items()})


def _of_another_payload(_: SmallProvider, good: Make) -> str:
    one, other = _parts(good()), _parts(good(groups=["leaders", "others"]))
    return ".".join((one[0], other[1], one[2]))


def _with_raw(content: bytes, part: int) -> Callable[[SmallProvider, Make], str]:
    """Has something else than JSON stand in the header (0), or, signed by the right key, in the claims (1)."""

    def make(_: SmallProvider, good: Make) -> str:
        token = good()
        if part == 0:
            return ".".join((encoded(content), *_parts(token)[1:]))
        return signed(_header(token), content, "r1")

    return make


def _now(seconds: float) -> Callable[[], int]:
    return lambda: int(time.time() + seconds)


_JKU: Final = "jku"
# Deeper than Python goes, and beginning as an object does.
NESTED: Final = b'{"a":' * 1500

OF_BOTH: Final = (
    Forgery("no algorithm", _unsigned("none"), "algorithm"),
    Forgery("no algorithm in other letters", _unsigned("nOnE"), "algorithm"),
    Forgery("no algorithm by its name", _unsigned(""), "algorithm"),
    Forgery("the public key as a secret", _with_secret(lambda: _pem("r1")), "algorithm"),
    Forgery("the key set as a secret", _with_secret(lambda: json.dumps(public_jwk("r1")).encode()), "algorithm"),
    Forgery("an empty secret", _with_secret(lambda: b"\0" * 32), "algorithm"),
    Forgery("HMAC under the name of RS256", _with_secret(lambda: _pem("r1"), "RS256"), "signature"),
    Forgery("another algorithm than the key's", _with_header("r1", alg="PS256"), "key"),
    Forgery("a kind of key that has another algorithm", _with_header("r1", alg="ES256"), "key"),
    Forgery("an algorithm that is not allowed", _with_header("r1", alg="RS384"), "algorithm"),
    Forgery("algorithms in a list", _with_header("r1", alg=["RS256"]), "algorithm"),
    Forgery("a stranger's key under a known id", _with_header("stranger"), "signature"),
    Forgery("a key that nobody has", _with_header("stranger", kid="stranger"), "key"),
    Forgery("the id of another of its keys", _with_header("r1", kid="p1"), "key"),
    Forgery("no id", _with_header("r1", kid=None), "key"),
    Forgery("an id that is no text", _with_header("r1", kid=7), "key"),
    Forgery("an id that is a path", _with_header("r1", kid="../../../../dev/null"), "key"),
    Forgery("its key along with it", _with_header(jwk=public_jwk("stranger")), "signature"),
    Forgery("its key along with it, by its id", _with_header(kid="stranger", jwk=public_jwk("stranger")), "key"),
    Forgery("its key at an address", _with_header(jku=lambda provider: f"{provider.issuer}/{_JKU}"), "signature"),
    Forgery("its key at an address, by id", _with_header(kid="x", jku=lambda p: f"{p.issuer}/{_JKU}"), "key"),
    Forgery("its certificate at an address", _with_header(x5u=lambda p: f"{p.issuer}/{_JKU}"), "signature"),
    Forgery("what must be understood", _with_header("r1", crit=["exp"], exp=1), "critical"),
    Forgery("an empty list of what must be", _with_header("r1", crit=[]), "critical"),
    Forgery("claims that are not encoded", _with_header("r1", b64=False), "critical"),
    Forgery("the signature of another payload", _of_another_payload, "signature"),
    Forgery("no signature", lambda _, good: good().rpartition(".")[0] + ".", "signature"),
    Forgery("half a signature", lambda _, good: good()[:-42], "signature"),
    Forgery("another issuer", _with_claims(iss="https://another.example.se"), "issuer"),
    Forgery("an issuer with more behind it", lambda p, good: good(iss=f"{p.issuer}/"), "issuer"),
    Forgery("no issuer", _with_claims(iss=...), "claims"),
    Forgery("issuers in a list", lambda p, good: good(iss=[p.issuer]), "issuer"),
    Forgery("another audience", _with_claims(aud="another"), "audience"),
    Forgery("no audience", _with_claims(aud=...), "claims"),
    Forgery("an empty list of audiences", _with_claims(aud=[]), "claims"),
    Forgery("expired", _with_claims(exp=_now(-31)), "expired"),
    Forgery("no end", _with_claims(exp=...), "claims"),
    Forgery("an end that is a text", _with_claims(exp="tomorrow"), "form"),
    Forgery("not yet valid", _with_claims(nbf=_now(60)), "early"),
    Forgery("made tomorrow", _with_claims(iat=_now(86400)), "early"),
    Forgery("no time at which it was made", _with_claims(iat=...), "claims"),
    Forgery("no subject", _with_claims(sub=...), "claims"),
    Forgery("an empty subject", _with_claims(sub=""), "claims"),
    Forgery("a subject that is a number", _with_claims(sub=7), "claims"),
    Forgery("a subject that is a story", _with_claims(sub="s" * 256), "claims"),
    Forgery("huge", _with_claims(more="x" * 9_000), "form"),
    Forgery("a nested header", _with_raw(NESTED, 0), "form"),
    Forgery("nested claims", _with_raw(NESTED, 1), "form"),
    Forgery("a header that is no JSON", _with_raw(b"{", 0), "form"),
    Forgery("a header that is a list", _with_raw(b'{"a":1}'.replace(b'{"a":1}', b'["RS256"]'), 0), "form"),
    Forgery("claims that are a list", _with_raw(b"[1]", 1), "form"),
    Forgery("claims that are no text", _with_raw(b"\xff\xfe", 1), "form"),
    Forgery("four parts", lambda _, good: good() + ".e30", "form"),
)
OF_ID_TOKENS: Final = (
    Forgery("no nonce", _with_claims(nonce=...), "nonce"),
    Forgery("another nonce", _with_claims(nonce="another"), "nonce"),
    Forgery("a nonce that is no text", _with_claims(nonce=7), "nonce"),
    Forgery("of two parties, and nobody's", lambda p, good: good(aud=[p.client, "another"]), "audience"),
    Forgery("another party's", _with_claims(azp="another"), "audience"),
    Forgery("an access token", _with_header("r1", typ="at+jwt"), "type"),
)
OF_ACCESS_TOKENS: Final = (
    Forgery("an ID token of the pages", lambda p, _: p.id_token("n"), "type"),
    Forgery("an ID token that says JWT", lambda p, _: p.id_token("n", header={"typ": "JWT"}), "audience"),
    Forgery("an ID token for us", _with_claims(nonce="n"), "type"),
    Forgery("an ID token for us without a nonce", _with_claims(at_hash="h"), "type"),
    Forgery("Keycloak's ID token", _with_claims(typ="ID"), "type"),
    Forgery("Keycloak's refresh token", _with_claims(typ="Refresh"), "type"),
    Forgery("a token for signing out", _with_header("r1", typ="logout+jwt"), "type"),
    Forgery("a type that is no text", _with_header("r1", typ=["at+jwt"]), "type"),
    Forgery("bound to a key", _with_claims(cnf={"jkt": "x"}), "bound"),
)
