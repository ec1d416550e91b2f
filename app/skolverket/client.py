"""Calls to the Provisioning API, one method an endpoint that we use. Limits, retries and history are the caller's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import httpx

from app.domain.intents import Accepted
from app.domain.kinds import Kind
from app.domain.roster import uuid_of
from app.skolverket import results, wire
from app.skolverket.connections import CallTransport
from app.skolverket.exchange import Received, exchanged
from app.skolverket.trust import trusting
from app.skolverket.wire import LogId
from app.target import Answer, CallHooks, Refusal, TokenRefused, TryAgain

T = TypeVar("T")

# Five calls a second that take ten seconds each are fifty at once, and reads come on top. Below the pool's size, since
# httpx's pool can get stuck when calls are cancelled while they wait for it.
_AT_ONCE = 160


@asynccontextmanager
async def opened(within: float, ca_file: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Opens the connections that calls share; they end with the block.

    `ca_file` is a PEM file of the authorities to trust in place of the system's; raises TryAgain when it can't be read.
    """
    async with httpx.AsyncClient(
        timeout=within,
        transport=CallTransport(trusting(ca_file), 2 * _AT_ONCE, _AT_ONCE),
        follow_redirects=False,
        trust_env=False,
    ) as http:
        yield http


class ProvisioningApi:
    """Skolverket's Provisioning API for one organisation: the port's `Connection`."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, within: float) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._within = within
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def submit(self, kind: Kind, body: bytes, token: str, hooks: CallHooks | None = None) -> Accepted:
        """Sends a batch to be created or updated; the very bytes given."""
        answer = await self._call(
            "POST", wire.BULK.format(kind=kind), token, hooks, refusals={400, 413, 422}, params=wire.UPSERT, body=body
        )
        return Accepted(answer.http_status, read(answer, wire.remote_job_id))

    async def poll(self, kind: Kind, remote_job_id: str, token: str, hooks: CallHooks | None = None) -> Answer:
        """Asks what has become of a batch. Errors, warnings and successes alike are in the answer."""
        path = wire.JOB.format(kind=kind, id=remote_job_id)
        answer = await self._call("GET", path, token, hooks, refusals={400, 404})
        return Answer(answer.content, read(answer, results.item_results))

    async def look_up(
        self, kind: Kind, ids: Sequence[UUID], token: str, hooks: CallHooks | None = None
    ) -> dict[UUID, dict[str, Any]]:
        """Asks which of these objects Skolverket holds, and gives each as it is held."""
        path, body = wire.LOOKUP.format(kind=kind), wire.lookup_body(ids)
        answer = await self._call("POST", path, token, hooks, refusals={400, 413}, body=body)
        return {each: item for item in read(answer, wire.found) if (each := uuid_of(item.get("id")))}

    async def alive(self, token: str, hooks: CallHooks | None = None) -> None:
        """Returns when the API is there; the specification's `security` asks for a token here as everywhere."""
        await self._call("GET", wire.ALIVE, token, hooks, refusals=set())

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        hooks: CallHooks | None,
        *,
        refusals: Set[int],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Received:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._at_once:
            answer = await exchanged(
                self._http,
                method,
                self._base_url + path,
                self._within,
                params=params,
                content=body,
                headers=headers,
                hooks=hooks,
            )
        if answer.http_status in {401, 403}:
            ids = wire.log_ids(answer.content)
            if answer.http_status == 403 and ids and LogId.TOKEN_REFUSED not in ids:
                # A new token would not help: the organisation may not do this, and somebody has to see to it.
                raise TryAgain("forbidden", http_status=403, answer=answer.content)
            raise TokenRefused("token_refused", http_status=answer.http_status, answer=answer.content)
        return taken(answer, refusals)


def taken(answer: Received, refusals: Set[int]) -> Received:
    """Gives an answer of 200 or 202 back; raises Refusal for the statuses that blame the request, else TryAgain."""
    status = answer.http_status
    if status in refusals:
        raise Refusal(
            f"http_{status}", http_status=status, answer=answer.content, blamed=results.blamed(answer.content)
        )
    if status not in {200, 202}:
        # A redirection or a wrong address says nothing of the records: it is for the operator to mend.
        raise TryAgain(f"http_{status}", http_status=status, answer=answer.content)
    return answer


def read(answer: Received, reader: Callable[[bytes], T]) -> T:
    """Reads a body; when it can't be read, the fault says which status it came with."""
    try:
        return reader(answer.content)
    except TryAgain as fault:
        fault.http_status = answer.http_status
        raise
