"""Reads the audit of an organisation. Who reads it is in it as well."""

from uuid import UUID

from app.api.dependencies import Parts, cipher_of
from app.api.http import cursors
from app.api.reading.disclosures import Disclosure
from app.db import audit_lists
from app.db.audit import digest_of
from app.views import Shown
from app.views.audit import show_audit_row
from app.views.viewer import Viewer


async def list_audit(
    parts: Parts, viewer: Viewer, object_id: UUID | None, *, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """Gives a page of the rows about an object, or of all of the organisation, the newest first; with the next cursor.

    Raises BadRequest for a cursor of another list, and NotAudited.
    """
    listed = ("audit", object_id)
    before = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    digest = None if object_id is None else digest_of(cipher_of(parts, viewer), object_id)
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await audit_lists.list_rows(conn, viewer.organisation_id, digest=digest, before=before, limit=limit)
    cut, following = cursors.page(rows, limit, lambda row: (row["at"], row["id"]), *listed)
    disclosure = Disclosure(viewer)
    if object_id is not None:
        disclosure.add_object(object_id, protected=False)
    await disclosure.write(parts, "read_audit", after=before, always=True)
    return [show_audit_row(row, may_see_protected=viewer.may_see_protected) for row in cut], following
