"""The shape of an erasure."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.parts import EXAMPLE_TIME


class Erasure(BaseModel):
    """How the erasure of what is kept of a person stands."""

    id: Annotated[UUID, Field(description="The person's.")]
    requested_at: Annotated[AwareDatetime, Field(description="When it was asked for.", examples=[EXAMPLE_TIME])]
    erased_at: Annotated[
        AwareDatetime | None,
        Field(description="When the content had gone; null while a worker has it before it.", examples=[EXAMPLE_TIME]),
    ]
