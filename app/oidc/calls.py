"""Calls to the provider: bounded in time and size, through no proxy of the environment, following no redirect."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

from app.plain_addresses import is_protected_http

WITHIN: Final = 10.0
LARGEST: Final = 512 * 1024


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as it should; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RequestRefused(Exception):
    """The provider has refused what was asked (400 or 401): a code that it does not know, or a client."""


async def call(
    tls: ssl.SSLContext,
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    within: float = WITHIN,
) -> dict[str, Any]:
    """Gives the JSON object at an address, or the answer to a `form`, within so many seconds.

    Raises ProviderUnavailable; RequestRefused where a form is answered with 400 or 401.
    """
    if not is_protected_http(address):
        raise ProviderUnavailable("address")
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    try:
        # These calls are few: a connection of its own leaves nothing behind.
        async with (
            asyncio.timeout(within),
            httpx.AsyncClient(verify=tls, trust_env=False, follow_redirects=False, timeout=within) as http,
            http.stream("GET" if form is None else "POST", address, data=form, headers=sent) as answer,
        ):
            if form is not None and answer.status_code in (400, 401):
                raise RequestRefused
            if answer.status_code != 200:
                raise ProviderUnavailable(f"http_{answer.status_code}")
            content = await _content(answer)
    except (TimeoutError, httpx.TimeoutException):
        raise ProviderUnavailable("timeout") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError):
        raise ProviderUnavailable("no_connection") from None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ProviderUnavailable("no_json") from None
    if not isinstance(document, dict):
        raise ProviderUnavailable("no_json")
    return document


async def _content(answer: httpx.Response) -> bytes:
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ProviderUnavailable("encoded")
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > LARGEST:
            raise ProviderUnavailable("too_large")
    return bytes(content)
