"""Under which conditions something may be written (RFC 9110, section 13.1), over a version that stands in its ETag."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request

# With or without the digest of a body of that version.
_VERSION: Final = re.compile(r'"([0-9]{1,9})(?:-[0-9a-f]{12})?"')
_TAG: Final = re.compile(r'(?:W/)?"[^"]*"|\*')


def lines(request: Request, name: str) -> str | None:
    """Gives a header that is a list, all of its lines as one (RFC 9110, section 5.3); None without it."""
    found = request.headers.getlist(name)
    return ", ".join(found) if found else None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be so of an activity for a change of it; None is no condition."""

    if_match: str | None = None
    if_none_match: str | None = None

    def allow(self, version: int | None) -> bool:
        """Decides over the activity's version; None is no activity."""
        return self._match(version) and self._none_match(version)

    def _match(self, version: int | None) -> bool:
        if self.if_match is None:
            return True
        if version is None:
            return False
        tags = [tag.strip() for tag in self.if_match.split(",")]
        return "*" in tags or any(_version_of(tag) == version for tag in tags)

    def _none_match(self, version: int | None) -> bool:
        if self.if_none_match is None or version is None:
            return True
        asked = _TAG.findall(self.if_none_match)
        return "*" not in asked and all(_version_of(tag.removeprefix("W/")) != version for tag in asked)


_Match = Annotated[str | None, Header(alias="If-Match", description="`*`, or the ETag that is to be changed.")]
_NoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="`*`: the activity must be new.")]


# The parameters stand in the description; of a header that comes in several lines they are the first alone.
async def _of_a_change(request: Request, _if_match: _Match = None) -> Conditions:
    return Conditions(lines(request, "if-match"))


async def _of_a_replacement(request: Request, _if_match: _Match = None, _new: _NoneMatch = None) -> Conditions:
    return Conditions(lines(request, "if-match"), lines(request, "if-none-match"))


ChangeConditions = Annotated[Conditions, Depends(_of_a_change)]
ReplacementConditions = Annotated[Conditions, Depends(_of_a_replacement)]


def _version_of(tag: str) -> int | None:
    found = _VERSION.fullmatch(tag)
    return int(found[1]) if found else None
