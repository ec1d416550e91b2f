"""API keys: their form, what is kept of them, what they allow."""

import hashlib
from itertools import combinations
from uuid import uuid4

import pytest

from app.security.keys import SCOPES, Caller, matches, new_key, parse, read_scopes


def test_a_new_key_is_read_back() -> None:
    """Its handle and digest come out of its text, and the digest is of the secret alone."""
    key = new_key()
    assert parse(key.text) == (key.handle, key.digest)
    secret = key.text.removeprefix(f"pk_{key.handle}_")[:43]
    assert key.digest == hashlib.sha256(secret.encode()).digest()


def test_no_two_keys_are_the_same() -> None:
    keys = [new_key() for _ in range(50)]
    assert len({key.handle for key in keys}) == len({key.digest for key in keys}) == 50


def test_a_key_does_not_show_itself() -> None:
    """Neither its text nor its digest stands in its repr."""
    key = new_key()
    assert key.text not in repr(key)
    assert repr(key.digest) not in repr(key)


@pytest.mark.parametrize("at", range(0, 66, 3))
def test_a_mistyped_key_is_none(at: int) -> None:
    """One wrong character anywhere is noticed by the form or the checksum."""
    text = new_key().text
    wrong = "0" if text[at] != "0" else "1"
    assert parse(text[:at] + wrong + text[at + 1 :]) is None


@pytest.mark.parametrize("change", [str.upper, lambda t: t + "\n", lambda t: t[:-1], lambda t: " " + t, lambda _: ""])
def test_what_is_no_key_is_none(change) -> None:  # type: ignore[no-untyped-def]
    assert parse(change(new_key().text)) is None


def test_digests_are_compared() -> None:
    key = new_key()
    assert matches(key.digest, bytes(key.digest))
    assert not matches(key.digest, new_key().digest)


def test_scopes_are_read_in_their_order() -> None:
    assert read_scopes("pii, history,pii") == ("history", "pii")


@pytest.mark.parametrize("text", ["", ",", "all", "history admin", "history,PII"])
def test_unknown_scopes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scopes are"):
        read_scopes(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pii", "pii opens nothing without history"),
        ("provision,pii", "pii opens nothing without history"),
        ("history,protected", "protected opens nothing without pii"),
        ("operator", "no organisation, and alone"),
        ("history,operator", "no organisation, and alone"),
    ],
)
def test_scopes_that_make_no_sense_together_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_scopes(text)


@pytest.mark.parametrize("number", range(1, len(SCOPES) + 1))
def test_scopes_are_taken_with_what_they_need_and_not_without(number: int) -> None:
    for asked in combinations(SCOPES, number):
        if ("pii" in asked and "history" not in asked) or ("protected" in asked and "pii" not in asked):
            with pytest.raises(ValueError, match="opens nothing without"):
                read_scopes(",".join(asked))
        else:
            assert read_scopes(",".join(asked)) == asked


def test_a_caller_may_what_the_scopes_say() -> None:
    caller = Caller(uuid4(), "a key", uuid4(), frozenset({"history"}))
    assert caller.may("provision", "history")
    assert not caller.may(*set(SCOPES) - {"history"})
