"""The pauses that keep an organisation's exams, for the pages of its own people."""

from collections.abc import Sequence
from uuid import UUID

from app.api.dependencies import Parts, cipher_of
from app.db.pauses import Place, pauses_in_force, pauses_of_activity
from app.views import Row
from app.views.sealed import open_pause
from app.views.viewer import Viewer


async def pauses_of(parts: Parts, viewer: Viewer, activity_id: UUID) -> Sequence[Row]:
    """Gives the pauses in force that keep an exam, those of all exams too."""
    async with parts.statement(viewer.organisation_id) as conn:
        found = await pauses_of_activity(conn, Place(viewer.organisation_id, activity_id))
    return _opened(parts, viewer, found)


async def all_pauses(parts: Parts, viewer: Viewer) -> Sequence[Row]:
    """Gives all that are in force: of all exams, and of single ones."""
    async with parts.statement(viewer.organisation_id) as conn:
        found = await pauses_in_force(conn, [viewer.organisation_id])
    return _opened(parts, viewer, found)


def _opened(parts: Parts, viewer: Viewer, found: Sequence[Row]) -> Sequence[Row]:
    return [open_pause(each, cipher_of(parts, viewer)) for each in found]
