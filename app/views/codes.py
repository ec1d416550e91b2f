"""Codes and places that speak of a marking, as they are shown to who may not see protected persons.

That somebody is protected stands in no code, count, filter or place. A code of a marking is shown as one that others
have too, under which all of them are counted and found.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from app.domain.plan import OF_PERSONS
from app.views.viewer import Viewer

_INSTEAD: Final[Mapping[str, str]] = {
    "weaker_marking": "needs_permission",
    "reused_id": "needs_permission",
    "roster_differs_marking": "roster_differs",
    "roster_differs_eppn": "roster_differs",
    "roster_differs_name": "roster_differs",
    "marking_name": "schema_other",
}
_MARKING: Final = ("persons", "securityMarking")
_LISTS: Final = frozenset({("groups", "groupMemberships"), ("activities", "teachers")})


def shown_allowed(allow: Iterable[str]) -> list[str]:
    """Gives of what a run or a plan allows that of which all may know.

    What is allowed of persons would tell, by who is still kept back, who is protected; the audit has it.
    """
    return [each for each in allow if each not in OF_PERSONS]


def shown_code(code: str, viewer: Viewer | None) -> str:
    """Gives a code as the viewer is shown it; without one it is for who has the roster itself."""
    return code if _sees_markings(viewer) else _INSTEAD.get(code, code)


def meant_by(code: str) -> set[str]:
    """Gives the codes that may be meant by one that is shown."""
    return {code, *(each for each, instead in _INSTEAD.items() if instead == code)}


def sought_codes(codes: Iterable[str], viewer: Viewer) -> list[str]:
    """Gives the codes that are meant by these `codes` of the viewer's: with one all that are shown as the same."""
    if viewer.may_see_protected:
        return list(codes)
    return sorted({each for code in codes for each in meant_by(shown_code(code, viewer))})


def shown_counts(by_code: Mapping[str, int], viewer: Viewer) -> dict[str, int]:
    """Counts by the codes that the viewer is shown."""
    counts: dict[str, int] = {}
    for code, number in by_code.items():
        shown = shown_code(code, viewer)
        counts[shown] = counts.get(shown, 0) + number
    return counts


def shown_pointer(kind: str, pointer: str | None, viewer: Viewer | None) -> str | None:
    """Gives where in an object something is said, as far as the viewer may know.

    Of a list of members or teachers not where in it: who is left out for the viewer would be known by their place.
    """
    if pointer is None or _sees_markings(viewer):
        return pointer
    place = (kind, pointer.split("/")[1] if pointer else "")
    if place == _MARKING:
        return ""
    return f"/{place[1]}" if place in _LISTS else pointer


def _sees_markings(viewer: Viewer | None) -> bool:
    return viewer is None or viewer.may_see_protected
