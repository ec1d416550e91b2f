"""The shapes of pauses, and of what operators are shown: no person, and no name that an organisation has given."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas.parts import EXAMPLE_TIME, Count, Kind
from app.api.schemas.runs import Progress
from app.api.schemas.texts import Line

Number = Annotated[str, Field(description="The organisation's number.", examples=["2120009812"])]
Level = Annotated[
    Literal["error", "warning", "ok"],
    Field(description="`error`: it is stuck. `warning`: it may become so. `ok`: it goes on as it should."),
]


class PauseRequest(BaseModel):
    """Why nothing new is to leave. Callers are shown it: no name and nothing of a person belongs there."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Underhåll hos Skolverket till kl. 14"}]}
    )

    reason: Annotated[Line, Field(description="Why, for those whose runs wait.", max_length=200)]


class OperatedPause(BaseModel):
    """What keeps an activity, or with null all of an organisation, until whoever made it resumes; for operators."""

    activity_id: Annotated[UUID | None, Field(description="What is paused; null for all of the organisation.")]
    since: Annotated[AwareDatetime, Field(description="When it was made.", examples=[EXAMPLE_TIME])]
    reason: Annotated[
        str | None,
        Field(
            description="Why, in an operator's words; null where the organisation made it, whose words are its own.",
            examples=["Underhåll hos Skolverket till kl. 14"],
        ),
    ]
    by: Annotated[Literal["operator", "organisation"], Field(description="Who lets it go on.", examples=["operator"])]


class Pause(OperatedPause):
    """What keeps an activity, or with null all of an organisation, until whoever made it resumes."""

    reason: Annotated[
        str, Field(description="Why, in the words of who made it.", examples=["Underhåll hos Skolverket till kl. 14"])
    ]


class ActivityPauses(BaseModel):
    """The pauses that keep an activity, those of the whole organisation too."""

    activity_id: Annotated[UUID, Field(description="The activity.")]
    paused: Annotated[bool, Field(description="Whether anything keeps it.")]
    pauses: Annotated[list[Pause], Field(description="What keeps it.")]


class OperatedPauses(BaseModel):
    """The pauses that keep an activity, or with null all of an organisation."""

    organisation: Number
    activity_id: Annotated[UUID | None, Field(description="What is spoken of; null for all of the organisation.")]
    paused: Annotated[bool, Field(description="Whether anything keeps it.")]
    pauses: Annotated[list[OperatedPause], Field(description="What keeps it.")]


class RunCounts(BaseModel):
    """Runs of an organisation that have not ended: those that wait do so behind another one of their activity."""

    running: Annotated[Count, Field(description="On their way.", examples=[1])]
    held: Annotated[Count, Field(description="Paused.", examples=[0])]
    waiting: Annotated[Count, Field(description="Behind another one.", examples=[0])]


class OperatedOrganisation(BaseModel):
    """An organisation, and what it has to do."""

    number: Number
    name: Annotated[str, Field(description="What it is called.", examples=["Exempelkommun"])]
    disabled: Annotated[bool, Field(description="Whether its keys open nothing.")]
    paused: Annotated[bool, Field(description="Whether all of it is paused.")]
    pauses: Annotated[
        list[OperatedPause], Field(description="Its pauses, those of single activities too.", examples=[[]])
    ]
    jobs_due: Annotated[Count, Field(description="Jobs that are due and in nobody's hand, up to 1,000.")]
    oldest_due_at: Annotated[
        AwareDatetime | None, Field(description="Since when the oldest of them is due; null without any.")
    ]
    runs: RunCounts


class NumberAndName(BaseModel):
    """An organisation."""

    number: Number
    name: Annotated[
        str | None, Field(description="What it is called; null where that is not known.", examples=["Exempelkommun"])
    ]


class KeepsIt(BaseModel):
    """The foremost thing that a run waits for."""

    level: Level
    code: Annotated[str, Field(description="What it is, as a code of `/explanations`.", examples=["waits_for_answer"])]
    what: Annotated[
        str, Field(description="What it is, in words.", examples=["The run waits for an answer of Skolverket."])
    ]
    why: Annotated[
        str, Field(description="Why that is so.", examples=["The last call was taken and has no result so far."])
    ]
    to_do: Annotated[str, Field(description="What to do about it.", examples=["Nothing: it goes on by itself."])]
    since: Annotated[AwareDatetime | None, Field(description="Since when; null where that is not known.")]


class OperatedRun(BaseModel):
    """A run under way."""

    id: Annotated[UUID, Field(description="The run.")]
    organisation: NumberAndName
    activity_id: Annotated[UUID, Field(description="Its activity.")]
    sequence: Annotated[int, Field(ge=1, description="Its place among the activity's runs.")]
    status: Annotated[Literal["running", "held"], Field(description="Where it stands.")]
    stage: Annotated[Kind | None, Field(description="The stage that is under way; null between two.")]
    progress: Annotated[Progress | None, Field(description="Of the job that is under way.")]
    started_at: Annotated[AwareDatetime | None, Field(description="When its first job began; null before.")]
    cancel_requested: Annotated[bool, Field(description="Whether somebody has cancelled it.", examples=[False])]
    runs_waiting: Annotated[Count, Field(description="Runs of the activity that wait behind it.")]
    keeps_it: KeepsIt
    next_step_at: Annotated[
        AwareDatetime | None, Field(description="When it goes on by itself; null while it is in hand or held.")
    ]


class OperatedRuns(BaseModel):
    """Runs under way, the worst first."""

    data: Annotated[list[OperatedRun], Field(description="The runs.")]
    next_cursor: Annotated[
        str | None,
        Field(description="For `cursor`: where the next page begins; null on the last one.", examples=["WyI0ZjI2Il0"]),
    ]
    in_all: Annotated[Count, Field(description="How many there are, on all pages.")]
    at: Annotated[AwareDatetime, Field(description="When it was so.")]


class OperatedChange(BaseModel):
    """How a run stands after a change."""

    id: Annotated[UUID, Field(description="The run.")]
    organisation: Number
    activity_id: Annotated[UUID, Field(description="Its activity.")]
    sequence: Annotated[int, Field(description="Its place among the activity's runs.", examples=[1])]
    status: Annotated[
        Literal["queued", "running", "held", "succeeded", "failed", "cancelled"],
        Field(description="Where it stands.", examples=["running"]),
    ]
    cancel_requested: Annotated[bool, Field(description="Whether somebody has cancelled it.", examples=[False])]


class FindingQueue(BaseModel):
    """The activity that a finding is of, with its run under way."""

    organisation: Number
    activity_id: Annotated[UUID, Field(description="The activity.")]
    run_id: Annotated[UUID | None, Field(description="The run under way; null without one.")]
    run: Annotated[int | None, Field(description="Its place among the activity's runs.")]
    job_id: Annotated[UUID | None, Field(description="The job under way; null without one.")]
    stage: Annotated[Kind | None, Field(description="Its stage; null without one.")]
    runs_waiting: Annotated[Count, Field(description="Runs of the activity that wait behind it.", examples=[0])]


class Found(BaseModel):
    """One thing that is stuck (`error`), may become so (`warning`), or goes on as it should (`ok`)."""

    level: Level
    code: Annotated[str, Field(description="What it is, as a code of `/explanations`.", examples=["waits_for_answer"])]
    what: Annotated[
        str, Field(description="What it is, in words.", examples=["The run waits for an answer of Skolverket."])
    ]
    why: Annotated[
        str, Field(description="Why that is so.", examples=["The last call was taken and has no result so far."])
    ]
    frees: Annotated[str, Field(description="What would free it.", examples=["Nothing has to."])]
    since: Annotated[AwareDatetime | None, Field(description="Since when; null where that is not known.")]
    queue: FindingQueue | None


class KeyInUse(BaseModel):
    """An encryption key, and how much it seals."""

    id: Annotated[str, Field(description="Its id.", examples=["2026a"])]
    values: Annotated[Count, Field(description="Sealed values; of a column with more than 1000 no more are counted.")]


class Diagnosis(BaseModel):
    """What the doctor says."""

    well: Annotated[bool, Field(description="Whether nothing is stuck.", examples=[True])]
    headline: Annotated[str, Field(description="How it is, in a sentence.", examples=["Nothing is stuck."])]
    at: Annotated[AwareDatetime, Field(description="When it was so.")]
    queues: Annotated[Count, Field(description="Activities with a run that has not ended.")]
    keys: Annotated[list[KeyInUse], Field(description="Encryption keys that seal something.")]
    findings: Annotated[list[Found], Field(description="The worst first.")]
