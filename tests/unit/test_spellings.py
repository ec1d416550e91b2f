"""Ids in whatever spelling: nobody is overlooked, and nobody found in what only resembles an id."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.roster import is_nobodys, refs
from app.domain.spellings import speaks_of, spelt_id

ID = UUID("3b0c1c5e-6a0e-4f55-9a43-0d6c0f3f1a1d")
OTHER = UUID(int=7)
USUAL = str(ID)
ANY_SPELLING = [
    USUAL,
    USUAL.upper(),
    ID.hex,
    ID.hex.upper(),
    f"{{{USUAL}}}",
    f"({USUAL})",
    f"urn:uuid:{USUAL}",
    f"URN:UUID:{ID.hex}",
    f"person:{USUAL}",
    f"https://sis.example/persons/{USUAL}",
    f" {USUAL}\n",
    f"{USUAL}\u200b",
    f"\ufeff{USUAL}",
    f"{USUAL[:18]}\u00ad{USUAL[18:]}",
    USUAL.replace("-", "\u2010"),
    USUAL.replace("-", "\u2212"),
    USUAL.replace("-", " "),
    USUAL.replace("-", "_"),
    "".join(chr(ord(each) + 0xFEE0) if each.isalnum() else each for each in USUAL),
    ":".join(ID.hex[at : at + 2] for at in range(0, 32, 2)),
]
NO_ID = ["", "Alva", USUAL[:-1], ID.hex[1:], "x" * 40, None, 7, ID.int, True, [USUAL], {"id": USUAL}]


@pytest.mark.parametrize("spelt", ANY_SPELLING, ids=range(len(ANY_SPELLING)))
def test_an_id_is_read_in_any_spelling(spelt: str) -> None:
    assert spelt_id(spelt) == ID
    assert refs("duties", {"person": {"id": spelt}}) == [ID]
    for value in (spelt, [spelt], {"a": [{"b": spelt}]}, {spelt: None}):
        assert speaks_of(value, {OTHER, ID})
        assert not speaks_of(value, {OTHER})


@pytest.mark.parametrize("text", NO_ID, ids=range(len(NO_ID)))
def test_what_only_resembles_an_id_is_none(text: Any) -> None:
    assert spelt_id(text) is None
    assert refs("duties", {"person": {"id": text}}) == []


def test_a_text_around_an_id_speaks_of_it() -> None:
    assert speaks_of(f"Syskon till {ID.hex}, enligt registret", {ID})
    assert not speaks_of([USUAL[:-1], 7, None, ID.int], {ID})


@pytest.mark.parametrize(
    ("kind", "item", "nobodys"),
    [
        ("duties", {"person": {"id": USUAL}}, False),
        ("duties", {"person": {"id": USUAL.upper()}}, False),
        *(("duties", {"person": {"id": each}}, True) for each in (*ANY_SPELLING[2:], *NO_ID)),
        ("duties", {"person": None}, True),
        ("duties", {"person": USUAL}, True),
        ("duties", {"person": [{"id": USUAL}]}, True),
        ("duties", {"person": {}}, True),
        ("duties", {}, True),
        ("persons", {}, False),
        ("groups", {"groupMemberships": [{"person": {"id": ID.hex}}]}, False),
    ],
)
def test_a_duty_is_nobodys_that_names_its_person_in_no_usual_spelling(kind: str, item: Any, nobodys: bool) -> None:
    assert is_nobodys(kind, item) == nobodys
