"""One call over HTTP to any of Skolverket's services: its time, its size, and what becomes of it when it fails."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from app.domain.egress import UNACKNOWLEDGED_FOR
from app.skolverket import wire
from app.skolverket.connections import unacknowledged_for
from app.target import CallHooks, SlowDown, TryAgain

# An answer about the largest batch has a few hundred kilobytes: what is larger is none, and is read no further.
LARGEST_ANSWER = 16_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """An answer that has come whole."""

    http_status: int
    content: bytes = field(repr=False)


class _Unreadable(Exception):
    """The body of an answer is encoded although we take none that is, or larger than any may be."""


@cache
def user_agent() -> str:
    """Gives how we call ourselves, to every service of Skolverket's."""
    try:
        return f"provkedja/{version('provkedja')}"
    except PackageNotFoundError:
        return "provkedja"


async def exchanged(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    within: float,
    *,
    params: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    hooks: CallHooks | None = None,
) -> Received:
    """Makes one call within `within` seconds, whole; raises TryAgain or SlowDown for what passes by itself.

    While `hooks` let it wait to leave no time passes for it.
    """
    sent = {"User-Agent": user_agent(), "Accept-Encoding": "identity", **(headers or {})}
    before = unacknowledged_for.set(UNACKNOWLEDGED_FOR)
    try:
        async with (
            asyncio.timeout(within) as limit,
            http.stream(
                method, url, params=params, content=content, headers=sent, extensions=_tracing(hooks, limit, within)
            ) as answer,
        ):
            return await _received(answer, hooks)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise TryAgain("no_connection") from None
    except (TimeoutError, httpx.TimeoutException):
        raise TryAgain("timeout") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise TryAgain("address_unusable") from None
    except (httpx.TransportError, ssl.SSLError):
        raise TryAgain("connection_lost") from None
    finally:
        unacknowledged_for.reset(before)


def _tracing(hooks: CallHooks | None, limit: asyncio.Timeout, within: float) -> dict[str, Any]:
    if hooks is None:
        return {}

    async def trace(event: str, _: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            limit.reschedule(None)
            unacknowledged_for.set(await hooks.leave())
            limit.reschedule(asyncio.get_running_loop().time() + within)
        if event == "http11.send_request_body.complete":
            hooks.gone()

    return {"trace": trace}


async def _received(answer: httpx.Response, hooks: CallHooks | None) -> Received:
    status = answer.status_code
    if hooks is not None and (limit := wire.rate_limit(answer.headers)) is not None:
        hooks.woken(limit)
    try:
        content, readable = await _body(answer), True
    except _Unreadable:
        content, readable = b"", False
    if status == 429 or status >= 500:
        kind = SlowDown if status == 429 else TryAgain
        raise kind(f"http_{status}", http_status=status, answer=content, retry_after=wire.wait_asked(answer.headers))
    if not readable:
        raise TryAgain("answer_unreadable", http_status=status)
    return Received(status, content)


async def _body(answer: httpx.Response) -> bytes:
    """Reads a body as it comes; a connection that is left before its end is closed and not used again."""
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in {"identity", ""}:
        raise _Unreadable
    parts, length = [], 0
    async for part in answer.aiter_bytes():
        length += len(part)
        if length > LARGEST_ANSWER:
            raise _Unreadable
        parts.append(part)
    return b"".join(parts)
