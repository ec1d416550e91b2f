"""The shapes of runs and jobs."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas.parts import EXAMPLE_TIME, Allowed, Count, FinalOutcome, Kind, Policy, RunStatus, Version

JobStatus = Literal["waiting", "queued", "running", "held", "succeeded", "failed", "blocked", "cancelled"]


class Progress(BaseModel):
    """A job's records by status."""

    total: Annotated[Count, Field(description="All of them.", examples=[30])]
    pending: Annotated[Count, Field(description="Not sent yet.", examples=[0])]
    sent: Annotated[Count, Field(description="Sent, without a result so far.", examples=[0])]
    unchanged: Annotated[
        Count, Field(description="Not sent: Skolverket has accepted them in a later upload.", examples=[0])
    ]
    succeeded: Annotated[Count, Field(description="Accepted.", examples=[28])]
    warnings: Annotated[Count, Field(description="Accepted, with something to look at.", examples=[0])]
    errors: Annotated[Count, Field(description="Refused, by Skolverket or by us.", examples=[2])]
    skipped: Annotated[Count, Field(description="Not sent, since something else keeps them here.", examples=[0])]


class Summary(BaseModel):
    """What became of the records, in a sentence of each language; while it goes on, how they stand."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sv": "45 användare: 41 klara, 4 fel", "en": "45 users: 41 done, 4 failed"}]}
    )

    sv: Annotated[str, Field(description="In Swedish.")]
    en: Annotated[str, Field(description="In English.")]


class RequestedBy(BaseModel):
    """The key that asked for a run."""

    id: Annotated[UUID, Field(description="The key's id, which opens nothing.")]
    name: Annotated[str, Field(description="What the key is called.", examples=["Provtjänsten"])]


class Held(BaseModel):
    """The pause that keeps a run: nothing new of it leaves until whoever made the pause lets it go on."""

    since: Annotated[AwareDatetime, Field(description="When the pause was made.", examples=[EXAMPLE_TIME])]
    reason: Annotated[
        str, Field(description="Why, in the words of who made it.", examples=["Underhåll hos Skolverket till kl. 14"])
    ]
    by: Annotated[
        Literal["operator", "organisation"],
        Field(description="Who lets it go on: an operator of the service, or the organisation by its own key."),
    ]


class ActivityOfRun(BaseModel):
    """The activity of a run, by the name that it has now."""

    id: Annotated[UUID, Field(description="The activity.")]
    display_name: Annotated[
        str | None,
        Field(
            description="Null once the activity has been deleted: its runs stay.",
            examples=["Nationellt prov i matematik, årskurs 6"],
        ),
    ]


class RunOfJob(BaseModel):
    """What a list of jobs shows of the run of each."""

    sequence: Annotated[int, Field(ge=1, description="Its place among the activity's runs.")]
    requested_by: RequestedBy
    on_record_error: Annotated[Policy, Field(description="Whether the chain stops after a stage with errors.")]
    status: Annotated[RunStatus, Field(description="Where the run stands.", examples=["succeeded"])]
    content_expired_at: Annotated[
        AwareDatetime | None,
        Field(description="When what it had was deleted by its age; null before.", examples=[None]),
    ]


class Job(BaseModel):
    """One stage of a run."""

    id: Annotated[UUID, Field(description="The job.")]
    run_id: Annotated[UUID, Field(description="Its run.")]
    activity_id: Annotated[UUID, Field(description="Its activity, as in `activity`.")]
    activity: ActivityOfRun
    run: RunOfJob
    stage: Annotated[Kind, Field(description="Which stage of the run it is.")]
    title: Annotated[str, Field(description="What the stage is called in Swedish.", examples=["Användare"])]
    action: Annotated[
        Literal["send", "remove"], Field(description="What it does at Skolverket: there is `send` alone so far.")
    ]
    position: Annotated[int, Field(description="Its place in the run.", examples=[1], ge=1)]
    status: Annotated[
        JobStatus,
        Field(
            description="Where it stands. `waiting`: for the stage before it, or the run ahead. `blocked`: a stage"
            " before it has failed.",
            examples=["succeeded"],
        ),
    ]
    held: Annotated[Held | None, Field(description="Why it waits, while its status is `held`.", examples=[None])]
    outcome: FinalOutcome
    summary: Summary
    version: Version
    progress: Progress
    attempt: Annotated[Count, Field(examples=[0], description="How many faults it has met.")]
    created_at: Annotated[AwareDatetime, Field(description="When its run was asked for.")]
    started_at: Annotated[AwareDatetime | None, Field(description="When it began; null before.")]
    finished_at: Annotated[AwareDatetime | None, Field(description="When it ended; null before.")]
    stop_at_errors: Annotated[
        int | None,
        Field(
            examples=[50], ge=1, description="With so many errors nothing more of it is sent; null when all is tried."
        ),
    ]
    error: Annotated[dict[str, Any] | None, Field(examples=[None], description="A problem object: why the job failed.")]


class Run(BaseModel):
    """One chain of four jobs."""

    id: Annotated[UUID, Field(description="The run.")]
    activity_id: Annotated[UUID, Field(description="Its activity, as in `activity`.")]
    activity: ActivityOfRun
    sequence: Annotated[int, Field(ge=1, description="Its place among the activity's runs.")]
    status: Annotated[RunStatus, Field(description="Where it stands.", examples=["succeeded"])]
    held: Annotated[Held | None, Field(description="Why it waits, while its status is `held`.", examples=[None])]
    outcome: FinalOutcome
    summary: Summary
    version: Version
    on_record_error: Annotated[
        Policy, Field(description="`halt`: the chain stops after a stage with errors. `continue`: it goes on.")
    ]
    allow: Annotated[
        list[Allowed],
        Field(
            examples=[[]],
            description="What its caller has allowed that is otherwise kept back, but for what is of persons.",
        ),
    ]
    stop_at_errors: Annotated[
        dict[Kind, int | None],
        Field(
            examples=[{"persons": 50, "duties": None, "groups": None, "activities": None}],
            description="By stage: with so many errors nothing more of it is sent; null when all is tried.",
        ),
    ]
    roster_version: Annotated[int, Field(description="Which version of the roster it has frozen.", examples=[3])]
    requested_by: RequestedBy
    created_at: Annotated[AwareDatetime, Field(description="When it was asked for.")]
    started_at: Annotated[AwareDatetime | None, Field(description="When its first job began; null before.")]
    finished_at: Annotated[AwareDatetime | None, Field(description="When it ended; null before.")]
    cancel_requested_at: Annotated[
        AwareDatetime | None, Field(description="When somebody cancelled it; null when nobody has.", examples=[None])
    ]
    content_expired_at: Annotated[
        AwareDatetime | None,
        Field(
            description="When what it had was deleted by its age: texts and values of its records and calls are null"
            " since, but for what is in use elsewhere. Null before.",
            examples=[None],
        ),
    ]
    jobs: Annotated[list[Job], Field(description="Its four jobs in their order.")]


class RetriedRun(Run):
    """A run that goes on."""

    newer_roster_version: Annotated[
        int | None,
        Field(
            ge=1,
            description="The activity's roster version now, when there has been another roster since the run froze its"
            " own: to send that one, provision the activity anew. Null when there is none.",
        ),
    ]
