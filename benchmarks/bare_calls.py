"""Calls to the simulator without a service around them: what the loops of our opponents have in common."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.domain.batching import Packing, encode
from app.skolverket.published import BODY_FORM
from app.skolverket.wire import UPSERT, token_value, transaction

# The simulator counts a call when it has come: five that leave within exactly a second may come within less.
_SLACK = 1.02


def packed(objects: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Encodes objects one after the other, and gives bodies of bulk calls as they fill."""
    packing = Packing(BODY_FORM)
    for item in map(encode, objects):
        if not packing.take(item):
            yield packing.body()
            packing = Packing(BODY_FORM)
            packing.take(item)
    if packing.items:
        yield packing.body()


@asynccontextmanager
async def authorised(simulator: str, organisation: str) -> AsyncIterator[httpx.AsyncClient]:
    """Opens connections to the simulator's Provisioning API, with a token of the organisation's."""
    async with httpx.AsyncClient(base_url=f"{simulator}/provisioning/v1", timeout=60, trust_env=False) as http:
        body = transaction(organisation, str(http.base_url))
        answer = await http.post(f"{simulator}/transaction", json=body)
        http.headers["Authorization"] = f"Bearer {token_value(answer.raise_for_status().json())}"
        yield http


async def send(http: httpx.AsyncClient, body: bytes) -> httpx.Response:
    """Sends a batch of persons."""
    headers = {"Content-Type": "application/json"}
    return await http.post("/persons/bulk", params=UPSERT, content=body, headers=headers)


async def ask(http: httpx.AsyncClient, job_id: str) -> httpx.Response:
    """Asks what has become of a batch of persons."""
    return await http.get(f"/persons/bulk/jobs/{job_id}")


class _Pacer:
    """Lets calls leave one by one, in the order in which they ask."""

    def __init__(self, per_second: float) -> None:
        self._spacing, self._next = _SLACK / per_second, 0.0

    async def permit(self) -> None:
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self._spacing
        await asyncio.sleep(at - now)


async def paced(
    http: httpx.AsyncClient, bodies: Sequence[bytes], status_calls: int, per_second: float, job_delay: float
) -> None:
    """Sends batches and asks for their answers: `status_calls` in all, the first of each after `job_delay` seconds.

    What the limit refuses is called again, as a loop of that kind must.
    """
    pacer = _Pacer(per_second)

    async def within_limit(call: Any, argument: Any) -> httpx.Response:
        while True:
            await pacer.permit()
            answer: httpx.Response = await call(http, argument)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer.raise_for_status()

    async def batch(number: int, body: bytes) -> None:
        job_id = (await within_limit(send, body)).json()["jobId"]
        await asyncio.sleep(job_delay)
        for _ in range(number, status_calls, len(bodies)):
            (await within_limit(ask, job_id)).json()

    async with asyncio.TaskGroup() as batches:
        for number, body in enumerate(bodies):
            batches.create_task(batch(number, body))
