"""One sign-in, from where a browser leaves for the provider to where it comes back. Pure.

What has to be known then travels with the browser, sealed, in a cookie: it is good for ten minutes, and goes at its
return.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

# In seconds.
GOOD_FOR: Final = 600
Language = Literal["sv", "en"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in that has begun: `state` ties the answer to the browser, `nonce` the token, `verifier` the code (PKCE).

    `following` is the page to go on to. `stepping_up` is the handle of whoever is signed in and wants to be shown
    protected persons, "" for who signs in.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    began_at: int
    following: str
    language: Language
    stepping_up: str = ""

    @classmethod
    def begun(cls, now: float, following: str, language: Language, stepping_up: str = "") -> "Transaction":
        """Makes one with fresh secrets of 256 bits."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, int(now), following, language, stepping_up)

    @property
    def challenge(self) -> str:
        """Gives what the provider is told of the verifier (RFC 7636, S256)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def is_good(self, now: float) -> bool:
        """Tells whether it is not over yet."""
        return self.began_at - GOOD_FOR <= now < self.began_at + GOOD_FOR

    def to_bytes(self) -> bytes:
        """Writes what is sealed."""
        return json.dumps(asdict(self)).encode("utf-8")

    @classmethod
    def of_bytes(cls, plain: bytes) -> "Transaction":
        """Reads what was sealed."""
        return cls(**json.loads(plain))


def authorisation_address(
    endpoint: str, client_id: str, redirect_uri: str, scope: str, transaction: Transaction, acr_values: str = ""
) -> str:
    """Gives where the browser goes: the provider's `endpoint`, which may have a query, with the request."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": transaction.state,
        "nonce": transaction.nonce,
        "code_challenge": transaction.challenge,
        "code_challenge_method": "S256",
        "ui_locales": transaction.language,
    }
    if transaction.stepping_up:
        asked |= {"prompt": "login", "max_age": "0"}
        if acr_values:
            asked["acr_values"] = acr_values
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
