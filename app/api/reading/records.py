"""Reads what became of each object of a job."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, get_args
from uuid import UUID

from app.api.dependencies import Parts, check_school_filters, visible_run_of_job
from app.api.http import cursors
from app.api.http.cursors import Key
from app.api.http.lists import MOST_NAMED
from app.api.reading.disclosures import Disclosure
from app.api.reading.narrowed import only_own, opened_cursor, own_run_of_job, sealed_cursor
from app.api.reading.runs import poll_run
from app.api.reading.unnamed import unnamed_in
from app.db import results, searches
from app.db.cipher import OrganisationCipher
from app.db.record_lists import EVERYTHING, By, RecordFilter, RecordOrder, list_records
from app.db.record_schools import list_schools
from app.db.related import find_related
from app.domain.roster import Reference, referred, refs
from app.domain.search import Query
from app.errors import NotFound
from app.views import Row, Shown
from app.views.codes import shown_instead, sought_codes
from app.views.found import record_fits
from app.views.issue import Names, spoken_of
from app.views.record import show_counts, show_payload, show_record, show_record_detail
from app.views.sealed import open_name, open_record, open_record_detail
from app.views.viewer import Viewer

# So many records are opened or shown at once.
_AT_ONCE: Final = 20
_NO_UNIT: Final = UUID(int=0)
_KEYS: Final = {
    "order": (cursors.number,),
    "status": (cursors.number, cursors.number),
    "completed_at": (cursors.moment_if_any, cursors.number),
}
# How a list may be sorted, as callers write it.
SORTS: Final = {f"{sign}{by}": RecordOrder(by, descending=bool(sign)) for by in get_args(By) for sign in ("", "-")}


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A page of records, the cursor of the next one, and on the first page how many there are by status and by code."""

    records: list[Shown]
    next_cursor: str | None
    counts: Shown | None


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which of a job's records are read, and from where on; `phrase` is what is searched for, "" when nothing is."""

    wanted: RecordFilter = EVERYTHING
    sort: str = "order"
    phrase: str = ""
    limit: int = 50
    cursor: str | None = None

    @property
    def order(self) -> RecordOrder:
        """Gives how they are sorted."""
        return SORTS[self.sort]

    def listed(self, job_id: UUID) -> tuple[Any, ...]:
        """Names the list, for its cursors."""
        wanted = {name: sorted(values) for name, values in self.wanted.values.items()}
        return ("records", job_id, wanted, self.sort, self.phrase)

    def after(self, job_id: UUID) -> tuple[Any, ...] | None:
        """Reads the place behind which they begin; raises BadRequest for another list's cursor."""
        return cursors.read(self.cursor, _KEYS[self.order.by], *self.listed(job_id))


async def read_records(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, query: RecordQuery, *, counted: bool = True
) -> RecordPage:
    """Gives a page of a job's records; `counted` is whether a first page says how many there are.

    With a phrase a page may have fewer than its limit, or none, and yet a cursor, and there are no counts.
    """
    query = _within(query, cipher, viewer)
    after = query.after(job_id)
    await check_job(parts, viewer, job_id)
    check_school_filters(viewer, by_school=query.wanted.by_school)
    query = replace(query, wanted=replace(query.wanted, codes=sought_codes(query.wanted.codes, viewer)))
    if query.phrase.strip():
        opened, following, counts = await _search(parts, cipher, viewer, job_id, query, after)
    else:
        counted = counted and query.cursor is None
        opened, following, counts = await _list(parts, cipher, viewer, job_id, query, after, counted=counted)
    disclosure = Disclosure(viewer)
    disclosure.add(opened)
    names = await _names(parts, cipher, disclosure, job_id, opened)
    said_of = [row for row in opened if row["issues"] or row["received"] is not None]
    unnamed = await unnamed_in(parts, viewer, said_of, "payload", "sent")
    searched = bool(query.phrase.strip())
    # Beside each other: the row of the audit is written while the page is made, and waited for.
    _, shown = await asyncio.gather(
        disclosure.write(parts, "read_records", job_id=job_id, after=after, searched=searched),
        _in_turn(lambda row: show_record(row, viewer, names, unnamed), opened),
    )
    shown = await only_own(parts, viewer, shown, (row["object_id"] for row in opened))
    return RecordPage(shown, sealed_cursor(cipher, viewer, following), counts)


async def check_job(parts: Parts, viewer: Viewer, job_id: UUID) -> None:
    """Raises NotFound without a job that the viewer has something in, and Forbidden for one of another key's run."""
    if viewer.school_units is None:
        await visible_run_of_job(parts, viewer, job_id)
    else:
        await own_run_of_job(parts, viewer, job_id)


def _within(query: RecordQuery, cipher: OrganisationCipher, viewer: Viewer) -> RecordQuery:
    """Narrows a query to the viewer's school units, if they are narrowed to some."""
    if viewer.school_units is None:
        return query
    cursor = opened_cursor(cipher, viewer, query.cursor)
    wanted = replace(query.wanted, of_units=sorted(viewer.units))
    if asked := wanted.school_units:
        # By another unit nobody is found, be they of both.
        wanted = replace(wanted, school_units=sorted(viewer.units.intersection(asked)) or [_NO_UNIT])
    return replace(query, wanted=wanted, cursor=cursor)


_Found = tuple[Sequence[Shown], str | None, Shown | None]


async def _list(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    job_id: UUID,
    query: RecordQuery,
    after: Key | None,
    *,
    counted: bool,
) -> _Found:
    async with parts.statement(viewer.organisation_id) as conn:
        rows, counts = await list_records(
            conn,
            *(viewer.organisation_id, job_id, query.wanted, query.order),
            after=after,
            limit=query.limit,
            protected=viewer.may_see_protected,
            counted=counted,
            instead=shown_instead(viewer),
        )
    rows, following = cursors.page(rows, query.limit, query.order.key, *query.listed(job_id))
    opened = await _in_turn(lambda row: open_record(row, cipher), rows)
    return opened, following, None if counts is None else show_counts(counts)


async def _in_turn(make: Callable[[Row], Shown], rows: Sequence[Row]) -> list[Shown]:
    """Makes something of each row; others have their turn between a few."""
    made: list[Shown] = []
    for row in rows:
        if len(made) % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        made.append(make(row))
    return made


async def _search(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, query: RecordQuery, after: Key | None
) -> _Found:
    words = Query.of(query.phrase)
    if not words.words:
        return [], None, None
    sought, listed = searches.Sought.of(words, cipher), query.listed(job_id)

    async def candidates(most: int) -> Sequence[results.Row]:
        async with parts.statement(viewer.organisation_id) as conn:
            return await searches.search_records(
                conn,
                *(viewer.organisation_id, job_id, sought, query.wanted, query.order),
                after=after,
                limit=most,
                protected=viewer.may_see_protected,
            )

    def found(row: results.Row) -> Shown | None:
        opened = open_record(row, cipher)
        return opened if record_fits(opened, words, viewer) else None

    def sift(rows: Sequence[results.Row], most: int) -> tuple[list[Shown], str | None]:
        return cursors.sift(rows, query.limit, most, found, query.order.key, *listed)

    return *await searches.sifted(query.limit, candidates, sift), None


async def read_record(parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, record_id: UUID) -> Shown:
    """Gives one object's result with what was sent and what was answered; raises NotFound without one."""
    shown, _, _ = await read_record_with_object(parts, cipher, viewer, job_id, record_id)
    return shown


async def read_record_with_object(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    job_id: UUID,
    record_id: UUID,
    *,
    referred_to: bool = False,
) -> tuple[Shown, Any, Names]:
    """Gives it with the object as the run's roster has it, sent or not, and the names of those that it speaks of.

    Where `referred_to` these are the names of all to which the object refers too. Raises NotFound without a record.
    """
    await check_job(parts, viewer, job_id)
    async with parts.statement(viewer.organisation_id) as conn:
        row = await results.find_record(conn, viewer.organisation_id, job_id, record_id)
    if row is None or not viewer.is_told(row["hidden"], {row["school_unit"], *(row["more_units"] or ())}):
        raise NotFound("There is no such record.")
    opened = open_record_detail(row, cipher)
    kind, item = opened["kind"], opened["payload"]
    beside = [referred(kind, item, each) for each in refs(kind, item)] if referred_to else []
    disclosure = Disclosure(viewer)
    disclosure.add([opened])
    # Beside each other: one wait, not two.
    names, (calls, around), unnamed = await asyncio.gather(
        _names(parts, cipher, disclosure, job_id, [opened], beside),
        _related(parts, viewer, job_id, record_id),
        unnamed_in(parts, viewer, [opened], "payload", "sent"),
    )
    related = [open_name(each, cipher) for each in around]
    disclosure.add(related)

    async def made() -> Shown:
        shown = show_record_detail(opened, viewer, names, calls, related, unnamed)
        return {"record": shown, "object": show_payload(opened, viewer, unnamed), "names": _listed(names)}

    # As for a page: the answer is made while the row is written.
    _, whole = await asyncio.gather(disclosure.write(parts, "read_record", job_id=job_id), made())
    [own] = await only_own(parts, viewer, [whole], [record_id])
    return own["record"], own["object"], {(each["kind"], each["id"]): each["name"] for each in own["names"]}


def _listed(names: Names) -> list[Shown]:
    return [{"kind": kind, "id": id_, "name": name} for (kind, id_), name in names.items()]


async def read_schools(parts: Parts, viewer: Viewer, run_id: UUID) -> list[tuple[UUID, str | None]]:
    """Gives the schools that take part in a run that the viewer may see, with their names."""
    await poll_run(parts, viewer, run_id)
    async with parts.statement(viewer.organisation_id) as conn:
        schools = await list_schools(conn, viewer.organisation_id, run_id)
    return [each for each in schools if viewer.may_see_units({each[0]})]


async def _related(parts: Parts, viewer: Viewer, job_id: UUID, record_id: UUID) -> tuple[Sequence[Row], Sequence[Row]]:
    async with parts.statement(viewer.organisation_id) as conn:
        return await find_related(conn, viewer.organisation_id, job_id, record_id)


async def _names(
    parts: Parts,
    cipher: OrganisationCipher,
    disclosure: Disclosure,
    job_id: UUID,
    opened: Sequence[Shown],
    beside: Sequence[Reference] = (),
) -> Names:
    """Gives the names of the objects that messages of records speak of, and of those `beside`, up to MOST_NAMED.

    That is one more statement, if there are any.
    """
    viewer = disclosure.viewer
    references = list(dict.fromkeys([*sorted(spoken_of(opened, viewer.published)), *beside]))[:MOST_NAMED]
    if not references:
        return {}
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await results.list_named(conn, viewer.organisation_id, job_id, references)
    return disclosure.names(open_name(row, cipher) for row in rows)
