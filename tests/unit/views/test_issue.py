"""Issues: a roster's findings, and what is said of a record."""

from typing import Any
from uuid import UUID

import pytest

from app.catalogue import catalogue
from app.domain.kinds import Kind
from app.skolverket.published import PUBLISHED
from app.views.issue import show_finding, show_messages, spoken_of
from tests.unit.views.rows import OTHER, PUPIL, pupil, record, viewer

ISSUES = catalogue().issues


def test_a_finding_has_its_explanation() -> None:
    issue = {"pointer": "/givenName", "severity": "error", "code": "schema_required", "count": None}
    assert show_finding({"kind": "persons", "object_id": PUPIL, **issue, "cause": None, "ids": None}, None) == {
        "kind": "persons",
        "id": PUPIL,
        **issue,
        "about": [],
        "explanation": ISSUES["schema_required"].explanation._asdict(),
        "explanation_url": "/explanations/schema_required",
    }


def test_a_finding_says_what_is_behind_it_first() -> None:
    issue = {"pointer": "/emails/0", "severity": "warning", "code": "value_left_out", "count": None}
    shown = show_finding({"kind": "persons", "object_id": PUPIL, **issue, "cause": "email_type", "ids": None}, None)
    own = ISSUES["value_left_out"].explanation.sv
    assert shown["explanation"]["sv"] == f"{ISSUES['email_type'].sv.means} {own}"


@pytest.mark.parametrize("code", ["schema_required", "schema_null", "schema_items", "schema_other"])
def test_what_is_behind_a_value_that_is_left_out_does_not_say_that_it_must_be_there(code: str) -> None:
    issue = {"pointer": "/emails/0", "severity": "warning", "code": "value_left_out", "count": None}
    shown = show_finding({"kind": "persons", "object_id": PUPIL, **issue, "cause": code, "ids": None}, None)
    row = record(
        issues=[{**{name: issue[name] for name in ("pointer", "severity", "code")}, "cause": code}], received=None
    )
    [message] = show_messages(row, viewer(), masked=False)
    assert message["explanation"] == shown["explanation"]
    texts, own = ISSUES[code], ISSUES["value_left_out"].explanation
    assert texts.sv.cause
    assert texts.sv.cause != texts.sv.means
    assert shown["explanation"] == {"sv": f"{texts.sv.cause} {own.sv}", "en": f"{texts.en.cause} {own.en}"}


@pytest.mark.parametrize(
    ("kind", "pointer", "names", "about"),
    [
        ("persons", "", {(Kind.PERSONS, OTHER): "Åsa"}, ("persons", "Åsa")),
        ("persons", "", {(Kind.GROUPS, OTHER): "6A"}, ("groups", "6A")),
        ("groups", "/groupMemberships/0", {}, ("persons", None)),
        ("duties", "/person", {}, ("persons", None)),
        ("activities", "/groups/0", {}, ("groups", None)),
        ("activities", "/teachers/0", {}, ("duties", None)),
    ],
)
def test_a_finding_names_the_objects_that_it_speaks_of(
    kind: str, pointer: str, names: dict[tuple[Kind, UUID], str], about: tuple[str, str | None]
) -> None:
    """By the kind that they are known as, else by the one that they are referred to as."""
    issue = {"pointer": pointer, "severity": "error", "code": "schema_type", "count": None, "cause": None}
    shown = show_finding({"kind": kind, "object_id": PUPIL, **issue, "ids": [OTHER]}, None, names)
    assert shown["about"] == [{"kind": about[0], "id": OTHER, "name": about[1]}]


@pytest.mark.parametrize(
    ("kind", "code", "kinds"),
    [
        ("persons", "eppn_twice", ["persons", "persons", "persons"]),
        ("persons", "civic_no_twice", ["persons", "persons", "persons"]),
        ("duties", "pupil_and_staff", ["persons", "persons", "persons"]),
        ("groups", "pupil_in_classes", ["persons", "groups", "groups"]),
        ("groups", "roster_differs_members", ["persons", "persons", "persons"]),
        ("groups", "roster_differs_name", ["activities", "activities", "activities"]),
        ("persons", "roster_differs_marking", ["activities", "activities", "activities"]),
        ("activities", "exam_school_type", ["groups", "groups", "groups"]),
        ("activities", "exam_school_year", ["groups", "groups", "groups"]),
        ("activities", "teacher_of_other_unit", ["duties", "duties", "duties"]),
    ],
)
def test_what_a_rule_speaks_of_is_of_the_kind_that_it_means(kind: str, code: str, kinds: list[str]) -> None:
    """Whether or not the names are known."""
    ids = [PUPIL, OTHER, UUID(int=77)]
    row = {"kind": kind, "object_id": UUID(int=78), "pointer": "/parentActivity/id", "severity": "error", "code": code}
    shown = show_finding({**row, "count": None, "cause": None, "ids": ids}, None)
    assert [(each["kind"], each["id"]) for each in shown["about"]] == list(zip(kinds, ids, strict=True))


ENTRY = {"id": "3047", "message": "Svag EPPN för Åsa", "attributeName": "eppn", "severityLevel": "Warning"}
EPPN = "/eduPersonPrincipalNames/0"


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (None, []),
        ("Åsa", []),
        ({"response": {"status": "Success"}}, []),
        ({"response": {"errors": "Åsa"}}, []),
        ({"response": {"warnings": [ENTRY]}}, [("warning", "3047", "Svag EPPN för Åsa", EPPN)]),
        ({"errors": [ENTRY]}, [("warning", "3047", "Svag EPPN för Åsa", EPPN)]),
        ([{**ENTRY, "severityLevel": "Åsa"}], [("error", "3047", "Svag EPPN för Åsa", EPPN)]),
        ([{"messageType": "Åsa"}], [("error", "unknown", "Åsa", None)]),
        (["Åsa"], [("error", "unknown", None, None)]),
        ([{"id": "Åsa Öberg", "attributeName": "Åsa"}], [("error", "unknown", None, None)]),
    ],
)
def test_skolverkets_words_are_for_those_who_see_the_record(received: Any, expected: list[tuple[Any, ...]]) -> None:
    """For others the text is our explanation, or nothing; what an attribute is called is a pointer or nothing."""
    for masked in (False, True):
        messages = show_messages(record(received=received), viewer(), masked=masked)
        for message, (severity, code, text, attribute) in zip(messages, expected, strict=True):
            own = ISSUES[code].explanation.sv if code in ISSUES else None
            assert message["text"] == (own if masked or text is None else text)
            assert (message["severity"], message["code"], message["attribute"]) == (severity, code, attribute)


def target_said(kind: str = "persons", item: Any = None, **entry: Any) -> dict[str, Any]:
    """Shows the one message of a record that the target refused with an entry."""
    row = record(kind=kind, received=[entry], **({} if item is None else {"payload": item, "sent": item}))
    [message] = show_messages(row, viewer(), masked=True)
    return message


@pytest.mark.parametrize(
    ("entry", "sv"),
    [
        (
            {"id": "8122", "messageType": "Ogiltigt värde", "attributeName": "givenName"},
            "Skolverket godtar inte värdet i Förnamn. ",
        ),
        ({"id": "8122", "attributeName": "Enrolment.schoolYear"}, "Skolverket godtar inte värdet i Årskurs. "),
    ],
)
def test_an_id_that_is_not_known_is_explained_by_what_the_message_carries(entry: dict[str, Any], sv: str) -> None:
    """And has no page of its own."""
    message = target_said(**entry, attributeValue="201201019807", message="Fel på 201201019807 för Åsa")
    assert message["explanation"]["sv"].startswith(sv)
    assert message["text"] == message["explanation"]["sv"]
    assert message["explanation_url"] is None
    assert "9807" not in str(message)


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "8122"},
        {"id": "8122", "messageType": "Uppgift saknas"},
        {"id": "8122", "messageType": "Åsa", "attributeName": "201201019807"},
    ],
)
def test_a_message_that_says_nothing_to_us_has_no_explanation(entry: dict[str, Any]) -> None:
    message = target_said(**entry)
    assert [message[name] for name in ("text", "attribute", "explanation", "explanation_url")] == [None] * 4


@pytest.mark.parametrize(
    "known", ["findings", "issues", None], ids=["found in the roster", "an issue of the record", "found now"]
)
def test_a_refusal_that_means_the_same_as_a_rule_of_ours_says_so_in_its_words(known: str | None) -> None:
    wrong = {**pupil(), "civicNo": {"value": "201201019802"}}
    found = {"code": "civic_no_check_digit", "severity": "error", "pointer": "/civicNo/value"}
    entry = {"id": "8122", "messageType": "Ogiltigt värde", "attributeName": "Personnummer"}
    row = record(payload=wrong, sent=wrong, received=[entry], **({known: [found]} if known else {}))
    message = show_messages(row, viewer(), masked=True)[-1]
    assert message["explanation"] == ISSUES["civic_no_check_digit"].explanation._asdict()
    assert (message["code"], message["explanation_url"]) == ("8122", "/explanations/civic_no_check_digit")


@pytest.mark.parametrize(
    ("code", "severity", "pointer"),
    [
        ("eppn_twice", "error", "/eduPersonPrincipalNames/0"),
        ("civic_no_twice", "warning", "/civicNo/value"),
        ("no_account", "error", ""),
    ],
)
def test_a_rule_about_something_else_does_not_explain_a_refusal(code: str, severity: str, pointer: str) -> None:
    entry = {"id": "8122", "messageType": "Ogiltigt värde", "attributeName": "Personnummer"}
    found = {"code": code, "severity": severity, "pointer": pointer}
    [message] = show_messages(record(findings=[found], received=[entry]), viewer(), masked=True)
    assert message["explanation"]["sv"].startswith("Skolverket godtar inte värdet i ")


def test_a_known_id_is_explained_by_its_own_entry() -> None:
    message = target_said(id="2010", messageType="Ogiltigt format", attributeName="id")
    assert message["explanation"] == ISSUES["2010"].explanation._asdict()
    assert message["explanation_url"] == "/explanations/2010"


A, B = str(UUID(int=91)), str(UUID(int=92))


def ours(code: str, cause: str | None = None) -> tuple[str, ...]:
    """Gives the explanation of one of our codes, behind that of its cause."""
    own = ISSUES[code].explanation
    return tuple(own) if cause is None else tuple(map(" ".join, zip(ISSUES[cause].explanation, own, strict=True)))


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ({"code": "blocked_by", "ids": [A, B]}, (f"Blockerad av {A}, {B}. ", f"blocked by {A}, {B}. ")),
        ({"code": "sent_without", "ids": [A]}, (f"Skickad utan {A}. ", f"sent without {A}. ")),
        ({"code": "blocked_by"}, ("", "")),
        ({"code": "schema_type", "ids": [A]}, ("", "")),
        ({"code": "gave_up", "cause": "http_503"}, "http_503"),
        ({"code": "gave_up", "cause": "of nobody's"}, ("", "")),
    ],
)
def test_our_own_issues_name_objects_and_causes(issue: dict[str, Any], expected: Any) -> None:
    row = record(issues=[{**issue, "severity": "error", "pointer": "/id"}], received=None)
    for masked in (False, True):
        [message] = show_messages(row, viewer(), masked=masked)
        if isinstance(expected, str):
            sv, en = ours(issue["code"], expected)
        else:
            sv, en = (front + own for front, own in zip(expected, ours(issue["code"]), strict=True))
        assert message["explanation"] == {"sv": sv, "en": en}
        assert (message["code"], message["attribute"]) == (issue["code"], "/id")
        assert [each["id"] for each in message["about"]] == [UUID(each) for each in issue.get("ids", ())]


def test_a_record_that_went_without_a_value_is_not_told_that_it_stays() -> None:
    """Of the cause it says what is wrong, and not what would be to do if the record had been kept."""
    issue = {"code": "value_left_out", "severity": "warning", "pointer": "/emails/0", "cause": "schema_format"}
    [message] = show_messages(record(issues=[issue], received=None), viewer(), masked=True)
    own, cause = ISSUES["value_left_out"].explanation, ISSUES["schema_format"]
    assert message["explanation"] == {"sv": f"{cause.sv.means} {own.sv}", "en": f"{cause.en.means} {own.en}"}


def test_a_failed_record_that_skolverket_knows_says_so_last() -> None:
    messages = show_messages(
        record(issues=[{"code": "schema_type", "severity": "error"}], held=True), viewer(), masked=False
    )
    assert [each["code"] for each in messages] == ["schema_type", "2010", "held_before"]


GROUP, TEACHER_DUTY, STRANGER = UUID(int=93), UUID(int=94), UUID(int=95)
ACTIVITY = {
    "id": str(OTHER),
    "displayName": "MA",
    "groups": [{"id": str(GROUP)}],
    "teachers": [{"duty": {"id": str(TEACHER_DUTY)}}],
}


def test_messages_name_the_objects_that_they_speak_of() -> None:
    """Those of our own issues and those of the target's, each once to be read, by what kind it is referred to as."""
    issues = [{"code": "sent_without", "severity": "warning", "ids": [str(GROUP), str(TEACHER_DUTY)]}]
    unknown = {"id": "8182", "attributeName": "teachers[0].duty.id", "severityLevel": "Error"}
    row = record(kind="activities", payload=ACTIVITY, sent=ACTIVITY, issues=issues, received=[unknown])
    references = {(Kind.GROUPS, GROUP), (Kind.DUTIES, TEACHER_DUTY)}
    assert spoken_of([row, row], PUBLISHED) == references
    names = {(Kind.GROUPS, GROUP): "6A"}
    without, refused = show_messages(row, viewer(), masked=False, names=names)
    teacher = {"kind": "duties", "id": TEACHER_DUTY, "name": None}
    assert without["about"] == [{"kind": "groups", "id": GROUP, "name": "6A"}, teacher]
    assert refused["about"] == [teacher]


def test_a_pupil_of_a_group_that_skolverket_does_not_know_is_named_by_its_value() -> None:
    group = {"id": str(OTHER), "displayName": "6A", "groupMemberships": [{"person": {"id": str(PUPIL)}}]}
    for value in (str(STRANGER), None):
        row = record(
            kind="groups",
            payload=group,
            sent=group,
            received=[{"id": "8171", "attributeName": "groupMemberships[0].person.id", "attributeValue": value}],
        )
        assert spoken_of([row], PUBLISHED) == {(Kind.PERSONS, PUPIL if value is None else STRANGER)}
