"""What all lists have in common: how long a page is, and where it begins."""

from typing import Annotated

from fastapi import Depends, Query

MOST = 200

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before; with the same filters.")]


def page_limit(
    limit: Annotated[int, Query(ge=1, description="How many at most; larger values are lowered to 200.")] = 50,
) -> int:
    """Gives how many a page holds at most."""
    return min(limit, MOST)


Limit = Annotated[int, Depends(page_limit)]
