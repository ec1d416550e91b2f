"""The authorisation server's part: reading a transaction, signing its token, checking one that comes back."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from app.simulator.messages import Json

_ACCESS_TYPE = "provisioning-api"


class BadTransaction(ValueError):
    """The body of a transaction is not one that gets a token."""

    status = 400
    code = "invalid_request"


class NoCertificate(BadTransaction):
    """The connection has no client certificate, and should have."""

    status = 401
    code = "invalid_client"


class WrongClient(BadTransaction):
    """The client is not the one that its key says, or none that is known."""

    status = 403
    code = "invalid_client"


class Issuer:
    """Signs tokens with an ES256 key of its own, made when it is made, and knows them again."""

    def __init__(self, name: str, lifetime: float, now: Callable[[], float]) -> None:
        self._name, self._lifetime, self._now = name, lifetime, now
        self._key = ec.generate_private_key(ec.SECP256R1())
        public: Json = ECAlgorithm(ECAlgorithm.SHA256).to_jwk(self._key.public_key(), as_dict=True)
        thumbprint = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        self._valid: set[str] = set()
        self._key_id = base64.urlsafe_b64encode(hashlib.sha256(thumbprint.encode()).digest()).rstrip(b"=").decode()
        self.key_set: Json = {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": "ES256"}]}

    def grant(self, organisation: str, access: list[Json]) -> Json:
        """Answers a transaction: a bearer token whose own exp is what counts."""
        issued = int(self._now())
        claims: Json = {
            "iss": self._name,
            "sub": organisation,
            "organisation_id": organisation,
            "iat": issued,
            "exp": issued + int(self._lifetime),
            "jti": str(uuid4()),
        }
        self._valid.add(claims["jti"])
        value = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
        token = {"value": value, "access": access, "expires_in": int(self._lifetime), "flags": ["bearer"]}
        return {"access_token": token}

    def revoke(self) -> None:
        """Makes all tokens given so far void."""
        self._valid.clear()

    def organisation_of(self, authorization: str | None) -> str | None:
        """Reads whose token an Authorization header carries; None when it is missing, forged, void or out of date."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                value.strip(),
                self._key.public_key(),
                algorithms=["ES256"],
                issuer=self._name,
                # The time is checked against our own clock below, so that tests may move it.
                options={"require": ["exp", "sub", "jti"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        if claims["exp"] <= self._now() or claims["jti"] not in self._valid:
            return None
        return str(claims["sub"])


def number_itself(key: Any) -> str:
    """Reads client.key where there are no certificates: it is the organisation number. Raises BadTransaction."""
    if not isinstance(key, str) or len(key) != 10 or not (key.isascii() and key.isdigit()):
        raise BadTransaction("client.key is no organisation number of ten digits")
    return key


def read_transaction(document: Any, whose: Callable[[Any], str] = number_itself) -> tuple[str, list[Json]]:
    """Reads a transaction's body: (organisation number, access asked for); raises BadTransaction otherwise.

    The shape is GNAP's, as the published example has it: access_token is a list of one request for provisioning-api
    with the flag bearer. whose reads client.key.
    """
    if not isinstance(document, dict):
        raise BadTransaction("the body is no JSON object")
    requests = document.get("access_token")
    if not isinstance(requests, list) or len(requests) != 1 or not isinstance(requests[0], dict):
        raise BadTransaction("access_token is no list of one request")
    access, flags = requests[0].get("access"), requests[0].get("flags")
    if not isinstance(access, list) or not access or not all(_is_access(one) for one in access):
        raise BadTransaction(f"access is no list of objects with type {_ACCESS_TYPE} and locations")
    if not isinstance(flags, list) or "bearer" not in flags:
        raise BadTransaction("flags does not hold bearer")
    client = document.get("client")
    return whose(client.get("key") if isinstance(client, dict) else None), access


def _is_access(one: Any) -> bool:
    if not isinstance(one, dict) or one.get("type") != _ACCESS_TYPE:
        return False
    locations = one.get("locations")
    return isinstance(locations, list) and bool(locations) and all(isinstance(place, str) for place in locations)
