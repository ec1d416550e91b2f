"""Schemas of OpenAPI 3.0 as compiled validators of JSON Schema draft 4, for openapi-core to use in place of its own.

OpenAPI 3.0 builds on that draft: an integer is a number without a fraction, so 8.0 is none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import jsonschema_rs
from jsonschema_path import SchemaPath
from openapi_core.validation.schemas import oas30_read_schema_validators_factory
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from openapi_core.validation.schemas.factories import SchemaValidatorsFactory
from openapi_core.validation.schemas.validators import SchemaValidator

Side = Literal["client", "simulator"]
READ_ONLY: Final = "readOnly"
# Words that say nothing of what is valid, or that have been turned into others.
_SILENT = frozenset({"nullable", "readOnly", "writeOnly", "example", "default", "description", "title", "deprecated"})
# Properties that may not be in a body of this side.
_KEPT_FROM = {"client": "readOnly", "simulator": "writeOnly"}
_FORBIDDEN: Final[dict[str, Any]] = {"not": {}}
_WORD = re.compile("[A-Za-z]{1,40}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Published:
    """The properties of the objects that a schema describes, or what the items of its lists have; both may be empty."""

    properties: Mapping[str, "Published"] = field(default_factory=dict)
    items: "Published | None" = None

    @classmethod
    def of(cls, schema: dict[str, Any], schemas: dict[str, Any]) -> "Published":
        """Reads a schema with all that it refers to; `schemas` are the document's own by name."""
        if "$ref" in schema:
            return cls.of(schemas[schema["$ref"].removeprefix("#/components/schemas/")], schemas)
        properties = {name: cls.of(one, schemas) for name, one in schema.get("properties", {}).items()}
        items = cls.of(schema["items"], schemas) if "items" in schema else None
        for part in (cls.of(one, schemas) for one in schema.get("allOf", ())):
            properties |= part.properties
            items = items or part.items
        return cls(properties, items)

    def surplus(self, value: Any, place: str = "") -> Iterator[str]:
        """Yields the places of the properties of a value that are not published, with names that are plain words."""
        if isinstance(value, list) and self.items is not None:
            for one in value:
                yield from self.items.surplus(one, f"{place}[]")
        elif isinstance(value, dict):
            for name, inner in value.items():
                known = self.properties.get(name)
                if known is not None:
                    yield from known.surplus(inner, f"{place}.{name}")
                else:
                    yield f"{place}.{name if _WORD.fullmatch(name) else '?'}"


class CompiledSchemas(SchemaValidatorsFactory):
    """Makes the validators of one side of a document: what the client writes, or what the simulator answers."""

    def __init__(self, document: dict[str, Any], side: Side) -> None:
        inherited = oas30_read_schema_validators_factory
        super().__init__(inherited.schema_validator_cls, inherited.format_checker)
        self._side = side
        self._schemas = document["components"]["schemas"]
        self._components = {name: self._rewritten(schema) for name, schema in self._schemas.items()}
        self._compiled: dict[int, tuple[Any, jsonschema_rs.Draft4Validator]] = {}

    def create(self, spec: SchemaPath, schema: SchemaPath, *_: Any, **__: Any) -> "CompiledSchema":
        """Gives the validator of a schema; each is compiled once."""
        with schema.resolve() as resolved:
            contents = resolved.contents
        # The contents are kept beside, so that no other schema can come to have their identity.
        if id(contents) not in self._compiled:
            self._compiled[id(contents)] = contents, self._compile(contents)
        return CompiledSchema(schema, self._compiled[id(contents)][1])

    def _compile(self, schema: Any) -> jsonschema_rs.Draft4Validator:
        root = {**self._rewritten(schema), "components": {"schemas": self._components}}
        return jsonschema_rs.Draft4Validator(root, formats={"uuid": _is_uuid}, validate_formats=True)

    def _rewritten(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return {"$ref": schema["$ref"]}  # OpenAPI 3.0: what stands beside a reference does not count
        unknown = schema.keys() - _SILENT - _HANDLED
        assert not unknown, f"the published document uses words that are not read here: {sorted(unknown)}"
        made: dict[str, Any] = {word: value for word, value in schema.items() if word not in _SILENT}
        if "items" in schema:
            made["items"] = self._rewritten(schema["items"])
        if "allOf" in schema:
            made["allOf"] = [self._rewritten(one) for one in schema["allOf"]]
        if "properties" in schema:
            properties = schema["properties"]
            kept_from = {name for name, one in properties.items() if self._resolved(one).get(_KEPT_FROM[self._side])}
            made["properties"] = {
                name: _FORBIDDEN if name in kept_from else self._rewritten(one) for name, one in properties.items()
            }
            made["required"] = [name for name in schema.get("required", ()) if name not in kept_from]
            if not made["required"]:
                del made["required"]  # draft 4 wants at least one name
        if schema.get("nullable"):
            made["type"] = [schema["type"], "null"]
        return made

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].removeprefix("#/components/schemas/")]
        return schema


_HANDLED = frozenset(
    {"type", "format", "enum", "properties", "required", "items", "allOf"}
    | {"minimum", "maximum", "minItems", "maxItems", "uniqueItems"}
)


class CompiledSchema(SchemaValidator):
    """One schema, in the shape in which openapi-core asks for it."""

    def __init__(self, schema: SchemaPath, compiled: jsonschema_rs.Draft4Validator) -> None:
        super().__init__(schema, cast("Any", compiled))
        self._compiled = compiled

    def validate(self, value: Any) -> None:
        """Raises InvalidSchemaValue with all that is wrong; it never holds the value, which may be personal."""
        if not self._compiled.is_valid(value):
            raise InvalidSchemaValue("", "", schema_errors=tuple(self._compiled.iter_errors(value)))


def place_and_rule(error: Exception) -> tuple[str, str]:
    """Says where in a body and by which of the schema's words an error is one; positions in lists are left out."""
    if not isinstance(error, jsonschema_rs.ValidationError):
        return "", type(error).__name__
    place = "".join("[]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    word = str(error.schema_path[-1])
    if word == "not":
        return place, READ_ONLY
    match error.kind.as_dict():
        case {"property": name} | {"format": name}:
            return place, f"{word} {name}"
        case {"types": list(types)}:
            return place, f"{word} {' or '.join(map(str, types))}"
        case {"limit": limit}:
            return place, f"{word} {limit}"
    return place, word


def _is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None
