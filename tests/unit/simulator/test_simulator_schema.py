"""The published shapes: what sinks a whole batch, and where the breach is said to be."""

from typing import Any

import pytest

from app.simulator.messages import NOT_KEPT, Finding
from app.simulator.schema import kept_part
from app.simulator.shapes import SHAPES, Kind
from tests.unit.simulator.simulator_parts import UNIT, activity, duty, group, pupil, staff

_ENROLMENT = {"enroledAt": {"id": UNIT}, "schoolType": "GR"}


def _found(kind: Kind, item: Any) -> list[Finding]:
    found: list[Finding] = []
    SHAPES[kind](item, "", found)
    return found


def _breaches(kind: Kind, item: Any) -> list[str]:
    return [f"{one.message.id} {one.attribute}" for one in _found(kind, item) if one.message is not NOT_KEPT]


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("persons", pupil()),
        ("persons", staff()),
        ("persons", pupil(eduPersonPrincipalNames=[])),
        ("persons", pupil(emails=[{"value": "x+1.y'z@exempel.se"}, {"value": "A@B.SE"}])),
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
        ("persons", pupil(enrolments=[_ENROLMENT | {"schoolYear": 8.0}]), "8003 enrolments[0].schoolYear"),
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


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "x@",
        "x@b",
        "@b.se",
        "x@b@c.se",
        "x y@b.se",
        "x@b.se ",
        "x@b.se\n",
        "\xe5@b.se",
        "x@\xe5.se",
        ".x@b.se",
        "x..y@b.se",
        "x@-b.se",
        "x@b_c.se",
        "x@b..se",
        "x@b.se.",
        '"x y"@b.se',
        "x@[127.0.0.1]",
        "x,y@b.se",
        f"{'x' * 65}@b.se",
        f"x@{'b' * 64}.se",
        f"x@{'b.' * 126}se",
    ],
)
def test_an_email_is_one_that_mail_servers_take(value: str) -> None:
    assert _breaches("persons", pupil(emails=[{"value": value}])) == ["8003 emails[0].value"]


@pytest.mark.parametrize(
    ("kind", "item", "noted", "kept"),
    [
        ("persons", pupil(addresses=[{"locality": None}]), ["addresses"], pupil()),
        ("persons", pupil(meta={"created": "2026-05-12T10:30:00.123+02:00"}), ["meta"], pupil()),
        ("persons", pupil(provisioningStatus=True), ["provisioningStatus"], pupil()),
        (
            "persons",
            pupil(enrolments=[_ENROLMENT, _ENROLMENT | {"endDate": "2026-06-01", "enroledAt": {"id": UNIT, "x": 1}}]),
            ["enrolments[1].endDate", "enrolments[1].enroledAt.x"],
            pupil(enrolments=[_ENROLMENT, _ENROLMENT]),
        ),
        ("duties", duty(startDate="2026-08-01"), ["startDate"], duty()),
        ("groups", group(groupMemberships=[{"startDate": "x"}]), ["groupMemberships[0].startDate"], None),
        ("activities", activity(parentActivity={"id": UNIT, "displayName": "x"}), ["parentActivity.displayName"], None),
    ],
)
def test_what_is_not_published_for_a_kind_breaks_nothing_and_is_not_kept(
    kind: Kind, item: Any, noted: list[str], kept: Any
) -> None:
    assert _breaches(kind, item) == []
    assert sorted(finding.attribute for finding in _found(kind, item)) == noted
    left = kept_part(SHAPES[kind], item)
    assert _found(kind, left) == []
    assert kept is None or left == kept
