"""What counts as a breach: openapi-core's errors in words without values, and rules that the documents' letter lacks.

Stricter than the letter, each for a reason:
- Headers that an answer is said to have must be there, although none is marked as required: the changelog of 1.3.1
  promises the three of the rate limit in all answers, and a 202 without Location leaves nothing to follow.
- A boolean in a query is spelled true or false: LogEntry 2025 says so, while openapi-core takes 1, yes and on too.
- No query parameter, no body and no property in one that the document lacks: OpenAPI has no word against either, but
  what a school's register knows of a child besides is nobody's business there. Null and what is readOnly break the
  letter itself.
- No request over 200,000 bytes: the changelog's 200 KB, read as the smaller of the two kilobytes.
- No 500 that no fault asked for: `default` would let one pass that comes of a mistake in the simulator.

Oddities of the documents that are no reason for a breach, nor for overlooking one:
- `info.version` of the file named 1.3.2 says 1.3.1, and its server is production's: neither is compared.
- X-RateLimit-Reset is an integer whose example is 0.5, other examples are text where the type is another: nothing is
  judged by examples. The simulator sends whole seconds, so a fraction is a breach unless a fault was asked for it.
- Every status of every operation but the Provisioning API's `alive` is documented, by `default`: there any status
  passes if its body has the error's shape.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from jsonschema_path import SchemaPath
from openapi_core.deserializing.media_types.exceptions import MediaTypeDeserializeError
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.util import BOOLEAN_FALSE_VALUES, BOOLEAN_TRUE_VALUES
from openapi_core.validation.request.exceptions import (
    MissingRequestBodyError,
    MissingRequiredParameter,
    ParameterValidationError,
    RequestBodyValidationError,
    SecurityValidationError,
)
from openapi_core.validation.response.exceptions import (
    DataValidationError,
    HeaderValidationError,
    MissingData,
    MissingRequiredHeader,
)
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

from tests.contract.official_schemas import Published, place_and_rule
from tests.exchanges import MOST_BYTES, Exchange

Found = tuple[str, str]
"""Where, and which rule."""

# What else openapi-core takes for one; the rest it finds itself.
_OTHER_BOOLEANS: Final = {*BOOLEAN_TRUE_VALUES, *BOOLEAN_FALSE_VALUES} - {"true", "false"}


def amended(document: dict[str, Any]) -> dict[str, Any]:
    """Marks all headers of answers as required, in place; gives the document back."""
    for response in document["components"]["responses"].values():
        for name, header in response.get("headers", {}).items():
            meant = document["components"]["headers"][header["$ref"].split("/")[-1]] if "$ref" in header else header
            response["headers"][name] = {**meant, "required": True}
    return document


def strict_json(body: bytes, **_: str) -> Any:
    """Reads JSON as RFC 8259 has it: UTF-8, no NaN, no lone surrogates; raises ValueError."""
    try:
        read = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if b"\\u" in body:  # an escape may spell half a character
        json.dumps(read, ensure_ascii=False).encode("utf-8")
    return read


def in_words(errors: Iterable[Exception], body: str) -> Iterator[Found]:
    """Says of each of openapi-core's errors where it is and which rule was broken; `body` is what to call that."""
    for error in errors:
        match error:
            case ParameterValidationError(name=name, location=location):
                missing = isinstance(error, MissingRequiredParameter)
                yield f"{location} {name}", "required" if missing else _cause(error)
            case HeaderValidationError(name=name):
                yield f"header {name}", "required" if isinstance(error, MissingRequiredHeader) else _cause(error)
            case SecurityValidationError():
                yield "header Authorization", "security"
            case ResponseNotFound():
                yield "status", "not in the document"
            case MissingRequestBodyError() | MissingData():
                yield body, "required"
            case RequestBodyValidationError() | DataValidationError():
                yield from _in_body(error, body)
            case _:
                yield body, type(error).__name__


def unasked(exchange: Exchange, operation: SchemaPath, body: Published | None) -> Iterator[Found]:
    """Finds in a request what the document has no word for; body is what it has for the operation's."""
    known = {}
    for parameter in operation.get("parameters", ()):
        if (parameter / "in").read_str() == "query":
            known[(parameter / "name").read_str()] = (parameter / "schema" / "type").read_str()
    for name, value in parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True):
        if name not in known:
            yield "query", "a parameter that is not in the document"
        elif known[name] == "boolean" and value in _OTHER_BOOLEANS:
            yield f"query {name}", "spelled true or false"
    if exchange.request_body and body is None:
        yield "request body", "not in the document"
    elif body is not None:
        yield from (("request body" + place, "not in the document") for place in body.surplus(_read(exchange)))
    if len(exchange.request_body) > MOST_BYTES:
        yield "request body", f"over {MOST_BYTES} bytes"


def unannounced(exchange: Exchange, operation: SchemaPath) -> Iterator[Found]:
    """Finds in an answer what the document has no word for."""
    responses = operation / "responses"
    documented = str(exchange.status) if str(exchange.status) in responses else "default"
    if exchange.response_body and documented in responses and "content" not in responses / documented:
        yield "answer body", "not in the document"
    if exchange.status == 500 and exchange.planted is None:
        yield "status", "a 500 that no fault asked for"


def _read(exchange: Exchange) -> Any:
    try:
        return strict_json(exchange.request_body)
    except ValueError:
        return None  # which is a breach of its own


def _in_body(error: Exception, body: str) -> Iterator[Found]:
    match error.__cause__:
        case InvalidSchemaValue(schema_errors=errors):
            for one in errors:
                place, rule = place_and_rule(one)
                yield body + place, rule
        case MediaTypeNotFound():
            yield "header Content-Type", "a media type of the document"
        case MediaTypeDeserializeError():
            yield body, "JSON"
        case cause:
            yield body, type(cause or error).__name__


def _cause(error: Exception) -> str:
    match error.__cause__:
        case InvalidSchemaValue(schema_errors=errors):
            return "; ".join(rule for _, rule in map(place_and_rule, errors))
        case cause:
            return type(cause or error).__name__


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
