"""A target for the bare loop of `throughput`: takes every person at once, and looks at nothing but ids."""

import json
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_answers: dict[str, bytes] = {}


async def _take(request: Request) -> Response:
    job_id, ids = str(uuid4()), [item["id"] for item in json.loads(await request.body())["data"]]
    responses = [{"id": object_id, "response": {"status": "Success", "errors": []}} for object_id in ids]
    _answers[job_id] = json.dumps({"jobId": job_id, "responses": responses}).encode()
    return JSONResponse({"jobId": job_id}, 202)


async def _tell(request: Request) -> Response:
    return Response(_answers.pop(request.path_params["id"]), media_type="application/json")


async def _grant(_: Request) -> Response:
    return JSONResponse({"access_token": {"value": "any"}})


app = Starlette(
    routes=[
        Route("/provisioning/v1/persons/bulk", _take, methods=["POST"]),
        Route("/provisioning/v1/persons/bulk/jobs/{id}", _tell),
        Route("/transaction", _grant, methods=["POST"]),
    ]
)
