"""What a caller may see of persons: decides it for each object, and shapes records and batch bodies accordingly.

Without the scope `pii` everything personal is masked; with it, but without `protected`, protected persons are masked in
just the same way.
"""

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.api.answers import Object
from app.catalogue import UNKNOWN, explain, issue
from app.db.cipher import Cipher
from app.db.reads import Row
from app.domain.roster import Described, describe, uuid_of
from app.security.keys import Caller
from app.security.masking import MASK, mask

_SEVERITIES = {"error": "error", "warning": "warning"}


@dataclass(frozen=True, slots=True)
class Sight:
    """One caller's eyes on one organisation's data."""

    caller: Caller
    cipher: Cipher

    @property
    def protected(self) -> bool:
        """Tells whether protected persons are seen as well."""
        return self.caller.may("pii") and self.caller.may("protected")

    def clear(self, *, hidden: bool) -> bool:
        """Tells whether an object is seen unmasked; `hidden` is whether it speaks of a protected person."""
        return self.protected or (self.caller.may("pii") and not hidden)

    def summary(self, row: Row) -> Object:
        """Shows a record as it stands in a list."""
        clear = self.clear(hidden=row["hidden"])
        shown = self._described(row)
        received = self._opened(row, "received")
        return {
            "id": row["object_id"],
            "kind": row["stage"],
            "status": row["status"],
            "name": _veiled(shown.name, clear),
            "role": shown.role,
            "civic_no": _veiled(shown.civic_no, clear),
            "eppn": _veiled(shown.eppn, clear),
            "school_year": shown.school_year,
            "school_type": shown.school_type,
            "messages": [*_remarks(row["remarks"]), *_answers(received, clear), *_held(row["held"])],
            "completed_at": row["completed_at"],
        }

    def record(self, row: Row) -> Object:
        """Shows a record with what went out and what came back, in the key order of the wire."""
        clear = self.clear(hidden=row["hidden"])
        sent, received = self._opened(row, "sent"), self._opened(row, "received")
        return {
            **self.summary(row),
            "sent": sent if clear else mask(sent),
            "received": received if clear else mask(received),
            "attempts": row["attempts"],
        }

    def bodies(self, row: Row, hidden: Set[UUID]) -> Object:
        """Shows a batch's request and answer, item by item; `hidden` are the ids of its protected records."""
        return {
            "record_ids": row["record_ids"],
            "request": self._body(row, "request", "data", hidden),
            "answer": self._body(row, "answer", "responses", hidden),
        }

    def _body(self, row: Row, column: str, items: str, hidden: Set[UUID]) -> Any:
        """Shows a stored body; of its items only those that surely speak of a record that this caller may see.

        Whatever else Skolverket's answer holds may be somebody else's pupil, whom no scope lets a caller see.
        """
        body = self._open(row[column], "batch", row["id"], column)
        shown = body if self.clear(hidden=bool(hidden)) else mask(body)
        if not isinstance(body, dict) or not isinstance(body.get(items), list):
            return shown
        seen = {each for each in row["record_ids"] if self.clear(hidden=each in hidden)}
        listed = [
            item if isinstance(item, dict) and uuid_of(item.get("id")) in seen else mask(item) for item in body[items]
        ]
        return {**shown, items: listed}

    def _described(self, row: Row) -> Described:
        if row["stage"] != "duties":
            return describe(row["stage"], self._open(row["payload"], row["stage"], row["object_id"], ""))
        if row["person_id"] is None:
            return Described(role="Personal")
        person = describe("persons", self._open(row["person_payload"], "persons", row["person_id"], ""))
        return Described(name=person.name, role="Personal", civic_no=person.civic_no, eppn=person.eppn)

    def _opened(self, row: Row, column: str) -> Any:
        return self._open(row[column], row["stage"], row["object_id"], column)

    def _open(self, sealed: bytes | None, kind: str, object_id: UUID, column: str) -> Any:
        """Gives a sealed column as JSON; as text when it is none, null when it is empty."""
        if sealed is None:
            return None
        plain = self.cipher.open(bytes(sealed), self.caller.organisation_id, kind, object_id, column)
        try:
            return json.loads(plain)
        except (ValueError, RecursionError):
            return plain.decode("utf-8", "replace")


def _veiled(value: str | None, clear: bool) -> str | None:
    return value if clear or value is None else MASK


def _message(severity: str, code: str, text: str | None, attribute: str | None, about: tuple[str, str]) -> Object:
    """Makes a message; the text is our own explanation when there is none to show, `about` goes in front of that."""
    explanation = explain(code)
    sv, en = (f"{front}{said}" for front, said in zip(about, explanation, strict=True))
    return {
        "severity": severity,
        "code": code,
        "text": text or sv,
        "attribute": attribute,
        "explanation": {"sv": sv, "en": en},
    }


def _remarks(remarks: list[dict[str, Any]] | None) -> Iterator[Object]:
    for remark in remarks or ():
        code, ids = remark["code"], ", ".join(remark.get("ids", ()))
        about, text = ("", ""), None
        if ids and (swedish := issue(code).sv.about):
            english = issue(code).en.about
            about = (f"{swedish} {ids}. ", f"{english} {ids}. ")
            text = f"{swedish} ({english}) {ids}. {explain(code).sv}"
        elif (cause := explain(remark.get("cause", ""))) is not UNKNOWN:
            about = (f"{cause.sv} ", f"{cause.en} ")
        yield _message(remark["severity"], code, text, remark.get("pointer"), about)


def _held(held: bool) -> Iterator[Object]:
    """Says of a failed record that Skolverket holds it from before."""
    if held:
        yield _message("warning", "held_before", None, None, ("", ""))


def _answers(received: Any, clear: bool) -> Iterator[Object]:
    """Finds the log entries in an answer: in the item of a bulk job's answer, or in the refusal of a whole call."""
    if isinstance(received, dict):
        response = received.get("response")
        listed = response if isinstance(response, dict) else received
        for name, severity in (("errors", "error"), ("warnings", "warning")):
            entries = listed.get(name)
            for entry in entries if isinstance(entries, list) else ():
                yield _answer(entry, severity, clear)
    elif isinstance(received, list):
        for entry in received:
            yield _answer(entry, "error", clear)


def _answer(entry: Any, severity: str, clear: bool) -> Object:
    """Shows one log entry of Skolverket's; whatever does not look like one becomes a message without a text."""
    said = entry if isinstance(entry, dict) else {}
    # In the masked form only what is known to be harmless is left of each field.
    shown = said if clear else mask(said)
    text = _text(said.get("message")) or _text(said.get("messageType")) if clear else None
    attribute = _text(shown.get("attributeName"))
    return _message(
        _SEVERITIES.get(str(said.get("severityLevel")).lower(), severity),
        _code(said.get("id")),
        text,
        None if attribute == MASK else attribute,
        ("", ""),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _code(value: Any) -> str:
    """Reads a log entry's id, which is a short word; anything else could be anything, and is not repeated."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if text.isascii() and text.isalnum() and len(text) <= 8 else "unknown"
