"""An example of every body, made of the examples of its properties; a shape with an example of its own gives that."""

from collections.abc import Mapping
from typing import Any, Final

from app.api.schemas.parts import EXAMPLE_ID, EXAMPLE_TIME

_BY_FORMAT: Final = {"uuid": EXAMPLE_ID, "date-time": EXAMPLE_TIME}
_BY_TYPE: Final[Mapping[str, Any]] = {"string": "…", "integer": 1, "number": 1.0, "boolean": True, "null": None}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Makes an example that fits a schema, whose references lead into `schemas`."""
    for given in ("const", "default"):
        if given in schema and "examples" not in schema:
            return schema[given]
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return example_of(choices[0], schemas)
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    if schema.get("type") == "object":
        return {name: example_of(each, schemas) for name, each in schema.get("properties", {}).items()}
    return _BY_FORMAT.get(schema.get("format", "")) or _BY_TYPE.get(schema.get("type", "null"))
