"""Small bodies: read whole and put into their model. Rosters are streamed instead.

Routes call this by themselves: the framework would read a body before it asks who sends it.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from app.api.dependencies import parts_of
from app.api.http.cursors import OF_ANOTHER_LIST
from app.api.http.problems import BadRequest, CursorMismatch, Encoded, TooSlow, WrongMediaType
from app.api.http.refusals import json_refusal, refusal
from app.catalogue import refusal_text
from app.errors import BodyError, Refused

Model = TypeVar("Model", bound=BaseModel)

_WRONG_FORM = "The body does not have the expected form."
_MOST_PROBLEMS = 100


def json_only(request: Request) -> None:
    """Raises WrongMediaType for a body that does not say it is JSON, and Encoded for one that is compressed."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    codings = {each.strip().lower() for line in headers.getlist("content-encoding") for each in line.split(",")}
    if codings - {"identity", ""}:
        raise Encoded("Send the body as it is, without a Content-Encoding.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise WrongMediaType("Send JSON, and say so: `Content-Type: application/json`.")


async def read_body(request: Request, model: type[Model], *, required: bool = True) -> Model:
    """Reads a body; one that is not required may be missing or null, and then has the model's defaults.

    Raises WrongMediaType, TooSlow, and Refused with a pointer to each place that is wrong.
    """
    try:
        async with asyncio.timeout(parts_of(request).timeout.small_body):
            raw = await request.body()
    except TimeoutError:
        raise TooSlow("The body did not arrive in time.") from None
    # Only now: without a length nobody knows before whether there is one.
    if raw:
        json_only(request)
    if not required and raw.strip() in {b"", b"null"}:
        return model()
    # The model would take the last of two values, and whoever looked at the body before may have taken the first.
    if doubled := _doubled(raw, model):
        raise Refused(_WRONG_FORM, [_error_at(pointer, "duplicate_field") for pointer in doubled])
    try:
        return model.model_validate_json(raw)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        raise Refused(_WRONG_FORM, [BodyError("", *json_refusal(raw, errors[0]["ctx"]["error"]))])
    raise Refused(_WRONG_FORM, list(dict.fromkeys(_body_error(error, model) for error in errors))[:_MOST_PROBLEMS])


class _Nothing(BaseModel):
    """The body of a request that has nothing to say."""

    model_config = ConfigDict(extra="forbid")


async def read_no_body(request: Request) -> None:
    """Reads the body of a request to a route that takes none: it may be missing, null or an empty object.

    Raises WrongMediaType, TooSlow, and Refused for anything else.
    """
    await read_body(request, _Nothing, required=False)


@contextmanager
def cursor_in_body() -> Iterator[None]:
    """Raises Refused, with a pointer, for what is no cursor; one of another list is what it is in a query."""
    try:
        yield
    except CursorMismatch:
        raise CursorMismatch(f"body cursor: {OF_ANOTHER_LIST}") from None
    except BadRequest:
        raise Refused(_WRONG_FORM, [_error_at("/cursor", "not_a_cursor")]) from None


def described(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describes a route's body for the interface's description, which has the model's schema under its name."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _error_at(pointer: str, code: str, **values: object) -> BodyError:
    return BodyError(pointer, code, refusal_text(code, values))


def _body_error(error: Mapping[str, Any], model: type[BaseModel]) -> BodyError:
    path = error["loc"]
    if error["type"] == "extra_forbidden":
        known: Any = list(_form_at(model, path[:-1]).model_fields) or ("no_field", {})
        return _error_at(_pointer(path[:-1], model), "unknown_field", known=known)
    return BodyError(_pointer(path, model), *refusal(error))


def _pointer(path: Sequence[str | int], model: type[BaseModel]) -> str:
    # The name of a field that is not ours may be anything, somebody's too.
    ours = _field_names(model)
    steps = (str(step) if isinstance(step, int) or step in ours else "*" for step in path)
    return "".join(f"/{step}" for step in steps)


@lru_cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Gives the names of the fields of a model, and of those models that are its fields."""
    within = [form for name in model.model_fields for form in _forms(model, name)]
    return frozenset(model.model_fields).union(*map(_field_names, within))


def _form_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """Gives the model of the object that stands at a `path` in a body of a `model`."""
    for step in path:
        [model] = _forms(model, str(step))
    return model


def _forms(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    """Gives the models that a field of this `name` may have."""
    annotation = model.model_fields[name].annotation
    return [
        form for form in (annotation, *get_args(annotation)) if isinstance(form, type) and issubclass(form, BaseModel)
    ]


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice."""


def _doubled(raw: bytes, model: type[BaseModel]) -> list[str]:
    """Gives the pointers of objects in which a key stands twice; none for what is no JSON: the model says that."""
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_object, parse_int=len, parse_float=len)
        pointers = (_pointer(path, model) for path in _places_of_doubled(body))
        return list(dict.fromkeys(pointers))[:_MOST_PROBLEMS]
    except (ValueError, RecursionError):
        return []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Doubled(made)


def _places_of_doubled(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, _Doubled):
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield from _places_of_doubled(part, (*path, step))
