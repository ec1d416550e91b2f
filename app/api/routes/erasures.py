"""What is kept of a person is erased: asked for here, done by a worker."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.auditing import write_erasure
from app.api.dependencies import Administrator, CallerDep, PartsDep, cipher_of
from app.api.http.answers import answer
from app.api.http.bodies import read_no_body
from app.api.http.problems import may_refuse
from app.api.schemas.erasures import Erasure
from app.db import erasures
from app.domain.erasing import PERSONS
from app.errors import RunHasIt
from app.views.erasure import show_erasure

router = APIRouter(tags=["Objects"])


@router.delete(
    "/objects/persons/{object_id}/content",
    summary="Erase what is kept of a person",
    status_code=202,
    response_model=Erasure,
    responses={
        202: {
            "headers": {
                "Location": {"description": "Where to look how far it is.", "schema": {"type": "string"}},
            }
        },
        **may_refuse(RunHasIt),
    },
)
async def erase_person(
    object_id: UUID, request: Request, parts: PartsDep, viewer: Administrator, caller: CallerDep
) -> Response:
    """Has a worker erase all texts and values of a person, and of the duties that say whose they are.

    They go from every run, call, plan and roster; current rosters have a new version without the person. Ids, states,
    codes and times stay. Nothing is removed at Skolverket. A later upload that has the person brings it back, with the
    finding `erased_before`. Asked for again, it is answered with how it stands; 409 while a run that has the person is
    queued, running or held.
    """
    await read_no_body(request)
    async with parts.transaction("ask_for_erasure", of=viewer.organisation_id) as conn:
        row = await erasures.ask_for_person(conn, viewer.organisation_id, object_id, caller.handle)
        await write_erasure(conn, cipher_of(parts, viewer), object_id)
    return answer(show_erasure(row), 202, {"Location": f"/objects/persons/{object_id}/erasure"})


@router.get("/objects/persons/{object_id}/erasure", summary="Read how an erasure stands", response_model=Erasure)
async def get_erasure(object_id: UUID, parts: PartsDep, viewer: Administrator) -> Response:
    """Tells when it was asked for, and when the content had gone; 404 where nobody has asked for it."""
    async with parts.statement(viewer.organisation_id) as conn:
        row = await erasures.find(conn, viewer.organisation_id, PERSONS, object_id)
    return answer(show_erasure(row))
