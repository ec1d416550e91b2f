"""One HTTP exchange with an imitated service: ledger, faults, body, answer, or a connection that is cut."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.simulator.answers import Answer
from app.simulator.damage import Reply, ordered_of, reply_of
from app.simulator.faults import Fault
from app.simulator.ledger import Call
from app.simulator.limiter import Allowance
from app.simulator.marks import mark_of
from app.simulator.provisioning import Incoming
from app.simulator.recording import CALL
from app.simulator.routes import read_route
from app.simulator.world import World

_log = logging.getLogger(__name__)
# What a protocol puts into the request's state, see `serving`: a function that cuts its connection at once, one that
# closes it when what is written has gone, and the client's certificate (DER) or None.
CUT, CLOSE, CERTIFICATE = "cut_connection", "close_connection", "client_certificate"


class Admission(Protocol):
    """Counts a call against its limit when it arrives."""

    def __call__(self, world: World, method: str, path: str, now: float) -> Allowance | None: ...


class Refusal(Protocol):
    """Words a refusal with a status, and with the id of a LogEntry where the service has such."""

    def __call__(self, world: World, call: Call, status: int, entry: str | None = None) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Service:
    """What an exchange has to know of the service behind it."""

    answer: Callable[[World, Incoming], Answer]
    refuse: Refusal
    admit: Admission | None = None


class Exchange:
    """An ASGI application that writes down each call and has a plain function answer it."""

    def __init__(self, world: World, service: Service) -> None:
        self._world, self._service = world, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carries out one exchange."""
        request, world = Request(scope, receive), self._world
        method, path = request.method, request.url.path
        call = world.ledger.open(world.clock.time(), world.clock.monotonic(), method, path, request.url.query)
        scope.setdefault("state", {})[CALL] = call
        fault = self._fault(call, request)
        allowance = None
        if self._service.admit is not None and not (fault is not None and fault.stands_in):
            allowance = self._service.admit(world, method, path, call.monotonic)
        try:
            body = await _read_body(request, world.config.max_body_bytes)
        except ClientDisconnect:
            call.planted = call.planted or "client_gone"
            return
        call.bytes, call.sha256 = body.size, body.sha256
        answer = await self._answer(request, call, fault, body.content, allowance)
        if answer is None:
            return
        await asyncio.sleep(world.config.answer_delay + (0.0 if fault is None else fault.held))
        call.answered_at = world.clock.time()
        if fault is not None and fault.action == "cut_after":
            await _end(request, CUT)
            return
        if call.planted is None and any(mark_of(object_id) is not None for object_id in call.object_ids):
            call.planted = "mark"
        call.status = answer.status
        await _give(reply_of(answer, fault, world.clock.time()), request, send)

    async def _answer(
        self, request: Request, call: Call, fault: Fault | None, body: bytes | None, allowance: Allowance | None
    ) -> Answer | None:
        """Gives the service's answer, or one in its place; None when the connection ended without one."""
        world = self._world
        match fault:
            case Fault(action="cut_before"):
                call.answered_at = world.clock.time()
                await _end(request, CUT)
                return None
            case Fault(action="hang", taken=False):
                await _client_gone(request)
                return None
            case Fault(action="status"):
                answer = self._service.refuse(world, call, fault.status, fault.entry)
                if fault.status == 429 and answer.headers:
                    answer.headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fault.reset}
                answer.headers |= fault.headers
                return answer
            case Fault(action="delay", before=True):
                await asyncio.sleep(fault.seconds)
            case Fault(action="revoke_tokens"):
                world.issuer.revoke()
            case Fault(action="forget_jobs"):
                world.jobs.forget()
        incoming = Incoming(
            call,
            request.query_params,
            request.headers.get("authorization"),
            body,
            f"{request.url.scheme}://{request.url.netloc}",
            allowance,
            ordered_of(fault),
            getattr(request.state, CERTIFICATE, None),
        )
        answer = self._answered(incoming)
        if fault is not None and fault.action == "hang":
            await _client_gone(request)
            return None
        return answer

    def _fault(self, call: Call, request: Request) -> Fault | None:
        world, route = self._world, read_route(call.method, call.path)
        is_result = False
        if route is not None and route.verb == "status":
            world.settle()
            is_result = world.jobs.is_completed(route.id)
        fault = world.faults.take(
            call.method,
            call.path,
            call.monotonic,
            is_bulk=route is not None and route.is_bulk,
            is_result=is_result,
            organisation=lambda: world.issuer.organisation_of(request.headers.get("authorization")),
        )
        if fault is not None:
            call.planted = fault.action
        return fault

    def _answered(self, incoming: Incoming) -> Answer:
        try:
            return self._service.answer(self._world, incoming)
        except Exception as error:
            # The text of an exception may hold what was sent: its kind and place are enough.
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = "?" if place is None else f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
            _log.error("the simulator failed: %s at %s", type(error).__name__, where)
            return self._service.refuse(self._world, incoming.call, 500)


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


async def _give(reply: Reply, request: Request, send: Send) -> None:
    if reply.sent is None:
        await Response(reply.content, reply.status, reply.headers)(request.scope, request.receive, send)
        return
    headers = {**reply.headers, "Content-Length": str(len(reply.content))}
    head = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": head})
    await send({"type": "http.response.body", "body": reply.content[: reply.sent], "more_body": True})
    await _end(request, CLOSE)


async def _end(request: Request, way: str) -> None:
    getattr(request.state, way)()
    await _client_gone(request)


async def _client_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
