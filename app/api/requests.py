"""The shapes of requests. Unknown fields of an envelope are refused; SS 12000 objects may have any."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas import Allowed, Kind, Policy, RecordStatus

_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProvisionRequest(_Request):
    """How the run meets records that fail."""

    on_record_error: Annotated[
        Policy, Field(description="`halt`: the chain stops after a stage with errors. `continue`: it goes on.")
    ] = "halt"
    allow: Annotated[
        list[Allowed],
        Field(
            description="What is not sent without it. `shrinks`: a roster without objects after one that was sent with"
            " some. `weaker_marking`: persons with less protection than Skolverket has accepted, or than another roster"
            " says. `reused_id`: persons with another name and another civic number than the one whose id they have."
        ),
    ] = []


class PlanRequest(ProvisionRequest):
    """As which run's: what a run that is asked for with the same body would do."""


class RetryRequest(_Request):
    """How the run meets records that fail from now on, and what it may send."""

    on_record_error: Annotated[Policy | None, Field(description="Left out: as before.")] = None
    allow: Annotated[list[Allowed] | None, Field(description="In place of what was allowed; left out: as before.")] = (
        None
    )


class RenameRequest(_Request):
    """The activity's new name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"display_name": "Nationellt prov i matematik, årskurs 6"}]}
    )

    display_name: Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


Phrase = Annotated[
    str,
    Field(
        max_length=500,
        description="Words of names, or their beginnings of three letters and more, without regard to case and accents;"
        " an EPPN or an e-mail address, with or without its domain; a personnummer in any usual writing, or its last"
        " four; an id. Each word must fit.",
    ),
]


class SearchRequest(_Request):
    """What to look for among a job's records; in a body, so that no name stands in an address."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"q": "Åsa Exempelsson", "status": "error", "limit": 50}]}
    )

    q: Phrase = ""
    status: RecordStatus | None = None
    limit: Annotated[int, Field(ge=1, strict=True, description="Larger values are lowered to 200.")] = 50
    cursor: str | None = None


class ObjectSearchRequest(_Request):
    """What to look for among the organisation's objects; in a body, so that no name stands in an address."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"q": "exempel 9847", "kind": "persons", "limit": 50}]}
    )

    q: Phrase = ""
    kind: Kind | None = None
    limit: Annotated[int, Field(ge=1, strict=True, description="Larger values are lowered to 200.")] = 50
    cursor: str | None = None


class Roster(BaseModel):
    """SS 12000 objects, as they were stored."""

    persons: list[dict[str, Any]] = []
    duties: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    activities: list[dict[str, Any]] = []


class ActivityRequest(_Request):
    """An exam and its roster. A list that is missing counts as empty."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "display_name": "Nationellt prov i matematik, årskurs 6",
                    "roster": {
                        "persons": [{"id": _ID, "givenName": "Åsa", "familyName": "Exempelsson"}],
                        "duties": [],
                        "groups": [],
                        "activities": [],
                    },
                }
            ]
        },
    )

    display_name: Annotated[str, Field(min_length=1, max_length=255)]
    roster: Roster
