"""Activities, their rosters, and what is wrong in those."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auditing import write_change
from app.api.dependencies import (
    CipherDep,
    NarrowedReader,
    Parts,
    PartsDep,
    Provisioner,
    UnmaskedReader,
    viewer_of,
)
from app.api.http.answers import answer_version, has_it, page, polled, to_json
from app.api.http.bodies import described, json_only
from app.api.http.conditions import ReplacementConditions
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import BadRequest, Busy, PartialKey, may_refuse
from app.api.http.streams import Streamed
from app.api.intakes import arriving
from app.api.reading import activities as reading
from app.api.reading import findings as of_findings
from app.api.reading.activities import shown_activity
from app.api.reading.disclosures import Disclosure
from app.api.schemas.activities import Activity, Finding, FindingCause
from app.api.schemas.parts import Page
from app.api.schemas.requests import ActivityRequest
from app.catalogue import catalogue
from app.db import reads, rosters
from app.db.cipher import OrganisationCipher
from app.db.findings import FindingFilter
from app.db.intake import Stored, store_roster
from app.domain.issues import Severity
from app.domain.kinds import Kind
from app.errors import MaskedValue, OrganisationFull, PreconditionFailed
from app.sources.json_upload import JsonUpload
from app.views import Row
from app.views.sealed import open_activity
from app.views.viewer import Viewer

router = APIRouter(tags=["Activities"])

_ITEMS_A_READ = 200

_ETAG = {"ETag": {"description": "The roster's version.", "schema": {"type": "string", "examples": ['"3"']}}}

_UNCHANGED = {"description": "Nothing has changed since If-None-Match."}


@router.put(
    "/activities/{activity_id}",
    summary="Store an activity with its roster",
    response_model=Activity,
    responses={
        200: {"description": "The roster was replaced, or is there already as it is.", "headers": _ETAG},
        201: {"description": "The activity is new.", "model": Activity, "headers": _ETAG},
        **may_refuse(MaskedValue, OrganisationFull, PreconditionFailed, Busy),
    },
    openapi_extra=described(ActivityRequest),
)
async def put_activity(
    activity_id: UUID,
    request: Request,
    parts: PartsDep,
    cipher: CipherDep,
    caller: Provisioner,
    conditions: ReplacementConditions,
) -> Response:
    """Creates or replaces an activity. A body whose form is wrong is refused whole; a bad record shows in findings.

    Refused as well are a key that an object has two values for, `***` for a name, an EPPN or a civic number, and a
    roster with none of its four lists. The rest of a body is not read once it has 100 problems, one object of more than
    1 MiB with its white space, or one object more than 500,000. The same name and objects again,
    by the key that stored them, change nothing: a 200 with the version that is there.

    At most four bodies over 256 KiB are read at once, two of one organisation; others wait for a while, in turn for
    the organisations, and then get a 503. A body may take 300 s, and after the first 30 s wants 64 KiB a second.
    """
    json_only(request)
    async with parts.statement(caller.organisation_id) as conn:
        version = await reads.roster_version(conn, caller.organisation_id, activity_id)
    if not conditions.allow(version):
        raise PreconditionFailed("The activity is not in the state that the request's conditions ask for.")
    count, timeout = parts.metrics.intake_bytes.inc, parts.timeout

    async def taken_in(conn: AsyncConnection, stored: Stored) -> None:
        version = stored.activity["version"]
        await write_change(conn, caller.organisation_id, "store_roster", activity_id=activity_id, version=version)

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
            stored_by=caller.key_id,
            made_by=viewer_of(caller, parts).runs_made_by,
            if_match=conditions.allow,
            share=parts.intake_share,
            most_bytes=parts.runtime.settings.max_organisation_bytes,
            taken_in=taken_in,
        )
    # What this process has kept of the activity's runs has its name in it.
    parts.runs.changed_here(activity_id)
    for kind, count in stored.activity["counts"].items():
        parts.metrics.intake_objects.labels(kind).inc(count)
    row = open_activity(stored.activity, cipher)
    shown = await shown_activity(parts, viewer_of(caller, parts), row)
    return answer_version(shown, row["version"], 201 if stored.created else 200)


@router.get("/activities", summary="List activities", response_model=Page[Activity])
async def list_activities(parts: PartsDep, viewer: NarrowedReader, limit: Limit, cursor: Cursor = None) -> Response:
    """Lists the organisation's activities, the newest first."""
    return page(*await reading.list_activities(parts, viewer, limit=limit, cursor=cursor))


@router.get(
    "/activities/{activity_id}",
    summary="Read an activity",
    response_model=Activity,
    responses={200: {"description": "The activity.", "headers": _ETAG}, 304: _UNCHANGED},
)
async def get_activity(activity_id: UUID, request: Request, parts: PartsDep, viewer: NarrowedReader) -> Response:
    """Gives an activity; its ETag is what If-Match wants when the roster is replaced.

    The ETag changes with everything that is shown; If-Match looks at the version in it alone.
    """
    return polled(request, await reading.poll_activity(parts, viewer, activity_id))


@router.get(
    "/activities/{activity_id}/findings",
    summary="List what is wrong with a roster",
    response_model=Page[Finding],
)
async def list_findings(
    activity_id: UUID,
    parts: PartsDep,
    cipher: CipherDep,
    viewer: NarrowedReader,
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
        raise BadRequest(f"query code: {len(unknown)} of the values are codes of no finding.")
    wanted = FindingFilter([each.value for each in kind or ()], code or (), severity or ())
    return page(
        *await of_findings.list_findings(parts, cipher, viewer, activity_id, wanted, limit=limit, cursor=cursor)
    )


@router.get(
    "/activities/{activity_id}/findings/causes",
    summary="List what is wrong with a roster by its causes",
    response_model=Page[FindingCause],
)
async def list_finding_causes(
    activity_id: UUID, parts: PartsDep, cipher: CipherDep, viewer: NarrowedReader, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists each code that was found in the roster once, with how often, who puts it right and some examples.

    Errors come first, then the commonest first. `GET …/findings?code=` lists what is behind one.
    """
    return page(*await of_findings.page_finding_causes(parts, cipher, viewer, activity_id, limit=limit, cursor=cursor))


@router.get(
    "/activities/{activity_id}/roster",
    summary="Read a roster back",
    response_model=ActivityRequest,
    responses={
        200: {"description": "The activity's name and its roster.", "headers": _ETAG},
        304: _UNCHANGED,
        **may_refuse(PartialKey),
    },
)
async def get_roster(
    activity_id: UUID, request: Request, parts: PartsDep, cipher: CipherDep, viewer: UnmaskedReader
) -> Response:
    """Streams the roster as it was stored, in the form in which it is sent: never masked and never a part of it.

    What an object said of others (`_embedded`, `responsibles`, and beside the id of a person or a duty) is not stored.
    So it can be changed and sent back, with the ETag as If-Match. Wants the scopes `pii` and `protected`.
    """
    row = await reading.find_activity(parts, viewer, activity_id)
    if has_it(request, _etag(row)["ETag"]):
        return Response(status_code=304, headers={"Cache-Control": "no-store", **_etag(row)})
    # Before its beginning leaves: who may be shown nothing is answered so.
    await Disclosure(viewer).write(parts, "read_roster", activity_id=activity_id, version=row["version"], always=True)
    return Streamed(
        _roster(parts, cipher, viewer, row),
        headers={"Cache-Control": "no-store", **_etag(row)},
        media_type="application/json",
    )


def _etag(row: Row) -> dict[str, str]:
    return {"ETag": f'"{row["version"]}"'}


def _length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


async def _roster(parts: Parts, cipher: OrganisationCipher, viewer: Viewer, row: Row) -> AsyncGenerator[bytes]:
    """Writes a roster slice by slice, holding no connection while the client takes one."""
    yield b'{"display_name":' + to_json(row["display_name"]) + b',"roster":'
    opening = b"{"
    for kind in Kind:
        yield opening + to_json(kind.value) + b":["
        opening = b","
        ordinal, between, left = -1, b"", row["counts"].get(kind.value, 0)
        while left:
            items, ordinal = await _slice(parts, cipher, viewer, row, kind, ordinal)
            if not items:
                # Replaced meanwhile: without its end, nobody takes this for the whole.
                raise RuntimeError("a roster was replaced while it was read")
            left -= len(items)
            yield between + b",".join(items)
            between = b","
        yield b"]"
    yield b"}}"


async def _slice(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, row: Row, kind: Kind, after: int
) -> tuple[list[bytes], int]:
    """Reads a slice whose row of the audit has been written, and where the next one begins."""
    async with parts.snapshot(cipher.organisation_id) as conn:
        rows = await rosters.list_items(
            conn, row["organisation_id"], row["roster_id"], kind.value, after=after, limit=_ITEMS_A_READ
        )
    items: list[bytes] = []
    for item in rows:
        if len(items) % 20 == 0:
            await asyncio.sleep(0)
        items.append(_as_sent(cipher.open(bytes(item["sealed"]), bytes(item["source"]))))
    disclosure = Disclosure(viewer)
    for item in rows:
        disclosure.add_object(item["object_id"], protected=item["protected"])
    await disclosure.write(parts, "read_roster", activity_id=row["id"], version=row["version"], after=(kind, after))
    return items, rows[-1]["ordinal"] if rows else after


def _as_sent(stored: bytes) -> bytes:
    """Writes letters as themselves, where they have a UTF-8 form: escaped, they might be too many to be sent back."""
    if b"\\u" in stored:
        with suppress(UnicodeEncodeError):
            return json.dumps(json.loads(stored), ensure_ascii=False, separators=(",", ":")).encode()
    return stored
