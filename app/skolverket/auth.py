"""Bearer tokens from the authorisation server; the place for mutual TLS and the certificate's form of `client.key`."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import jwt

from app.skolverket.client import exchanged
from app.skolverket.faults import TryAgain
from app.skolverket.wire import parsed, token_value, transaction


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the end that it names itself; the answer's own `expires_in` is not to be trusted."""

    value: str
    expires_at: datetime


async def fetch_token(
    http: httpx.AsyncClient, authorisation_url: str, provisioning_url: str, organisation_number: str, patience: float
) -> Token:
    """Asks the authorisation server for an organisation's token; raises TryAgain, also when it is refused.

    A refusal may be mended on the other side (by registering a certificate), so it is met with patience, as all faults.
    """
    body = json.dumps(transaction(organisation_number, provisioning_url)).encode("utf-8")
    answer = await exchanged(
        http, "POST", authorisation_url, patience, content=body, headers={"Content-Type": "application/json"}
    )
    if answer.status_code != 200:
        raise TryAgain("authorisation_refused", http_status=answer.status_code)
    value = token_value(parsed(answer.content))
    try:
        claims = jwt.decode(value, options={"verify_signature": False})
        return Token(value, datetime.fromtimestamp(float(claims["exp"]), UTC))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        raise TryAgain("token_unreadable") from None
