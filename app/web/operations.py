"""Drift, for an operator: what is under way of all organisations, what the doctor says, and one organisation's runs."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator

from app.api.dependencies import PartsDep
from app.api.http.ids import OrganisationNumber
from app.api.reading import operations as reading
from app.domain.diagnosis import Level
from app.web.live import Live, show_live
from app.web.moments import in_sweden
from app.web.pages import PageRoute
from app.web.paths import PATHS
from app.web.standings import Standing
from app.web.visitors import LanguageDep, OperatorVisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_RUNS, _ORGANISATIONS, _LATEST = 50, 50, 20
# The doctor looks at everything that is under way: not for every page each second.
_EVERY: Final = 10
_LEVELS: Final = get_args(Level)

# A field that nobody has filled in is sent as nothing.
_Blank = BeforeValidator(lambda given: given or None)
Cursor = Annotated[str | None, Query()]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which organisations and runs an operator wants to see."""

    organisation: str | None = None
    level: str | None = None

    @property
    def number(self) -> int:
        """Counts what is narrowed to."""
        return sum(each is not None for each in self.query.values())

    @property
    def query(self) -> dict[str, Any]:
        """Gives it as it stands in an address."""
        return {"organisation": self.organisation, "level": self.level}


async def asked_of(
    organisation: Annotated[str, Query(max_length=100)] = "",
    level: Annotated[Level | None, _Blank, Query()] = None,
) -> Asked:
    """Reads it from an address; a number may be written with its hyphen."""
    given = organisation.strip()
    digits = given.replace("-", "")
    return Asked((digits if digits.isdecimal() else given) or None, level)


@router.get(PATHS["operations"], dependencies=[Live])
async def operations(
    request: Request,
    parts: PartsDep,
    visitor: OperatorVisitorDep,
    language: LanguageDep,
    asked: Annotated[Asked, Depends(asked_of)],
    cursor: Cursor = None,
) -> Response:
    """Shows runs under way of all organisations, or of those that are asked for, what the doctor says, and these."""
    like = asked.organisation or ""
    organisations, following = await reading.list_organisations(parts, cursor, _ORGANISATIONS, like)
    numbers = await reading.matching(parts, like) if like else None
    levels = (asked.level,) if asked.level else ()
    seen = await reading.overview(parts, language, _RUNS, in_sweden, numbers=numbers, levels=levels)
    return show_live(
        request,
        "operations.html",
        "operations_state.html",
        visitor,
        _EVERY,
        page="operations",
        asked=asked,
        levels=_LEVELS,
        seen=seen,
        state=state_of(seen["errors"], seen["warnings"]),
        organisations=organisations,
        following=following,
    )


@router.get(PATHS["operated"], dependencies=[Live])
async def operated(
    number: OrganisationNumber, request: Request, parts: PartsDep, visitor: OperatorVisitorDep, language: LanguageDep
) -> Response:
    """Shows an organisation: its pauses, its runs under way and its latest ones."""
    organisation = await reading.read_organisation(parts, number, _LATEST)
    seen = await reading.overview(parts, language, _RUNS, in_sweden, numbers=[number])
    return show_live(
        request,
        "operated.html",
        "operated_state.html",
        visitor,
        _EVERY,
        page="operated",
        organisation=organisation,
        seen=seen,
        # An activity that is paused by itself has a button of its own.
        paused={each["activity_id"] for each in organisation["pauses"]},
    )


def state_of(errors: int, warnings: int) -> Standing:
    """Gives how it stands with the service, by how much the doctor has found of each kind."""
    if errors:
        return Standing("operations_stuck", "✕", "bad")
    if warnings:
        return Standing("operations_doubtful", "!", "warn")
    return Standing("operations_well", "✓", "good")
