"""One HTTP exchange with an imitated service: ledger, faults, body, answer, or a connection that is cut."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.simulator import messages
from app.simulator.answers import Answer, complaint
from app.simulator.faults import Fault
from app.simulator.limiter import Allowance
from app.simulator.messages import Message
from app.simulator.provisioning import Incoming
from app.simulator.routes import read_route
from app.simulator.world import World

_log = logging.getLogger(__name__)
# How a protocol offers to cut its connection: a function in the request's state, put there by `serving`.
CUT = "cut_connection"
_BY_STATUS: dict[int, Message] = {
    message.status: message for message in (messages.TOO_MANY_CALLS, messages.UNAVAILABLE, messages.TOO_LARGE)
}


class Admission(Protocol):
    """Counts a call against its limit when it arrives."""

    def __call__(self, world: World, method: str, path: str, now: float) -> Allowance | None: ...


class Exchange:
    """An ASGI application that writes down each call and has a plain function answer it."""

    def __init__(
        self, world: World, answer: Callable[[World, Incoming], Answer], admit: Admission | None = None
    ) -> None:
        self._world, self._answer, self._admit = world, answer, admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, world = Request(scope, receive), self._world
        method, path = request.method, request.url.path
        call = world.ledger.open(world.clock.time(), world.clock.monotonic(), method, path, request.url.query)
        route = read_route(method, path)
        fault = world.faults.take(method, path, is_bulk=route is not None and route.is_bulk)
        # A fault that stands in for the service strikes in front of the limit, as a broken gateway would.
        is_refused = fault is not None and fault.action in ("status", "cut_before")
        allowance = None if self._admit is None or is_refused else self._admit(world, method, path, call.monotonic)
        if fault is not None and fault.action == "cut_before":
            call.answered_at = world.clock.time()
            await _cut(request)
            return
        try:
            body = await _read_body(request, world.config.max_body_bytes)
        except ClientDisconnect:
            return
        call.bytes, call.sha256 = body.size, body.sha256
        if fault is not None and fault.action == "status":
            answer = _fault_answer(fault, world)
        else:
            incoming = Incoming(
                call,
                request.query_params,
                request.headers.get("authorization"),
                body.content,
                f"{request.url.scheme}://{request.url.netloc}",
                allowance,
                is_stuck=fault is not None and fault.action == "stay_pending",
                is_interrupted=fault is not None and fault.action == "temporary_error",
            )
            answer = self._answered(incoming)
        await asyncio.sleep(world.config.answer_delay + (fault.seconds if fault is not None else 0.0))
        call.answered_at = world.clock.time()
        if fault is not None and fault.action == "cut_after":
            await _cut(request)
            return
        call.status = answer.status
        content = answer.body()
        if fault is not None and fault.action == "wrong_json":
            content = content[: len(content) // 2] or b"{"
        media_type = None if answer.payload is None else "application/json"
        await Response(content, answer.status, answer.headers, media_type)(scope, receive, send)

    def _answered(self, incoming: Incoming) -> Answer:
        try:
            return self._answer(self._world, incoming)
        except Exception as error:
            # The text of an exception may hold what was sent: its kind and place are enough.
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = "?" if place is None else f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
            _log.error("the simulator failed: %s at %s", type(error).__name__, where)
            return complaint(messages.UNKNOWN_FAULT, self._world.clock.time())


class _Body:
    """A request's body: content is None when it was larger than allowed, size and sha256 are always of all of it."""

    def __init__(self) -> None:
        self.content: bytes | None = b""
        self.size = 0
        self.sha256 = ""


async def _read_body(request: Request, most: int) -> _Body:
    # Read to the end even when too large: a client in the middle of sending would see a broken pipe, not the 413.
    body, kept, digest = _Body(), bytearray(), hashlib.sha256()
    async for chunk in request.stream():
        body.size += len(chunk)
        digest.update(chunk)
        if body.size <= most:
            kept += chunk
    body.content = bytes(kept) if body.size <= most else None
    body.sha256 = digest.hexdigest()
    return body


async def _cut(request: Request) -> None:
    getattr(request.state, CUT)()
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _fault_answer(fault: Fault, world: World) -> Answer:
    message = _BY_STATUS.get(fault.status, messages.UNKNOWN_FAULT)
    answer = complaint(message, world.clock.time())
    answer.status = answer.payload[0]["statusCode"] = fault.status
    if fault.status == 429:
        limit = str(world.config.calls_per_second)
        answer.headers |= {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    answer.headers |= fault.headers
    return answer
