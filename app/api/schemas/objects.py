"""The shapes of the organisation's objects."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.activities import Finding
from app.api.schemas.parts import ActivityName, Count, Described, Page
from app.api.schemas.records import RecordStatus


class FoundObject(Described):
    """An object of the organisation, in its newest form."""

    activities: Annotated[
        list[ActivityName], Field(description="Whose rosters have it now; empty for one that only history knows.")
    ]
    accepted_at: Annotated[AwareDatetime | None, Field(description="When Skolverket accepted it last.")]
    landed_at: Annotated[AwareDatetime | None, Field(examples=[None], description="When it was seen to have arrived.")]
    gone_at: Annotated[
        AwareDatetime | None, Field(examples=[None], description="When it was seen to be gone from Skolverket.")
    ]


class Accepted(BaseModel):
    """What Skolverket accepted of an object last."""

    at: Annotated[AwareDatetime, Field(description="When it was accepted.")]
    job_id: Annotated[UUID, Field(description="By which job it was sent.")]
    object: Annotated[Any, Field(description="As it went out; null once it is erased.")]


class ObjectRecord(BaseModel):
    """What became of an object in one job."""

    job_id: Annotated[UUID, Field(description="The job.")]
    run_id: Annotated[UUID, Field(description="Its run.")]
    activity_id: Annotated[UUID, Field(description="Its activity.")]
    status: Annotated[RecordStatus, Field(description="What became of it.", examples=["warning"])]
    codes: Annotated[
        list[str], Field(examples=[["schema_format"]], description="Of what was said of it, by us and by Skolverket.")
    ]
    attempts: Annotated[Count, Field(description="How many times it was sent.", examples=[1])]
    created_at: Annotated[AwareDatetime, Field(description="When its run was accepted.")]
    completed_at: Annotated[AwareDatetime | None, Field(description="When its result was there; null before.")]


class ObjectFinding(Finding):
    """One thing that is wrong with an object in an activity's roster."""

    activity_id: Annotated[UUID, Field(description="In whose roster.")]


class ObjectDetail(FoundObject):
    """Everything that is known of one object."""

    object: Annotated[Any, Field(description="Its newest form as it was uploaded; null once it is erased.")]
    accepted: Accepted | None
    differs: Annotated[
        bool | None,
        Field(
            description="Whether the latest roster would send something else than Skolverket has accepted last; null"
            " when it is in no roster, or was never accepted, and for a person or a duty that the key may not see. A"
            " group or an activity is compared without those, and without `pii` without its members and teachers."
        ),
    ]
    differing: Annotated[
        list[str],
        Field(
            examples=[["familyName"]],
            description="In which properties; none for a protected person where the key may not see these.",
        ),
    ]
    findings: Annotated[list[ObjectFinding], Field(description="Of the rosters that have it now.")]
    records: Annotated[Page[ObjectRecord], Field(description="Newest first.")]
