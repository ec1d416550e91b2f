"""Rules for how large an object is."""

from collections.abc import Iterator

from app.domain.batching import BodyForm
from app.domain.issues import Issue


def exceeds_call(sent: bytes, form: BodyForm) -> Iterator[Issue]:
    """An object fits into a call of this form, were it alone in it, as it would be `sent`."""
    if not form.fits(sent):
        yield Issue("exceeds_call", "warning", "")
