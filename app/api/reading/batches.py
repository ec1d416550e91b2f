"""Reads the calls that were made to Skolverket for a job."""

from uuid import UUID

from app.api.dependencies import Parts, visible_job, visible_run_of_job
from app.api.http import cursors
from app.api.reading.disclosures import Disclosure
from app.api.reading.unnamed import unnamed_in
from app.db import results
from app.db.cipher import OrganisationCipher
from app.db.content import open_contents
from app.domain.envelope import folded_digests
from app.errors import NotFound
from app.views import Shown
from app.views.batch import items_of, seen_in, show_batch, show_batch_detail
from app.views.sealed import open_batch, open_call
from app.views.viewer import Viewer


async def read_batches(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, *, limit: int, cursor: str | None
) -> tuple[list[Shown], str | None]:
    """Gives a page of a job's calls in their order, and the cursor of the next page."""
    listed = ("batches", job_id)
    after = cursors.read(cursor, (cursors.number,), *listed)
    await visible_run_of_job(parts, viewer, job_id)
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await results.list_batches(
            conn, viewer.organisation_id, job_id, after=after[0] if after else None, limit=limit
        )
    rows, following = cursors.page(rows, limit, lambda row: (row["number"],), *listed)
    return [show_batch(open_call(row, cipher), viewer) for row in rows], following


async def read_batch(parts: Parts, cipher: OrganisationCipher, viewer: Viewer, job_id: UUID, batch_id: UUID) -> Shown:
    """Gives one call with the request and the answer to it; raises NotFound without one."""
    async with parts.snapshot(viewer.organisation_id) as conn:
        job = await visible_job(conn, viewer, job_id)
        row = await results.find_batch(conn, viewer.organisation_id, job_id, batch_id)
        if row is None:
            raise NotFound("There is no such call.")
        protected = await results.protected_among(conn, viewer.organisation_id, job_id, row["record_ids"])
        contents = dict(await open_contents(conn, cipher, [*row["items"], *([row["answer"]] if row["answer"] else [])]))
        if row["answer"] and (envelope := contents.get(bytes(row["answer"]))):
            contents |= await open_contents(conn, cipher, folded_digests(envelope))
    opened = open_batch(row, cipher, viewer.published.body_form, contents)
    sent = [{"kind": job["kind"], "item": item} for item in items_of(opened, viewer.published)]
    unnamed = await unnamed_in(parts, viewer, sent, "item")
    disclosure = Disclosure(viewer)
    for each in seen_in(opened, viewer, kind=job["kind"], protected=protected):
        disclosure.add_object(each, protected=each in protected)
    await disclosure.write(parts, "read_call", job_id=job_id, call=str(batch_id))
    return show_batch_detail(opened, viewer, kind=job["kind"], protected=protected, unnamed=unnamed)
