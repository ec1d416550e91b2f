"""What is shown of issues: the findings of a roster, and the messages of a record."""

from collections.abc import Iterator
from typing import Any

from app.catalogue import UNKNOWN, explain
from app.catalogue import issue as entry_of
from app.security.masking import is_attribute
from app.target import Message
from app.views import Row, Shown
from app.views.viewer import Viewer


def show_finding(row: Row) -> Shown:
    """Shows one thing that is wrong with a roster: nothing in it is personal."""
    code, cause = row["code"], row["cause"]
    sv, en = explain(code)
    if cause is not None:
        sv, en = f"{entry_of(cause).sv.means} {sv}", f"{entry_of(cause).en.means} {en}"
    return {
        "kind": row["kind"],
        "id": row["object_id"],
        "count": row["count"],
        "pointer": row["pointer"],
        "severity": row["severity"],
        "code": code,
        "explanation": {"sv": sv, "en": en},
    }


def show_messages(row: Row, viewer: Viewer, *, masked: bool) -> list[Shown]:
    """Shows what we and the target say of an opened record; the target's words are left out of a `masked` one."""
    targets = (_targets(message, masked) for message in viewer.published.messages(row["received"]))
    return [*_ours(row["issues"]), *targets, *_at_target(row["held"])]


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
    """Says of a failed record that the target holds it from before."""
    if at_target:
        yield _message("warning", "held_before", None, None, ("", ""))


def _targets(message: Message, masked: bool) -> Shown:
    """Shows one message of the target's; of a `masked` one only a field's name and the code are left."""
    attribute = message.attribute
    if masked and attribute is not None and not is_attribute(attribute):
        attribute = None
    return _message(message.severity, message.code, None if masked else message.text, attribute, ("", ""))
