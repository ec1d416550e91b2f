"""Entries of the reference as the open-data API shows them (open-data-api 1.0.0): what is known, and what it requires.

A known attribute that breaks its shape is left out; a required one that is missing is made from the others.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from uuid import UUID, uuid5

from app.simulator.messages import Finding, Json
from app.simulator.schema import Check, boolean, list_of, moment, one_of, record, text, uuid, whole_number

_NIL = UUID(int=0)
_STATUSES = ("New", "Active", "Expired")
_SCHOOL_TYPES = (
    *("FS", "FKLASS", "FTH", "OPPFTH", "GR", "GRAN", "GRS", "TR", "SP", "SAM", "GY", "GYAN", "GYS"),
    *("VUX", "VUXSFI", "VUXGR", "VUXGY", "VUXGRAN", "VUXSARGR", "VUXSARTR", "VUXGYAN", "VUXSARGY"),
    *("SFI", "SARVUX", "SARVUXGR", "SARVUXGY", "KU", "YH", "FHS", "STF", "KKU", "HS", "ABU", "AU"),
)
_any_number = whole_number(-(10**9), 10**9)
_named = record({"id": text, "displayName": text})
_address = record({"streetAdress": text, "postalCode": text, "locality": text})
_year = record({"schoolYear": _any_number, "dnpStatus": boolean})
_school_type = record({"schoolType": one_of(_SCHOOL_TYPES), "dnpStatus": boolean, "schoolYears": list_of(_year)})

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
    "schoolTypes": list_of(_school_type),
    "municipalityCode": text,
    "municipalityName": text,
    "status": one_of(_STATUSES),
    "dnpStatus": boolean,
    "parentOrganisation": record({"id": uuid, "organisationNumber": text, "displayName": text}),
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
    known = _well_formed(entry, _ORGANISATION, but=("schoolUnits",))
    number = entry["organisationNumber"]
    return {"id": named_id(number), "displayName": number} | known


def school_unit(entry: Json) -> Json:
    """Shows a school unit; a reference to its organisation has the id that follows from the number, if it has none."""
    known = _well_formed(entry, _SCHOOL_UNIT)
    # Without a code there is nothing that it could be made from: the id stands in.
    code = str(known.get("schoolUnitCode", entry["id"]))
    shown = {"id": named_id(code), "displayName": code, "schoolUnitCode": code} | known
    parent = known.get("parentOrganisation")
    if parent is not None and "organisationNumber" in parent:
        shown["parentOrganisation"] = {"id": named_id(parent["organisationNumber"])} | parent
    elif parent is not None:
        del shown["parentOrganisation"]
    return shown


def programme(entry: Json) -> Json:
    """Shows a programme."""
    code = entry["educationCode"]
    return {"id": named_id(code), "displayName": code} | _well_formed(entry, _PROGRAMME)


def exam(entry: Json) -> Json:
    """Shows a national exam activity; one without a school type is shown as one of grundskolan."""
    known = _well_formed(entry, _EXAM)
    name = str(known.get("displayName", entry["id"]))
    return {"id": named_id(name), "displayName": name, "activityType": "Provaktivitet", "schoolType": "GR"} | known


PUBLISHED: Mapping[str, Callable[[Json], Json]] = MappingProxyType(
    {"huvudman": organisation, "schoolUnits": school_unit, "programmes": programme, "nationalActivities": exam}
)


def _well_formed(entry: Json, shape: Mapping[str, Check], but: Collection[str] = ()) -> Json:
    return {
        name: value
        for name, value in entry.items()
        if name not in but and (name not in shape or not _breaches(shape[name], value))
    }


def _breaches(check: Check, value: object) -> bool:
    found: list[Finding] = []
    check(value, "", found)
    return bool(found)
