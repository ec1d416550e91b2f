"""Opens what rows hold sealed: gives the same rows with JSON in place of contents, which is what views take."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.db.cipher import OrganisationCipher
from app.db.free_text import name_place, open_text, reason_place
from app.domain.batching import BodyForm
from app.domain.envelope import unfold
from app.domain.kinds import Kind
from app.domain.plan import as_sent
from app.views import Row, Shown

# The states of records of which the target has something to say.
_SPOKEN_OF: Final = frozenset({"warning", "error"})
# What a row about an object has of a record; only the first of an object's rows has the object's own columns.
_OF_RECORD: Final = (
    *("job_id", "run_id", "activity_id", "created_at", "status", "issues"),
    *("received", "received_sealed", "completed_at", "attempts"),
)


def open_activity(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what an activity is called."""
    return {**row, "display_name": open_text(cipher, row["display_name_sealed"], name_place(row["id"]))}


def open_run(row: Row, cipher: OrganisationCipher | None) -> Shown:
    """Opens what of a run is in its organisation's words: its activity's name, and why it is held.

    Without a `cipher`, for whoever is not of the organisation, there is no name, and of reasons an operator's alone.
    """
    name = reason = None
    if cipher is not None:
        name = open_text(cipher, row["activity_display_name_sealed"], name_place(row["activity_id"]))
        if row["pause_reason_sealed"] is not None:
            reason = open_text(cipher, row["pause_reason_sealed"], reason_place(row["pause_id"]))
    return {**row, "activity_display_name": name, "pause_reason": row["pause_reason"] or reason}


def open_pause(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens an organisation's reason for a pause."""
    return {**row, "reason": row["reason"] or open_text(cipher, row["reason_sealed"], reason_place(row["id"]))}


def open_name(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what a record's name is made of: payload and person_payload."""
    return {
        **row,
        "payload": _opened(row, "source", cipher),
        "person_payload": _opened(row, "person_source", cipher),
    }


def open_record(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what a list shows of a record: its payloads, received, and sent where something may be said of that."""
    opened = open_name(row, cipher) | {"received": _opened(row, "received", cipher), "sent": None}
    if row["status"] in _SPOKEN_OF and row["sent"] is not None:
        opened["sent"] = opened["payload"] if row["sent"] == row["source"] else _opened(row, "sent", cipher)
    return opened


def open_record_detail(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens a record with what was sent, in the key order of the wire."""
    return {**open_record(row, cipher), "sent": _opened(row, "sent", cipher)}


def open_object(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what a search shows of an object: payload and person_payload, and what the activities are called."""
    return {
        **row,
        "activities": [{"id": each["id"], "display_name": _called(each, cipher)} for each in row["activities"] or ()],
        "payload": _opened(row, "source", cipher),
        "person_payload": _opened(row, "person_source", cipher),
    }


def open_object_detail(rows: Sequence[Row], cipher: OrganisationCipher) -> tuple[Shown, list[Shown]]:
    """Opens an object with what was accepted of it, and its records' answers; the rows are as they were read."""
    opened = open_object(rows[0], cipher)
    for name in ("accepted", "outgoing"):
        opened[f"{name}_payload"] = _opened(rows[0], name, cipher)
    records = [{name: row[name] for name in _OF_RECORD} for row in rows if row["job_id"] is not None]
    return opened, [{**row, "received": _opened(row, "received", cipher)} for row in records]


def open_plan_item(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what a plan says of an object: its payloads, `old` and `new` where it would change, no answers."""
    opened = open_name(row, cipher) | {"old": None, "new": None, "sent": None, "received": None, "held": False}
    if has_changes(row):
        new = _opened(row, "outgoing", cipher)
        opened["new"] = None if new is None else as_sent(Kind(row["kind"]), new, ids_of(row, "sent_without"))
        opened["old"] = {} if row["accepted"] is None else _opened(row, "accepted", cipher)
    return opened


def has_changes(row: Row) -> bool:
    """Tells whether what a plan would send of an object is not what was accepted last, as far as digests tell."""
    return row["outgoing"] is not None and (row["outgoing"] != row["accepted"] or bool(ids_of(row, "sent_without")))


def ids_of(row: Row, code: str) -> list[UUID]:
    """Gives the objects that a row's issues of this code speak of."""
    return [UUID(each) for issue in row["issues"] or () if issue["code"] == code for each in issue.get("ids", ())]


def open_call(row: Row, cipher: OrganisationCipher) -> Shown:
    """Opens what is shown of every call: the SHA-256 of its bytes, null when it has been erased."""
    sealed = row["request_sha256"]
    return {**row, "request_sha256": None if sealed is None else cipher.open(bytes(sealed), row["id"].bytes)}


def open_batch(row: Row, cipher: OrganisationCipher, form: BodyForm, contents: Mapping[bytes, bytes]) -> Shown:
    """Puts a batch's request (in its `form`) and answer together from opened `contents`; what was erased is null."""
    items = [contents.get(bytes(each)) for each in row["items"]]
    answer = None if row["answer"] is None else contents.get(bytes(row["answer"]))
    return {
        **open_call(row, cipher),
        "request": _json(form.body([b"null" if each is None else each for each in items])),
        "answer": None if answer is None else _json(unfold(answer, contents)),
    }


def _called(activity: Row, cipher: OrganisationCipher) -> str | None:
    return open_text(cipher, bytes.fromhex(activity["name_sealed"]), name_place(UUID(activity["id"])))


def _opened(row: Row, name: str, cipher: OrganisationCipher) -> Any:
    """Gives a content as JSON; null when there is none, or when it has been erased."""
    sealed = row[f"{name}_sealed"]
    return None if sealed is None else _json(cipher.open(bytes(sealed), bytes(row[name])))


def _json(plain: bytes) -> Any:
    """Reads JSON; what is none is given as text."""
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        return plain.decode("utf-8", "replace")
