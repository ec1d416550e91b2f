"""How an id is spelt in an address: as in rosters, where every other spelling of a UUID is refused too."""

from fastapi import Request

from app.domain.roster import uuid_of
from app.errors import NotFound


def canonical_ids(request: Request) -> None:
    """Raises NotFound for an id in the address of `request` that has not the 36 characters of a UUID."""
    for name, value in request.path_params.items():
        if name.endswith("id") and uuid_of(value) is None:
            raise NotFound("There is no such thing here.")
