"""The shapes of records and what was said of them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.batches import BatchStatus
from app.api.schemas.parts import About, Count, Described, Explanation, ExplanationUrl, Page

Role = Literal["Elev", "Personal"]
RecordStatus = Literal["pending", "sent", "unchanged", "succeeded", "warning", "error", "skipped"]


class Message(BaseModel):
    """What was said of a record, by us or by Skolverket."""

    severity: Annotated[
        Literal["error", "warning"], Field(description="`error`: the object did not get there. `warning`: it did.")
    ]
    code: Annotated[str, Field(examples=["schema_required"], description="Ours, or Skolverket's id of the message.")]
    text: Annotated[
        str | None,
        Field(
            examples=["The family name is missing."],
            description="Skolverket's words, or our explanation where those may be personal.",
        ),
    ]
    attribute: Annotated[
        str | None,
        Field(
            description="JSON pointer into the object, whoever gave it; null for what can't be placed. How Skolverket"
            " wrote it is in `received`.",
            examples=["/civicNo/value"],
        ),
    ]
    about: Annotated[list[About], Field(description="The objects that it was blocked by, sent without, does not find.")]
    explanation: Explanation | None
    explanation_url: ExplanationUrl


class Record(Described):
    """The result of one object; `id` is the object's own. Personal strings are `***` for keys that may not see them."""

    status: Annotated[
        RecordStatus,
        Field(
            description="`unchanged`: not sent, since Skolverket has accepted it in a later upload (`newer_at_target`)."
        ),
    ]
    messages: Annotated[list[Message], Field(description="What was said of it, errors first.")]
    completed_at: Annotated[AwareDatetime | None, Field(description="When its result was there; null before.")]


class RecordCounts(BaseModel):
    """How many records a job has; of those that fit the filters, but for the counted one's own."""

    status: Annotated[
        dict[RecordStatus, Count], Field(description="By status.", examples=[{"error": 2, "succeeded": 28}])
    ]
    code: Annotated[
        dict[str, Count], Field(description="By the codes of their messages.", examples=[{"schema_required": 2}])
    ]


class RecordPage(Page[Record]):
    """A page of records, and on the first one how many there are; null on later ones, and for a search by `q`."""

    counts: RecordCounts | None


class CallOfRecord(BaseModel):
    """A call to Skolverket in which a record went; all of it is at `/jobs/{job_id}/batches/{id}`."""

    id: Annotated[UUID, Field(description="The call.")]
    number: Annotated[int, Field(description="Its place among the calls of the job.", examples=[1], ge=1)]
    status: Annotated[BatchStatus, Field(description="Where it stands.", examples=["answered"])]
    http_status: Annotated[
        int | None, Field(description="With which status Skolverket took it; null before.", examples=[200])
    ]
    called_at: Annotated[AwareDatetime | None, Field(description="When it was made; null before.")]
    answered_at: Annotated[AwareDatetime | None, Field(description="When Skolverket took it; null before.")]
    error: Annotated[str | None, Field(examples=[None], description="A code for what went wrong with the call.")]


class RelatedRecord(About):
    """Another record of the run that this one keeps back, or that keeps this one back."""

    status: Annotated[RecordStatus, Field(description="What became of it.", examples=["error"])]
    job_id: Annotated[UUID, Field(description="In which job of the run it is.")]


class RecordDetail(Record):
    """A record with what went out and what came back."""

    sent: Annotated[Any, Field(description="The object as it went out; null when it has not.")]
    received: Annotated[Any, Field(description="Skolverket's answer for it as it came; null without one.")]
    attempts: Annotated[Count, Field(description="How many times it was sent.")]
    calls: Annotated[list[CallOfRecord], Field(description="In which it went, or will go, in their order.")]
    blocks: Annotated[
        list[RelatedRecord],
        Field(
            description="Of later stages what was not sent, or sent without it, because it failed; and what refers to"
            " it and waits. A hundred at most."
        ),
    ]
    blocked_by: Annotated[
        list[RelatedRecord],
        Field(
            description="What failed and is why it was not sent, or what it was sent without; while it waits, what has"
            " failed of that to which it refers. A hundred at most."
        ),
    ]
