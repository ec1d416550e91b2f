"""Entries of the reference: which form they have, and how the open-data API shows them (open-data-api 1.0.0).

A required attribute that is missing is made from the others; one that the API does not have is shown as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from uuid import UUID, uuid5

from app.simulator.messages import NOT_KEPT, Finding, Json
from app.simulator.schema import Check, ListOf, Record, boolean, moment, one_of, text, uuid, whole_number

_NIL = UUID(int=0)
_STEP = re.compile(r"[.\[\]]+")
_STATUSES = ("New", "Active", "Expired")
_SCHOOL_TYPES = (
    *("FS", "FKLASS", "FTH", "OPPFTH", "GR", "GRAN", "GRS", "TR", "SP", "SAM", "GY", "GYAN", "GYS"),
    *("VUX", "VUXSFI", "VUXGR", "VUXGY", "VUXGRAN", "VUXSARGR", "VUXSARTR", "VUXGYAN", "VUXSARGY"),
    *("SFI", "SARVUX", "SARVUXGR", "SARVUXGY", "KU", "YH", "FHS", "STF", "KKU", "HS", "ABU", "AU"),
)
_any_number = whole_number(-(10**9), 10**9)
_named = Record({"id": text, "displayName": text})
_address = Record({"streetAdress": text, "postalCode": text, "locality": text})
_year = Record({"schoolYear": _any_number, "dnpStatus": boolean})
_school_type = Record({"schoolType": one_of(_SCHOOL_TYPES), "dnpStatus": boolean, "schoolYears": ListOf(_year)})

_ORGANISATION: Mapping[str, Check] = {
    "id": uuid,
    "displayName": text,
    "organisationNumber": text,
    "countryCode": text,
    "organisationType": one_of(("Huvudman",)),
    "legalForm": _named,
    "organiserType": _named,
    "status": one_of(_STATUSES),
    "email": text,
    "phoneNumber": text,
    "address": _address,
}
_SCHOOL_UNIT: Mapping[str, Check] = {
    "id": uuid,
    "displayName": text,
    "schoolUnitCode": text,
    "schoolTypes": ListOf(_school_type),
    "municipalityCode": text,
    "municipalityName": text,
    "status": one_of(_STATUSES),
    "dnpStatus": boolean,
    "parentOrganisation": Record(
        {"id": uuid, "organisationNumber": text, "displayName": text}, required=["organisationNumber"]
    ),
}
_PROGRAMME: Mapping[str, Check] = {
    "id": uuid,
    "displayName": text,
    "educationCode": text,
    "schoolType": one_of(_SCHOOL_TYPES),
    "validFrom": moment,
    "status": one_of(_STATUSES),
}
_EXAM: Mapping[str, Check] = {
    "id": uuid,
    "displayName": text,
    "activityType": one_of(("Provaktivitet",)),
    "schoolType": one_of(_SCHOOL_TYPES),
    "schoolYear": _any_number,
    "comment": text,
}


def named_id(name: str) -> str:
    """Computes the id that Skolverket gives by name: UUIDv5 in the nil namespace."""
    return str(uuid5(_NIL, name))


def organisation(entry: Json) -> Json:
    """Shows an organisation, without its school units."""
    number = entry["organisationNumber"]
    own = {name: value for name, value in entry.items() if name != "schoolUnits"}
    return {"id": named_id(number), "displayName": number} | own


def school_unit(entry: Json) -> Json:
    """Shows a school unit; a reference to its organisation has the id that follows from the number, if it has none."""
    # Without a code there is nothing that it could be made from: the id stands in.
    code = str(entry.get("schoolUnitCode", entry["id"]))
    shown = {"displayName": code, "schoolUnitCode": code} | entry
    parent = entry.get("parentOrganisation")
    if parent is not None:
        shown["parentOrganisation"] = {"id": named_id(parent["organisationNumber"])} | parent
    return shown


def programme(entry: Json) -> Json:
    """Shows a programme."""
    code = entry["educationCode"]
    return {"id": named_id(code), "displayName": code} | entry


def exam(entry: Json) -> Json:
    """Shows a national exam activity; one without a school type is shown as one of grundskolan."""
    return {"displayName": entry["id"], "activityType": "Provaktivitet", "schoolType": "GR"} | entry


PUBLISHED: Mapping[str, Callable[[Json], Json]] = MappingProxyType(
    {"huvudman": organisation, "schoolUnits": school_unit, "programmes": programme, "nationalActivities": exam}
)


SHAPES: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {
        "huvudman": _ORGANISATION,
        "schoolUnits": _SCHOOL_UNIT,
        "programmes": _PROGRAMME,
        "nationalActivities": _EXAM,
    }
)


def breaches(section: str, entry: Json) -> Iterator[str]:
    """Yields the places of a section's entry that have a wrong form, as JSON pointers into it."""
    found: list[Finding] = []
    for name, value in entry.items():
        if name in SHAPES[section]:
            SHAPES[section][name](value, name, found)
    for finding in found:
        if finding.message is not NOT_KEPT:
            yield "/" + "/".join(step for step in _STEP.split(finding.attribute) if step)
