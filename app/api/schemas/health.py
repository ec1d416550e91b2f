"""The shape of what a process says of itself."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """Whether the service can do its work."""

    status: Annotated[Literal["ok", "degraded"], Field(description="`degraded`: all goes on, slower or later.")]
    checks: Annotated[
        dict[str, str],
        Field(
            description="What was looked at and how it is: `ok`, or what is wrong.",
            examples=[{"database": "ok", "migrations": "ok"}],
        ),
    ]


class Version(BaseModel):
    """Which build answers."""

    version: Annotated[str, Field(description="Of the service.", examples=["1.4.0"])]
    commit: Annotated[str | None, Field(description="Null where whoever built it has not said so.", examples=[None])]
