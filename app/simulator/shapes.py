"""The four objects as Skolverket's schema has them (provisioning-api 1.3.2), in our own words and by hand.

One item that breaks its shape sinks the whole bulk call; what a rule forbids beyond the shape is in `persons` and
`relations` and touches that item alone.
"""

from types import MappingProxyType
from typing import Literal, get_args

from app.simulator.schema import (
    Check,
    ListOf,
    ReadOnly,
    Record,
    boolean,
    email,
    moment,
    one_of,
    text,
    uuid,
    whole_number,
)

Kind = Literal["persons", "duties", "groups", "activities"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RESOURCE_TYPES = MappingProxyType({"persons": "Person", "duties": "Duty", "groups": "Group", "activities": "Activity"})

SCHOOL_TYPES = ("GR", "SP", "SAM", "GY", "VUXGY")
DUTY_ROLES = (
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
GROUP_TYPES = ("Undervisning", "Klass", "Mentor", "Provgrupp", "Schema", "Avdelning", "Personalgrupp", "Övrigt")
ACTIVITY_TYPES = ("Undervisning", "Elevaktivitet", "Provaktivitet", "Läraraktivitet", "Övrigt")
SECURITY_MARKINGS = ("Ingen", "Sekretessmarkering", "Skyddad folkbokföring")
EMAIL_TYPES = ("Privat", "Skola elev", "Skola personal", "Arbete övrigt")

_reference = Record({"id": uuid}, required=["id"])
_theirs: dict[str, Check] = {
    "meta": ReadOnly(Record({"created": moment, "modified": moment})),
    "provisioningStatus": ReadOnly(boolean),
}

_enrolment = Record(
    {
        "enroledAt": _reference,
        "schoolYear": whole_number(1, 10),
        "schoolType": one_of(SCHOOL_TYPES),
        "cancelled": boolean,
        "educationCode": text,
    },
    required=["enroledAt", "schoolType"],
)
_person = Record(
    {
        **_theirs,
        "id": uuid,
        "givenName": text,
        "middleName": text,
        "familyName": text,
        "eduPersonPrincipalNames": ListOf(text, most=1, unique=True),
        "externalIdentifiers": ListOf(
            Record({"value": text, "context": text, "globallyUnique": boolean}, required=["context", "value"]), most=1
        ),
        "securityMarking": one_of(SECURITY_MARKINGS),
        "civicNo": Record({"value": text, "nationality": text}, required=["value"]),
        "emails": ListOf(Record({"value": email, "type": one_of(EMAIL_TYPES)}, required=["value"])),
        "enrolments": ListOf(_enrolment),
    },
    required=["id", "civicNo", "givenName", "familyName", "eduPersonPrincipalNames"],
)
_duty = Record(
    {**_theirs, "id": uuid, "person": _reference, "dutyAt": _reference, "dutyRole": one_of(DUTY_ROLES)},
    required=["id", "person", "dutyAt", "dutyRole"],
)
_group = Record(
    {
        **_theirs,
        "id": uuid,
        "displayName": text,
        "groupType": one_of(GROUP_TYPES),
        "schoolType": one_of(SCHOOL_TYPES),
        "organisation": _reference,
        "groupMemberships": ListOf(Record({"person": _reference})),
    },
    required=["id", "displayName", "groupType", "schoolType", "organisation"],
)
_activity = Record(
    {
        **_theirs,
        "id": uuid,
        "displayName": text,
        "activityType": one_of(ACTIVITY_TYPES),
        "groups": ListOf(_reference, fewest=1),
        "teachers": ListOf(Record({"duty": _reference})),
        "organisation": _reference,
        "parentActivity": _reference,
    },
    required=["id", "displayName", "activityType", "groups", "organisation", "parentActivity"],
)

SHAPES: MappingProxyType[Kind, Check] = MappingProxyType(
    {"persons": _person, "duties": _duty, "groups": _group, "activities": _activity}
)
