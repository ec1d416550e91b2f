"""How ids are spelt in requests: as in rosters, in the 36 characters of RFC 9562, small letters or capitals; and what
is missing where one in an address names nothing.

Every other spelling of a UUID is refused: without hyphens, in braces, as a URN.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Request
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.domain.roster import uuid_of
from app.errors import NotFound

# As organisations are registered; whatever else stands there is no organisation.
_NUMBER = r"^[0-9]{10}$"
OrganisationNumber = Annotated[str, Path(pattern=_NUMBER, examples=["2120009812"])]
WantedNumber = Annotated[str, Field(pattern=_NUMBER)]

# What parts of addresses name, but for those of files.
NAMED: Mapping[str, str] = {
    "activity_id": "activity",
    "batch_id": "call",
    "delivery_id": "delivery",
    "job_id": "job",
    "kind": "object",
    "number": "organisation",
    "object_id": "object",
    "plan_id": "plan",
    "record_id": "record",
    "run_id": "run",
    "webhook_id": "webhook",
}


def missing(part: str) -> NotFound:
    """Makes the problem of an address whose `part`, by its name in the path, names nothing."""
    return NotFound(f"There is no such {NAMED.get(part, 'address')}.")


async def canonical_ids(request: Request) -> None:
    """Raises NotFound for an id in the address of `request` that has not the 36 characters of a UUID."""
    for name, value in request.path_params.items():
        if name.endswith("id") and uuid_of(value) is None:
            raise missing(name)


def _canonical(given: Any) -> UUID:
    """Raises an error for what pydantic would make a UUID of as well."""
    if (found := uuid_of(given)) is None:
        raise PydanticCustomError("uuid_parsing", "no UUID in its canonical form")
    return found


# Of a query or a body.
Id = Annotated[UUID, BeforeValidator(_canonical)]
