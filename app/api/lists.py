"""What all lists have in common: how long a page is, and where it begins."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator

MOST = 200
# Of how many objects the names are read for one answer; those beyond it are shown by their ids alone.
MOST_NAMED = 1000

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before; with the same filters.")]


def _digits(given: Any) -> Any:
    """Raises ValueError for what pydantic would make an integer of as well: `2.0`, `1_0`."""
    if isinstance(given, str) and not (given.isascii() and given.removeprefix("-").isdigit()):
        raise ValueError
    return given


def page_limit(
    limit: Annotated[
        int, BeforeValidator(_digits), Query(ge=1, description="How many at most; larger values are lowered to 200.")
    ] = 50,
) -> int:
    """Gives how many a page holds at most."""
    return min(limit, MOST)


Limit = Annotated[int, Depends(page_limit)]
