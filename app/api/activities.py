"""Activities, their rosters, and what is wrong in those."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import cursors
from app.api.answers import allows_creation, allows_version, answer, page, to_json
from app.api.bodies import described, json_only
from app.api.dependencies import (
    CipherDep,
    Parts,
    PartsDep,
    Provisioner,
    Reader,
    SingleStatement,
    Snapshot,
    UnmaskedReader,
)
from app.api.finding_names import names_of
from app.api.intakes import arriving
from app.api.lists import Cursor, Limit
from app.api.problems import BadRequest
from app.api.requests import ActivityRequest
from app.api.schemas import Activity, Finding, Page
from app.catalogue import catalogue
from app.db import findings, reads, rosters
from app.db.cipher import OrganisationCipher
from app.db.findings import ORIGINS, FindingFilter
from app.db.intake import store_roster
from app.domain.issues import COUNTED, Severity
from app.domain.kinds import Kind
from app.errors import NotFound, PreconditionFailed
from app.sources.json_upload import JsonUpload
from app.views.activity import show_activity
from app.views.issue import show_finding

router = APIRouter(tags=["Activities"])

_ITEMS_A_READ = 200

_ETAG = {"ETag": {"description": "The roster's version.", "schema": {"type": "string", "examples": ['"3"']}}}


@router.put(
    "/activities/{activity_id}",
    summary="Store an activity with its roster",
    response_model=Activity,
    responses={
        200: {"description": "The roster was replaced, or is there already as it is.", "headers": _ETAG},
        201: {"description": "The activity is new.", "model": Activity, "headers": _ETAG},
        409: {"description": "The organisation's rosters would take more than they may together."},
        412: {"description": "The activity is not in the state that If-Match or If-None-Match asks for."},
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
    if_none_match: Annotated[str | None, Header(description="`*`: the activity must be new.")] = None,
) -> Response:
    """Creates or replaces an activity. A body whose form is wrong is refused whole; a bad record shows in findings.

    Refused as well are a key that an object has two values for, `***` for a name, an EPPN or a civic number, and a
    roster with none of its four lists. The rest of a body is not read once it has 100 problems, one object of more than
    1 MiB with its white space, or one object more than 500,000. The same name and objects again change nothing: a
    200 with the version that is there.

    At most four bodies over 256 KiB are read at once, two of one organisation; others wait for a while, in turn for
    the organisations, and then get a 503. A body may take 300 s, and after the first 30 s wants 64 KiB a second.
    """

    def allowed(version: int | None) -> bool:
        return allows_version(if_match, version) and allows_creation(if_none_match, version)

    json_only(request)
    async with parts.statement() as conn:
        version = await reads.roster_version(conn, caller.organisation_id, activity_id)
    if not allowed(version):
        raise PreconditionFailed("The activity is not in the state that the request's conditions ask for.")
    count, timeout = parts.metrics.intake_bytes.inc, parts.timeout
    async with (
        parts.places.take(caller.organisation_id, _length(request), timeout.place),
        aclosing(arriving(request, timeout, count)) as chunks,
    ):
        stored = await store_roster(
            parts.runtime.engine,
            cipher,
            parts.runtime.target.published,
            activity_id,
            JsonUpload(chunks),
            if_match=allowed,
            share=parts.intake_share,
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
    cipher: CipherDep,
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
    names = await names_of(conn, cipher, viewer, (each for row in cut for each in row["ids"] or ()))
    return page([show_finding(row, names) for row in cut], following)


def _origin(part: Any) -> str:
    if part not in ORIGINS:
        raise ValueError
    return str(part)


def _place_of(row: reads.Row) -> tuple[Any, ...]:
    return (row["kind"], row["ordinal"] - COUNTED, row["origin"], row["number"])


@router.get(
    "/activities/{activity_id}/roster",
    summary="Read a roster back",
    response_model=ActivityRequest,
    responses={200: {"description": "The activity's name and its roster.", "headers": _ETAG}},
)
async def get_roster(
    activity_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: UnmaskedReader, conn: Snapshot
) -> Response:
    """Streams the roster as it was stored, in the form in which it is sent: never masked and never a part of it.

    So it can be changed and sent back, with the ETag as If-Match. Wants the scopes `pii` and `protected`.
    """
    row = await _activity(conn, viewer.organisation_id, activity_id)
    return StreamingResponse(
        _roster(parts, cipher, row),
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


def _length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


async def _roster(parts: Parts, cipher: OrganisationCipher, row: reads.Row) -> AsyncIterator[bytes]:
    """Writes a roster slice by slice, holding no connection while the client takes one."""
    yield b'{"display_name":' + to_json(row["display_name"]) + b',"roster":'
    opening = b"{"
    for kind in Kind:
        yield opening + to_json(kind.value) + b":["
        opening = b","
        ordinal, between, left = -1, b"", row["counts"].get(kind.value, 0)
        while left:
            items, ordinal = await _slice(parts, cipher, row, kind, ordinal)
            if not items:
                # Replaced meanwhile: without its end, nobody takes this for the whole.
                raise RuntimeError("a roster was replaced while it was read")
            left -= len(items)
            yield between + b",".join(items)
            between = b","
        yield b"]"
    yield b"}}"


async def _slice(
    parts: Parts, cipher: OrganisationCipher, row: reads.Row, kind: Kind, after: int
) -> tuple[list[bytes], int]:
    async with parts.reading.connect() as conn:
        rows = await rosters.list_items(
            conn, row["organisation_id"], row["roster_id"], kind.value, after=after, limit=_ITEMS_A_READ
        )
    items: list[bytes] = []
    for item in rows:
        if len(items) % 20 == 0:
            await asyncio.sleep(0)
        items.append(_as_sent(cipher.open(bytes(item["sealed"]), bytes(item["source"]))))
    return items, rows[-1]["ordinal"] if rows else after


def _as_sent(stored: bytes) -> bytes:
    """Writes letters as themselves, where they have a UTF-8 form: escaped, they might be too many to be sent back."""
    if b"\\u" in stored:
        with suppress(UnicodeEncodeError):
            return json.dumps(json.loads(stored), ensure_ascii=False, separators=(",", ":")).encode()
    return stored
