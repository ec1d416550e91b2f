"""Bearer tokens from the authorisation server, asked for over mutual TLS. Keeping them is the database's."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import jwt

from app.skolverket.credentials import client_key, client_tls
from app.skolverket.exchange import exchanged
from app.skolverket.trust import TlsTransport, trusting
from app.skolverket.wire import parsed, token_value, transaction
from app.target import Credentials, Token, TryAgain


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Where tokens are asked for, for which API, and whom to believe there."""

    url: str
    provisioning_url: str
    ca_file: str = ""
    pins: frozenset[str] = frozenset()
    certificate_folder: str = ""

    @property
    def in_the_clear(self) -> bool:
        """Says whether there is no TLS at all, as with a simulator on this machine."""
        return self.url.lower().startswith("http://")


async def fetch_token(authorisation: Authorisation, credentials: Credentials, within: float) -> Token:
    """Asks the authorisation server for an organisation's token within `within` seconds, on a connection of its own.

    Raises TryAgain alone, also when it is refused: that may be mended on the other side (by registering a certificate),
    as a file may be on this one.
    """
    # Files and authorities are read from disk: not in the loop's thread.
    context, certificate_der = await asyncio.to_thread(_prepared, authorisation, credentials)
    body = json.dumps(transaction(client_key(credentials, certificate_der), authorisation.provisioning_url))
    async with httpx.AsyncClient(
        transport=TlsTransport(verify=context, trust_env=False),
        timeout=within,
        follow_redirects=False,
        trust_env=False,
    ) as http:
        answer = await exchanged(
            http,
            "POST",
            authorisation.url,
            within,
            content=body.encode("utf-8"),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
    if answer.http_status != 200:
        raise TryAgain("authorisation_refused", http_status=answer.http_status, answer=answer.content)
    return _token(answer.content)


def _prepared(authorisation: Authorisation, credentials: Credentials) -> tuple[ssl.SSLContext, bytes | None]:
    if authorisation.in_the_clear:
        return trusting(authorisation.ca_file), None
    shown = client_tls(
        credentials,
        authorisation.certificate_folder,
        authorisation.ca_file,
        authorisation.pins,
        datetime.now(UTC),
    )
    return shown.context, shown.der


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
