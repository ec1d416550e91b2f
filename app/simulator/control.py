"""`/_simulator`: what tests and demonstrations read and order. It needs no token, so it belongs on 127.0.0.1 alone."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.simulator.reference import WrongForm
from app.simulator.world import World


def control_routes(world: World) -> list[Route]:
    """Makes the routes of `/_simulator` for one simulator."""

    async def ledger(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit()):
            return _refused("since is the number of a call")
        return JSONResponse({"calls": world.ledger.since(int(since))})

    async def objects(request: Request) -> Response:
        world.settle()
        organisation, kind = (request.query_params.get(name) for name in ("organisation", "kind"))
        stored = [
            {"organisation": owner, "kind": its_kind, "id": one.body["id"], "object": one.body}
            for owner, its_kind, one in world.objects.everything()
            if organisation in (None, owner) and kind in (None, its_kind)
        ]
        return JSONResponse({"objects": stored})

    async def reference(request: Request) -> Response:
        return await _put(request, lambda document: {"known": world.reference.put(document)})

    async def faults(request: Request) -> Response:
        now = world.clock.monotonic()
        return await _put(request, lambda document: {"faults": world.faults.replace(document, now)})

    async def reset(request: Request) -> Response:
        world.reset(reference=request.query_params.get("reference") == "true")
        return JSONResponse({})

    return [
        Route("/_simulator/ledger", ledger, methods=["GET"]),
        Route("/_simulator/objects", objects, methods=["GET"]),
        Route("/_simulator/reference", reference, methods=["PUT"]),
        Route("/_simulator/faults", faults, methods=["PUT"]),
        Route("/_simulator/reset", reset, methods=["POST"]),
    ]


async def _put(request: Request, take: Callable[[Any], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(take(json.loads(await request.body())))
    except RecursionError:
        return _refused("the body is nested too deeply")
    except WrongForm as error:
        return JSONResponse({"error": str(error), "pointer": error.pointer}, status_code=400)
    except ValueError as error:
        # What json.loads says holds a position and no part of the body; the other texts are our own.
        return _refused(str(error))


def _refused(reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=400)
