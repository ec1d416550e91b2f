"""Who is missing: how the pupils of an exam stand, and what keeps those who are not through."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import CipherDep, NarrowedHistoryReader, PartsDep
from app.api.http.answers import answer, page
from app.api.http.ids import Id
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import BadRequest
from app.api.reading import readiness as reading
from app.api.reading.readiness import PupilFilter
from app.api.schemas.parts import Page
from app.api.schemas.readiness import MissingPupil, Readiness
from app.domain.kinds import Kind
from app.domain.standing import State

router = APIRouter(tags=["Readiness"])

_CAUSE = re.compile(rf"({'|'.join(Kind)}):[a-z0-9_-]{{1,64}}")


@router.get("/activities/{activity_id}/readiness", summary="Tell who is missing in an exam", response_model=Readiness)
async def get_readiness(
    activity_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: NarrowedHistoryReader,
    limit: Limit,
    cursor: Cursor = None,
) -> Response:
    """Counts who of the current roster's pupils are through, and names what keeps the others, the worst first.

    A pupil is through when Skolverket has accepted what the roster has of the person, or something newer, a group with
    the pupil in it, and an activity with that group. What is first missing on that way is the cause: one person at whom
    a run has stopped is one cause, however many pupils and groups wait for it. The groups of the roster are paged.

    A key of single school units is told of their pupils and groups; a cause that is not theirs is `of_another_unit`.
    """
    return answer(await reading.read_readiness(parts, cipher, viewer, activity_id, limit=limit, cursor=cursor))


@router.get(
    "/activities/{activity_id}/readiness/pupils",
    summary="List the pupils who are missing in an exam",
    response_model=Page[MissingPupil],
)
async def list_missing_pupils(
    activity_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: NarrowedHistoryReader,
    limit: Limit,
    cursor: Cursor = None,
    state: Annotated[
        list[State] | None, Query(description="In these states; without any, all who take part and are not through.")
    ] = None,
    cause: Annotated[list[str] | None, Query(description="Kept by one of these causes, by their `id`.")] = None,
    group: Annotated[list[Id] | None, Query(description="In one of these groups of the roster.")] = None,
) -> Response:
    """Lists pupils in the roster's order, each with what keeps it.

    Without the scope `protected` nobody protected is found by a group, nor by a cause that is one, and without `pii`
    nobody at all: 403.
    """
    if unknown := [each for each in cause or () if not _CAUSE.fullmatch(each)]:
        raise BadRequest(f"query cause: {len(unknown)} of the values are ids of no cause.")
    wanted = PupilFilter(state or (), cause or (), group or ())
    return page(*await reading.list_pupils(parts, cipher, viewer, activity_id, wanted, limit=limit, cursor=cursor))
