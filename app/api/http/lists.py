"""What all lists have in common: how long a page is, and where it begins."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

MOST = 200
# Of how many objects the names are read for one answer; those beyond it are shown by their ids alone.
MOST_NAMED = 1000

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before; with the same filters.")]


def digits(given: Any) -> Any:
    """Raises an error for what pydantic would make an integer of as well: `2.0`, `1_0`."""
    if isinstance(given, str) and not (given.isascii() and given.removeprefix("-").isdigit()):
        raise PydanticCustomError("int_parsing", "no digits alone")
    return given


async def page_limit(
    limit: Annotated[
        int, Query(ge=1, description="How many at most; larger values are lowered to 200."), BeforeValidator(digits)
    ] = 50,
) -> int:
    """Gives how many a page holds at most."""
    return min(limit, MOST)


Limit = Annotated[int, Depends(page_limit)]
