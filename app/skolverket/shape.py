"""How an object is held against what Skolverket has published of its kind, and the closed set of codes for breaches.

What is done about a breach is decided elsewhere. E-mail addresses are held to what a strict server takes: ASCII, a
domain with a dot, no quoted name, no address literal; whole numbers are written without a fraction, so 8.0 is none: the
published document is OpenAPI 3.0, whose dialect of JSON Schema says so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs

from app.domain.batching import encode
from app.domain.outgoing import Breach, Path, Schema, Shape
from app.domain.texts import TROUBLE, has_utf8_form
from app.skolverket.schemas import READ_ONLY, SCHEMAS

_EPPN: Final = re.compile(r"[A-Za-z0-9.\-_+@]*")
# Of the published ones (the description of `emails`).
_SUPPORTED_EMAILS: Final = ("Skola elev", "Skola personal")
# Lists in which nothing need stand twice.
_ONCE: Final = frozenset({"enrolments", "groupMemberships", "groups", "teachers"})
_CODE_OF_KEYWORD: Final = {
    "type": "schema_type",
    "required": "schema_required",
    "enum": "schema_enum",
    "format": "schema_format",
    "pattern": "schema_format",
    "minimum": "schema_range",
    "maximum": "schema_range",
    "minItems": "schema_items",
    "maxItems": "schema_items",
    "uniqueItems": "schema_items",
}


def sendable(item: dict[str, Any]) -> dict[str, Any]:
    """Gives an object that Skolverket has without the fields that it sets itself, in the same key order."""
    return {key: value for key, value in item.items() if key not in READ_ONLY}


class _Kind:
    """One kind's schema, as it is published and as strict as what leaves."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._lenient = _validator(schema)
        self._strict = _validator(_strict(schema))

    def is_clean(self, item: dict[str, Any]) -> bool:
        """Tells whether an object is, to the last character, as it may leave."""
        try:
            return self._strict.is_valid(item) and next(_fractions(item), None) is None
        except (ValueError, RecursionError):
            return False

    def breaches(self, item: dict[str, Any]) -> Iterator[Breach]:
        """Finds what breaks the published schema; a value of a wrong type is one breach, whatever else is wrong there.

        The places of an object that the schema does not know break nothing.
        """
        if not self._is_valid(item):
            known = _known(self._schema, item)
            try:
                yield from self._of_text_and_schema(known)
            except (ValueError, RecursionError):  # deeper than the validator goes, or a number that it cannot read
                yield Breach((), "schema_other")
        yield from (Breach(path, "schema_type") for path in _fractions(item))
        yield from _unusable(item)

    def _is_valid(self, item: dict[str, Any]) -> bool:
        try:
            encode(item)
            return self._lenient.is_valid(item)
        except (ValueError, RecursionError):
            return False

    def _of_text_and_schema(self, known: dict[str, Any]) -> Iterator[Breach]:
        broken = list(_without_utf8(known))
        yield from broken
        yield from self._of_schema(_with_marks(known) if broken else known)

    def _of_schema(self, item: dict[str, Any]) -> Iterator[Breach]:
        mistyped: set[Path] = set()
        for error in self._lenient.iter_errors(item):
            path: Path = tuple(error.instance_path)
            keyword = error.kind.name
            code = _CODE_OF_KEYWORD.get(keyword, "schema_other")
            if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
                path = (*path, error.kind.property)
            if keyword == "type":
                mistyped.add(path)
                code = "schema_null" if _at(item, path) is None else code
            elif path in mistyped:
                continue
            yield Breach(path, code)


def _validator(schema: Schema) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
        validate_formats=True,
        email_options=jsonschema_rs.EmailOptions(
            require_tld=True, allow_domain_literal=False, allow_display_text=False
        ),
    )


def _strict(schema: Schema, name: str = "") -> Schema:
    """Makes the schema of what leaves: no property besides, no reference twice, ids in one spelling, plain names."""
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {key: _strict(part, key) for key, part in schema["properties"].items()}
        made["additionalProperties"] = False
    if "items" in schema:
        made["items"] = _strict(schema["items"], name)
        made["uniqueItems"] = schema.get("uniqueItems", False) or name in _ONCE
    if schema.get("format") == "uuid":
        made["pattern"] = "^[^A-F]*$"
    elif name in ("givenName", "middleName", "familyName", "displayName"):
        made["pattern"] = f"^[^{TROUBLE}]*$"
    elif name == "eduPersonPrincipalNames" and schema.get("type") == "string":
        made["pattern"] = f"^{_EPPN.pattern}$"
    elif name in ("groupMemberships", "teachers") and "properties" in schema:
        made["required"] = list(schema["properties"])
    elif name == "emails" and "properties" in schema:
        made["properties"]["type"] = {"type": "string", "enum": list(_SUPPORTED_EMAILS)}
    return made


def _known(schema: Schema, value: Any) -> Any:
    """Copies what the schema has a word for."""
    if isinstance(value, dict) and "properties" in schema:
        return {
            key: _known(schema["properties"][key], part) for key, part in value.items() if key in schema["properties"]
        }
    if isinstance(value, list) and "items" in schema:
        return [_known(schema["items"], part) for part in value]
    return value


def _fractions(item: dict[str, Any]) -> Iterator[Path]:
    """Finds school years such as 8.0, which the later dialect of the validator takes for whole numbers."""
    enrolments = item.get("enrolments")
    if isinstance(enrolments, list):
        for index, enrolment in enumerate(enrolments):
            if isinstance(enrolment, dict):
                year = enrolment.get("schoolYear")
                # Other fractions are an issue of the validator's.
                if isinstance(year, float) and year.is_integer():
                    yield ("enrolments", index, "schoolYear")


def _unusable(item: dict[str, Any]) -> Iterator[Breach]:
    """Finds what the letter of the schema allows and is no use: logins that nobody can type, e-mails of other types."""
    for index, eppn in enumerate(_list(item, "eduPersonPrincipalNames")):
        if isinstance(eppn, str) and not _EPPN.fullmatch(eppn):
            yield Breach(("eduPersonPrincipalNames", index), "eppn_characters")
    for index, email in enumerate(_list(item, "emails")):
        type_ = email.get("type") if isinstance(email, dict) else None
        if isinstance(type_, str) and type_ not in _SUPPORTED_EMAILS:
            yield Breach(("emails", index), "email_type")


def _without_utf8(value: Any, path: Path = ()) -> Iterator[Breach]:
    """Finds the texts with a lone surrogate."""
    if isinstance(value, str) and not has_utf8_form(value):
        yield Breach(path, "not_utf8")
    elif isinstance(value, list | dict):
        parts = enumerate(value) if isinstance(value, list) else value.items()
        for step, part in parts:
            yield from _without_utf8(part, (*path, step))


def _with_marks(item: dict[str, Any]) -> dict[str, Any]:
    """Copies an object with a question mark for what has no UTF-8 form, so that its shape can be checked too."""
    copy: dict[str, Any] = json.loads(json.dumps(item, ensure_ascii=False).encode(errors="replace"))
    return copy


def _list(item: dict[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _shape(schema: Schema) -> Shape:
    kind = _Kind(schema)
    return Shape({**schema, "readOnly": sorted(READ_ONLY)}, kind.is_clean, kind.breaches)


SHAPES: Final[Mapping[str, Shape]] = {kind: _shape(schema) for kind, schema in SCHEMAS.items()}
