"""What is shown of issues: the findings of a roster, and the messages of a record."""

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.catalogue import Entry, Explanation, explain, explain_message
from app.catalogue import issue as entry_of
from app.domain.issues import Issue, explaining
from app.domain.kinds import Kind, tells_school
from app.domain.roster import Reference, referred
from app.domain.rules.check import check_object
from app.domain.rules.given import Given
from app.security.masking import has_id
from app.target import Message, Published
from app.views import Row, Shown
from app.views.codes import shown_code, shown_pointer
from app.views.viewer import Viewer

# The names of the objects that messages speak of, as the viewer is shown them.
Names = Mapping[Reference, str | None]

_NOBODY: Final[Names] = {}
_NONE: Final[Set[UUID]] = frozenset()
# The kinds of the objects that findings speak of; the last one is of all that follow.
_SPEAKS_OF: Final[Mapping[str, tuple[Kind, ...]]] = {
    **dict.fromkeys(("eppn_twice", "eppn_look_alike", "eppn_of_another_before", "civic_no_twice"), (Kind.PERSONS,)),
    **dict.fromkeys(("pupil_and_staff", "roster_differs_members"), (Kind.PERSONS,)),
    "pupil_in_classes": (Kind.PERSONS, Kind.GROUPS),
    "teacher_of_other_unit": (Kind.DUTIES,),
    **dict.fromkeys(("exam_school_type", "exam_school_year"), (Kind.GROUPS,)),
    # The exams that the other rosters are of.
    **dict.fromkeys(("roster_differs_marking", "roster_differs_eppn", "roster_differs_name"), (Kind.ACTIVITIES,)),
}


def show_finding(row: Row, viewer: Viewer | None, names: Names = _NOBODY, unnamed: Set[UUID] = _NONE) -> Shown:
    """Shows one thing that is wrong with a roster: nothing in it is personal but the `names` of those it speaks of.

    Of a group, an activity or another person it speaks of none who is `unnamed`, and of one who is it names no group
    and no other person: who has the same number or login would be known by either. Without a viewer it is for who has
    the roster itself.
    """
    code = shown_code(row["code"], viewer)
    explanation = explain(code)
    if explanation is not None and row["cause"] and (cause := entry_of(shown_code(row["cause"], viewer))):
        explanation = _behind(_as_cause(cause), explanation)
    return {
        "kind": row["kind"],
        "id": row["object_id"],
        "count": row["count"],
        "pointer": shown_pointer(row["kind"], row["pointer"], viewer),
        "severity": row["severity"],
        "code": code,
        "about": _about((each for each in _found(row, names) if not _is_unnamed(row, each, unnamed)), names),
        **_explained(code, explanation),
    }


def spoken_of(rows: Iterable[Row], published: Published) -> set[Reference]:
    """Gives the other objects that the messages of opened records speak of."""
    found: set[Reference] = set()
    for row in rows:
        for issue in row["issues"] or ():
            found.update(referred(row["kind"], row["payload"], UUID(each)) for each in issue.get("ids", ()))
        found.update(message.about for message in _targets(row, published) if message.about is not None)
    return found


def show_messages(
    row: Row, viewer: Viewer, *, masked: bool, names: Names = _NOBODY, unnamed: Set[UUID] = _NONE
) -> list[Shown]:
    """Shows what we and the target say of an opened record; the target's words are left out of a `masked` one.

    Of a group, an activity or another person nothing speaks of those who are `unnamed`.
    """
    said = (_target_said(row, message, viewer, masked, names, unnamed) for message in _targets(row, viewer.published))
    messages = [*_we_said(row, viewer, names, unnamed), *said, *_at_target(row["held"])]
    # Two codes may be shown as the same.
    return [each for place, each in enumerate(messages) if each not in messages[:place]]


def _we_said(row: Row, viewer: Viewer, names: Names, unnamed: Set[UUID]) -> Iterator[Shown]:
    for issue in row["issues"] or ():
        code, ids = shown_code(issue["code"], viewer), [UUID(each) for each in issue.get("ids", ())]
        ids = [each for each in ids if not _is_unnamed(row, referred(row["kind"], row["payload"], each), unnamed)]
        explanation, entry, text = explain(code), entry_of(code), None
        if explanation is not None and entry is not None and ids and entry.sv.about:
            listed = ", ".join(map(str, ids))
            text = f"{entry.sv.about} ({entry.en.about}) {listed}. {explanation.sv}"
            explanation = _behind((f"{entry.sv.about} {listed}.", f"{entry.en.about} {listed}."), explanation)
        elif explanation is not None and (cause := entry_of(shown_code(issue.get("cause", ""), viewer))):
            # What a record goes without is to be mended; the record itself has gone.
            went = issue["severity"] == "warning"
            explanation = _behind(_as_cause(cause) if went else cause.explanation, explanation)
        about = [referred(row["kind"], row["payload"], each) for each in ids]
        pointer = shown_pointer(row["kind"], issue.get("pointer"), viewer)
        yield _message(issue["severity"], code, text, pointer, explanation, about, names)


def _at_target(at_target: bool) -> Iterator[Shown]:
    """Says of a failed record that the target holds it from before."""
    if at_target:
        yield _message("warning", "held_before", None, None, explain("held_before"))


def _is_unnamed(row: Row, reference: Reference, unnamed: Set[UUID]) -> bool:
    """Tells whether a group, an activity or a person must not speak of somebody, or somebody of a group."""
    kind, object_id = reference
    if tells_school(row["kind"]):
        return not tells_school(kind) and object_id in unnamed
    if row["kind"] == kind == Kind.PERSONS:
        return not unnamed.isdisjoint((row["object_id"], object_id))
    return kind == Kind.GROUPS and row["object_id"] in unnamed


def _target_said(row: Row, message: Message, viewer: Viewer, masked: bool, names: Names, unnamed: Set[UUID]) -> Shown:
    """Shows one message of the target's, explained by its id, else by our rule that says the same, else by itself."""
    code, explanation = message.code, explain(message.code)
    if explanation is None and message.attribute is not None:
        ours = explaining(_our_issues(row), message.severity, message.attribute)
        if ours:
            code = shown_code(ours.code, viewer)
            explanation = explain(code)
    attribute = shown_pointer(row["kind"], message.attribute, viewer)
    if explanation is None:
        explanation = explain_message(row["kind"], message.severity, message.type, attribute)
    about = [] if message.about is None else [message.about]
    if about and _is_unnamed(row, about[0], unnamed):
        about, masked = [], True
    masked = masked or (tells_school(row["kind"]) and has_id(message.text or "", unnamed))
    text = None if masked else message.text
    shown = _message(message.severity, message.code, text, attribute, explanation, about, names)
    return {**shown, **_explained(code, explanation)}


def _message(
    severity: str,
    code: str,
    text: str | None,
    attribute: str | None,
    explanation: Explanation | None,
    about: Iterable[Reference] = (),
    names: Names = _NOBODY,
) -> Shown:
    """Makes a message; the text is our own explanation when there is none to show."""
    return {
        "severity": severity,
        "code": code,
        "text": text or (explanation.sv if explanation else None),
        "attribute": attribute,
        "about": _about(about, names),
        **_explained(code, explanation),
    }


def _about(references: Iterable[Reference], names: Names) -> list[Shown]:
    return [{"kind": kind, "id": id_, "name": names.get((kind, id_))} for kind, id_ in references]


def _found(row: Row, names: Names) -> Iterator[Reference]:
    """Gives the objects that a finding speaks of, each of the kind that its rule means, else as known."""
    meant = _SPEAKS_OF.get(row["code"], ())
    for place, object_id in enumerate(row["ids"] or ()):
        known = next(((kind, object_id) for kind in Kind if (kind, object_id) in names), None)
        if meant:
            yield meant[min(place, len(meant) - 1)], object_id
        elif known is None and row["kind"] == Kind.ACTIVITIES and row["pointer"].startswith("/groups"):
            yield Kind.GROUPS, object_id
        else:
            yield known or referred(row["kind"], {}, object_id)


def _explained(code: str, explanation: Explanation | None) -> Shown:
    """Gives an explanation with the page of the code that it is of; null where there is none."""
    return {
        "explanation": None if explanation is None else explanation._asdict(),
        "explanation_url": f"/explanations/{code}" if entry_of(code) else None,
    }


def _as_cause(entry: Entry) -> Explanation:
    return Explanation(entry.sv.cause or entry.sv.means, entry.en.cause or entry.en.means)


def _behind(first: tuple[str, str], explanation: Explanation) -> Explanation:
    return Explanation(*(f"{front} {words}" for front, words in zip(first, explanation, strict=True)))


def _targets(row: Row, published: Published) -> Iterator[Message]:
    """Reads the target's messages; it speaks of the object as it went out."""
    return published.messages(row["received"], row["kind"], row["sent"] or row["payload"])


def _our_issues(row: Row) -> list[Issue]:
    """Lists what our own rules say of an opened object: what was found of it in its roster, else of it by itself."""
    known = [*(row["issues"] or ()), *(row["findings"] or ())]
    found = [Issue(each["code"], each["severity"], each.get("pointer")) for each in known]
    return found or check_object(row["kind"], row["payload"], Given(datetime.now(UTC).date()))
