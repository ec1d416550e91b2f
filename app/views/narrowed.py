"""What a key of single school units is shown: its counts are of their objects, and nothing names what is not of them.

Where something stands in an answer is not known here: whatever names another object does, wherever it does.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final
from uuid import UUID

from app.domain.kinds import Kind
from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN
from app.domain.masked import MASK
from app.domain.outcome import Counts, in_all, outcome_of
from app.views import Row, Shown
from app.views.codes import shown_findings
from app.views.job import COUNTS
from app.views.summary import summary
from app.views.viewer import Viewer

# Of an organisation as a whole, not of one of its units: where something was asked for, and in which exam.
_WHERE: Final = frozenset({"job_id", "run_id", "activity_id"})
# An object as it is, was sent or was answered: it keeps its form, and what it names is masked in it.
_CONTENTS: Final = frozenset({"sent", "received", "object"})
# In which calls somebody was, beside whom.
_OF_OTHERS: Final = frozenset({"calls"})
_OF_SCHOOL: Final = frozenset({"school_year", "school_type"})
_IDS = re.compile(r"(?<![0-9A-Fa-f-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f-])")
_NOTHING: Final = object()


def narrow_job(shown: Shown, counts: Mapping[UUID, Counts]) -> Shown:
    """Shows a job that is `shown` whole by the `counts` of some units' records, by job; those of none are none.

    Its version, which grows with every record, is 0.
    """
    own = counts.get(UUID(str(shown["id"])), Counts())
    finished = shown["status"] in FINISHED_JOB
    return {
        **shown,
        "outcome": outcome_of(own) if shown["outcome"] is not None else None,
        "summary": summary([(Kind(shown["stage"]), own)], shown["status"], finished=finished),
        "version": 0,
        "progress": {name: getattr(own, name) for name in COUNTS},
    }


def narrow_run(shown: Shown, counts: Mapping[UUID, Counts]) -> Shown:
    """Shows a run with its jobs in the same way."""
    jobs = [narrow_job(each, counts) for each in shown["jobs"]]
    stages = [(Kind(each["stage"]), Counts(**each["progress"])) for each in jobs]
    together = in_all(own for _, own in stages)
    return {
        **shown,
        "outcome": outcome_of(together) if shown["outcome"] is not None else None,
        "summary": summary(stages, shown["status"], finished=shown["status"] in FINISHED_RUN),
        "version": 0,
        "jobs": jobs,
    }


def narrow_activity(shown: Shown, within: Row, viewer: Viewer, counts: Mapping[UUID, Counts]) -> Shown:
    """Shows an activity by what of its roster is `within` some units, and its last run by the `counts` of theirs.

    The roster's version, which grows with every upload, is 0.
    """
    last, own = shown["last_run"], list(counts.values())
    if last is not None and own:
        last = {**last, "outcome": outcome_of(in_all(own)) if last["outcome"] is not None else None}
    return {
        **shown,
        "roster": {
            "version": 0,
            "counts": {kind.value: within["counts"].get(kind.value, 0) for kind in Kind},
            "updated_at": within["updated_at"],
        },
        "findings": {
            "errors": within["errors"],
            **shown_findings(within["by_code"] or {}, within["warnings"], viewer),
        },
        # Nobody of theirs was in it.
        "last_run": last if own else None,
    }


def ids_in(shown: Any) -> set[UUID]:
    """Gives every id that something `shown` names, in whatever text, but for those of runs, jobs and exams."""
    return set(_ids(shown))


def sieve(shown: Any, within: Set[UUID]) -> Any:
    """Gives a copy that names no object but those `within`: who stands in a list is left out of it, texts are masked.

    In an object's content whatever names another is masked, with the texts beside it, and stays in its place.
    """
    sifted = _sifted(shown, within)
    return None if sifted is _NOTHING else sifted


def _sifted(shown: Any, within: Set[UUID]) -> Any:
    if isinstance(shown, UUID):
        return shown if shown in within else _NOTHING
    if isinstance(shown, str):
        return shown if _may_stand(shown, within) else MASK
    if isinstance(shown, list | tuple):
        parts = (_sifted(each, within) for each in shown)
        return [each for each in parts if each is not _NOTHING]
    if not isinstance(shown, dict):
        return shown
    if "id" in shown and not _may_stand(str(shown["id"]), within):
        return _NOTHING
    sifted: dict[str, Any] = {}
    for name, part in shown.items():
        if name in _OF_OTHERS:
            sifted[name] = []
        elif name in _WHERE or name == "activities":
            sifted[name] = part
        elif name in _CONTENTS and not _is_reference(part):
            sifted[name] = _masked(part, within, 0)
        else:
            value = _sifted(part, within)
            sifted[name] = None if value is _NOTHING else value
    if shown.get("school_unit") is not None and sifted["school_unit"] is None:
        # Of somebody of two schools it is the other one's.
        sifted |= dict.fromkeys(_OF_SCHOOL & sifted.keys())
    return sifted


def _masked(content: Any, within: Set[UUID], depth: int) -> Any:
    if isinstance(content, str):
        return content if _may_stand(content, within) else MASK
    if isinstance(content, list):
        return [_masked(each, within, depth + 1) for each in content]
    if not isinstance(content, dict):
        return content
    parts = {name: part for name, part in content.items() if _may_stand(name, within)}
    if depth and not all(_may_stand(part, within) for part in parts.values() if isinstance(part, str)):
        # Of the object itself each stands for itself.
        parts = {name: MASK if isinstance(part, str) else part for name, part in parts.items()}
    return {name: _masked(part, within, depth + 1) for name, part in parts.items()}


def _may_stand(text: str, within: Set[UUID]) -> bool:
    return all(each in within for each in _named(text))


def _is_reference(part: Any) -> bool:
    """Tells whether this is an object's name and not its content, as a cause has it."""
    return isinstance(part, dict) and part.keys() == {"kind", "id", "name"}


def _ids(shown: Any) -> Iterator[UUID]:
    if isinstance(shown, UUID):
        yield shown
    elif isinstance(shown, str):
        yield from _named(shown)
    elif isinstance(shown, list | tuple):
        for each in shown:
            yield from _ids(each)
    elif isinstance(shown, dict):
        for name, part in shown.items():
            if name not in _WHERE:
                yield from _named(name)
                yield from _ids(part)


def _named(text: str) -> Iterator[UUID]:
    return map(UUID, _IDS.findall(text)) if len(text) > 35 else iter(())
