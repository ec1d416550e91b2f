"""Issues: a roster's findings, and what is said of a record."""

from typing import Any
from uuid import UUID

import pytest

from app.catalogue import explain
from app.catalogue import issue as issue_entry
from app.views.issue import show_finding, show_messages
from tests.unit.views.rows import PUPIL, record, viewer


def test_a_finding_has_its_explanation() -> None:
    issue = {"pointer": "/givenName", "severity": "error", "code": "schema_required", "count": None}
    assert show_finding({"kind": "persons", "object_id": PUPIL, **issue, "cause": None}) == {
        "kind": "persons",
        "id": PUPIL,
        **issue,
        "explanation": explain("schema_required")._asdict(),
    }


def test_a_finding_says_what_is_behind_it_first() -> None:
    issue = {"pointer": "/emails/0", "severity": "warning", "code": "value_left_out", "count": None}
    shown = show_finding({"kind": "persons", "object_id": PUPIL, **issue, "cause": "email_type"})
    assert shown["explanation"]["sv"] == f"{issue_entry('email_type').sv.means} {explain('value_left_out').sv}"


ENTRY = {"id": "3047", "message": "Svag EPPN för Åsa", "attributeName": "eppn", "severityLevel": "Warning"}


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (None, []),
        ("Åsa", []),
        ({"response": {"status": "Success"}}, []),
        ({"response": {"errors": "Åsa"}}, []),
        ({"response": {"warnings": [ENTRY]}}, [("warning", "3047", "Svag EPPN för Åsa", "eppn")]),
        ({"errors": [ENTRY]}, [("warning", "3047", "Svag EPPN för Åsa", "eppn")]),
        ([{**ENTRY, "severityLevel": "Åsa"}], [("error", "3047", "Svag EPPN för Åsa", "eppn")]),
        ([{"messageType": "Åsa"}], [("error", "unknown", "Åsa", None)]),
        (["Åsa"], [("error", "unknown", None, None)]),
        ([{"id": "Åsa Öberg", "attributeName": "Åsa"}], [("error", "unknown", None, "Åsa")]),
    ],
)
def test_skolverkets_words_are_for_those_who_see_the_record(received: Any, expected: list[tuple[Any, ...]]) -> None:
    """For others the text is our explanation, and of a name of an attribute only what looks like one is left."""
    for masked in (False, True):
        messages = show_messages(record(received=received), viewer(), masked=masked)
        assert [(each["severity"], each["code"]) for each in messages] == [each[:2] for each in expected]
        for message, (_, code, text, attribute) in zip(messages, expected, strict=True):
            own = explain(code).sv
            assert message["text"] == (own if masked or text is None else text)
            assert message["attribute"] == (None if masked and attribute == "Åsa" else attribute)


A, B = str(UUID(int=91)), str(UUID(int=92))


@pytest.mark.parametrize(
    ("issue", "front"),
    [
        ({"code": "blocked_by", "ids": [A, B]}, (f"Blockerad av {A}, {B}. ", f"blocked by {A}, {B}. ")),
        ({"code": "sent_without", "ids": [A]}, (f"Skickad utan {A}. ", f"sent without {A}. ")),
        ({"code": "blocked_by"}, ("", "")),
        ({"code": "schema_type", "ids": [A]}, ("", "")),
        ({"code": "undelivered", "cause": "http_503"}, tuple(f"{words} " for words in explain("http_503"))),
        ({"code": "undelivered", "cause": "of nobody's"}, ("", "")),
    ],
)
def test_our_own_issues_name_objects_and_causes(issue: dict[str, Any], front: tuple[str, str]) -> None:
    row = record(issues=[{**issue, "severity": "error", "pointer": "/id"}], received=None)
    for masked in (False, True):
        [message] = show_messages(row, viewer(), masked=masked)
        sv, en = explain(issue["code"])
        assert message["explanation"] == {"sv": front[0] + sv, "en": front[1] + en}
        assert (message["code"], message["attribute"]) == (issue["code"], "/id")
        assert A in message["text"] or A not in front[0]


def test_a_failed_record_that_skolverket_knows_says_so_last() -> None:
    messages = show_messages(
        record(issues=[{"code": "schema_type", "severity": "error"}], held=True), viewer(), masked=False
    )
    assert [each["code"] for each in messages] == ["schema_type", "2010", "held_before"]
