"""Sealed columns: opened for the place that they were sealed for, as JSON where they are JSON."""

import json
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from app.db.cipher import Cipher, cipher_of, new_key
from app.views.sealed import open_batch, open_record, open_record_detail
from tests.unit.views.rows import DUTY, ORGANISATION, PUPIL, TEACHER, batch, pupil, record


@pytest.fixture(scope="module")
def cipher() -> Cipher:
    return cipher_of(f"k1:{new_key()}", new_key())


def seal(cipher: Cipher, value: object, kind: str, object_id: UUID, column: str = "") -> bytes:
    return cipher.seal(json.dumps(value).encode(), ORGANISATION, kind, object_id, column)


def test_a_duty_is_opened_with_its_person(cipher: Cipher) -> None:
    """A list leaves what was sent sealed; nothing stays nothing."""
    row = record(
        object_id=DUTY,
        stage="duties",
        payload=seal(cipher, {"id": str(DUTY)}, "duties", DUTY),
        person_id=TEACHER,
        person_payload=seal(cipher, pupil(TEACHER), "persons", TEACHER),
        received=None,
        sent=seal(cipher, {"id": "x"}, "duties", DUTY, "sent"),
    )
    opened = open_record(row, cipher, ORGANISATION)
    assert (opened["payload"], opened["person_payload"]) == ({"id": str(DUTY)}, pupil(TEACHER))
    assert (opened["received"], opened["sent"]) == (None, row["sent"])
    assert open_record_detail(row, cipher, ORGANISATION) == {**opened, "sent": {"id": "x"}}


def test_an_answer_that_is_no_json_is_text(cipher: Cipher) -> None:
    batch_id = batch()["id"]
    row = batch(
        request=seal(cipher, {"data": []}, "batch", batch_id, "request"),
        answer=cipher.seal(b"<html>\xff", ORGANISATION, "batch", batch_id, "answer"),
    )
    opened = open_batch(row, cipher, ORGANISATION)
    assert (opened["request"], opened["answer"]) == ({"data": []}, "<html>\ufffd")
    deep = cipher.seal(b"[" * 100_000, ORGANISATION, "batch", batch_id, "answer")
    assert open_batch({**row, "answer": deep}, cipher, ORGANISATION)["answer"] == "[" * 100_000


def test_what_was_sealed_for_another_place_does_not_open(cipher: Cipher) -> None:
    row = record(payload=seal(cipher, pupil(), "persons", TEACHER), received=None)
    with pytest.raises(InvalidTag):
        open_record(row, cipher, ORGANISATION)
    assert row["object_id"] == PUPIL
