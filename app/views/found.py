"""Whether what was found by its buckets is what was sought, and may be shown to who asks."""

from app.domain.search import Query, Texts
from app.views import Row
from app.views.record import is_masked
from app.views.viewer import Viewer


def record_fits(row: Row, query: Query, viewer: Viewer) -> bool:
    """Tells whether an opened record or object fits; one that is masked or erased never does.

    A duty is found by what its person is found by.
    """
    if row["payload"] is None or is_masked(row, viewer):
        return False
    texts = Texts.of(row["kind"], row["object_id"], row["payload"])
    if row["kind"] == "duties" and row["person_payload"] is not None:
        texts = texts.and_of(Texts.of("persons", row["person_id"], row["person_payload"]))
    return query.fits(texts)
