"""What leaves of an object: what is published and no more, without bad values that it may go without."""

import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.issues import Issue
from app.domain.outgoing import Outgoing
from app.domain.roster import is_protected
from app.skolverket.published import PUBLISHED
from app.skolverket.schemas import SCHEMAS
from tests.unit.test_shape import CLEAN, DUTY, GROUP, ID, JSON, OTHER, PERSON

TODAY = date(2026, 5, 5)
ENROLMENT = PERSON["enrolments"][0]
THIRD = "9e000000-0000-4000-8000-00000000000c"


def leaves(kind: str, item: dict[str, Any]) -> Outgoing:
    before = copy.deepcopy(item)
    made = PUBLISHED.outgoing(kind, item, TODAY)
    assert item == before
    return made


def sent(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    plain = leaves(kind, item).plain
    assert plain is not None
    read: dict[str, Any] = json.loads(plain)
    return read


def warned(kind: str, item: dict[str, Any]) -> list[tuple[str | None, str, str | None]]:
    """Gives the issues with which a record goes."""
    made = leaves(kind, item)
    assert made.plain is not None
    assert {issue.severity for issue in made.issues} <= {"warning"}
    return [(issue.pointer, issue.code, issue.cause) for issue in made.issues]


@pytest.mark.parametrize("kind", CLEAN)
def test_a_clean_object_goes_as_it_came(kind: str) -> None:
    made = leaves(kind, CLEAN[kind])
    assert made.is_whole
    assert (made.issues, made.findings, made.left_out) == ((), (), frozenset())
    assert list(sent(kind, CLEAN[kind]).items()) == list(CLEAN[kind].items())


@pytest.mark.parametrize(
    ("kind", "surplus", "left_out"),
    [
        ("persons", {"birthDate": "2012-02-02"}, {("property_left_out", "/birthDate")}),
        ("persons", {"addresses": [{"streetAddress": "Gatan 1"}]}, {("property_left_out", "/addresses")}),
        ("persons", {"responsibles": [{"person": {"id": ID}}]}, {("property_left_out", "/responsibles")}),
        ("persons", {"phoneNumbers": None}, {("property_left_out", "/phoneNumbers")}),
        ("persons", {"201202029809": 1, "smeknamn": "A"}, {("unknown_left_out", "")}),
        ("persons", {"meta": {"created": "x"}, "provisioningStatus": True}, set()),
        ("persons", {"emails": [{"value": "a@b.se", "note": 1}]}, {("unknown_left_out", "")}),
        (
            "persons",
            {"enrolments": [{**ENROLMENT, "startDate": "2025-08-18"}] * 1},
            {("property_left_out", "/enrolments/-/startDate")},
        ),
        ("persons", {"enrolments": [{**ENROLMENT, "meta": 1}]}, {("property_left_out", "/enrolments/-/meta")}),
        (
            "duties",
            {"person": {"id": OTHER, "displayName": "Mo Lind"}},
            {("property_left_out", "/person/displayName")},
        ),
        ("groups", {"startDate": "2025-08-18"}, {("property_left_out", "/startDate")}),
        ("activities", {"syllabus": {"id": OTHER}}, {("property_left_out", "/syllabus")}),
    ],
)
def test_what_is_not_published_never_leaves_and_is_counted(
    kind: str, surplus: dict[str, Any], left_out: set[tuple[str, str]]
) -> None:
    item = {**CLEAN[kind], **surplus}
    made = leaves(kind, item)
    assert (made.issues, made.left_out, made.is_whole) == ((), left_out, False)
    assert made.plain is not None
    assert b"startDate" not in made.plain
    assert json.loads(made.plain).keys() == CLEAN[kind].keys()


@pytest.mark.parametrize(
    ("kind", "given", "pointer", "kept"),
    [
        ("persons", {"middleName": None}, "/middleName", {}),
        ("persons", {"emails": None}, "/emails", {}),
        ("persons", {"securityMarking": None}, "/securityMarking", {}),
        ("persons", {"externalIdentifiers": None}, "/externalIdentifiers", {}),
        ("persons", {"enrolments": None}, "/enrolments", {}),
        (
            "persons",
            {"enrolments": [{**ENROLMENT, "educationCode": None}]},
            "/enrolments/-/educationCode",
            {"enrolments": [ENROLMENT]},
        ),
        (
            "persons",
            {"emails": [{"value": "a@b.se", "type": None}]},
            "/emails/-/type",
            {"emails": [{"value": "a@b.se"}]},
        ),
        ("groups", {"groupMemberships": None}, "/groupMemberships", {}),
        (
            "groups",
            {"groupMemberships": [{"person": None}, {"person": {"id": OTHER}}]},
            "/groupMemberships/-/person",
            {"groupMemberships": [{"person": {"id": OTHER}}]},
        ),
        ("activities", {"teachers": None}, "/teachers", {}),
    ],
)
def test_null_in_a_property_that_need_not_be_there_counts_as_absent(
    kind: str, given: dict[str, Any], pointer: str, kept: dict[str, Any]
) -> None:
    made = leaves(kind, {**CLEAN[kind], **given})
    assert (made.issues, made.left_out) == ((), {("null_left_out", pointer)})
    absent = {key: value for key, value in CLEAN[kind].items() if key not in given}
    assert sent(kind, {**CLEAN[kind], **given}) == {**absent, **kept}


@pytest.mark.parametrize(
    ("kind", "given", "pointer"),
    [
        ("persons", {"givenName": None}, "/givenName"),
        ("persons", {"civicNo": {"value": None, "nationality": "SE"}}, "/civicNo/value"),
        ("duties", {"person": None}, "/person"),
        ("groups", {"displayName": None}, "/displayName"),
    ],
)
def test_null_in_a_property_that_must_be_there_is_an_error_and_nothing_is_left_out(
    kind: str, given: dict[str, Any], pointer: str
) -> None:
    made = leaves(kind, {**CLEAN[kind], **given})
    assert (made.plain, made.left_out) == (None, frozenset())
    assert made.issues == (Issue("schema_null", pointer=pointer),)


@pytest.mark.parametrize(
    ("kind", "given", "pointer", "cause", "kept"),
    [
        ("persons", {"middleName": 17}, "/middleName", "schema_type", {}),
        ("persons", {"middleName": "\ud800"}, "/middleName", "not_utf8", {}),
        ("persons", {"emails": "a@b.se"}, "/emails", "schema_type", {}),
        ("persons", {"emails": ["a@b.se"]}, "/emails/0", "schema_type", {"emails": []}),
        ("persons", {"emails": [None]}, "/emails/0", "schema_null", {"emails": []}),
        ("persons", {"emails": [{"value": None}]}, "/emails/0", "schema_null", {"emails": []}),
        ("persons", {"emails": [{"type": "Skola elev"}]}, "/emails/0", "schema_required", {"emails": []}),
        ("persons", {"emails": [{"value": "a@b.se", "type": "Hem"}]}, "/emails/0", "schema_enum", {"emails": []}),
        ("persons", {"emails": [{"value": "a@b.se", "type": "Privat"}]}, "/emails/0", "email_type", {"emails": []}),
        (
            "persons",
            {"emails": [{"value": "a@b.se"}, {"value": "å@b.se"}, {"value": "c@b.se"}]},
            "/emails/1",
            "schema_format",
            {"emails": [{"value": "a@b.se"}, {"value": "c@b.se"}]},
        ),
        (
            "persons",
            {"externalIdentifiers": [{"value": "a", "context": "b"}] * 2},
            "/externalIdentifiers",
            "schema_items",
            {},
        ),
        ("persons", {"externalIdentifiers": [{"value": "a"}]}, "/externalIdentifiers", "schema_required", {}),
        ("groups", {"groupMemberships": [None]}, "/groupMemberships/0", "schema_null", {"groupMemberships": []}),
        ("groups", {"groupMemberships": [{}]}, "/groupMemberships/0", "schema_required", {"groupMemberships": []}),
        (
            "groups",
            {"groupMemberships": [{"person": {"id": "elev-17"}}, {"person": {"id": OTHER}}]},
            "/groupMemberships/0",
            "schema_format",
            {"groupMemberships": [{"person": {"id": OTHER}}]},
        ),
        (
            "groups",
            {"groupMemberships": [{"person": {"id": None}}]},
            "/groupMemberships/0",
            "schema_null",
            {"groupMemberships": []},
        ),
        ("activities", {"teachers": [{"duty": {}}]}, "/teachers/0", "schema_required", {"teachers": []}),
        ("activities", {"teachers": [OTHER]}, "/teachers/0", "schema_type", {"teachers": []}),
    ],
)
def test_a_bad_value_that_need_not_be_there_is_left_out_and_the_record_goes(
    kind: str, given: dict[str, Any], pointer: str, cause: str, kept: dict[str, Any]
) -> None:
    item = {**CLEAN[kind], **given}
    assert warned(kind, item) == [(pointer, "value_left_out", cause)]
    absent = {key: value for key, value in CLEAN[kind].items() if key not in given}
    assert sent(kind, item) == {**absent, **kept}


@pytest.mark.parametrize(
    ("kind", "name", "twice"),
    [
        ("groups", "groupMemberships", [{"person": {"id": OTHER}}, {"person": {"id": OTHER.upper(), "x": 1}}]),
        ("activities", "groups", [{"id": OTHER}, {"id": OTHER, "displayName": "8A"}]),
        ("activities", "teachers", [{"duty": {"id": OTHER}}, {"duty": {"id": OTHER}}]),
    ],
)
def test_what_is_referred_to_twice_goes_once(kind: str, name: str, twice: list[Any]) -> None:
    item = {**CLEAN[kind], name: twice}
    assert warned(kind, item) == [(f"/{name}/1", "reference_doubled", None)]
    assert sent(kind, item)[name] == twice[:1]


@pytest.mark.parametrize(
    "name", ["securitymarking", "SecurityMarking", "security_marking", "securityMarking\u200b", " securityMarking"]
)
def test_a_marking_under_another_name_keeps_its_person_here(name: str) -> None:
    """It would go as unprotected, and nobody would see that."""
    person = {key: value for key, value in PERSON.items() if key != "securityMarking"} | {name: "Sekretessmarkering"}
    made = leaves("persons", person)
    assert made.plain is None
    assert made.issues == (Issue("marking_name", pointer="/securityMarking"),)
    assert is_protected(person)


def test_of_references_only_those_that_are_the_same_go_once() -> None:
    members = [{"person": {"id": each}} for each in (OTHER, ID, OTHER, THIRD)]
    item = {**GROUP, "groupMemberships": members}
    assert warned("groups", item) == [("/groupMemberships/2", "reference_doubled", None)]
    assert sent("groups", item)["groupMemberships"] == [members[0], members[1], members[3]]


def test_ids_go_in_one_spelling() -> None:
    item = {**DUTY, "id": ID.upper(), "person": {"id": OTHER.upper()}}
    assert warned("duties", item) == []
    assert sent("duties", item) == DUTY


@pytest.mark.parametrize(
    ("kind", "name", "given", "kept"),
    [
        ("persons", "givenName", "To\0va", "Tova"),
        ("persons", "givenName", "Vi\u200bra", "Vira"),
        ("persons", "familyName", "\ufeffÖberg\u2060", "Öberg"),
        ("persons", "middleName", "Sten\u00adsson", "Stensson"),
        ("persons", "givenName", "Anna\r\n\tLisa", "Anna Lisa"),
        ("groups", "displayName", "8A\u202e", "8A"),
        ("activities", "displayName", "\x7fMa", "Ma"),
    ],
)
def test_characters_that_nobody_sees_are_taken_out_of_names(kind: str, name: str, given: str, kept: str) -> None:
    item = {**CLEAN[kind], name: given}
    assert warned(kind, item) == [(f"/{name}", "name_characters", None)]
    assert sent(kind, item)[name] == kept


@pytest.mark.parametrize(
    "eppn",
    [
        "q7\u200bx1@b.se",
        "q7x1@b.se ",
        "q7 x1@b.se",
        "åsa@b.se",
        "q7x1@b.se\u2060",
        "q7\0x1@b.se",
        "q7x1\n@b.se",
        "a/b@c.se",
    ],
)
def test_a_login_that_nobody_can_type_keeps_its_person_here(eppn: str) -> None:
    made = leaves("persons", {**PERSON, "eduPersonPrincipalNames": [eppn]})
    assert made.plain is None
    assert made.issues == (Issue("eppn_characters", pointer="/eduPersonPrincipalNames/0"),)


@pytest.mark.parametrize(
    ("person", "enrolment", "ended"),
    [
        ({}, {"endDate": "2026-05-04"}, True),
        ({}, {"endDate": "2026-05-04T12:00:00+02:00"}, True),
        ({}, {"endDate": "2026-05-05"}, False),
        ({}, {"endDate": "i våras"}, False),
        ({}, {"endDate": 20260504}, False),
        ({"personStatus": "Utvandrad"}, {}, True),
        ({"personStatus": "Avliden"}, {}, True),
        ({"personStatus": " avliden\t"}, {}, True),
        ({"personStatus": "Aktiv"}, {}, False),
        ({"personStatus": ["Avliden"]}, {}, False),
    ],
)
def test_an_enrolment_that_has_ended_goes_as_cancelled(
    person: dict[str, Any], enrolment: dict[str, Any], ended: bool
) -> None:
    item = {**PERSON, **person, "enrolments": [{**ENROLMENT, **enrolment}]}
    made = leaves("persons", item)
    found = (Issue("enrolment_ended", "warning", pointer="/enrolments/0"),) if ended else ()
    assert (made.issues, made.findings) == ((), found)
    assert sent("persons", item)["enrolments"] == [{**ENROLMENT, "cancelled": ended}]


def test_an_enrolment_that_is_cancelled_already_needs_no_word() -> None:
    item = {**PERSON, "enrolments": [{**ENROLMENT, "cancelled": True, "endDate": "2020-01-01"}]}
    assert leaves("persons", item).findings == ()


def test_the_same_enrolment_twice_goes_once() -> None:
    item = {**PERSON, "enrolments": [ENROLMENT, {**ENROLMENT, "schoolYear": 9}, {**ENROLMENT}]}
    made = leaves("persons", item)
    assert made.issues == ()
    assert made.findings == (Issue("enrolment_doubled", "warning", pointer="/enrolments/2"),)
    assert sent("persons", item)["enrolments"] == item["enrolments"][:2]


def test_all_that_is_left_out_is_known_however_little_of_it_is_told() -> None:
    addresses = [{"value": f"a(at){number}", "type": "Skola personal"} for number in range(30)]
    made = leaves("persons", {**PERSON, "emails": addresses})
    assert len(made.issues) == 20
    assert made.broken == {f"/emails/{place}" for place in range(30)}


@settings(max_examples=300)
@given(st.sampled_from(sorted(CLEAN)), st.data())
def test_whatever_came_nothing_leaves_but_what_is_published(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from([*CLEAN[kind], "birthDate", "19991231-9819"])
    item = {**CLEAN[kind], **data.draw(st.dictionaries(names, JSON, max_size=4))}
    if (plain := leaves(kind, item).plain) is not None:
        assert only_published(SCHEMAS[kind], json.loads(plain))


def only_published(schema: dict[str, Any], value: Any) -> bool:
    """Tells whether a value has no property besides those of its schema, and no null."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return value.keys() <= known.keys() and all(only_published(known[key], value[key]) for key in value)
    if isinstance(value, list):
        return all(only_published(schema.get("items", {}), part) for part in value)
    return value is not None
