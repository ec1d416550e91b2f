"""Rules for how large an object is."""

from collections.abc import Iterator

from app.domain.issues import Issue


def exceeds_call(size: int, most: int) -> Iterator[Issue]:
    """An object of `size` bytes, as it would be sent, fits alone into a call, which takes `most` of them."""
    if size > most:
        yield Issue("exceeds_call", "warning", "")
