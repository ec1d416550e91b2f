"""What `roster check` shows: findings grouped by their code, with where they are; never a value of an object."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.catalogue import Language, counted
from app.domain.issues import Finding, Severity
from app.errors import Refused
from app.views.issue import show_finding

# Places that are shown of each code; of more the number must do.
_SHOWN = 10
_Cause = tuple[Severity, str, str | None]
_MARKS: dict[Severity, str] = {"error": "✗", "warning": "!"}


def report(counts: Mapping[str, int], found: Sequence[Finding], language: Language) -> Iterator[str]:
    """Gives the lines for people: how many objects there are, then what was found, the most severe and frequent first.

    `counts` are the numbers of objects by kind. Explanations are in the `language`.
    """
    yield ", ".join(counted(kind, count, language) for kind, count in counts.items())
    groups: dict[_Cause, list[Finding]] = {}
    for each in found:
        groups.setdefault((each.issue.severity, each.issue.code, each.issue.cause), []).append(each)
    for (severity, code, _), group in sorted(groups.items(), key=_rank):
        yield ""
        yield f"{_MARKS[severity]} {len(group)} × {code}"
        yield f"  {_shown(group[0])['explanation'][language]}"
        yield from (f"    {_place(each)}" for each in group[:_SHOWN])
        if len(group) > _SHOWN:
            yield f"    … +{len(group) - _SHOWN}"
    yield ""
    severities = Counter(each.issue.severity for each in found)
    yield ", ".join(counted(severity, severities[severity], language) for severity in _MARKS)


def as_json_line(each: Finding) -> str:
    """Writes a finding as the API lists it."""
    return json.dumps(_shown(each), ensure_ascii=False, default=str)


def refusal_lines(refused: Refused, *, as_json: bool) -> Iterator[str]:
    """Gives the lines of a roster that cannot be taken: each place of it that is to blame, as the API names it."""
    if not as_json:
        yield f"✗ {'The roster cannot be taken.' if refused.errors else refused.detail}"
    for error in refused.errors:
        if as_json:
            yield json.dumps({"pointer": error.pointer, "code": error.code, "detail": error.detail})
        else:
            yield f"    {error.pointer or '/'} {error.code}: {error.detail}"
    if as_json and not refused.errors:
        yield json.dumps({"pointer": "", "code": "refused", "detail": refused.detail})


def _rank(group: tuple[_Cause, list[Finding]]) -> tuple[bool, int, str]:
    (severity, code, _), found = group
    return severity != "error", -len(found), code


def _place(each: Finding) -> str:
    which = f"({each.count})" if each.object_id is None else str(each.object_id)
    return f"{each.kind} {which} {each.issue.pointer or ''}".rstrip()


def _shown(each: Finding) -> dict[str, Any]:
    issue = each.issue
    return show_finding(
        {
            "kind": each.kind,
            "object_id": each.object_id,
            "count": each.count,
            "pointer": issue.pointer,
            "severity": issue.severity,
            "code": issue.code,
            "ids": issue.ids,
            "cause": issue.cause,
        },
        viewer=None,
    )
