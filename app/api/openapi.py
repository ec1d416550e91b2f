"""The machine-readable description: FastAPI's own, with the problems that each operation can answer with."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.api.problems import MEDIA_TYPE
from app.api.requests import (
    ActivityRequest,
    ObjectSearchRequest,
    PlanRequest,
    ProvisionRequest,
    RenameRequest,
    RetryRequest,
    SearchRequest,
)
from app.api.schemas import Problem

_BODIES = (
    *(ActivityRequest, RenameRequest, PlanRequest, ProvisionRequest),
    *(RetryRequest, SearchRequest, ObjectSearchRequest),
)
_REF = "#/components/schemas/{model}"
_MEANINGS = {
    "400": "A query parameter or a header is not what it should be.",
    "401": "There is no key, or none that counts.",
    "403": "The key lacks a scope.",
    "404": "There is no such thing in the key's organisation.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body does not say that it is JSON.",
    "422": "The body does not have the expected form.",
    "500": "Something went wrong.",
    "503": "The database cannot be used, or there is no room at the moment.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Makes the document, once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            # What server-sent events are described with came with 3.2.
            openapi_version="3.2.0",
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        for path in made["paths"].values():
            for operation in path.values():
                _add_problems(operation)
        schemas = made["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        # These stand in no signature: bodies are read once the caller is known, and problems come from everywhere.
        for model in (*_BODIES, Problem):
            schema = TypeAdapter(model).json_schema(ref_template=_REF, mode="validation")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        app.openapi_schema = made
    return app.openapi_schema


def _add_problems(operation: dict[str, Any]) -> None:
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    responses = operation["responses"]
    responses.pop("422", None)
    possible = {"400", "500"}
    if "security" in operation:
        possible |= {"401", "403", "503"}
    if "path" in places:
        possible.add("404")
    if "requestBody" in operation:
        possible |= {"408", "413", "415", "422"}
    for status in possible:
        responses.setdefault(status, {"description": _MEANINGS[status]})
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    operation["responses"] = dict(sorted(responses.items()))
