"""What is shown of an exam's readiness: how many pupils are through, what keeps the others, in which groups."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from app.catalogue import LANGUAGES, Language, counted, explain, issue, phrase
from app.domain.kinds import Kind, tells_school
from app.domain.readiness import GroupReadiness, Hindrance, Readiness
from app.domain.standing import Cause, State
from app.views import Row, Shown
from app.views.issue import Names, show_messages
from app.views.record import is_hidden, is_masked, show_described
from app.views.viewer import Viewer

# So many causes are shown, those that keep most pupils; and so many groups of each, in the roster's order.
MOST_CAUSES: Final = 100
MOST_GROUPS: Final = 10

_NOT_THROUGH: Final = (State.UNDER_WAY, State.NOT_SENT, State.HINDERED, State.NOT_IN_EXAM)


def show_readiness(
    here: Row,
    made: Readiness,
    groups: Sequence[GroupReadiness],
    opened: Mapping[tuple[Kind, str], Row],
    viewer: Viewer,
    names: Names,
    *,
    next_cursor: str | None,
) -> Shown:
    """Shows how an activity's pupils stand, with a page of its `groups`.

    `here` is the activity with its last run, `opened` has the objects that causes are about.
    """
    last_run, counts = None, made.counts
    if here["run_id"] is not None:
        shown = ("sequence", "status", "outcome", "on_record_error", "created_at", "started_at", "finished_at")
        last_run = {"id": here["run_id"], **{name: here[name] for name in shown}}
    return {
        "activity": {"id": here["id"], "display_name": here["display_name"]},
        # To whoever is narrowed to school units it says nothing: others' pupils have it grow.
        "roster_version": here["version"] if viewer.school_units is None else 0,
        "last_run": last_run,
        "as_of": here["as_of"],
        "summary": {language: summary(counts, language) for language in LANGUAGES},
        "pupils": {**_pupils(counts), "landed": len(made.landed) or None},
        "duties": _counts(made.duty_counts),
        "causes": [
            _show_hindrance(each, here["jobs"] or {}, opened, viewer, names) for each in made.hindrances[:MOST_CAUSES]
        ],
        "more_causes": max(0, len(made.hindrances) - MOST_CAUSES),
        "groups": {"data": [_show_group(each, names, opened, viewer) for each in groups], "next_cursor": next_cursor},
    }


def show_pupil(
    row: Row, state: State, cause: Cause | None, here: Row, opened: Mapping[tuple[Kind, str], Row], viewer: Viewer
) -> Shown:
    """Shows an opened pupil, how it stands and what keeps it; of a hidden one no group, since that is of a school."""
    if cause is not None and cause.tells_school and is_hidden(row, viewer):
        cause = None
    return {
        "kind": row["kind"],
        "id": row["object_id"],
        **show_described(row, viewer, masked=is_masked(row, viewer)),
        "state": state,
        "cause": None if cause is None else show_cause(cause, here["jobs"] or {}, opened, viewer),
    }


def cause_id(cause: Cause) -> str:
    """Writes what a cause is known by: the object that it is, or a stage and a code."""
    return f"{cause.kind}:{cause.object_id or cause.code}"


def show_cause(cause: Cause, jobs: Mapping[str, str], opened: Mapping[tuple[Kind, str], Row], viewer: Viewer) -> Shown:
    """Shows a cause: an object by its name with what its record says, or something that holds for many by its code."""
    shown: Shown = {
        "id": cause_id(cause),
        "kind": cause.kind,
        "object": None,
        "code": cause.code,
        "explanation": None,
        "explanation_url": None,
        "mended_by": None,
        # Of something that holds for many: where it was to go out, or the stage that has stopped.
        "job_id": jobs.get(cause.kind),
        "record_id": None,
    }
    if cause.object_id is not None:
        row = opened.get((cause.kind, cause.object_id))
        shown["object"] = {"kind": cause.kind, "id": UUID(cause.object_id), "name": None}
        shown |= {"job_id": None} if row is None else _of_object(row, viewer)
    elif cause.code is not None and (explanation := explain(cause.code)) is not None:
        shown |= {"explanation": explanation._asdict(), "explanation_url": f"/explanations/{cause.code}"}
    if shown["explanation_url"] is not None and (entry := issue(shown["explanation_url"].rpartition("/")[2])):
        shown["mended_by"] = entry.mended_by
    return shown


def summary(counts: Mapping[State, int], language: Language) -> str:
    """Sums up how pupils stand: `28 av 30 elever klara, 2 hindrade`."""
    total = sum(counts.values()) - counts[State.NOT_IN_EXAM]
    said = [phrase("no_pupils", language)]
    if total:
        said = [phrase("pupils_through", language, through=counts[State.THROUGH], pupils=total)]
    said += [counted(f"pupils_{state}", counts[state], language) for state in _NOT_THROUGH if counts[state]]
    return ", ".join(said)


def _of_object(row: Row, viewer: Viewer) -> Shown:
    masked = is_masked(row, viewer)
    messages = show_messages(row, viewer, masked=True)
    said = next((each for each in messages if each["severity"] == "error"), messages[0] if messages else {})
    return {
        "object": {
            "kind": row["kind"],
            "id": row["object_id"],
            "name": show_described(row, viewer, masked=masked)["name"],
        },
        **{name: said.get(name) for name in ("code", "explanation", "explanation_url")},
        "job_id": row["job_id"],
        "record_id": None if row["job_id"] is None else row["object_id"],
    }


def _show_hindrance(
    hindrance: Hindrance,
    jobs: Mapping[str, str],
    opened: Mapping[tuple[Kind, str], Row],
    viewer: Viewer,
    names: Names,
) -> Shown:
    groups = () if _is_unnamed(hindrance.cause, opened, viewer) else hindrance.groups
    return {
        **show_cause(hindrance.cause, jobs, opened, viewer),
        "state": hindrance.state,
        "pupils": hindrance.pupils,
        "groups": [_named(each, names) for each in groups[:MOST_GROUPS]],
        "more_groups": max(0, len(groups) - MOST_GROUPS),
    }


def _is_unnamed(cause: Cause, opened: Mapping[tuple[Kind, str], Row], viewer: Viewer) -> bool:
    """Tells whether a cause is a person, or a duty, of whom no group is shown; who is not known may be protected."""
    if cause.object_id is None or tells_school(cause.kind):
        return False
    row = opened.get((cause.kind, cause.object_id))
    return not viewer.may_see_protected if row is None else is_hidden(row, viewer)


def _show_group(group: GroupReadiness, names: Names, opened: Mapping[tuple[Kind, str], Row], viewer: Viewer) -> Shown:
    return {
        **_named(group.id, names),
        "in_exam": group.in_exam,
        "pupils": _pupils(group.pupils),
        "causes": [cause_id(each) for each in group.causes if not _is_unnamed(each, opened, viewer)],
    }


def _named(group_id: str, names: Names) -> Shown:
    id_ = UUID(group_id)
    return {"id": id_, "name": names.get((Kind.GROUPS, id_))}


def _pupils(counts: Mapping[State, int]) -> Shown:
    return {**_counts(counts), "not_in_exam": counts[State.NOT_IN_EXAM]}


def _counts(counts: Mapping[State, int]) -> Shown:
    states = {state.value: counts[state] for state in State if state is not State.NOT_IN_EXAM}
    return {"total": sum(states.values()), **states}
