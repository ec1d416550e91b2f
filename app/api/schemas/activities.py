"""The shapes of activities, their rosters' sums, and findings."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.parts import (
    About,
    Count,
    Explanation,
    ExplanationUrl,
    FinalOutcome,
    Kind,
    MendedBy,
    Policy,
    RunStatus,
)


class Counts(BaseModel):
    """How many objects of each kind a roster has."""

    persons: Annotated[Count, Field(description="Persons: pupils and staff.", examples=[30])]
    duties: Annotated[Count, Field(description="Duties of staff.", examples=[2])]
    groups: Annotated[Count, Field(description="Groups of pupils.", examples=[1])]
    activities: Annotated[Count, Field(description="Activities, which have the groups and the teachers.", examples=[1])]


class RosterSummary(BaseModel):
    """The roster that counts."""

    version: Annotated[
        int,
        Field(
            description="Grows with every roster that is stored and with every new name; 0 for a key of school units.",
            examples=[3],
            ge=0,
        ),
    ]
    counts: Counts
    updated_at: Annotated[
        AwareDatetime,
        Field(description="When it was stored; for a key of school units, when one of their objects came as it is."),
    ]


class Findings(BaseModel):
    """How much is wrong with the roster."""

    errors: Annotated[Count, Field(description="Findings that keep an object from being sent.", examples=[2])]
    warnings: Annotated[Count, Field(description="Findings with which it is sent all the same.", examples=[0])]
    by_code: Annotated[
        dict[str, Count], Field(description="How many findings each code has.", examples=[{"schema_required": 2}])
    ]


class LastRun(BaseModel):
    """An activity's latest run."""

    id: Annotated[UUID, Field(description="The run.")]
    sequence: Annotated[int, Field(description="Its place among the activity's runs.", examples=[1])]
    status: Annotated[RunStatus, Field(description="Where it stands.", examples=["succeeded"])]
    outcome: FinalOutcome
    on_record_error: Annotated[Policy, Field(description="Whether the chain stops after a stage with errors.")]
    created_at: Annotated[AwareDatetime, Field(description="When it was asked for.")]
    started_at: Annotated[AwareDatetime | None, Field(description="When its first job began; null before.")]
    finished_at: Annotated[AwareDatetime | None, Field(description="When it ended; null before.")]


class Activity(BaseModel):
    """One exam to be provisioned."""

    id: Annotated[UUID, Field(description="The id that it was stored under.")]
    display_name: Annotated[
        str, Field(description="What people call it.", examples=["Nationellt prov i matematik, årskurs 6"])
    ]
    roster: RosterSummary
    findings: Findings
    last_run: Annotated[
        LastRun | None,
        Field(description="Null without one; for a key without `history` the last run that this key has made."),
    ]


class Finding(BaseModel):
    """One thing that is wrong with an object of a roster, or with several objects that are counted."""

    kind: Annotated[Kind, Field(description="Of what kind the object is.")]
    id: Annotated[UUID | None, Field(description="The object; null where several are counted.")]
    count: Annotated[int | None, Field(description="How many objects have it, where they are counted.")]
    pointer: Annotated[
        str,
        Field(
            description="A JSON pointer into the object; `-` stands for any element where objects are counted.",
            examples=["/civicNo"],
        ),
    ]
    severity: Annotated[
        Literal["error", "warning"], Field(description="`error`: the object is not sent. `warning`: it is.")
    ]
    code: Annotated[
        str, Field(description="What is wrong, as a code of `/explanations`.", examples=["schema_required"])
    ]
    about: Annotated[list[About], Field(description="The other objects that it speaks of.")]
    explanation: Explanation
    explanation_url: ExplanationUrl


class FindingExample(BaseModel):
    """Where something was found: in an object, or in several that are counted."""

    kind: Annotated[Kind, Field(description="Of what kind the object is.")]
    id: Annotated[UUID | None, Field(description="The object; null where several are counted.")]
    name: Annotated[
        str | None,
        Field(
            examples=["Åsa Exempelsson"], description="`***` for keys that may not see it, null where there is none."
        ),
    ]
    count: Annotated[int | None, Field(description="How many objects have it, where they are counted.")]
    pointer: Annotated[str, Field(description="A JSON pointer into the object.", examples=["/civicNo"])]
    about: Annotated[list[About], Field(description="The other objects that it speaks of.")]


class FindingCause(BaseModel):
    """What was found in a roster under one code."""

    code: Annotated[
        str, Field(description="What is wrong, as a code of `/explanations`.", examples=["schema_required"])
    ]
    severity: Annotated[
        Literal["error", "warning"], Field(description="`error`: the objects are not sent. `warning`: they are.")
    ]
    count: Annotated[Count, Field(description="How often it was found; objects that are counted count as each.")]
    explanation: Explanation | None
    explanation_url: ExplanationUrl
    mended_by: MendedBy
    examples: Annotated[list[FindingExample], Field(description="The first in the roster's order, at most five.")]
