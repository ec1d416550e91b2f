"""What keeps an object here: each breach of the published schema has its code and its place, and shows no value."""

import copy
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.batching import encode
from app.domain.issues import Issue
from app.domain.outgoing import MOST_ISSUES, Outgoing
from app.skolverket.published import PUBLISHED
from app.skolverket.shape import sendable

ID = "3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a11"
OTHER = "7c1d2e3f-1111-4222-8333-944455556666"

PERSON: dict[str, Any] = {
    "id": ID,
    "givenName": "Alva",
    "familyName": "Öberg",
    "eduPersonPrincipalNames": ["q7x1@skola.example"],
    "civicNo": {"value": "201202029809", "nationality": "SE"},
    "securityMarking": "Ingen",
    "emails": [{"value": "alva@skola.example", "type": "Skola elev"}],
    "enrolments": [{"enroledAt": {"id": OTHER}, "schoolYear": 8, "schoolType": "GR", "cancelled": False}],
    "externalIdentifiers": [{"value": "abcde-fghij@eduid.se", "context": "https://eduid.se"}],
}
DUTY: dict[str, Any] = {"id": ID, "person": {"id": OTHER}, "dutyAt": {"id": OTHER}, "dutyRole": "Lärare"}
GROUP: dict[str, Any] = {
    "id": ID,
    "displayName": "8A",
    "groupType": "Klass",
    "schoolType": "GR",
    "organisation": {"id": OTHER},
    "groupMemberships": [{"person": {"id": OTHER}}],
}
ACTIVITY: dict[str, Any] = {
    "id": ID,
    "displayName": "Matematik 8A",
    "activityType": "Undervisning",
    "groups": [{"id": OTHER}],
    "teachers": [{"duty": {"id": OTHER}}],
    "organisation": {"id": OTHER},
    "parentActivity": {"id": OTHER},
}
CLEAN = {"persons": PERSON, "duties": DUTY, "groups": GROUP, "activities": ACTIVITY}
GONE = object()
_EDUCATION = "/enrolments/0/educationCode"
TODAY = date(2026, 5, 5)


def changed(kind: str, pointer: str, value: Any) -> dict[str, Any]:
    """Copies the clean object of a stage with one place changed or gone."""
    item = copy.deepcopy(CLEAN[kind])
    *path, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
    place: Any = item
    for part in path:
        place = place[part]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return item


def issues(kind: str, item: dict[str, Any]) -> list[Issue]:
    leaves = PUBLISHED.outgoing(kind, item, TODAY)
    kept_here = any(issue.severity == "error" for issue in leaves.issues)
    assert (leaves.plain is None) == kept_here
    return list(leaves.issues)


def found(kind: str, item: dict[str, Any]) -> list[tuple[str | None, str]]:
    """Gives what keeps an object here."""
    return [(issue.pointer, issue.code) for issue in issues(kind, item) if issue.severity == "error"]


@pytest.mark.parametrize("kind", CLEAN)
def test_a_clean_object_has_no_issues(kind: str) -> None:
    assert issues(kind, CLEAN[kind]) == []


@pytest.mark.parametrize(
    ("kind", "pointer", "value", "code"),
    [
        ("persons", "/id", GONE, "schema_required"),
        ("persons", "/civicNo", GONE, "schema_required"),
        ("persons", "/civicNo/value", GONE, "schema_required"),
        ("persons", "/givenName", GONE, "schema_required"),
        ("persons", "/eduPersonPrincipalNames", GONE, "schema_required"),
        ("persons", "/enrolments/0/enroledAt", GONE, "schema_required"),
        ("duties", "/person", GONE, "schema_required"),
        ("duties", "/dutyAt/id", GONE, "schema_required"),
        ("groups", "/organisation", GONE, "schema_required"),
        ("activities", "/parentActivity", GONE, "schema_required"),
        ("activities", "/groups", GONE, "schema_required"),
        ("persons", "/givenName", None, "schema_null"),
        ("persons", "/enrolments/0", None, "schema_null"),
        ("duties", "/person/id", None, "schema_null"),
        ("activities", "/groups/0", None, "schema_null"),
        ("persons", "/givenName", 17, "schema_type"),
        ("persons", "/civicNo", "201202029809", "schema_type"),
        ("persons", "/civicNo/value", 201202029809, "schema_type"),
        ("persons", "/enrolments", {}, "schema_type"),
        ("persons", "/enrolments/0/schoolYear", "8", "schema_type"),
        ("persons", "/enrolments/0/schoolYear", True, "schema_type"),
        ("persons", "/enrolments/0/schoolYear", 8.0, "schema_type"),
        ("persons", "/enrolments/0/schoolYear", 8.5, "schema_type"),
        ("persons", "/enrolments/0/cancelled", "false", "schema_type"),
        ("persons", "/securityMarking", 1, "schema_type"),
        ("duties", "/person", OTHER, "schema_type"),
        ("persons", "/enrolments/0/schoolYear", 0, "schema_range"),
        ("persons", "/enrolments/0/schoolYear", 11, "schema_range"),
        ("persons", "/enrolments/0/schoolYear", 10**30, "schema_range"),
        ("persons", "/enrolments/0/schoolType", "FSK", "schema_enum"),
        ("persons", "/enrolments/0/schoolType", "gr", "schema_enum"),
        ("persons", "/securityMarking", "ingen", "schema_enum"),
        ("duties", "/dutyRole", "Larare", "schema_enum"),
        ("groups", "/groupType", "Lag", "schema_enum"),
        ("activities", "/activityType", "Prov", "schema_enum"),
        ("persons", "/eduPersonPrincipalNames", ["a@b.se", "c@b.se"], "schema_items"),
        ("activities", "/groups", [], "schema_items"),
    ],
)
def test_one_breach_is_one_issue_at_its_place(kind: str, pointer: str, value: Any, code: str) -> None:
    assert found(kind, changed(kind, pointer, value)) == [(pointer, code)]


@pytest.mark.parametrize(
    ("kind", "pointer", "value"),
    [
        ("persons", "/eduPersonPrincipalNames", []),
        ("persons", "/givenName", ""),
        ("persons", "/emails", GONE),
        ("persons", "/emails/0/type", GONE),
        ("persons", "/nickname", None),
        ("groups", "/groupMemberships", []),
        ("groups", "/groupMemberships/0", {}),
        ("groups", "/groupType", "Mentor"),
        ("activities", "/teachers", GONE),
    ],
)
def test_what_the_published_schema_allows_is_no_issue(kind: str, pointer: str, value: Any) -> None:
    assert found(kind, changed(kind, pointer, value)) == []


@pytest.mark.parametrize("spelling", [ID.upper(), "00000000-0000-0000-0000-000000000000"])
def test_a_uuid_may_have_any_case_and_version(spelling: str) -> None:
    assert found("duties", changed("duties", "/person/id", spelling)) == []


@pytest.mark.parametrize(
    "spelling", [f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), ID + "\n", " " + ID, ID[:-1], "elev-17", ""]
)
def test_other_spellings_of_a_uuid_are_issues(spelling: str) -> None:
    assert found("duties", changed("duties", "/person/id", spelling)) == [("/person/id", "schema_format")]


@pytest.mark.parametrize("address", ["a@b.se", "a+b@b.se", "o'a@b.se", "A.B@C.SE", "a@xn--bcker-gra.se"])
def test_an_address_that_every_server_takes_is_no_issue(address: str) -> None:
    assert issues("persons", changed("persons", "/emails/0/value", address)) == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alva(at)b.se",
        "åsa@b.se",
        "asa@böcker.se",
        "a@b",
        "a@[127.0.0.1]",
        "Alva <a@b.se>",
        '"a b"@c.se',
        "a..b@c.se",
        ".a@c.se",
        "a@b.se.",
        "a@b.se ",
        "a@b.se\n",
        "a@b@c.se",
        "a" * 65 + "@b.se",
    ],
)
def test_an_address_that_a_strict_server_refuses_is_left_out(address: str) -> None:
    left_out = Issue("value_left_out", "warning", pointer="/emails/0", cause="schema_format")
    assert issues("persons", changed("persons", "/emails/0/value", address)) == [left_out]


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        ({"givenName": "Al\ud800va"}, "/givenName"),
        ({"civicNo": {"value": "20", "nationality": "\udfff"}}, "/civicNo/nationality"),
        ({"enrolments": [{"enroledAt": {"id": OTHER}, "schoolType": "GY", "educationCode": "\ud800"}]}, _EDUCATION),
    ],
)
def test_text_without_a_utf8_form_is_an_issue_at_its_place(place: dict[str, Any], pointer: str) -> None:
    assert found("persons", {**PERSON, **place}) == [(pointer, "not_utf8")]


def test_broken_text_does_not_hide_a_breach_of_the_schema() -> None:
    item = {**PERSON, "givenName": "\ud800", "familyName": None}
    assert found("persons", item) == [("/givenName", "not_utf8"), ("/familyName", "schema_null")]


@pytest.mark.parametrize(
    "surplus",
    [{"extra": float("nan")}, {"extra": 10**5000}, {"hemligt namn": ["\ud800"]}, {"hemligt\ud800": 1}],
    ids=["nan", "long", "text", "name"],
)
def test_what_cannot_be_written_is_no_issue_where_it_does_not_leave(surplus: dict[str, Any]) -> None:
    assert issues("duties", {**DUTY, **surplus}) == []


def test_a_number_that_its_readers_lack_is_an_issue() -> None:
    assert found("duties", {**DUTY, "dutyRole": 10**5000}) == [("/dutyRole", "schema_type")]


def test_nesting_that_nothing_can_write_is_an_issue() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert ("", "schema_other") in found("duties", {**DUTY, "dutyRole": deep})


def test_fields_that_skolverket_marks_read_only_are_neither_sent_nor_checked() -> None:
    item = {"meta": 17, **DUTY, "provisioningStatus": None}
    assert list(sendable(item).items()) == list(DUTY.items())
    assert PUBLISHED.outgoing("duties", item, TODAY) == Outgoing(encode(DUTY))


def test_at_most_twenty_issues_are_told() -> None:
    assert len(issues("groups", {**GROUP, "groupMemberships": [None] * 500})) == MOST_ISSUES


def test_an_error_is_told_however_many_warnings_there_are() -> None:
    assert found("groups", {**GROUP, "groupMemberships": [None] * 500, "groupType": 1}) == [
        ("/groupType", "schema_type")
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.sampled_from(sorted(CLEAN)), st.data())
def test_any_junk_gives_the_same_issues_twice_and_pointers_of_known_names(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from([*CLEAN[kind], "19991231-9819"])
    item = {**CLEAN[kind], **data.draw(st.dictionaries(names, JSON, max_size=4))}
    first = issues(kind, item)
    assert first == issues(kind, item)
    assert all(isinstance(issue, Issue) and "9819" not in str(issue.pointer) for issue in first)
