"""Calls to the Provisioning API, one typed method an endpoint. Limits, retries and history are the caller's."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar
from uuid import UUID

import httpx

from app.domain.stages import Stage
from app.skolverket import wire
from app.skolverket.faults import Refusal, SlowDown, TokenRefused, TryAgain
from app.skolverket.trust import TlsTransport, trusting
from app.skolverket.wire import LogId, Page, RateLimit

T = TypeVar("T")
Heed = Callable[[RateLimit], None]
Leave = Callable[[], Awaitable[None]]
Gone = Callable[[], None]

# Five calls a second that take two seconds each are ten at once, and reads come on top. Below the pool's size: httpx's
# pool can get stuck when calls are cancelled while they wait for it.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Accepted:
    """A bulk call that was taken: Skolverket's id for the job under which it will answer."""

    http_status: int
    job_id: str


@asynccontextmanager
async def opened(patience: float, ca_file: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Opens the connections of one step; they end with it.

    `ca_file` is a PEM file of the authorities to trust in place of the system's; raises TryAgain when it can't be read.
    """
    transport = TlsTransport(
        verify=trusting(ca_file),
        trust_env=False,
        limits=httpx.Limits(max_connections=2 * _AT_ONCE, max_keepalive_connections=_AT_ONCE),
    )
    async with httpx.AsyncClient(
        timeout=patience,
        transport=transport,
        follow_redirects=False,
        trust_env=False,
    ) as http:
        yield http


@cache
def user_agent() -> str:
    """Gives how we call ourselves, to every service of Skolverket's."""
    try:
        return f"provkedja/{version('provkedja')}"
    except PackageNotFoundError:
        return "provkedja"


class ProvisioningApi:
    """Skolverket's Provisioning API for one organisation, whose bearer token it carries.

    Every method raises TryAgain, SlowDown or TokenRefused for what has nothing to do with its request, and Refusal
    where its request is to blame. `heed` is told the limit's headers of every answer that has them, errors included;
    `leave` is awaited at the last moment, when the connection stands and the request is about to be written; `gone` is
    called when it has been.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        patience: float,
        heed: Heed | None = None,
        leave: Leave | None = None,
        gone: Gone | None = None,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._patience = patience
        self._heed = heed
        self._leave = leave
        self._gone = gone
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def send(self, stage: Stage, body: bytes, token: str) -> Accepted:
        """Sends a batch to be created or updated; the very bytes given."""
        return await self._bulk("POST", wire.BULK.format(stage=stage), token, body, wire.UPSERT)

    async def update(self, stage: Stage, body: bytes, token: str) -> Accepted:
        """Sends a batch of objects that Skolverket holds already; the very bytes given."""
        return await self._bulk("PUT", wire.BULK.format(stage=stage), token, body)

    async def delete(self, stage: Stage, object_ids: Sequence[UUID], token: str) -> Accepted:
        """Asks for objects to be deleted."""
        return await self._bulk("POST", wire.DELETE.format(stage=stage), token, wire.delete_body(object_ids))

    async def job_status(self, stage: Stage, job_id: str, token: str) -> bytes:
        """Asks what has become of a batch; gives the answer's bytes. Errors, warnings and successes alike are in it."""
        answer = await self._call("GET", wire.JOB.format(stage=stage, id=job_id), token, refusals={400, 404})
        return answer.content

    async def is_completed(self, stage: Stage, job_id: str, token: str) -> bool:
        """Asks whether a batch has its results."""
        answer = await self._call("GET", wire.COMPLETED.format(stage=stage, id=job_id), token, refusals={400, 404})
        return read(answer, wire.completed)

    async def list_page(self, stage: Stage, token: str, limit: int = 100, page_token: str | None = None) -> Page:
        """Lists what Skolverket holds, at most 100 objects a page. Persons lack enrolments, e-mails and marking."""
        params = wire.paging(limit, page_token)
        return read(
            await self._call("GET", wire.LIST.format(stage=stage), token, refusals={400}, params=params), wire.page
        )

    async def lookup(
        self,
        stage: Stage,
        token: str,
        ids: Sequence[UUID] = (),
        civic_nos: Sequence[str] = (),
        eppns: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Reads those of the objects asked for that Skolverket holds; only persons have civic numbers and EPPNs."""
        if stage is not Stage.PERSONS and (civic_nos or eppns):
            raise ValueError(f"{stage} are looked up by id alone")
        body = wire.lookup_body(ids, civic_nos, eppns)
        return read(
            await self._call("POST", wire.LOOKUP.format(stage=stage), token, refusals={400, 413}, body=body), wire.found
        )

    async def by_id(self, stage: Stage, token: str, object_id: UUID) -> dict[str, Any] | None:
        """Reads one object; None when Skolverket says that it holds none with this id."""
        try:
            answer = await self._call("GET", wire.OBJECT.format(stage=stage, id=object_id), token, refusals={400})
        except TryAgain as fault:
            if fault.http_status == 404 and LogId.NOT_FOUND in wire.log_ids(fault.answer):
                return None
            raise
        return read(answer, wire.held)

    async def alive(self, token: str) -> None:
        """Returns when the API is there; the specification's `security` asks for a token here as everywhere."""
        await self._call("GET", wire.ALIVE, token, refusals=set())

    async def _bulk(
        self, method: str, path: str, token: str, body: bytes, params: Mapping[str, str] | None = None
    ) -> Accepted:
        answer = await self._call(method, path, token, refusals={400, 413, 422}, params=params, body=body)
        return Accepted(answer.status_code, read(answer, wire.remote_job_id))

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        refusals: Set[int],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._at_once:
            answer = await exchanged(
                self._http,
                method,
                self._base_url + path,
                self._patience,
                params=params,
                content=body,
                headers=headers,
                heed=self._heed,
                leave=self._leave,
                gone=self._gone,
            )
        if answer.status_code in {401, 403}:
            ids = wire.log_ids(answer.content)
            if answer.status_code == 403 and ids and LogId.TOKEN_REFUSED not in ids:
                # A new token would not help: the organisation may not do this, and somebody has to see to it.
                raise TryAgain("forbidden", http_status=403, answer=answer.content)
            raise TokenRefused("token_refused", http_status=answer.status_code, answer=answer.content)
        return taken(answer, refusals)


def taken(answer: httpx.Response, refusals: Set[int]) -> httpx.Response:
    """Gives an answer of 200 or 202 back; raises Refusal for the statuses that blame the request, else TryAgain."""
    status = answer.status_code
    if status in refusals:
        raise Refusal(f"http_{status}", http_status=status, answer=answer.content)
    if status not in {200, 202}:
        # A redirection or a wrong address says nothing of the records: it is for the operator to mend.
        raise TryAgain(f"http_{status}", http_status=status, answer=answer.content)
    return answer


def read(answer: httpx.Response, reader: Callable[[bytes], T]) -> T:
    """Reads a body; when it can't be read, the fault says which status it came with."""
    try:
        return reader(answer.content)
    except TryAgain as fault:
        fault.http_status = answer.status_code
        raise


async def exchanged(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    patience: float,
    *,
    params: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    heed: Heed | None = None,
    leave: Leave | None = None,
    gone: Gone | None = None,
) -> httpx.Response:
    """Makes one call within `patience` seconds, whole; raises TryAgain or SlowDown for what passes by itself."""

    async def trace(event: str, _: Mapping[str, Any]) -> None:
        if leave is not None and event == "http11.send_request_headers.started":
            await leave()
        if gone is not None and event == "http11.send_request_body.complete":
            gone()

    try:
        async with asyncio.timeout(patience):
            sent = {"User-Agent": user_agent(), **(headers or {})}
            answer = await http.request(
                method, url, params=params, content=content, headers=sent, extensions={"trace": trace}
            )
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise TryAgain("no_connection") from None
    except (TimeoutError, httpx.TimeoutException):
        raise TryAgain("timeout") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise TryAgain("address_unusable") from None
    except (httpx.TransportError, ssl.SSLError):
        raise TryAgain("connection_lost") from None
    except httpx.DecodingError:
        raise TryAgain("answer_unreadable") from None
    if heed is not None and (said := wire.rate_limit(answer.headers)) is not None:
        heed(said)
    status = answer.status_code
    if status == 429 or status >= 500:
        kind = SlowDown if status == 429 else TryAgain
        raise kind(
            f"http_{status}", http_status=status, answer=answer.content, retry_after=wire.wait_asked(answer.headers)
        )
    return answer
