"""What is sealed opens in its own place alone, under any of our keys, and no key can be read off anything."""

import asyncio
import base64
import json
import os
import time
from itertools import count
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from app.db.cipher import (
    DIGEST_KEY_PLACE,
    KEPT_UNUSED,
    Cipher,
    KeyUnknown,
    OrganisationCipher,
    cipher_of,
    forget_unused_keys,
    new_key,
)
from app.errors import Stopped

ORGANISATION, OBJECT = uuid4(), uuid4()
OLD, NEW = new_key(), new_key()


OWN, OTHER_OWN = (b"".join(cipher_of(f"k1:{OLD}").new_keys(ORGANISATION)) for _ in range(2))
PLACE = b"somewhere"


def made(keys: str = f"k1:{OLD}", organisation: UUID = ORGANISATION) -> OrganisationCipher:
    return cipher_of(keys).of(organisation, OWN)


def specimened(*specimens: bytes) -> OrganisationCipher:
    return cipher_of(f"k1:{OLD}", specimens).of(ORGANISATION, OWN)


@pytest.fixture
def cipher() -> OrganisationCipher:
    return made()


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_again(plain: bytes) -> None:
    cipher = made()
    sealed = cipher.seal(plain, PLACE)
    assert cipher.open(sealed, PLACE) == plain
    assert len(plain) < 8 or plain not in sealed


@given(st.binary(max_size=3000))
def test_what_is_sealed_compressed_opens_again(plain: bytes) -> None:
    for cipher in (made(), specimened(b"some", b"answer" * 50)):
        assert cipher.open(cipher.seal_compressed(plain, PLACE), PLACE) == plain


def test_what_is_like_the_newest_specimen_becomes_short() -> None:
    answer = json.dumps({"id": str(OBJECT), "response": {"status": "done", "errors": [], "warnings": []}}).encode()
    other = answer.replace(str(OBJECT).encode(), str(uuid4()).encode())
    assert len(specimened(b"other", other).seal_compressed(answer, PLACE)) < len(made().seal(answer, PLACE)) - 50


def test_a_new_specimen_leaves_open_what_was_compressed_before_it() -> None:
    before = [made().seal_compressed(b"an answer", PLACE), specimened(b"first").seal_compressed(b"an answer", PLACE)]
    assert [specimened(b"first", b"second").open(each, PLACE) for each in before] == [b"an answer", b"an answer"]


def test_what_an_older_version_has_no_specimen_of_does_not_open_there() -> None:
    with pytest.raises(KeyUnknown, match="specimen 2"):
        specimened(b"first").open(specimened(b"first", b"second").seal_compressed(b"x", PLACE), PLACE)


def test_the_same_value_is_sealed_differently_each_time(cipher: OrganisationCipher) -> None:
    assert len({cipher.seal(b"same", PLACE) for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "other",
    [
        made(organisation=uuid4()),
        cipher_of(f"k1:{OLD}").of(ORGANISATION, OTHER_OWN),
    ],
    ids=["organisation", "salt"],
)
def test_another_organisation_opens_nothing_of_it(cipher: OrganisationCipher, other: OrganisationCipher) -> None:
    """Without its salt nothing of an organisation can be opened, by whoever has our keys."""
    with pytest.raises(InvalidTag):
        other.open(cipher.seal(b"x", PLACE), PLACE)


def test_in_another_place_it_does_not_open(cipher: OrganisationCipher) -> None:
    with pytest.raises(InvalidTag):
        cipher.open(cipher.seal(b"x", PLACE), b"elsewhere")


@pytest.mark.parametrize(
    ("kind", "object_id", "plain"), [("duties", OBJECT, b"x"), ("persons", uuid4(), b"x"), ("persons", OBJECT, b"y")]
)
def test_a_content_is_one_objects(cipher: OrganisationCipher, kind: str, object_id: UUID, plain: bytes) -> None:
    """The same bytes of another object have another digest, and so have those of another organisation."""
    one = cipher.digest("persons", OBJECT, b"x")
    assert (len(one), cipher.digest("persons", OBJECT, b"x")) == (32, one)
    assert cipher.digest(kind, object_id, plain) != one
    assert cipher_of(f"k1:{OLD}").of(ORGANISATION, OTHER_OWN).digest("persons", OBJECT, b"x") != one
    assert made(f"k2:{NEW},k1:{OLD}").digest("persons", OBJECT, b"x") == one, "a rotation stores nothing twice"


@pytest.mark.parametrize("position", [5, 20, -1])
def test_a_changed_value_does_not_open(cipher: OrganisationCipher, position: int) -> None:
    sealed = bytearray(cipher.seal(b"something", PLACE))
    sealed[position] ^= 1
    with pytest.raises(InvalidTag):
        cipher.open(bytes(sealed), PLACE)


def test_after_a_rotation_old_values_open_and_new_ones_carry_the_new_key(cipher: OrganisationCipher) -> None:
    old = cipher.seal(b"x", PLACE)
    rotated = made(f"k2:{NEW},k1:{OLD}")
    assert rotated.open(old, PLACE) == b"x"
    new = rotated.seal(b"y", PLACE)
    assert (old[:3], new[:3]) == (b"\x02k1", b"\x02k2")
    assert rotated.open(new, PLACE) == b"y"


def test_a_value_of_a_key_that_is_gone_says_which(cipher: OrganisationCipher) -> None:
    sealed = cipher.seal(b"x", PLACE)
    with pytest.raises(LookupError, match=r"'k1'.*ENCRYPTION_KEYS"):
        made(f"k2:{NEW}").open(sealed, PLACE)


def test_another_key_under_the_same_id_does_not_open(cipher: OrganisationCipher) -> None:
    sealed = cipher.seal(b"x", PLACE)
    with pytest.raises(InvalidTag):
        made(f"k1:{NEW}").open(sealed, PLACE)


_SHORT = base64.b64encode(b"x" * 16).decode()


@pytest.mark.parametrize(
    "keys",
    [
        "",
        " , ",
        OLD,
        f":{OLD}",
        f"k 1:{OLD}",
        f"nyckelå:{OLD}",
        f"{'k' * 33}:{OLD}",
        f"k1:{OLD},k1:{NEW}",
        f"k1:{_SHORT}",
        f"k1:{OLD[:-2]}",
        "k1:",
    ],
    ids=count(1),
)
def test_malformed_keys_stop_the_process_without_being_told(keys: str) -> None:
    with pytest.raises(Stopped) as stopped:
        cipher_of(keys)
    assert "ENCRYPTION_KEYS" in str(stopped.value)
    for secret in (OLD, NEW, _SHORT, OLD[:-2]):
        assert secret not in str(stopped.value)


def test_a_cipher_shows_no_key(cipher: OrganisationCipher) -> None:
    shown = repr(cipher) + str(cipher) + repr(cipher_of(f"k1:{OLD},k2:{NEW}"))
    assert "k1" in shown
    for secret in (OLD, NEW):
        raw = base64.b64decode(secret)
        assert secret not in shown
        assert repr(raw)[2:-1] not in shown


def test_a_key_has_one_bucket_in_an_organisation_and_another_in_the_next(cipher: OrganisationCipher) -> None:
    keys = ["asa", "ost", "9809"]
    buckets = cipher.buckets(keys)
    assert buckets == sorted(map(cipher.bucket, keys))
    assert cipher_of(f"k1:{OLD}").of(ORGANISATION, OTHER_OWN).buckets(keys) != buckets
    assert made(f"k2:{NEW},k1:{OLD}").buckets(keys) == buckets, "a rotation keeps the search"


@given(st.sets(st.text(), max_size=10))
def test_buckets_are_ascending_and_of_24_bits(keys: set[str]) -> None:
    buckets = made().buckets(keys)
    assert buckets == sorted(set(buckets))
    assert all(0 <= bucket < 2**24 for bucket in buckets)


def test_a_lone_surrogate_has_a_bucket(cipher: OrganisationCipher) -> None:
    assert len(cipher.buckets(["\ud800"])) == 1


def test_an_organisations_digests_outlive_every_key_that_sealed_them() -> None:
    """Its row is sealed anew with the next key, and everything is known and found as before."""
    before, between = cipher_of(f"k1:{OLD}"), cipher_of(f"k2:{NEW},k1:{OLD}")
    salt, sealed = OWN[:32], OWN[32:]
    opened = between.of(ORGANISATION, OWN).open(sealed, DIGEST_KEY_PLACE)
    anew = salt + between.of(ORGANISATION, OWN).seal(opened, DIGEST_KEY_PLACE)
    after = cipher_of(f"k2:{NEW}").of(ORGANISATION, anew)
    made_before = before.of(ORGANISATION, OWN)
    assert after.digest("persons", OBJECT, b"x") == made_before.digest("persons", OBJECT, b"x")
    assert after.buckets(["asa", "ost"]) == made_before.buckets(["asa", "ost"])
    assert after.trait("eppn", "asa@example.se") == made_before.trait("eppn", "asa@example.se")


def test_without_a_digest_key_it_seals_and_makes_no_digest() -> None:
    bare = cipher_of(f"k1:{OLD}").of(ORGANISATION, OWN[:32])
    assert bare.open(bare.seal(b"x", PLACE), PLACE) == b"x"
    with pytest.raises(KeyUnknown):
        bare.digest("persons", OBJECT, b"x")


def test_keys_that_nobody_needs_are_forgotten_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an organisation that was erased or disabled none is left in memory a minute later."""
    keys, salt = cipher_of(f"k1:{new_key()}"), os.urandom(32)
    used, unused = keys.of(uuid4(), salt), keys.of(uuid4(), salt)
    sealed, now = unused.seal(b"a value", b"place"), time.monotonic()
    keys.forget_unused(now + KEPT_UNUSED - 1)
    assert keys.of(unused.organisation_id, salt) is unused
    monkeypatch.setattr(time, "monotonic", lambda: now + KEPT_UNUSED)
    assert keys.of(used.organisation_id, salt) is used
    keys.forget_unused(now + KEPT_UNUSED + 1)
    assert keys.of(used.organisation_id, salt) is used
    again = keys.of(unused.organisation_id, salt)
    assert again is not unused
    assert again.open(sealed, b"place") == b"a value"


def test_what_a_key_has_proven_is_known_when_it_is_made_again() -> None:
    keys, of, salt = cipher_of(f"k1:{new_key()}"), uuid4(), os.urandom(32)
    keys.of(of, salt).proven.add("k1")
    keys.forget_unused(time.monotonic() + KEPT_UNUSED + 1)
    assert keys.of(of, salt).proven == {"k1"}
    assert keys.of(uuid4(), salt).proven == set()


async def test_a_process_forgets_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    forgot = asyncio.Event()
    monkeypatch.setattr("app.db.cipher.KEPT_UNUSED", 0.02)
    monkeypatch.setattr(Cipher, "forget_unused", lambda *_: forgot.set())
    forgetting = asyncio.create_task(forget_unused_keys(cipher_of(f"k1:{new_key()}")))
    async with asyncio.timeout(10):
        await forgot.wait()
    forgetting.cancel()
