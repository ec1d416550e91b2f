"""What Skolverket refuses or warns about in a person that has the right shape.

Attributes are named in several notations, as Skolverket does in its examples: `eppn`, `Enrolment.schoolYear`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from app.simulator import messages
from app.simulator.civic_number import civic_findings
from app.simulator.eppn import is_possible, is_weak, is_well_formed
from app.simulator.messages import Finding, Json
from app.simulator.objects import Objects
from app.simulator.reference import Reference

_SUPPORTED_EMAILS = ("Skola elev", "Skola personal")
_EDUID = "https://eduid.se"
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a decision about an object may look at."""

    organisation: str
    reference: Reference
    objects: Objects
    today: date


def person_findings(person: Json, scene: Scene) -> Iterator[Finding]:
    """Yields what is wrong with a person; a person without enrolments counts as staff (inferred)."""
    enrolments = person.get("enrolments", [])
    for name in ("givenName", "familyName"):
        if _is_blank(person[name]):
            yield Finding(messages.NAME_BLANK, name)
    yield from _eppn_findings(person, scene)
    yield from civic_findings(person["civicNo"]["value"], scene.today)
    yield from _contact_findings(person, is_staff=not enrolments)
    for index, enrolment in enumerate(enrolments):
        yield from _enrolment_findings(enrolment, f"enrolments[{index}]", scene)
    if enrolments and _has_duty(person["id"], scene):
        yield Finding(messages.PUPIL_AND_STAFF, "enrolments")


def unit_findings(unit_id: str, attribute: str, scene: Scene) -> Iterator[Finding]:
    """Yields what is wrong with a reference to a school unit: unknown, Expired, or another organisation's."""
    unit = scene.reference.school_unit(unit_id)
    if unit is None:
        yield Finding(messages.UNIT_UNKNOWN, attribute, unit_id)
        return
    if unit.get("status") == "Expired":
        yield Finding(messages.UNIT_EXPIRED, attribute, unit_id)
    if (unit.get("parentOrganisation") or {}).get("organisationNumber") != scene.organisation:
        yield Finding(messages.UNIT_FOREIGN, attribute, unit_id)


def _is_blank(name: str) -> bool:
    return not name.strip() or not _INVISIBLE.sub("", name).strip()


def _eppn_findings(person: Json, scene: Scene) -> Iterator[Finding]:
    eppns = person["eduPersonPrincipalNames"]
    if len(eppns) != 1:
        yield Finding(messages.EPPN_COUNT, "eduPersonPrincipalNames")
        return
    attribute, eppn = "eppn", eppns[0]
    if not is_well_formed(eppn):
        yield Finding(messages.EPPN_FORM, attribute, eppn)
    elif not is_possible(eppn):
        yield Finding(messages.EPPN_CHARACTERS, attribute, eppn)
    elif not scene.objects.eppn_is_free(eppn, scene.organisation, person["id"]):
        yield Finding(messages.EPPN_TAKEN, attribute, eppn)
    elif is_weak(eppn, person["givenName"], person["familyName"]):
        yield Finding(messages.WEAK_EPPN, attribute, eppn)


def _contact_findings(person: Json, *, is_staff: bool) -> Iterator[Finding]:
    types = [email.get("type") for email in person.get("emails", [])]
    if is_staff and "Skola personal" not in types:
        yield Finding(messages.STAFF_EMAIL, "emails")
    for index, type_ in enumerate(types):
        if type_ is not None and type_ not in _SUPPORTED_EMAILS:
            yield Finding(messages.EMAIL_TYPE, f"emails[{index}].type", type_)
    for index, identifier in enumerate(person.get("externalIdentifiers", [])):
        if not is_staff:
            yield Finding(messages.EXTERNAL_FOR_PUPIL, "externalIdentifiers")
        if identifier["context"] != _EDUID:
            yield Finding(messages.EXTERNAL_CONTEXT, f"externalIdentifiers[{index}].context", identifier["context"])


def _enrolment_findings(enrolment: Json, path: str, scene: Scene) -> Iterator[Finding]:
    school_type = enrolment["schoolType"]
    if school_type in ("GR", "SP", "SAM") and "schoolYear" not in enrolment:
        yield Finding(messages.SCHOOL_YEAR, "Enrolment.schoolYear")
    if school_type == "GY":
        code = enrolment.get("educationCode")
        if code is None or not scene.reference.has_programme(code, scene.today):
            yield Finding(messages.EDUCATION_CODE, "Enrolment.educationCode", code)
    yield from unit_findings(enrolment["enroledAt"]["id"], f"{path}.enroledAt.id", scene)


def _has_duty(person_id: str, scene: Scene) -> bool:
    known = scene.objects.get(scene.organisation, "persons", person_id)
    # Only staff of before can have a duty, which spares the search for everyone else.
    if known is None or known.body.get("enrolments"):
        return False
    duties = scene.objects.all(scene.organisation, "duties")
    return any(duty.body["person"]["id"].lower() == person_id.lower() for duty in duties)
