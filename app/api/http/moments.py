"""Times in a query: RFC 3339 with an offset, written out."""

import re
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _written_out(given: Any) -> Any:
    """Raises an error for what pydantic would make a time of as well: seconds since 1970, a date alone."""
    if not isinstance(given, str) or not _RFC_3339.fullmatch(given):
        raise PydanticCustomError("datetime_parsing", "no time of RFC 3339")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
