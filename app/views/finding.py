"""What is shown of a roster's findings together: each code with how often it was found, and some examples."""

from collections.abc import Iterable, Sequence, Set
from typing import Final
from uuid import UUID

from app.catalogue import explain, issue
from app.domain.kinds import Kind
from app.views import Row, Shown
from app.views.codes import shown_code
from app.views.issue import Names, show_finding
from app.views.viewer import Viewer

# More than a roster can have of one code.
_MANY: Final = 2**31 - 1


def show_finding_causes(
    by_code: Iterable[Sequence[Row]], viewer: Viewer, names: Names, unnamed: Set[UUID]
) -> list[Shown]:
    """Shows codes, errors first, then the commonest first; each is given by the rows of its examples.

    Nothing in it is personal but the `names` of the objects; groups and activities speak of none who is `unnamed`.
    """
    shown = [_show_cause(rows, viewer, names, unnamed) for rows in by_code]
    return sorted(shown, key=cause_place)


def cause_place(shown: Shown) -> tuple[int, int, str]:
    """Gives what a code that is `shown` is sorted by."""
    return int(shown["severity"] != "error"), _MANY - shown["count"], shown["code"]


def _show_cause(rows: Sequence[Row], viewer: Viewer, names: Names, unnamed: Set[UUID]) -> Shown:
    code = shown_code(rows[0]["code"], viewer)
    entry, explanation = issue(code), explain(code)
    return {
        "code": code,
        "severity": rows[0]["severity"],
        "count": sum({row["code"]: row["found"] for row in rows}.values()),
        "explanation": None if explanation is None else explanation._asdict(),
        "explanation_url": None if entry is None else f"/explanations/{code}",
        "mended_by": None if entry is None else entry.mended_by,
        "examples": [_show_example(row, viewer, names, unnamed) for row in rows],
    }


def _show_example(row: Row, viewer: Viewer, names: Names, unnamed: Set[UUID]) -> Shown:
    shown = show_finding(row, viewer, names, unnamed)
    return {
        **{name: shown[name] for name in ("kind", "id", "count", "pointer", "about")},
        "name": names.get((Kind(row["kind"]), row["object_id"])),
    }
