"""What is shown of issues: the findings of a roster, and the messages of a record."""

from collections.abc import Iterator
from typing import Any

from app.catalogue import UNKNOWN, explain
from app.catalogue import issue as entry_of
from app.security.masking import MASK, mask
from app.views import Row, Shown

_SEVERITIES = {"error": "error", "warning": "warning"}


def show_finding(row: Row) -> Shown:
    """Shows one thing that is wrong with one object of a roster: nothing in it is personal."""
    issue = row["flaw"]
    explanation = explain(issue["code"])
    return {
        "kind": row["stage"],
        "id": row["object_id"],
        "pointer": issue["pointer"],
        "severity": issue["severity"],
        "code": issue["code"],
        "explanation": {"sv": explanation.sv, "en": explanation.en},
    }


def show_messages(row: Row, *, masked: bool) -> list[Shown]:
    """Shows what we and Skolverket say of an opened record; Skolverket's words are left out of a `masked` one."""
    return [*_ours(row["remarks"]), *_skolverkets(row["received"], masked), *_at_target(row["held"])]


def _message(severity: str, code: str, text: str | None, attribute: str | None, about: tuple[str, str]) -> Shown:
    """Makes a message; the text is our own explanation when there is none to show, `about` goes in front of that."""
    explanation = explain(code)
    sv, en = (f"{front}{words}" for front, words in zip(about, explanation, strict=True))
    return {
        "severity": severity,
        "code": code,
        "text": text or sv,
        "attribute": attribute,
        "explanation": {"sv": sv, "en": en},
    }


def _ours(issues: list[dict[str, Any]] | None) -> Iterator[Shown]:
    for issue in issues or ():
        code, ids = issue["code"], ", ".join(issue.get("ids", ()))
        about, text = ("", ""), None
        if ids and (entry := entry_of(code)).sv.about:
            swedish, english = entry.sv.about, entry.en.about
            about = (f"{swedish} {ids}. ", f"{english} {ids}. ")
            text = f"{swedish} ({english}) {ids}. {explain(code).sv}"
        elif (cause := explain(issue.get("cause", ""))) is not UNKNOWN:
            about = (f"{cause.sv} ", f"{cause.en} ")
        yield _message(issue["severity"], code, text, issue.get("pointer"), about)


def _at_target(at_target: bool) -> Iterator[Shown]:
    """Says of a failed record that Skolverket holds it from before."""
    if at_target:
        yield _message("warning", "held_before", None, None, ("", ""))


def _skolverkets(received: Any, masked: bool) -> Iterator[Shown]:
    """Finds the log entries in an answer: in the item of a bulk job's answer, or in the refusal of a whole call."""
    if isinstance(received, dict):
        response = received.get("response")
        listed = response if isinstance(response, dict) else received
        for name, severity in (("errors", "error"), ("warnings", "warning")):
            entries = listed.get(name)
            for entry in entries if isinstance(entries, list) else ():
                yield _log_entry(entry, severity, masked)
    elif isinstance(received, list):
        for entry in received:
            yield _log_entry(entry, "error", masked)


def _log_entry(given: Any, severity: str, masked: bool) -> Shown:
    """Shows one log entry of Skolverket's; whatever does not look like one becomes a message without a text."""
    entry = given if isinstance(given, dict) else {}
    # In the masked form only what is known to be harmless is left of each field.
    shown = mask(entry) if masked else entry
    text = None if masked else _text(entry.get("message")) or _text(entry.get("messageType"))
    attribute = _text(shown.get("attributeName"))
    return _message(
        _SEVERITIES.get(str(entry.get("severityLevel")).lower(), severity),
        _code(entry.get("id")),
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
