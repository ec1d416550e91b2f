"""The shapes of the calls to Skolverket."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.parts import Count

BatchStatus = Literal["written", "called", "accepted", "answered", "refused", "lost"]


class Batch(BaseModel):
    """One call made to Skolverket."""

    id: Annotated[UUID, Field(description="The call.")]
    number: Annotated[int, Field(description="Its place among the calls of the job.", examples=[1], ge=1)]
    status: Annotated[
        BatchStatus,
        Field(
            description="`written`: not made yet. `called`: made, without an answer so far. `accepted`: Skolverket has"
            " it in work. `answered`: done. `refused`: turned down whole. `lost`: no answer came, and none will.",
            examples=["answered"],
        ),
    ]
    records: Annotated[Count, Field(description="How many records it has.", examples=[30])]
    bytes: Annotated[
        Count,
        Field(
            description="How long its body is; in whole thousands for a key from which anything is masked.",
            examples=[18250],
        ),
    ]
    sha256: Annotated[
        str | None,
        Field(
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            description="Of the request's body, hexadecimal; null once it is erased, and for a key from which anything"
            " is masked: it could try numbers until the hash fits.",
        ),
    ]
    http_status: Annotated[
        int | None, Field(description="With which status Skolverket took it; null before.", examples=[200])
    ]
    remote_job_id: Annotated[
        str | None,
        Field(description="Under which id Skolverket works on it; null where it gave none.", examples=["b3a1"]),
    ]
    polls: Annotated[Count, Field(description="How often its answer has been asked for.", examples=[2])]
    error: Annotated[str | None, Field(examples=[None], description="A code for what went wrong with the call.")]
    created_at: Annotated[AwareDatetime, Field(description="When it was written down.")]
    called_at: Annotated[AwareDatetime | None, Field(description="When it was made; null before.")]
    answered_at: Annotated[AwareDatetime | None, Field(description="When Skolverket took it; null before.")]
    finished_at: Annotated[AwareDatetime | None, Field(description="When its records had their results; null before.")]


class BatchDetail(Batch):
    """A call with what was in it."""

    record_ids: Annotated[list[UUID], Field(description="The objects that were in it, in its order.")]
    request: Annotated[
        Any,
        Field(
            description="Its body, as it went out; null once it is erased.",
            examples=[
                [{"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "givenName": "Åsa", "familyName": "Exempelsson"}]
            ],
        ),
    ]
    answer: Annotated[
        Any, Field(description="What Skolverket answered in the end, as it came; null before.", examples=[{}])
    ]
