"""What may be sent: the shape of persons, duties, groups and activities (Provisioning API 1.3.2), and what breaks it.

It owns the schemas, written as JSON Schema, and the closed set of issue codes. It does not own the rules behind the
shape (check digits, who refers to whom).
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from app.domain.issues import Issue

READ_ONLY: Final = frozenset({"meta", "provisioningStatus"})
MOST_ISSUES: Final = 20

Schema = dict[str, Any]
Path = tuple[str | int, ...]


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _list(items: Schema, **limits: Any) -> Schema:
    return {"type": "array", "items": items, **limits}


def _code(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_UUID: Schema = {"type": "string", "format": "uuid"}
# A quoted local part is legal in RFC 5321 and refused by most servers.
_EMAIL: Schema = {"type": "string", "format": "email", "pattern": '^[^"]*$'}
_REFERENCE = _object({"id": _UUID}, "id")

SCHOOL_TYPE: Final = _code("GR", "SP", "SAM", "GY", "VUXGY")
GROUP_TYPE: Final = _code(
    "Undervisning", "Klass", "Mentor", "Provgrupp", "Schema", "Avdelning", "Personalgrupp", "Övrigt"
)
ACTIVITY_TYPE: Final = _code("Undervisning", "Elevaktivitet", "Provaktivitet", "Läraraktivitet", "Övrigt")
EMAIL_TYPE: Final = _code("Privat", "Skola elev", "Skola personal", "Arbete övrigt")
SECURITY_MARKING: Final = _code("Ingen", "Sekretessmarkering", "Skyddad folkbokföring")
DUTY_ROLE: Final = _code(
    "Rektor",
    "Lärare",
    "Förskollärare",
    "Barnskötare",
    "Bibliotekarie",
    "Lärarassistent",
    "Fritidspedagog",
    "Annan personal",
    "Studie- och yrkesvägledare",
    "Förstelärare",
    "Kurator",
    "Skolsköterska",
    "Skolläkare",
    "Skolpsykolog",
    "Speciallärare/specialpedagog",
    "Skoladministratör",
    "Övrig arbetsledning",
)

_ENROLMENT = _object(
    {
        "enroledAt": _REFERENCE,
        "schoolYear": {"type": "integer", "minimum": 1, "maximum": 10},
        "schoolType": SCHOOL_TYPE,
        "cancelled": _FLAG,
        "educationCode": _TEXT,
    },
    "enroledAt",
    "schoolType",
)

# Properties that the schema does not know are allowed: Skolverket ignores them, and nothing is pruned on the way.
SCHEMAS: Final[Mapping[str, Schema]] = {
    "persons": _object(
        {
            "id": _UUID,
            "givenName": _TEXT,
            "middleName": _TEXT,
            "familyName": _TEXT,
            "eduPersonPrincipalNames": _list(_TEXT, uniqueItems=True, maxItems=1),
            "externalIdentifiers": _list(
                _object({"value": _TEXT, "context": _TEXT, "globallyUnique": _FLAG}, "context", "value"), maxItems=1
            ),
            "securityMarking": SECURITY_MARKING,
            "civicNo": _object({"value": _TEXT, "nationality": _TEXT}, "value"),
            "emails": _list(_object({"value": _EMAIL, "type": EMAIL_TYPE}, "value")),
            "enrolments": _list(_ENROLMENT),
        },
        "id",
        "civicNo",
        "givenName",
        "familyName",
        "eduPersonPrincipalNames",
    ),
    "duties": _object(
        {"id": _UUID, "person": _REFERENCE, "dutyAt": _REFERENCE, "dutyRole": DUTY_ROLE},
        "id",
        "person",
        "dutyAt",
        "dutyRole",
    ),
    "groups": _object(
        {
            "id": _UUID,
            "displayName": _TEXT,
            "groupType": GROUP_TYPE,
            "schoolType": SCHOOL_TYPE,
            "organisation": _REFERENCE,
            "groupMemberships": _list(_object({"person": _REFERENCE})),
        },
        "id",
        "displayName",
        "groupType",
        "schoolType",
        "organisation",
    ),
    "activities": _object(
        {
            "id": _UUID,
            "displayName": _TEXT,
            "activityType": ACTIVITY_TYPE,
            "groups": _list(_REFERENCE, minItems=1),
            "teachers": _list(_object({"duty": _REFERENCE})),
            "organisation": _REFERENCE,
            "parentActivity": _REFERENCE,
        },
        "id",
        "displayName",
        "activityType",
        "groups",
        "organisation",
        "parentActivity",
    ),
}

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
    """Gives the object without the fields that Skolverket marks readOnly, in the same key order.

    All of them stand at the top of their object (Provisioning API 1.3.2).
    """
    if READ_ONLY.isdisjoint(item):
        return item
    return {key: value for key, value in item.items() if key not in READ_ONLY}


def issues(kind: str, item: dict[str, Any]) -> list[Issue]:
    """Lists what keeps an object from being sent: at most 20 issues, always in the same order, none when it is clean.

    Whole numbers are written without a fraction, so 8.0 is an issue: the published document is OpenAPI 3.0, whose
    dialect of JSON Schema says so. E-mail addresses are held to what a strict server takes: ASCII, a domain with a dot,
    no quoted name, no address literal.
    """
    outgoing = sendable(item)
    unsendable: list[Issue] = []
    try:
        json.dumps(outgoing, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        unsendable = _not_utf8(kind, outgoing)
        outgoing = _with_marks(outgoing)
    except (ValueError, RecursionError, TypeError):
        unsendable = [Issue("schema_other", pointer="")]
    else:
        if not (kind == "persons" and _has_fraction(outgoing)) and _validator(kind).is_valid(outgoing):
            return []
    found = dict.fromkeys(unsendable)
    found.update(dict.fromkeys(_breaches(kind, outgoing)))
    return list(islice(found, MOST_ISSUES))


@cache
def _validator(kind: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[kind]},
        validate_formats=True,
        email_options=jsonschema_rs.EmailOptions(
            require_tld=True, allow_domain_literal=False, allow_display_text=False
        ),
    )


def _breaches(kind: str, item: dict[str, Any]) -> Iterator[Issue]:
    """Translates the validator's errors; a value of a wrong type is one issue, whatever else is wrong with it."""
    mistyped: set[str] = set()
    try:
        for error in _validator(kind).iter_errors(item):
            path = tuple(error.instance_path)
            keyword = error.kind.name
            code = _CODE_OF_KEYWORD.get(keyword, "schema_other")
            if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
                path = (*path, error.kind.property)
            pointer = _pointer(kind, path)
            if keyword == "type":
                mistyped.add(pointer)
                code = "schema_null" if _at(item, path) is None else code
            elif pointer in mistyped:
                continue
            yield Issue(code, pointer=pointer)
    except (ValueError, RecursionError):  # deeper than the validator goes, or a number that it cannot read
        yield Issue("schema_other", pointer="")
    if kind == "persons":
        yield from (Issue("schema_type", pointer=pointer) for pointer in _fractions(item))


def _has_fraction(person: dict[str, Any]) -> bool:
    return next(_fractions(person), None) is not None


def _fractions(person: dict[str, Any]) -> Iterator[str]:
    """Finds school years such as 8.0, which the later dialect of the validator takes for whole numbers."""
    enrolments = person.get("enrolments")
    if isinstance(enrolments, list):
        for index, enrolment in enumerate(enrolments):
            if isinstance(enrolment, dict) and isinstance(enrolment.get("schoolYear"), float):
                yield f"/enrolments/{index}/schoolYear"


def _pointer(kind: str, path: Path) -> str:
    """Writes a JSON pointer that ends before the first name that the schema does not know."""
    schema: Schema = SCHEMAS[kind]
    pointer = ""
    for step in path:
        known = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
        if known is None:
            break
        schema = known
        pointer += f"/{step}"
    return pointer


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _not_utf8(kind: str, item: dict[str, Any]) -> list[Issue]:
    """Names the places with a lone surrogate; called only when there is one, so its speed does not matter."""
    found: dict[Issue, None] = {}
    waiting: list[tuple[Path, Any]] = [((), item)]
    while waiting and len(found) < MOST_ISSUES:
        path, value = waiting.pop()
        if isinstance(value, str) and not _encodable(value):
            found[Issue("not_utf8", pointer=_pointer(kind, path))] = None
        elif isinstance(value, list):
            waiting.extend(((*path, index), part) for index, part in reversed(list(enumerate(value))))
        elif isinstance(value, dict):
            if not all(map(_encodable, value)):
                found[Issue("not_utf8", pointer=_pointer(kind, path))] = None
            waiting.extend(((*path, key), part) for key, part in reversed(value.items()))
    return list(found)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with_marks(item: dict[str, Any]) -> dict[str, Any]:
    """Copies the object with a question mark for what has no UTF-8 form, so that its shape can be checked too."""
    copy: dict[str, Any] = json.loads(json.dumps(item, ensure_ascii=False).encode(errors="replace"))
    return copy
