"""The shapes of changes and of tickets for event streams."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from app.api.schemas.runs import Job, Run


class ChangedRun(Run):
    """A run as it is now, at the place of its last change."""

    type: Annotated[Literal["run"], Field(description="That it is a run.")]


class ChangedJob(Job):
    """A job as it is now, at the place of its last change."""

    type: Annotated[Literal["job"], Field(description="That it is a job.")]


class Changes(BaseModel):
    """Changes in their order, and where to go on."""

    data: Annotated[
        list[Annotated[ChangedRun | ChangedJob, Field(discriminator="type")]],
        Field(description="Runs and jobs in the order of their last changes."),
    ]
    next_cursor: Annotated[
        str, Field(examples=["WyJjNGNhIl0"], description="For `after`: where to go on. There always is one.")
    ]


class EventTicket(BaseModel):
    """What opens an event stream for those who can send no header."""

    ticket: Annotated[
        str, Field(examples=["et_4NfQm2xW…"], description="For `?ticket=` of an event stream, and of nothing else.")
    ]
    expires_at: Annotated[
        AwareDatetime, Field(description="By when the stream has to be opened; once open it goes on.")
    ]
