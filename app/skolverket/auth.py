"""Bearer tokens from the authorisation server, asked for over mutual TLS. Keeping them is the database's."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import jwt

from app.skolverket.client import exchanged, user_agent
from app.skolverket.faults import TryAgain
from app.skolverket.identity import Identity, client_key, introduced
from app.skolverket.trust import TlsTransport, trusting
from app.skolverket.wire import parsed, token_value, transaction


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Where tokens are asked for, for which API, how long to wait (s), and whom to believe there."""

    url: str
    provisioning_url: str
    patience: float
    ca_file: str = ""
    pins: frozenset[str] = frozenset()
    certificate_folder: str = ""

    @property
    def in_the_clear(self) -> bool:
        """Says whether there is no TLS at all, as with a simulator on this machine."""
        return self.url.lower().startswith("http://")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the end that it names itself; the answer's own `expires_in` is not to be trusted."""

    value: str = field(repr=False)
    expires_at: datetime


async def fetch_token(authorisation: Authorisation, identity: Identity) -> Token:
    """Asks the authorisation server for an organisation's token, on a connection of its own.

    Raises TryAgain alone, also when it is refused: that may be mended on the other side (by registering a certificate),
    as a file may be on this one.
    """
    # Files and authorities are read from disk: not in the loop's thread.
    context, certificate_der = await asyncio.to_thread(_prepared, authorisation, identity)
    body = json.dumps(transaction(client_key(identity, certificate_der), authorisation.provisioning_url))
    async with httpx.AsyncClient(
        transport=TlsTransport(verify=context, trust_env=False),
        headers={"User-Agent": user_agent()},
        timeout=authorisation.patience,
        follow_redirects=False,
        trust_env=False,
    ) as http:
        answer = await exchanged(
            http,
            "POST",
            authorisation.url,
            authorisation.patience,
            content=body.encode("utf-8"),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
    if answer.status_code != 200:
        raise TryAgain("authorisation_refused", http_status=answer.status_code, answer=answer.content)
    return _token(answer.content)


def _prepared(authorisation: Authorisation, identity: Identity) -> tuple[ssl.SSLContext, bytes | None]:
    if authorisation.in_the_clear:
        return trusting(authorisation.ca_file), None
    introduction = introduced(
        identity,
        authorisation.certificate_folder,
        authorisation.ca_file,
        authorisation.pins,
        datetime.now(UTC),
    )
    return introduction.context, introduction.der


def _token(answer: bytes) -> Token:
    try:
        value = token_value(parsed(answer))
    except TryAgain as fault:
        # Without the answer: half of one may have a token in it.
        raise TryAgain(fault.code) from None
    try:
        claims = jwt.decode(value, options={"verify_signature": False})
        return Token(value, datetime.fromtimestamp(float(claims["exp"]), UTC))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        raise TryAgain("token_unreadable") from None
