"""What is compared of an object without opening it: markings have an order, text is folded, anything may be there."""

from typing import Any

import pytest

from app.domain.traits import Traits, folded_eppn, marking, traits

PERSON = {
    "givenName": "Åsa",
    "middleName": "Maria",
    "familyName": "Exempelsson",
    "eduPersonPrincipalNames": ["Elev1@Example.se"],
    "civicNo": {"value": "19810102TF00", "nationality": "SE"},
    "securityMarking": "Sekretessmarkering",
}


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({}, 0),
        ({"securityMarking": None}, 0),
        ({"securityMarking": "Ingen"}, 0),
        ({"securityMarking": "Sekretessmarkering"}, 1),
        ({"securityMarking": "Skyddad folkbokföring"}, 2),
        # Who wrote this meant something by it.
        ({"securityMarking": "sekretessmarkering"}, 1),
        ({"securityMarking": ""}, 1),
        ({"securityMarking": False}, 1),
        ({"securityMarking": ["Ingen"]}, 1),
        (None, 0),
        ([], 0),
    ],
)
def test_markings_have_an_order(person: Any, expected: int) -> None:
    assert marking(person) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("elev1@example.se", "ELEV1@Example.SE", True),
        ("e\u0301lev@example.se", "\u00c9lev@example.se", True),
        (" elev1@example.se ", "elev1@example.se", True),
        ("elev1@example.se", "elev2@example.se", False),
        # What no login can have is another name than what looks like it.
        ("elev\u200b1@example.se", "elev1@example.se", False),
    ],
)
def test_two_eppns_are_one_after_folding(one: str, other: str, same: bool) -> None:
    assert (folded_eppn(one) == folded_eppn(other)) == same


def test_the_traits_of_a_person() -> None:
    """Middle names are no part of the name that is compared."""
    assert traits("persons", PERSON) == Traits(1, "elev1@example.se", "19810102tf00", "åsa exempelsson")
    assert traits("persons", {**PERSON, "middleName": None, "givenName": " å\u200bsa "}) == traits("persons", PERSON)
    assert traits("persons", {**PERSON, "familyName": "Prov"}) != traits("persons", PERSON)


@pytest.mark.parametrize("kind", ["groups", "activities", "duties"])
def test_what_is_no_person_has_a_name_at_most(kind: str) -> None:
    assert traits(kind, {"displayName": "6 A", **PERSON}) == Traits(name="6 a")
    assert traits(kind, {}) == Traits()


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, [{}], {"value": []}, "\ud800"])
@pytest.mark.parametrize("key", [*PERSON, "displayName"])
@pytest.mark.parametrize("kind", ["persons", "groups"])
def test_anything_may_stand_anywhere(kind: str, key: str, junk: Any) -> None:
    assert isinstance(traits(kind, {**PERSON, key: junk}), Traits)
    assert isinstance(traits(kind, junk), Traits)
