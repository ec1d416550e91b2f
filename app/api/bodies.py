"""Small bodies: read whole and put into their model. Rosters are streamed instead.

Routes call this by themselves: the framework would read a body before it asks who sends it.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.dependencies import parts_of
from app.api.problems import Encoded, TooSlow, WrongMediaType, refusal
from app.catalogue import refusal_text
from app.errors import BodyError, Refused

Model = TypeVar("Model", bound=BaseModel)

_WRONG_FORM = "The body does not have the expected form."
_MOST_PROBLEMS = 100
_FIELD_NAME = re.compile(r"[a-z][a-z_]{0,39}")


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
    json_only(request)
    try:
        async with asyncio.timeout(parts_of(request).timeout.small_body):
            raw = await request.body()
    except TimeoutError:
        raise TooSlow("The body did not arrive in time.") from None
    if not required and raw.strip() in {b"", b"null"}:
        return model()
    # The model would take the last of two values, and whoever looked at the body before may have taken the first.
    if doubled := [BodyError(at, "duplicate_field", refusal_text("duplicate_field", {})) for at in _doubled(raw)]:
        raise Refused(_WRONG_FORM, doubled)
    try:
        return model.model_validate_json(raw)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
    raise Refused(_WRONG_FORM, [_body_error(error) for error in errors])


def described(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describes a route's body for the interface's description, which has the model's schema under its name."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _body_error(error: Mapping[str, Any]) -> BodyError:
    if error["type"] == "json_invalid":
        return BodyError("", "json_invalid", refusal_text("json_invalid", {}))
    return BodyError(_pointer(error["loc"]), *refusal(error))


def _pointer(path: Sequence[str | int]) -> str:
    # A field's name may be anything when the field is not ours.
    steps = (str(step) if _FIELD_NAME.fullmatch(str(step)) or isinstance(step, int) else "*" for step in path)
    return "".join(f"/{step}" for step in steps)


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice."""


def _doubled(raw: bytes) -> list[str]:
    """Gives the pointers of objects in which a key stands twice; none for what is no JSON: the model says that."""
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_object, parse_int=len, parse_float=len)
        return list(dict.fromkeys(map(_pointer, _places_of_doubled(body))))[:_MOST_PROBLEMS]
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
