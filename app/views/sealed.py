"""Opens what rows hold sealed: gives the same rows with JSON in place of sealed columns, which is what views take."""

import json
from typing import Any
from uuid import UUID

from app.db.cipher import Cipher
from app.views import Row, Shown


def open_record(row: Row, cipher: Cipher, organisation_id: UUID) -> Shown:
    """Opens what a list shows of a record: payload, person_payload and received; `sent` stays sealed."""
    kind, object_id = row["stage"], row["object_id"]
    return {
        **row,
        "payload": _open(cipher, row["payload"], organisation_id, kind, object_id, ""),
        "person_payload": _open(cipher, row["person_payload"], organisation_id, "persons", row["person_id"], ""),
        "received": _open(cipher, row["received"], organisation_id, kind, object_id, "received"),
    }


def open_record_detail(row: Row, cipher: Cipher, organisation_id: UUID) -> Shown:
    """Opens a record with what was sent, in the key order of the wire."""
    sent = _open(cipher, row["sent"], organisation_id, row["stage"], row["object_id"], "sent")
    return {**open_record(row, cipher, organisation_id), "sent": sent}


def open_batch(row: Row, cipher: Cipher, organisation_id: UUID) -> Shown:
    """Opens a batch's request and answer."""
    bodies = {
        name: _open(cipher, row[name], organisation_id, "batch", row["id"], name) for name in ("request", "answer")
    }
    return {**row, **bodies}


def _open(cipher: Cipher, sealed: bytes | None, organisation_id: UUID, kind: str, object_id: UUID, column: str) -> Any:
    """Gives a sealed column as JSON; as text when it is none, null when it is empty."""
    if sealed is None:
        return None
    plain = cipher.open(bytes(sealed), organisation_id, kind, object_id, column)
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        return plain.decode("utf-8", "replace")
