"""Small bodies: read whole and put into their model. Rosters are streamed instead.

Routes call this by themselves: the framework would read a body before it asks who sends it.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.dependencies import parts_of
from app.api.problems import Encoded, TooSlow, WrongMediaType, refusal
from app.catalogue import refusal_text
from app.errors import BodyError, Refused

Model = TypeVar("Model", bound=BaseModel)

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
    try:
        return model.model_validate_json(raw)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
    raise Refused("The body does not have the expected form.", [_body_error(error) for error in errors])


def described(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describes a route's body for the interface's description, which has the model's schema under its name."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _body_error(error: Mapping[str, Any]) -> BodyError:
    if error["type"] == "json_invalid":
        return BodyError("", "json_invalid", refusal_text("json_invalid", {}))
    # A field's name may be anything when the field is not ours.
    steps = (str(step) if _FIELD_NAME.fullmatch(str(step)) or isinstance(step, int) else "*" for step in error["loc"])
    return BodyError("".join(f"/{step}" for step in steps), *refusal(error))
