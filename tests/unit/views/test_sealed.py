"""Sealed columns: opened for the place that they were sealed for, as JSON where they are JSON."""

import json
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from app.db.cipher import OrganisationCipher, cipher_of, new_key
from app.db.content import sealed_content
from app.domain.envelope import fold
from app.skolverket.published import BODY_FORM
from app.views.sealed import open_batch, open_record, open_record_detail
from tests.unit.views.rows import DUTY, ORGANISATION, OTHER, PUPIL, TEACHER, batch, pupil, record


@pytest.fixture(scope="module")
def cipher() -> OrganisationCipher:
    keys = cipher_of(f"k1:{new_key()}")
    return keys.of(ORGANISATION, b"".join(keys.new_keys(ORGANISATION)))


def sealed(cipher: OrganisationCipher, name: str, value: object, kind: str, object_id: UUID) -> dict[str, bytes]:
    """Makes the columns of a content: its digest, and what is sealed."""
    made = sealed_content(cipher, kind, object_id, json.dumps(value).encode())
    return {name: made.digest, f"{name}_sealed": made.sealed}


def test_a_duty_is_opened_with_its_person(cipher: OrganisationCipher) -> None:
    """What was sent is opened too, since something may have been said of it; nothing stays nothing."""
    row = record(
        object_id=DUTY,
        kind="duties",
        person_id=TEACHER,
        received=None,
        received_sealed=None,
        **sealed(cipher, "source", {"id": str(DUTY)}, "duties", DUTY),
        **sealed(cipher, "person_source", pupil(TEACHER), "persons", TEACHER),
        **sealed(cipher, "sent", {"id": "x"}, "duties", DUTY),
    )
    opened = open_record(row, cipher)
    assert (opened["payload"], opened["person_payload"]) == ({"id": str(DUTY)}, pupil(TEACHER))
    assert (opened["received"], opened["sent"]) == (None, {"id": "x"})
    assert open_record_detail(row, cipher) == opened


def test_a_list_leaves_sealed_what_was_sent_and_is_not_spoken_of(cipher: OrganisationCipher) -> None:
    row = record(
        status="succeeded",
        received_sealed=None,
        person_source_sealed=None,
        **sealed(cipher, "source", pupil(), "persons", PUPIL),
        **sealed(cipher, "sent", pupil(OTHER), "persons", PUPIL),
    )
    assert open_record(row, cipher)["sent"] is None
    assert open_record_detail(row, cipher)["sent"] == pupil(OTHER)


def call(cipher: OrganisationCipher, *items: bytes) -> dict[str, object]:
    """Makes the row of a batch whose items and answer are known by these digests."""
    batch_id = batch()["id"]
    return batch(items=list(items), answer=b"a", request_sha256=cipher.seal(b"\xab" * 32, batch_id.bytes))


@pytest.mark.parametrize(("answer", "shown"), [(b"<html>\xff", "<html>\ufffd"), (b"[" * 100_000, "[" * 100_000)])
def test_an_answer_that_is_no_json_is_text(cipher: OrganisationCipher, answer: bytes, shown: str) -> None:
    opened = open_batch(call(cipher), cipher, BODY_FORM, {b"a": answer})
    assert (opened["request"], opened["answer"], opened["request_sha256"]) == ({"data": []}, shown, b"\xab" * 32)


def test_a_batch_is_put_together_from_contents_and_what_was_erased_is_null(cipher: OrganisationCipher) -> None:
    kept, erased = b"k" * 32, b"e" * 32
    answer = fold(b'{"jobId":"j","responses":[{"id":1},{"id":2}]}', {PUPIL: (b'{"id":1}', kept)})
    opened = open_batch(call(cipher, kept, erased), cipher, BODY_FORM, {b"a": answer, kept: b'{"id":1}'})
    assert opened["request"] == {"data": [{"id": 1}, None]}
    assert opened["answer"] == {"jobId": "j", "responses": [{"id": 1}, {"id": 2}]}
    assert open_batch(call(cipher), cipher, BODY_FORM, {b"a": answer})["answer"]["responses"] == [None, {"id": 2}]


def test_what_was_sealed_for_another_place_does_not_open(cipher: OrganisationCipher) -> None:
    row = record(**sealed(cipher, "source", pupil(), "persons", PUPIL) | {"source": b"x" * 32})
    with pytest.raises(InvalidTag):
        open_record(row, cipher)
