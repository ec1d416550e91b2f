"""The shape of a row of the audit."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.parts import EXAMPLE_ID, EXAMPLE_TIME, Count


class AuditActor(BaseModel):
    """Who did it."""

    kind: Annotated[
        Literal["key", "operator", "command", "service", "unknown"],
        Field(description="A key of the organisation, an operator's, the command line, or the service itself."),
    ]
    handle: Annotated[
        str | None,
        Field(
            examples=["3f9a1c0d5e7b"],
            description="The key's handle; of the command line the name that the system has for who typed it.",
        ),
    ]
    name: Annotated[str | None, Field(examples=["Schemasystemet"], description="What the organisation calls the key.")]


class AuditRow(BaseModel):
    """One answer that showed somebody, or one change."""

    at: Annotated[AwareDatetime, Field(description="When, before the answer was given.", examples=[EXAMPLE_TIME])]
    actor: AuditActor
    action: Annotated[str, Field(description="What was done.", examples=["read_records"])]
    via: Annotated[
        Literal["api", "page", "export", "command", "service"], Field(description="How it was done.", examples=["page"])
    ]
    run_id: Annotated[UUID | None, Field(description="The run that it was about.", examples=[None])]
    job_id: Annotated[UUID | None, Field(description="The job that it was about.", examples=[EXAMPLE_ID])]
    activity_id: Annotated[UUID | None, Field(description="The activity that it was about.", examples=[None])]
    objects: Annotated[Count, Field(description="How many objects were shown.", examples=[50])]
    protected: Annotated[
        int | None,
        Field(
            examples=[0], description="How many of them are of protected persons; null without the scope `protected`."
        ),
    ]
