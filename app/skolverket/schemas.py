"""What Skolverket has published of persons, duties, groups and activities (Provisioning API 1.3.2), as JSON Schema.

It does not own the rules behind the shape (check digits, who refers to whom).
"""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.outgoing import Schema

# All of them stand at the top of their object.
READ_ONLY: Final = frozenset({"meta", "provisioningStatus"})


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

# Properties that stand in none of these are allowed by the letter, and ignored; they are taken out before it is sent.
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
