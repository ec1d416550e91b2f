"""What an object is found by: folding, words and their beginnings, addresses, personnummer, ids."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.search import MOST_NAME_KEYS, Query, Texts, fold, keys_of_name, names, own_keys

ID = UUID("aaaaaaaa-1111-4111-8111-111111111111")
PUPIL: dict[str, Any] = {
    "id": str(ID),
    "givenName": "Karl-Erik Bo",
    "middleName": "von",
    "familyName": "Åström",
    "eduPersonPrincipalNames": ["Q7x1@skola.example"],
    "emails": [{"value": "Karlerik.Astrom@elev.example", "type": "Skola elev"}, "nonsense"],
    "civicNo": {"value": "201107169847"},
}
GROUP = {"displayName": "Matematik  (8A), Ma_grp-2"}


def person(**more: Any) -> dict[str, Any]:
    return {**PUPIL, **more}


def finds(q: str, item: Any = PUPIL, kind: str = "persons") -> bool:
    """Tells whether a phrase finds an object, and checks that its keys lead there."""
    query, texts = Query.of(q), Texts.of(kind, ID, item)
    if fits := query.fits(texts):
        keys = own_keys(kind, item).union(*map(keys_of_name, names(kind, item)))
        assert all(keys & sought for sought in query.sought())
    return fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Göta", "gota"),
        ("GO\u0308TA", "gota"),
        ("ÅÄÖ åäö", "aao aao"),
        ("René Müller", "rene muller"),
        ("Søren Ærø", "soren aero"),
        ("STRAẞE Groß", "strasse gross"),
        ("Łukasz Đorđe İlker ıþ", "lukasz dorde ilker ith"),
        ("ﬁn Ａ²", "fin a2"),
        ("Karl\u2011Erik O’Neill", "karl-erik o'neill"),
        ("A\u200bn\u00adn\ufeffa\u202e", "anna"),
        ("a\0b\ud800c\u0001", "abc"),
        ("a\u00a0b\tc\u2003d", "a b c d"),
        ("Жанна й 李 ", "жанна и 李 "),
    ],
)
def test_texts_are_compared_in_one_form(text: str, expected: str) -> None:
    assert fold(text) == expected


@pytest.mark.parametrize(
    "q",
    [
        *("karl-erik", "Karl", "ERIK", "eri", "kar", "karl-e", "bo", "von", "Åström", "astrom", "ast", "A\u030ast"),
        *("Åström, Karl-Erik", "(erik)", "karl\u2011erik", "erik karl"),
        *("q7x1@skola.example", "Q7X1", "karlerik.astrom@elev.example", "karlerik.astrom", "KarlErik.Åström"),
        *("20110716-9847", "110716-9847", "201107169847", "1107169847", "110716+9847", "20110716+9847"),
        *("20110716 9847", "110716 9847", "2011-07-16-9847", "2011-07-16 9847", "110716\u20139847", "9847", "-9847"),
        *("ström 9847 bo".replace("ström", "åström"), str(ID), str(ID).upper(), f"erik {ID}"),
    ],
)
def test_a_person_is_found_by(q: str) -> None:
    assert finds(q)


@pytest.mark.parametrize(
    "q",
    [
        *("ka", "as", "v", "vo", "tröm", "strom", "karlerik", "erik-karl", "karl erika", "erik 1234"),
        *("skola.example", "q7x", "q7x1@skola", "q7x1@other.example", "karlerik", "astrom@elev.example"),
        *("201007169847", "20100716-9847", "110716", "20110716", "847", "98470", "2011-07-16", "1107169846"),
        *(str(ID).replace("a", "b"), f"erika {ID}", "aaaaaaaa", "skola elev", "nonsense"),
    ],
)
def test_a_person_is_not_found_by(q: str) -> None:
    assert not finds(q)


@pytest.mark.parametrize(
    ("item", "q"),
    [
        ({"givenName": "An\u200bna"}, "anna"),
        ({"givenName": "Anna"}, "an\u200bna"),
        ({"eduPersonPrincipalNames": ["q\u200b7y@skola.example"]}, "q7y"),
        ({"eduPersonPrincipalNames": ["q\u200b7y@skola.example"]}, "q7y@skola.example"),
        ({"eduPersonPrincipalNames": [None, 7, "anna_@skola.example"]}, "anna_"),
        ({"eduPersonPrincipalNames": ["one@x.example", "two@x.example"]}, "two"),
        ({"civicNo": {"value": "20110716TF12"}}, "110716-tf12"),
        ({"civicNo": {"value": "20110716TF12"}}, "TF12"),
        ({"civicNo": {"value": "19110716+9847"}}, "110716+9847"),
        ({"civicNo": {"value": "201107769847"}}, "20110776-9847"),
        ({"civicNo": {"value": "110716-9847"}}, "201107169847"),
        ({"civicNo": {"value": "1234567"}}, "1234567"),
        ({"familyName": "O'Neill"}, "neill"),
        ({"familyName": "O'Neill"}, "o’neill"),
        ({"familyName": "Ek"}, "ek"),
        ({"familyName": "李"}, "李"),
        ({"familyName": "Göransdotter Öhrn"}, "göransd ohrn"),
    ],
)
def test_somebody_with_other_texts_is_found(item: dict[str, Any], q: str) -> None:
    assert finds(q, person(**item))


@pytest.mark.parametrize("kind", ["groups", "activities"])
@pytest.mark.parametrize(("q", "found"), [("mate 8a", True), ("8A", True), ("grp", True), ("ma", True), ("8", False)])
def test_a_group_is_found_by_its_name(kind: str, q: str, *, found: bool) -> None:
    assert finds(q, GROUP, kind) is found


def test_a_duty_has_its_id_alone() -> None:
    assert finds(str(ID), {"dutyRole": "Lärare"}, "duties")
    assert not finds("lärare", {"dutyRole": "Lärare"}, "duties")
    assert own_keys("duties", PUPIL) == set()


@pytest.mark.parametrize(
    ("q", "words"),
    [
        ("", ()),
        (" , -- ", ()),
        ("\u200b", ()),
        ("Åström, Karl-Erik åström", ("astrom", "karl-erik")),
        ("erik 20110716 - 9847", ("erik", "20110716-9847")),
    ],
)
def test_a_phrase_is_read_as_words(q: str, words: tuple[str, ...]) -> None:
    assert Query.of(q).words == words


def test_a_long_phrase_looks_up_its_longest_words_and_must_fit_with_all() -> None:
    letters = "abcdefghij"
    name = " ".join(letter * length for length, letter in enumerate(letters, 3))
    sought = Query.of(name).sought()
    assert len(sought) == 6
    assert "j" * 12 in sought[0]
    assert finds(name, person(givenName=name))
    assert not finds(f"{name} zzz", person(givenName=name))


def test_a_name_without_end_has_some_keys_and_leaves_the_others_alone() -> None:
    endless = person(givenName=" ".join(f"n{i}x" for i in range(100_000)))
    assert len(keys_of_name(endless["givenName"])) == MOST_NAME_KEYS
    assert {"q7x1", "9847", "1107169847"} <= own_keys("persons", endless)
    assert len(own_keys("persons", person(emails=[{"value": f"a{i}@x.example"} for i in range(1000)]))) < 20


def test_nothing_personal_is_in_what_may_be_logged() -> None:
    shown = repr(Query.of("Åström")) + repr(Texts.of("persons", ID, PUPIL))
    assert not [word for word in ("strom", "ström", "9847", "q7x1") if word in shown]


NAMES = st.text(st.sampled_from("aåöéøæßİ-' _.\u0308\u200bB8李"), max_size=12)


@settings(max_examples=300)
@given(NAMES, NAMES, NAMES, st.integers(0, 11))
def test_whatever_fits_has_the_keys_that_are_looked_up(given_name: str, family: str, local: str, end: int) -> None:
    """Else an object would be there and never be found; and everybody is found by the names they have."""
    somebody = {"givenName": given_name, "familyName": family, "eduPersonPrincipalNames": [f"{local}@x.example"]}
    assert finds(f"{given_name} {family}", somebody)
    finds(family[:end], somebody)
    finds(local, somebody)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "x"]), inner, max_size=2),
    max_leaves=8,
)
FIELDS = st.sampled_from(["givenName", "displayName", "eduPersonPrincipalNames", "emails", "civicNo"])


@settings(max_examples=200)
@given(st.sampled_from(["persons", "duties", "groups", "activities"]), JSON | st.dictionaries(FIELDS, JSON), st.text())
def test_nothing_raises_whatever_the_object_is(kind: str, item: Any, q: str) -> None:
    finds(q, item, kind)
