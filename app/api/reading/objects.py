"""Reads the organisation's objects, beyond rosters and runs: found by what they are called, and all that is known."""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

from app.api.dependencies import Parts, cipher_of
from app.api.finding_names import names_of
from app.api.http import cursors
from app.api.reading.disclosures import Disclosure
from app.api.reading.narrowed import only_own, opened_cursor, sealed_cursor
from app.api.reading.unnamed import unnamed_in
from app.db import known, reads, searches
from app.db.cipher import OrganisationCipher
from app.db.results import Row
from app.domain.kinds import Kind
from app.domain.search import Query
from app.errors import NotFound
from app.views import Shown
from app.views.found import record_fits
from app.views.issue import Names
from app.views.object import findings_speak_of, is_visible, show_found, show_object_detail
from app.views.sealed import open_object, open_object_detail
from app.views.viewer import Viewer


async def find_objects(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    phrase: str,
    *,
    kind: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[list[Shown], str | None]:
    """Gives a page of the objects that fit a `phrase` by their newest form, of a `kind` or of all; none without a word.

    A page may have fewer than `limit`, or none, and yet a cursor.
    """
    listed = ("objects", kind, phrase)
    cursor = opened_cursor(cipher, viewer, cursor)
    after = cursors.read(cursor, (cursors.text, cursors.uuid), *listed)
    query = Query.of(phrase)
    if not query.words:
        return [], None
    sought = searches.Sought.of(query, cipher)

    async def candidates(most: int) -> Sequence[Row]:
        async with parts.statement(viewer.organisation_id) as conn:
            return await known.search_objects(
                conn,
                viewer.organisation_id,
                sought,
                kind=kind,
                after=(after[0], after[1]) if after else None,
                limit=most,
                protected=viewer.may_see_protected,
                units=viewer.school_units,
            )

    def found(row: Row) -> Shown | None:
        opened = open_object(row, cipher)
        return opened if record_fits(opened, query, viewer) else None

    def sift(rows: Sequence[Row], most: int) -> tuple[list[Shown], str | None]:
        return cursors.sift(rows, limit, most, found, lambda row: (row["kind"], row["object_id"]), *listed)

    opened, following = await searches.sifted(limit, candidates, sift)
    rows = [show_found(row, viewer) for row in opened]
    own = await only_own(parts, viewer, rows, (each["id"] for each in rows))
    disclosure = Disclosure(viewer)
    disclosure.add(opened)
    await disclosure.write(parts, "read_objects", searched=True, later=after is not None)
    return own, sealed_cursor(cipher, viewer, following)


async def read_object(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    kind: str,
    object_id: UUID,
    *,
    limit: int,
    cursor: str | None,
) -> Shown:
    """Gives all that is known of an object with a page of its records, the newest first; raises NotFound without it."""
    listed = ("object", kind, object_id)
    before = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await known.find_object(
            conn,
            viewer.organisation_id,
            kind,
            object_id,
            before=(before[0], before[1]) if before else None,
            limit=limit,
        )
    shown, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["job_id"]), *listed)
    if not rows:
        raise NotFound("There is no such object.")
    opened, records = open_object_detail(shown, cipher)
    if not is_visible(opened, viewer):
        raise NotFound("There is no such object.")
    disclosure = Disclosure(viewer)
    disclosure.add([opened])
    names: Names = {}
    if spoken_of := findings_speak_of(opened):
        async with parts.statement(viewer.organisation_id) as conn:
            names = await names_of(conn, cipher, disclosure, spoken_of)
    said = ((Kind.PERSONS, each) for each in spoken_of)
    unnamed = await unnamed_in(parts, viewer, [opened], "payload", "accepted_payload", said=said)

    async def made() -> Shown:
        return show_object_detail(opened, records, viewer, names, unnamed, next_cursor=following)

    _, whole = await asyncio.gather(disclosure.write(parts, "read_object", after=before), made())
    [own] = await only_own(parts, viewer, [whole], [object_id])
    return own


async def exam_names(parts: Parts, viewer: Viewer, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Gives what these exams are called, those left out that are not there any more."""
    async with parts.statement(viewer.organisation_id) as conn:
        return await reads.activity_names(conn, cipher_of(parts, viewer), set(ids))
