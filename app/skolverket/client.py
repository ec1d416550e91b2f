"""Calls to the Provisioning API, one typed method an endpoint. Limits, retries and history are the caller's."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import httpx

from app.domain.stages import Stage
from app.skolverket.faults import Refusal, SlowDown, TokenRefused, TryAgain
from app.skolverket.wire import remote_job_id, wait_asked

# Below the pool's size: httpx's pool can get stuck when calls are cancelled while they wait for it.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Accepted:
    """A bulk call that was taken: Skolverket's id for the job under which it will answer."""

    http_status: int
    job_id: str


@cache
def _trust() -> ssl.SSLContext:
    # Reading the certificate authorities takes longer than a call: once a process.
    return httpx.create_ssl_context()


@asynccontextmanager
async def opened(patience: float) -> AsyncIterator[httpx.AsyncClient]:
    """Opens the connections of one step; they end with it."""
    limits = httpx.Limits(max_connections=2 * _AT_ONCE, max_keepalive_connections=_AT_ONCE)
    async with httpx.AsyncClient(
        timeout=patience, limits=limits, follow_redirects=False, trust_env=False, verify=_trust()
    ) as http:
        yield http


class ProvisioningApi:
    """Skolverket's Provisioning API for one organisation, whose bearer token it carries."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, patience: float) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._patience = patience
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def send(self, stage: Stage, body: bytes, token: str) -> Accepted:
        """Sends a batch to be created or updated; the very bytes given."""
        answer = await self._call(
            "POST", f"/{stage}/bulk", token, refusals={400, 413, 422}, params={"updateIfExists": "true"}, body=body
        )
        return Accepted(answer.status_code, remote_job_id(answer.content))

    async def job_status(self, stage: Stage, job_id: str, token: str) -> bytes:
        """Asks what has become of a batch; gives the answer's bytes. Errors, warnings and successes alike are in it."""
        # The address is built from the id: Location headers carry an old host.
        answer = await self._call("GET", f"/{stage}/bulk/jobs/{job_id}", token, refusals={400, 404})
        return answer.content

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        refusals: Set[int],
        params: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._at_once:
            answer = await exchanged(
                self._http, method, self._base_url + path, self._patience, params=params, content=body, headers=headers
            )
        if answer.status_code in {401, 403}:
            raise TokenRefused("token_refused", http_status=answer.status_code, answer=answer.content)
        if answer.status_code in refusals:
            raise Refusal(f"http_{answer.status_code}", http_status=answer.status_code, answer=answer.content)
        if answer.status_code not in {200, 202}:
            # A redirection or a wrong address says nothing of the records: it is for the operator to mend.
            raise TryAgain(f"http_{answer.status_code}", http_status=answer.status_code, answer=answer.content)
        return answer


async def exchanged(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    patience: float,
    *,
    params: dict[str, str] | None = None,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Makes one call within `patience` seconds, whole; raises TryAgain or SlowDown for what passes by itself."""
    try:
        async with asyncio.timeout(patience):
            answer = await http.request(method, url, params=params, content=content, headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise TryAgain("no_connection") from None
    except (TimeoutError, httpx.TimeoutException):
        raise TryAgain("timeout") from None
    except httpx.TransportError:
        raise TryAgain("connection_lost") from None
    if answer.status_code == 429:
        raise SlowDown("http_429", http_status=429, answer=answer.content, retry_after=wait_asked(answer.headers))
    if answer.status_code >= 500:
        raise TryAgain(
            f"http_{answer.status_code}",
            http_status=answer.status_code,
            answer=answer.content,
            retry_after=wait_asked(answer.headers),
        )
    return answer
