"""Codes and places that speak of a marking, as they are shown to who may not see protected persons.

That somebody is protected stands in no code, count, filter or place. A code of a marking is shown as one that others
have too, under which all of them are counted and found: an object once, however many of them are said of it, for else
their number would tell. Where a roster differs from another, that is a finding of its own, in place of those that say
in what; and that a group has lost members is told to who sees somebody's name, if one of them may be seen.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Final
from uuid import UUID

from app.domain.issues import OF_MEMBERS
from app.domain.plan import OF_PERSONS
from app.views import Shown
from app.views.viewer import Viewer

_INSTEAD: Final[Mapping[str, str]] = {
    "weaker_marking": "needs_permission",
    "reused_id": "needs_permission",
    "roster_differs_marking": "roster_differs",
    "roster_differs_eppn": "roster_differs",
    "roster_differs_name": "roster_differs",
    "marking_name": "schema_other",
}
# What a roster differs in from another, and what is found instead for who may not know in what.
_DIFFERS: Final = ("roster_differs_marking", "roster_differs_eppn", "roster_differs_name")
_DIFFERS_SOMEHOW: Final = "roster_differs"
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


def shown_instead(viewer: Viewer) -> Mapping[str, str]:
    """Gives as which other codes the viewer is shown some."""
    return {} if viewer.may_see_protected else _INSTEAD


def unshown_codes(viewer: Viewer) -> list[str]:
    """Gives the codes of which the viewer is shown no finding."""
    if viewer.may_see_protected:
        return [_DIFFERS_SOMEHOW]
    return [*_DIFFERS, *([] if viewer.may_see_names else [OF_MEMBERS])]


def is_shown(code: str, ids: Set[UUID], viewer: Viewer, unnamed: Set[UUID]) -> bool:
    """Tells whether the viewer is shown a finding of that code which speaks of `ids`, of whom some are `unnamed`."""
    return code not in unshown_codes(viewer) and not (code == OF_MEMBERS and ids <= unnamed)


def shown_findings(by_code: Mapping[str, int], warnings: int, viewer: Viewer, unshown_members: int = 0) -> Shown:
    """Counts findings by the codes that the viewer is shown, with how many of all `warnings` these are.

    Of members lost there are `unshown_members` of which none may be seen.
    """
    unshown = {code: by_code[code] for code in unshown_codes(viewer) if code in by_code}
    if OF_MEMBERS not in unshown:
        # The two may have been counted at different times.
        unshown[OF_MEMBERS] = min(unshown_members, by_code.get(OF_MEMBERS, 0))
    counts: dict[str, int] = {}
    for code, number in by_code.items():
        shown = shown_code(code, viewer)
        if left := number - unshown.get(code, 0):
            counts[shown] = counts.get(shown, 0) + left
    return {"warnings": warnings - sum(unshown.values()), "by_code": counts}


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
