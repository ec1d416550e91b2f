"""The locks by name that the service takes in Postgres, by the space that each is in."""

import re
from pathlib import Path
from uuid import UUID

from app.db.cipher import Cipher
from app.db.idempotency import Used

_APP = Path(__file__).parents[2] / "app"
_CALL = re.compile(r"advisory_\w+\((?P<given>(?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)")
_ORGANISATION, _KEY = UUID(int=1), UUID(int=2)
_CIPHER = Cipher("k1", {"k1": b"k" * 32})


def _own_keys() -> bytes:
    return b"".join(_CIPHER.new_keys(_ORGANISATION))


def _of(own: bytes, key: str, api_key: UUID = _KEY) -> Used:
    return Used.of(_CIPHER.of(_ORGANISATION, own), api_key, key, "provision")


def _outer_commas(given: str) -> int:
    while "(" in given:
        given = re.sub(r"\([^()]*\)", "", given)
    return given.count(",")


def test_locks_of_idempotency_keys_alone_are_of_two_integers() -> None:
    """Postgres keeps these apart from the locks of one, so that no other one of ours is ever taken for one of them."""
    taken = {
        (path.name, _outer_commas(found["given"]))
        for path in _APP.rglob("*")
        if path.suffix in {".py", ".sql"}
        for found in _CALL.finditer(path.read_text())
    }
    assert {name for name, commas in taken if commas} == {"idempotency.py"}
    assert ("idempotency.py", 0) not in taken
    assert {name for name, commas in taken if not commas} >= {"mark_called.sql", "migration_lock.py"}


def test_a_lock_of_an_idempotency_key_is_as_secret_as_its_digest() -> None:
    """All of its 64 bits are of the digest that only the organisation's key gives, and another one for each API key."""
    own = _own_keys()
    high, low = _of(own, "once").lock
    assert (high % 2**32).to_bytes(4) + (low % 2**32).to_bytes(4) == _of(own, "once").digest[:8]
    others = (_of(own, "twice"), _of(own, "once", UUID(int=3)), _of(_own_keys(), "once"))
    assert all(each.lock[0] != high and each.lock[1] != low for each in others)
