"""Objects as people read them: each value under its name, with what is wrong where it is."""

from typing import Any
from uuid import UUID

import pytest

from app.web.record_fields import compared, fields_of, mended_by, names_in, words_of_target

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def message(attribute: str | None = None, severity: str = "error", code: str = "8140", **more: Any) -> dict[str, Any]:
    return {"attribute": attribute, "severity": severity, "code": code, "explanation_url": None, **more}


@pytest.mark.parametrize(
    ("kind", "item", "expected"),
    [
        ("persons", {"givenName": "Åsa"}, [("Förnamn", None, "Åsa", None)]),
        (
            "persons",
            {"civicNo": {"value": "201201019801", "nationality": "SE"}},
            [("Personnummer", None, "20120101-9801", None), ("Personnumrets land", None, "SE", None)],
        ),
        (
            "persons",
            {"enrolments": [{"schoolYear": 6}, {"schoolYear": 7, "cancelled": True}]},
            [("Årskurs", 1, 6, None), ("Årskurs", 2, 7, None), ("Avslutad inskrivning", 2, True, None)],
        ),
        ("duties", {"person": {"id": ID}}, [("Person", None, ID, "persons")]),
        ("groups", {"groupMemberships": [{"person": {"id": ID}}]}, [("Elev i gruppen", None, ID, "persons")]),
        ("activities", {"groups": [{"id": ID}]}, [("Grupp", None, ID, "groups")]),
        ("activities", {"teachers": [{"duty": {"id": ID}}]}, [("Lärare", None, ID, "duties")]),
        # What is of another's is no object of ours, and what has no name is there all the same.
        ("groups", {"organisation": {"id": ID}}, [("Skolenhet", None, ID, None)]),
        ("persons", {"unheardOf": {}, "emails": []}, [(None, None, {}, None), ("E-post", None, [], None)]),
        ("persons", {"id": ID}, [("Id", None, ID, None)]),
        ("persons", "no object", []),
        ("persons", None, []),
    ],
)
def test_each_value_has_its_name(kind: str, item: Any, expected: list[Any]) -> None:
    found = fields_of(kind, item)
    assert [(each.label and each.label.sv, each.number, each.value, each.kind) for each in found] == expected


@pytest.mark.parametrize(
    ("messages", "marked"),
    [
        ([], []),
        ([message(None)], []),
        ([message("/civicNo/value")], [("civicNo.value", "error", False)]),
        # A message about a whole is about each part of it, and one deeper than what is there about what is there.
        ([message("/civicNo")], [("civicNo.value", "error", False), ("civicNo.nationality", "error", False)]),
        ([message("/givenName/0")], [("givenName", "error", False)]),
        ([message("/givenName", "warning"), message("/givenName")], [("givenName", "error", False)]),
        ([message("/familyName")], [("familyName", "error", True)]),
        # `/given` is no part of `/givenName`.
        ([message("/given")], [("given", "error", True)]),
    ],
)
def test_what_is_wrong_is_marked_where_it_is(messages: list[Any], marked: list[Any]) -> None:
    """The worst of several counts; what lacks has a line of its own."""
    item = {"givenName": "Åsa", "civicNo": {"value": "x", "nationality": "SE"}}
    found = [each for each in fields_of("persons", item, messages) if each.severity]
    assert [(each.path, each.severity, each.missing) for each in found] == marked


def test_what_is_never_sent_is_not_compared() -> None:
    """A property that the roster alone has counts when it differs, and no other."""
    theirs, ours = {"givenName": "Åsa", "familyName": "A"}, {"givenName": "Åsa", "middleName": "B", "address": "C"}
    found = compared("persons", theirs, ours, ["familyName", "middleName"])
    assert [
        (each.path, [one.value for one in each.theirs], [one.value for one in each.ours], each.differs)
        for each in found
    ] == [
        ("givenName", ["Åsa"], ["Åsa"], False),
        ("familyName", ["A"], [], True),
        ("middleName", [], ["B"], True),
    ]
    assert compared("persons", None, None, []) == []


def test_who_mends_it_is_known_by_what_explains_it() -> None:
    """Skolverket's message may be explained by a rule of ours; of a code that is nobody's nothing is known."""
    assert mended_by(message(code="schema_enum")) == "register"
    assert mended_by(message(code="1", explanation_url="/explanations/schema_enum")) == "register"
    assert mended_by(message(code="1")) is None


@pytest.mark.parametrize(
    ("code", "text", "explained", "words"),
    [
        ("8140", "Fel värde", {"sv": "Det är fel.", "en": ""}, "Fel värde"),
        ("8140", "Det är fel.", {"sv": "Det är fel.", "en": ""}, None),
        ("8140", "Fel värde", None, None),
        ("sent_without", "Skickad utan", {"sv": "Det är fel.", "en": ""}, None),
    ],
)
def test_skolverkets_words_stand_beside_ours(code: str, text: str, explained: Any, words: str | None) -> None:
    """Not twice, and what we say ourselves is not called theirs."""
    assert words_of_target(message(code=code, text=text, explanation=explained)) == words


def test_names_are_known_of_all_that_is_spoken_of() -> None:
    one, two, unit = UUID(int=1), UUID(int=2), UUID(int=3)
    shown = {
        "blocks": [{"id": one, "name": "6A"}],
        "blocked_by": [{"id": two, "name": None}],
        "messages": [message(about=[{"id": two, "name": "***"}])],
        "school_unit": {"id": unit, "name": "Exempelskolan"},
    }
    assert names_in(shown, {("persons", UUID(int=4)): "Åsa"}) == {  # type: ignore[dict-item]
        str(UUID(int=4)): "Åsa",
        str(one): "6A",
        str(two): "***",
        str(unit): "Exempelskolan",
    }
