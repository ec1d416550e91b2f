"""What is sealed opens in its own place alone, under any of our keys, and no key can be read off anything."""

import base64
from itertools import count
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from app.db.cipher import Cipher, cipher_of, new_key
from app.errors import Stopped

ORGANISATION, OBJECT = uuid4(), uuid4()
OLD, NEW, SEARCH = new_key(), new_key(), new_key()


@pytest.fixture
def cipher() -> Cipher:
    return cipher_of(f"k1:{OLD}", SEARCH)


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_again(plain: bytes) -> None:
    cipher = cipher_of(f"k1:{OLD}", SEARCH)
    sealed = cipher.seal(plain, ORGANISATION, "persons", OBJECT, "sent")
    assert cipher.open(sealed, ORGANISATION, "persons", OBJECT, "sent") == plain
    assert len(plain) < 8 or plain not in sealed


def test_the_same_value_is_sealed_differently_each_time(cipher: Cipher) -> None:
    assert len({cipher.seal(b"same", ORGANISATION, "persons", OBJECT) for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "place",
    [
        (uuid4(), "persons", OBJECT, "sent"),
        (ORGANISATION, "duties", OBJECT, "sent"),
        (ORGANISATION, "persons", uuid4(), "sent"),
        (ORGANISATION, "persons", OBJECT, "received"),
        (ORGANISATION, "persons", OBJECT, ""),
        (OBJECT, "persons", ORGANISATION, "sent"),
    ],
    ids=["organisation", "kind", "object", "column", "no column", "swapped"],
)
def test_in_another_place_it_does_not_open(cipher: Cipher, place: tuple[UUID, str, UUID, str]) -> None:
    sealed = cipher.seal(b"x", ORGANISATION, "persons", OBJECT, "sent")
    with pytest.raises(InvalidTag):
        cipher.open(sealed, *place)


@pytest.mark.parametrize("position", [5, 20, -1])
def test_a_changed_value_does_not_open(cipher: Cipher, position: int) -> None:
    sealed = bytearray(cipher.seal(b"something", ORGANISATION, "persons", OBJECT))
    sealed[position] ^= 1
    with pytest.raises(InvalidTag):
        cipher.open(bytes(sealed), ORGANISATION, "persons", OBJECT)


def test_after_a_rotation_old_values_open_and_new_ones_carry_the_new_key(cipher: Cipher) -> None:
    old = cipher.seal(b"x", ORGANISATION, "persons", OBJECT)
    rotated = cipher_of(f"k2:{NEW},k1:{OLD}", SEARCH)
    assert rotated.open(old, ORGANISATION, "persons", OBJECT) == b"x"
    new = rotated.seal(b"y", ORGANISATION, "persons", OBJECT)
    assert (old[:3], new[:3]) == (b"\x02k1", b"\x02k2")
    assert rotated.open(new, ORGANISATION, "persons", OBJECT) == b"y"


def test_a_value_of_a_key_that_is_gone_says_which(cipher: Cipher) -> None:
    sealed = cipher.seal(b"x", ORGANISATION, "persons", OBJECT)
    with pytest.raises(LookupError, match=r"'k1'.*ENCRYPTION_KEYS"):
        cipher_of(f"k2:{NEW}", SEARCH).open(sealed, ORGANISATION, "persons", OBJECT)


def test_another_key_under_the_same_id_does_not_open(cipher: Cipher) -> None:
    sealed = cipher.seal(b"x", ORGANISATION, "persons", OBJECT)
    with pytest.raises(InvalidTag):
        cipher_of(f"k1:{NEW}", SEARCH).open(sealed, ORGANISATION, "persons", OBJECT)


_SHORT = base64.b64encode(b"x" * 16).decode()


@pytest.mark.parametrize(
    ("keys", "search"),
    [
        ("", SEARCH),
        (" , ", SEARCH),
        (OLD, SEARCH),
        (f":{OLD}", SEARCH),
        (f"k 1:{OLD}", SEARCH),
        (f"nyckelå:{OLD}", SEARCH),
        (f"{'k' * 33}:{OLD}", SEARCH),
        (f"k1:{OLD},k1:{NEW}", SEARCH),
        (f"k1:{_SHORT}", SEARCH),
        (f"k1:{OLD[:-2]}", SEARCH),
        ("k1:", SEARCH),
        (f"k1:{OLD}", ""),
        (f"k1:{OLD}", _SHORT),
        (f"k1:{OLD}", "no base64"),
    ],
    ids=count(1),
)
def test_malformed_keys_stop_the_process_without_being_told(keys: str, search: str) -> None:
    with pytest.raises(Stopped) as stopped:
        cipher_of(keys, search)
    assert "ENCRYPTION_KEYS" in str(stopped.value) or "SEARCH_KEY" in str(stopped.value)
    for secret in (OLD, NEW, SEARCH, _SHORT, OLD[:-2]):
        assert secret not in str(stopped.value)


def test_a_cipher_shows_no_key(cipher: Cipher) -> None:
    shown = repr(cipher) + str(cipher)
    assert "k1" in shown
    for secret in (OLD, SEARCH):
        raw = base64.b64decode(secret)
        assert secret not in shown
        assert repr(raw)[2:-1] not in shown


def test_a_word_has_one_digest_in_an_organisation_and_another_in_the_next(cipher: Cipher) -> None:
    [one] = cipher.digests(ORGANISATION, ["åsa"])
    assert cipher.digests(ORGANISATION, ["åsa"]) == [one]
    assert cipher.digests(uuid4(), ["åsa"]) != [one]
    assert cipher_of(f"k1:{OLD}", new_key()).digests(ORGANISATION, ["åsa"]) != [one]
    assert cipher_of(f"k2:{NEW}", SEARCH).digests(ORGANISATION, ["åsa"]) == [one], "a rotation keeps the search"


@given(st.sets(st.text(), max_size=10))
def test_digests_are_ascending_and_fit_a_bigint(words: set[str]) -> None:
    digests = cipher_of(f"k1:{OLD}", SEARCH).digests(ORGANISATION, words)
    assert digests == sorted(digests)
    assert len(set(digests)) == len(words)
    assert all(-(2**63) <= digest < 2**63 for digest in digests)


def test_a_lone_surrogate_has_a_digest(cipher: Cipher) -> None:
    assert len(cipher.digests(ORGANISATION, ["\ud800"])) == 1
