"""The published shapes: what sinks a whole batch, and where the breach is said to be."""

from typing import Any

import pytest

from app.simulator.messages import Finding
from app.simulator.shapes import SHAPES, Kind
from tests.unit.simulator.simulator_parts import activity, duty, group, pupil, staff

_ENROLMENT = {"enroledAt": {"id": "00000001-0000-5000-8000-000000000000"}, "schoolType": "GR"}


def _breaches(kind: Kind, item: Any) -> list[str]:
    found: list[Finding] = []
    SHAPES[kind](item, "", found)
    return [f"{finding.message.id} {finding.attribute}" for finding in found]


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("persons", pupil()),
        ("persons", staff()),
        ("persons", pupil(eduPersonPrincipalNames=[])),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": 8.0}])),
        ("persons", pupil(emails=[{"value": "å@exempel.se"}])),
        ("persons", pupil(unheardOf={"of": None})),
        ("persons", pupil(meta={"created": "2026-05-12T10:30:00.123+02:00"}, provisioningStatus=True)),
        ("duties", duty()),
        ("groups", group()),
        ("groups", group(groupMemberships=...)),
        ("groups", group(groupMemberships=[{}])),
        ("activities", activity()),
        ("activities", activity(teachers=...)),
    ],
)
def test_a_shape_that_the_schema_allows_has_no_breach(kind: Kind, item: Any) -> None:
    assert _breaches(kind, item) == []


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        ("persons", "text", "8003 data"),
        ("persons", pupil(id=...), "8002 id"),
        ("persons", pupil(id="12"), "2010 id"),
        ("persons", pupil(id=12), "2010 id"),
        ("persons", pupil(givenName=...), "8002 givenName"),
        ("persons", pupil(middleName=None), "8003 middleName"),
        ("persons", pupil(familyName="\ud800"), "8003 familyName"),
        ("persons", pupil(eduPersonPrincipalNames=...), "8002 eduPersonPrincipalNames"),
        ("persons", pupil(eduPersonPrincipalNames=["a@b.se", "c@b.se"]), "8005 eduPersonPrincipalNames"),
        ("persons", pupil(civicNo=...), "8002 civicNo"),
        ("persons", pupil(civicNo=None), "8003 civicNo"),
        ("persons", pupil(civicNo={"nationality": "SE"}), "8002 civicNo.value"),
        ("persons", pupil(securityMarking="Hemlig"), "8004 securityMarking"),
        ("persons", pupil(emails=[{"value": "a(at)b.se"}]), "8003 emails[0].value"),
        ("persons", pupil(emails=[{"type": "Privat"}]), "8002 emails[0].value"),
        ("persons", pupil(emails=[{"value": "a@b.se", "type": "Annan"}]), "8004 emails[0].type"),
        ("persons", pupil(externalIdentifiers=[{"value": "a", "context": "b"}] * 2), "8005 externalIdentifiers"),
        ("persons", pupil(externalIdentifiers=[{"value": "a"}]), "8002 externalIdentifiers[0].context"),
        ("persons", pupil(enrolments={}), "8003 enrolments"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": "8"}]), "8003 enrolments[0].schoolYear"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": True}]), "8003 enrolments[0].schoolYear"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": 0}]), "8005 enrolments[0].schoolYear"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": 11}]), "8005 enrolments[0].schoolYear"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolType": "FSK"}]), "8004 enrolments[0].schoolType"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"cancelled": "no"}]), "8003 enrolments[0].cancelled"),
        ("persons", pupil(enrolments=[_ENROLMENT | {"enroledAt": {"id": "1"}}]), "2010 enrolments[0].enroledAt.id"),
        ("persons", pupil(meta={"created": "2026-05-12"}), "8003 meta.created"),
        ("persons", pupil(meta={"created": "2026-02-30T10:30:00Z"}), "8003 meta.created"),
        ("duties", duty(dutyRole="Vaktmästare"), "8004 dutyRole"),
        ("duties", duty(person={}), "8002 person.id"),
        ("groups", group(groupType="Lag"), "8004 groupType"),
        ("groups", group(schoolType=...), "8002 schoolType"),
        ("groups", group(groupMemberships=[{"person": {"id": "x"}}]), "2010 groupMemberships[0].person.id"),
        ("activities", activity(activityType="Lek"), "8004 activityType"),
        ("activities", activity(groups=[]), "8005 groups"),
        ("activities", activity(teachers=[{"duty": None}]), "8003 teachers[0].duty"),
        ("activities", activity(parentActivity=...), "8002 parentActivity"),
    ],
)
def test_a_breach_is_found_where_it_is(kind: Kind, item: Any, expected: str) -> None:
    assert _breaches(kind, item) == [expected]
