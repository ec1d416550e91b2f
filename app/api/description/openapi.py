"""The machine-readable description: FastAPI's own, with the problems that each operation can answer with."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from app import errors
from app.api.description.examples import example_of
from app.api.description.links import links_of
from app.api.description.webhook_calls import CALLS, describe_calls
from app.api.http.problems import (
    CAUSES,
    MEDIA_TYPE,
    BadRequest,
    BodyTooLarge,
    Busy,
    CursorMismatch,
    DatabaseUnavailable,
    Encoded,
    Forbidden,
    HeadersTooLarge,
    InternalError,
    InvalidHeader,
    InvalidKey,
    MalformedRequest,
    PartialKey,
    Restarting,
    TooManyFailures,
    TooManyRequests,
    TooSlow,
    Unauthorised,
    WrongMediaType,
    entry_of,
)
from app.api.schemas.operations import PauseRequest
from app.api.schemas.parts import Problem, example_of_problem
from app.api.schemas.requests import (
    ActivityRequest,
    ObjectSearchRequest,
    PlanRequest,
    ProvisionRequest,
    RenameRequest,
    RetryRequest,
    SearchRequest,
)
from app.api.schemas.webhooks import WebhookChange, WebhookRequest
from app.catalogue import catalogue
from app.errors import NotFound, Refused

# These stand in no signature: bodies are read once the caller is known, and problems come from everywhere.
_MODELS: tuple[type[BaseModel], ...] = (
    *(ActivityRequest, PauseRequest, RenameRequest, PlanRequest, ProvisionRequest),
    *(RetryRequest, SearchRequest, ObjectSearchRequest),
    *(WebhookRequest, WebhookChange),
    *CALLS,
    Problem,
)
_REF = "#/components/schemas/{model}"
# What stands in paths.
_IN_PATHS = {
    "activity_id": "The activity's id: a UUID in its canonical form, chosen by who stores it.",
    "number": "The organisation's number.",
    "run_id": "The run's id.",
    "job_id": "The job's id, as the run has it.",
    "record_id": "The id of the object whose record it is.",
    "batch_id": "The call's id.",
    "plan_id": "The plan's id.",
    "kind": "Of what kind the object is.",
    "object_id": "The object's id in the rosters.",
    "code": "A code, as findings, messages and problems have it.",
    "webhook_id": "The webhook's id.",
    "delivery_id": "The delivery's id, the `webhook-id` of its calls.",
    "slug": "What a problem's `type` has behind `/problems/`.",
}
# Causes that many operations have, by what makes them possible.
_ALWAYS = (BadRequest, InternalError, Restarting, MalformedRequest, HeadersTooLarge)
_WITH_KEY = (
    *(Unauthorised, InvalidKey, Forbidden, PartialKey, DatabaseUnavailable),
    *(TooManyRequests, TooManyFailures, Busy),
)
_RETRY_AFTER = {
    "description": "Seconds until another try is worth while, where waiting helps.",
    "schema": {"type": "integer"},
}
_MAY_HAVE_BODY = {"post", "put", "patch"}
_WITH_BODY = (TooSlow, BodyTooLarge, WrongMediaType, Encoded, Refused)


def describe(app: FastAPI) -> dict[str, Any]:
    """Makes the document, once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            # Generators of clients refuse 3.2.
            openapi_version="3.1.0",
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
            contact=app.contact,
            tags=app.openapi_tags,
        )
        methods = [each for path in made["paths"].values() for each in path.items()]
        for method, operation in methods:
            _describe_path(operation)
            _add_problems(method, operation)
        operations = [operation for _, operation in methods]
        schemas = made["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        made["webhooks"] = describe_calls()
        for model in _MODELS:
            schema = TypeAdapter(model).json_schema(ref_template=_REF, mode="validation")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        for operation in operations:
            _add_examples(operation, schemas)
            _add_links(operation)
            # Said of each: a program can't tell what is open from what was forgotten.
            operation.setdefault("security", [])
        app.openapi_schema = made
    return app.openapi_schema


def _describe_path(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter.setdefault("description", _IN_PATHS[parameter["name"]])


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Gives each body in JSON an example, and each text one that stands for it."""
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in (*bodies, *operation["responses"].values()):
        content = body.get("content", {}).get("application/json")
        if content is not None and "example" not in content and "examples" not in content:
            content["example"] = example_of(content["schema"], schemas)


def _add_links(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if links := links_of(operation["operationId"], status):
            response["links"] = links


def _add_problems(method: str, operation: dict[str, Any]) -> None:
    """Describes the errors that an operation answers with: those of its own, and those that its parts can have."""
    parameters = operation.get("parameters", ())
    places, names = {each["in"] for each in parameters}, {each["name"] for each in parameters}
    possible: list[type[errors.Problem]] = [*_ALWAYS]
    possible += _WITH_KEY if operation.get("security") else ()
    # A body is read where none is wanted too.
    possible += [*_WITH_BODY] if method in _MAY_HAVE_BODY else []
    possible += [NotFound] if "path" in places else ()
    possible += [InvalidHeader] if "header" in places else ()
    possible += [CursorMismatch] if "cursor" in names else ()
    responses = operation["responses"]
    own = [slug for response in responses.values() for slug in response.pop(CAUSES, ())]
    slugs = dict.fromkeys([*own, *(entry_of(cause).slug for cause in possible)])
    for status in [status for status in responses if status >= "400"]:
        del responses[status]
    for entry in (catalogue().problems[slug] for slug in slugs):
        response = responses.setdefault(str(entry.status), {"description": "", "content": {MEDIA_TYPE: {}}})
        response["description"] = f"{response['description']}\n- `{entry.slug}`: {entry.en.means}".strip()
        if entry.retry_after is not None:
            response["headers"] = {"Retry-After": _RETRY_AFTER}
        content = response["content"][MEDIA_TYPE]
        content["schema"] = {"$ref": _REF.format(model="Problem")}
        content.setdefault("examples", {})[entry.slug] = {"value": example_of_problem(entry.slug)}
    operation["responses"] = dict(sorted(responses.items()))
