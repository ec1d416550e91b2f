"""What is believed of a token: its form, who has signed it, for whom it is and for how long. Pure.

A refusal has a reason of ours alone: nothing of a token is repeated, for it may be anything.
"""

import base64
import hmac
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from app.oidc.key_set import Key

# Browsers and proxies carry no more in a header.
MOST_CHARACTERS: Final = 12_000
# In seconds: clocks of two machines.
LEEWAY: Final = 30
# A sign-in so long ago has somebody in front of the screen.
PRESENT_FOR: Final = 300
_MOST_SUBJECT: Final = 255
Claims = Mapping[str, Any]


class NotBelieved(Exception):
    """A token is not believed; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of itself before anything of it is believed."""

    algorithm: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose tokens are taken, signed how, for whom: `audience` is a client id, or what the API is called."""

    issuer: str
    audience: str
    algorithms: frozenset[str]


# RFC 9068 has the first two; many providers say no more than JWT.
_ACCESS_TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt"})
_ID_TYPES: Final = frozenset({"jwt", ""})


def looks_like_token(text: str) -> bool:
    """Tells whether a `text` has the form of a signed token, three parts; a key of ours has no full stop."""
    return len(text) <= MOST_CHARACTERS and text.count(".") == 2 and text.startswith("ey")


def read_id_header(token: str, expected: Expected) -> Header:
    """Reads the header of an ID token; raises NotBelieved."""
    return _read_header(token, expected.algorithms, _ID_TYPES)


def read_access_header(token: str, expected: Expected) -> Header:
    """Reads the header of an access token; raises NotBelieved."""
    return _read_header(token, expected.algorithms, _ACCESS_TYPES)


def read_id_token(token: str, key: Key, expected: Expected, nonce: str) -> Claims:
    """Gives the claims of an ID token that was made for the sign-in with this `nonce`; raises NotBelieved."""
    header = read_id_header(token, expected)
    claims = _verified(token, header, key, expected)
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise NotBelieved("nonce")
    party, audience = claims.get("azp"), claims["aud"]
    if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, expected.audience):
        raise NotBelieved("audience")
    return claims


def read_access_token(token: str, key: Key, expected: Expected) -> Claims:
    """Gives the claims of an access token; raises NotBelieved, for an ID token too."""
    header = read_access_header(token, expected)
    claims = _verified(token, header, key, expected)
    # Of an ID token; Keycloak says of each token in its claims too what it is.
    if not {"nonce", "at_hash", "c_hash"}.isdisjoint(claims) or claims.get("typ", "Bearer") != "Bearer":
        raise NotBelieved("type")
    # Whoever brings it has to prove that it is theirs, which nobody is asked for here.
    if "cnf" in claims:
        raise NotBelieved("bound")
    return claims


def shows_presence(claims: Claims, acr_values: frozenset[str], now: float, *, since: float | None = None) -> bool:
    """Tells whether somebody has just shown who they are well enough to be shown protected persons.

    By a sign-in of the last five minutes, which says so (`auth_time`), and has an `acr` that is one of `acr_values`
    where there are any. `since` is when they were sent to sign in once more: a sign-in from before that does not count.
    A provider has to say when, to whoever asks with `max_age` (OpenID Connect Core 1.0, 2).
    """
    at = _signed_in_at(claims)
    if at is None or not now - PRESENT_FOR <= at <= now + LEEWAY:
        return False
    if since is not None and at < since - LEEWAY:
        return False
    return not acr_values or has_acr(claims, acr_values)


def shows_protected_until(claims: Claims, acr_values: frozenset[str], shown_for: float, now: float) -> float:
    """Gives until when (seconds since 1970) an access token shows protected persons: 0 where it does not.

    It takes an `acr` that is one of `acr_values`. Of a person's token, which says when they have signed in, it is for
    `shown_for` seconds from then, so that a token that is renewed without them shows no more; of a system's, which has
    no `auth_time`, for as long as it is good.
    """
    if not has_acr(claims, acr_values):
        return 0.0
    if "auth_time" not in claims:
        return math.inf
    at = _signed_in_at(claims)
    return at + shown_for if at is not None and at <= now + LEEWAY else 0.0


def has_acr(claims: Claims, acr_values: frozenset[str]) -> bool:
    """Tells whether the `acr` of claims is one of these."""
    acr = claims.get("acr")
    return isinstance(acr, str) and acr in acr_values


def _signed_in_at(claims: Claims) -> float | None:
    at = claims.get("auth_time")
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


def _read_header(token: str, algorithms: frozenset[str], types: frozenset[str]) -> Header:
    if not looks_like_token(token):
        raise NotBelieved("form")
    header = _read(lambda: json.loads(_decoded(token.partition(".")[0])))
    if not isinstance(header, dict):
        raise NotBelieved("form")
    # Whatever it says that one must understand, we don't.
    if "crit" in header or "b64" in header:
        raise NotBelieved("critical")
    algorithm, key_id, type_ = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise NotBelieved("algorithm")
    if not isinstance(type_, str) or type_.lower() not in types:
        raise NotBelieved("type")
    if not isinstance(key_id, str) or not key_id:
        raise NotBelieved("key")
    return Header(algorithm, key_id)


def _verified(token: str, header: Header, key: Key, expected: Expected) -> dict[str, Any]:
    if header.algorithm not in key.algorithms or header.key_id != key.key_id:
        raise NotBelieved("key")
    claims = _read(
        lambda: jwt.decode(
            token,
            key.public,
            algorithms=[header.algorithm],
            audience=expected.audience,
            issuer=expected.issuer,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "exp", "iat", "sub"]},
        )
    )
    if not isinstance(claims, dict) or not 0 < len(claims["sub"]) <= _MOST_SUBJECT:
        raise NotBelieved("claims")
    return claims


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except jwt.InvalidSignatureError:
        raise NotBelieved("signature") from None
    except jwt.ExpiredSignatureError:
        raise NotBelieved("expired") from None
    except jwt.ImmatureSignatureError:
        raise NotBelieved("early") from None
    except jwt.InvalidIssuerError:
        raise NotBelieved("issuer") from None
    except jwt.InvalidAudienceError:
        raise NotBelieved("audience") from None
    except (jwt.MissingRequiredClaimError, InvalidSubjectError, InvalidJTIError, jwt.InvalidIssuedAtError):
        raise NotBelieved("claims") from None
    # What is nested deeper than Python goes is no token of anybody's.
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
        raise NotBelieved("form") from None


def _decoded(part: str) -> bytes:
    return base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
