"""Activities, their rosters, and what is wrong in those."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import cursors
from app.api.answers import allows_version, answer, page, to_json
from app.api.bodies import described, json_only
from app.api.dependencies import (
    CipherDep,
    Parts,
    PartsDep,
    PersonalReader,
    Provisioner,
    Reader,
    SingleStatement,
    Snapshot,
)
from app.api.intakes import arriving
from app.api.lists import Cursor, Limit
from app.api.problems import BadRequest
from app.api.requests import ActivityRequest, Roster
from app.api.schemas import Activity, Finding, Page
from app.catalogue import catalogue
from app.db import findings, reads, rosters
from app.db.cipher import OrganisationCipher
from app.db.findings import COUNTED, ORIGINS, FindingFilter
from app.db.intake import store_roster
from app.domain.issues import Severity
from app.domain.kinds import Kind
from app.errors import NotFound, PreconditionFailed
from app.sources.json_upload import JsonUpload
from app.views.activity import show_activity
from app.views.issue import show_finding
from app.views.roster import concerned, show_object
from app.views.viewer import Viewer

router = APIRouter(tags=["Activities"])

_ITEMS_A_READ = 200

_ETAG = {"ETag": {"description": "The roster's version.", "schema": {"type": "string", "examples": ['"3"']}}}


@router.put(
    "/activities/{activity_id}",
    summary="Store an activity with its roster",
    response_model=Activity,
    responses={
        200: {"description": "The roster was replaced.", "headers": _ETAG},
        201: {"description": "The activity is new.", "model": Activity, "headers": _ETAG},
        409: {"description": "The organisation's rosters would take more than they may together."},
        412: {"description": "The activity is not in the version that If-Match names."},
    },
    openapi_extra=described(ActivityRequest),
)
async def put_activity(
    activity_id: UUID,
    request: Request,
    parts: PartsDep,
    cipher: CipherDep,
    caller: Provisioner,
    if_match: Annotated[str | None, Header(description="`*`, or the ETag that is to be replaced.")] = None,
) -> Response:
    """Creates or replaces an activity. A body whose form is wrong is refused whole; a bad record shows in findings.

    At most four bodies are read at once, two of one organisation; others wait for a while, and then get a 503. A body
    may take 300 s, and after the first 30 s wants 64 KiB a second.
    """
    json_only(request)
    async with parts.statement() as conn:
        version = await reads.roster_version(conn, caller.organisation_id, activity_id)
    if not allows_version(if_match, version):
        raise PreconditionFailed("The activity is not in the version that If-Match names.")
    count, timeout = parts.metrics.intake_bytes.inc, parts.timeout
    async with (
        parts.places.take(caller.organisation_id, timeout.place),
        aclosing(arriving(request, timeout, count)) as chunks,
    ):
        stored = await store_roster(
            parts.runtime.engine,
            cipher,
            parts.runtime.target.published,
            activity_id,
            JsonUpload(chunks),
            if_match=lambda version: allows_version(if_match, version),
            turn=parts.intake_turn,
            most_bytes=parts.runtime.settings.max_organisation_bytes,
        )
    for kind, count in stored.activity["counts"].items():
        parts.metrics.intake_objects.labels(kind).inc(count)
    return _shown(stored.activity, 201 if stored.created else 200)


@router.get("/activities", summary="List activities", response_model=Page[Activity])
async def list_activities(viewer: Reader, conn: SingleStatement, limit: Limit, cursor: Cursor = None) -> Response:
    """Lists the organisation's activities, the newest first."""
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), "activities")
    rows = await reads.list_activities(conn, viewer.organisation_id, after=after, limit=limit)
    rows, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["id"]), "activities")
    return page([show_activity(row) for row in rows], following)


@router.get(
    "/activities/{activity_id}",
    summary="Read an activity",
    response_model=Activity,
    responses={200: {"description": "The activity.", "headers": _ETAG}},
)
async def get_activity(activity_id: UUID, viewer: Reader, conn: SingleStatement) -> Response:
    """Gives an activity; its ETag is what If-Match wants when the roster is replaced."""
    return _shown(await _activity(conn, viewer.organisation_id, activity_id))


@router.get(
    "/activities/{activity_id}/findings",
    summary="List what is wrong with a roster",
    response_model=Page[Finding],
)
async def list_findings(
    activity_id: UUID,
    viewer: Reader,
    conn: Snapshot,
    limit: Limit,
    cursor: Cursor = None,
    kind: Annotated[list[Kind] | None, Query(description="Of these kinds.")] = None,
    code: Annotated[list[str] | None, Query(description="With one of these codes.")] = None,
    severity: Annotated[list[Severity] | None, Query(description="Of this severity.")] = None,
) -> Response:
    """Lists, in the roster's order, what is wrong with its objects and where, before anything of it is sent.

    What was left out of many objects is counted: one finding for each kind and property, ahead of the others.
    """
    if unknown := [each for each in code or () if each not in catalogue().issues]:
        raise BadRequest(f"code: {len(unknown)} of the values are codes of no finding")
    wanted = FindingFilter([each.value for each in kind or ()], code or (), severity or ())
    listed = ("findings", activity_id, *map(sorted, (wanted.kinds, wanted.codes, wanted.severities)))
    after = cursors.read(cursor, (Kind, cursors.number, _origin, cursors.number), *listed)
    await _activity(conn, viewer.organisation_id, activity_id)
    if after is not None:
        after = (after[0], after[1] + COUNTED, *after[2:])
    rows = await findings.list_findings(conn, viewer.organisation_id, activity_id, wanted, after=after, limit=limit)
    cut, following = cursors.page(rows, limit, _place_of, *listed)
    return page([show_finding(row) for row in cut], following)


def _origin(part: Any) -> str:
    if part not in ORIGINS:
        raise ValueError
    return str(part)


def _place_of(row: reads.Row) -> tuple[Any, ...]:
    return (row["kind"], row["ordinal"] - COUNTED, row["origin"], row["number"])


@router.get("/activities/{activity_id}/roster", summary="Read a roster back", response_model=Roster)
async def get_roster(
    activity_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: PersonalReader, conn: Snapshot
) -> Response:
    """Streams the roster as it was stored; protected persons are masked unless the key may see them."""
    row = await _activity(conn, viewer.organisation_id, activity_id)
    return StreamingResponse(
        _roster(parts, cipher, viewer, row["roster_id"], row["counts"]),
        headers={"Cache-Control": "no-store", **_etag(row)},
        media_type="application/json",
    )


async def _activity(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID) -> reads.Row:
    row = await reads.find_activity(conn, organisation_id, activity_id)
    if row is None:
        raise NotFound("There is no such activity.")
    return row


def _etag(row: reads.Row) -> dict[str, str]:
    return {"ETag": f'"{row["version"]}"'}


def _shown(row: reads.Row, status: int = 200) -> Response:
    return answer(show_activity(row), status, _etag(row))


async def _roster(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, roster_id: UUID, counts: dict[str, int]
) -> AsyncIterator[bytes]:
    """Writes a roster slice by slice, holding no connection while the client takes one."""
    opening = b"{"
    for kind in Kind:
        yield opening + to_json(kind.value) + b":["
        opening = b","
        ordinal, between, left = -1, b"", counts.get(kind.value, 0)
        while left:
            items, ordinal = await _slice(parts, cipher, viewer, roster_id, kind, ordinal)
            if not items:
                # Replaced meanwhile: without its end, nobody takes this for the whole.
                raise RuntimeError("a roster was replaced while it was read")
            left -= len(items)
            yield between + b",".join(items)
            between = b","
        yield b"]"
    yield b"}"


async def _slice(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, roster_id: UUID, kind: Kind, after: int
) -> tuple[list[bytes], int]:
    organisation_id = viewer.organisation_id
    async with parts.reading.connect() as conn:
        rows = await rosters.list_items(conn, organisation_id, roster_id, kind.value, after=after, limit=_ITEMS_A_READ)
        about = {id_ for row in rows for id_ in concerned(row, kind)}
        protected = set() if viewer.may_see_protected else await rosters.protected_now(conn, organisation_id, about)
    items: list[bytes] = []
    for row in rows:
        if len(items) % 20 == 0:
            await asyncio.sleep(0)
        opened = {**row, "payload": cipher.open(bytes(row["sealed"]), bytes(row["source"]))}
        items.append(show_object(opened, viewer, kind=kind, protected=protected))
    return items, rows[-1]["ordinal"] if rows else after
