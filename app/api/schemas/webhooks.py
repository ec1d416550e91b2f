"""The shapes of webhooks: of what is asked and answered about them, and of what is sent to them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas.parts import EXAMPLE_ID, EXAMPLE_TIME, Count, Kind, Outcome
from app.api.schemas.texts import Text

_EXAMPLE_URL = "https://host.example.se/webhooks/provkedja"
EventType = Literal["run.succeeded", "run.failed", "run.cancelled", "job.failed"]
_Url = Annotated[
    str,
    Field(
        max_length=2000,
        description="Where to send: an https address that is reached from the internet.",
        examples=[_EXAMPLE_URL],
    ),
]
_Types = Annotated[list[EventType], Field(min_length=1, max_length=4, description="What the endpoint is told of.")]
_Description = Annotated[
    Text, Field(max_length=255, description="For whoever reads the list. It is not encrypted: no name of a person.")
]
_Enabled = Annotated[
    bool, Field(strict=True, description="While it is not, nothing is written down for it and nothing is sent.")
]


def _left_out() -> Any:
    """Gives None, which is of what is left out and cannot be given."""
    return None


class WebhookRequest(BaseModel):
    """An endpoint that is to be told of what happens."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"url": "https://host.example.se/webhooks/provkedja", "types": ["run.succeeded", "run.failed"]}
            ]
        },
    )

    url: _Url
    types: _Types
    description: _Description = ""
    enabled: _Enabled = True


class WebhookChange(BaseModel):
    """What is to be different of an endpoint; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": True}]})

    url: _Url = Field(default_factory=_left_out)
    types: _Types = Field(default_factory=_left_out)
    description: _Description = Field(default_factory=_left_out)
    enabled: _Enabled = Field(default_factory=_left_out)


class Webhook(BaseModel):
    """An endpoint of the organisation."""

    id: Annotated[UUID, Field(description="The webhook.")]
    url: Annotated[
        str, Field(examples=["https://host.example.se/webhooks/provkedja"], description="Where it is sent to.")
    ]
    types: Annotated[list[EventType], Field(description="What it is told of.")]
    description: Annotated[str, Field(examples=["Elevregistret"], description="For whoever reads the list.")]
    enabled: Annotated[bool, Field(description="Whether anything is sent.")]
    gone_at: Annotated[
        AwareDatetime | None, Field(description="When it answered 410 and was disabled for that; null if it was not.")
    ]
    created_at: Annotated[AwareDatetime, Field(description="When it was made.")]


class WebhookWithSecret(Webhook):
    """An endpoint with its secret, which is shown this once."""

    secret: Annotated[
        str,
        Field(
            description="`whsec_` and the base64 of the bytes that sign (Standard Webhooks 1.0).",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="],
        ),
    ]


class Delivery(BaseModel):
    """One thing that an endpoint was told, or is to be told."""

    id: Annotated[UUID, Field(description="The `webhook-id` of each of its tries.")]
    type: Annotated[
        str,
        Field(examples=["run.succeeded"], description="What happened; `webhook.test` if somebody tried the endpoint."),
    ]
    data: Annotated[dict[str, Any], Field(description="What is sent as `data`.")]
    status: Annotated[
        Literal["pending", "delivered", "failed"],
        Field(description="`pending` until it is taken; `failed` after the last try, or when the endpoint has gone."),
    ]
    attempts: Annotated[Count, Field(description="Tries so far; a replay begins anew.")]
    http_status: Annotated[int | None, Field(description="What the last try was answered; null for no answer.")]
    failure: Annotated[
        str | None,
        Field(
            examples=[None],
            description="Why the last try failed: `refused` (another status than 2xx), `gone` (410), `timeout`,"
            " `no_connection`, `no_answer`, `name_unknown`, `address_inside`, `certificate_not_trusted`, `tls_failed`,"
            " `secret_unreadable`; null if it did not. There may be new ones.",
        ),
    ]
    created_at: Annotated[AwareDatetime, Field(description="When it happened.")]
    tried_at: Annotated[AwareDatetime | None, Field(description="The last try.")]
    next_try_at: Annotated[AwareDatetime | None, Field(description="The next try; null when there is none.")]
    finished_at: Annotated[AwareDatetime | None, Field(description="When it was taken, or given up; null before.")]


class RunEventData(BaseModel):
    """The run that has ended: `GET /runs/{run_id}` tells the rest."""

    run_id: Annotated[UUID, Field(description="The run.")]
    activity_id: Annotated[UUID, Field(description="Its activity.")]
    sequence: Annotated[int, Field(ge=1, description="The run's number in its activity.")]
    status: Annotated[Literal["succeeded", "failed", "cancelled"], Field(description="How it ended.")]
    outcome: Annotated[Outcome, Field(description="What became of its records.")]


class JobEventData(BaseModel):
    """The job that has failed: `GET /jobs/{job_id}` tells the rest."""

    job_id: Annotated[UUID, Field(description="The job.")]
    run_id: Annotated[UUID, Field(description="Its run.")]
    activity_id: Annotated[UUID, Field(description="Its activity.")]
    sequence: Annotated[int, Field(ge=1, description="The run's number in its activity.")]
    stage: Annotated[Kind, Field(description="Which stage of the run it is.")]
    status: Annotated[Literal["failed"], Field(description="How it ended.")]
    outcome: Annotated[Outcome, Field(description="What became of its records.")]


_RUN: dict[str, Any] = {"run_id": EXAMPLE_ID, "activity_id": EXAMPLE_ID, "sequence": 7}
_Time = Annotated[AwareDatetime, Field(description="When it happened.")]


class RunEvent(BaseModel):
    """A run has ended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "run.succeeded",
                    "timestamp": EXAMPLE_TIME,
                    "data": {**_RUN, "status": "succeeded", "outcome": "clean"},
                }
            ]
        }
    )

    type: Annotated[Literal["run.succeeded", "run.failed", "run.cancelled"], Field(description="What happened.")]
    timestamp: _Time
    data: RunEventData


class JobEvent(BaseModel):
    """A job has failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "job.failed",
                    "timestamp": EXAMPLE_TIME,
                    "data": {
                        **_RUN,
                        "job_id": EXAMPLE_ID,
                        "stage": "persons",
                        "status": "failed",
                        "outcome": "with_errors",
                    },
                }
            ]
        }
    )

    type: Annotated[Literal["job.failed"], Field(description="What happened.")]
    timestamp: _Time
    data: JobEventData
