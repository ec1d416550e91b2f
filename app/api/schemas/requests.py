"""The shapes of requests. Unknown fields of an envelope are refused; SS 12000 objects may have any."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_before_validator_function

from app.api.http.ids import Id
from app.api.http.record_filters import Code, Sort, one_or_several
from app.api.schemas.parts import Allowed, Kind, Policy
from app.api.schemas.records import RecordStatus, Role
from app.api.schemas.texts import Name
from app.db.record_lists import RecordFilter


def _whole(given: Any) -> Any:
    """Makes an integer of `3.0`: JSON knows numbers alone, and some programs write all of them so."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


Limit = Annotated[
    int, Field(ge=1, strict=True, description="Larger values are lowered to 200."), BeforeValidator(_whole)
]
_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


# A number of errors.
Enough = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True), BeforeValidator(_whole)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StopAtErrors(_Request):
    """With how many errors of a stage nothing more of it is sent; a stage that is left out is tried whole."""

    persons: Annotated[Enough | None, Field(description="For the stage Användare.", examples=[50])] = None
    duties: Annotated[Enough | None, Field(description="For the stage Tjänstgöringar.", examples=[None])] = None
    groups: Annotated[Enough | None, Field(description="For the stage Grupper.", examples=[None])] = None
    activities: Annotated[Enough | None, Field(description="For the stage Aktiviteter.", examples=[None])] = None


def _for_each(given: Any) -> Any:
    """Takes one number for that of each stage."""
    given = _whole(given)
    if type(given) is not int:
        return given
    if given < 1:
        raise PydanticKnownError("greater_than_equal", {"ge": 1})
    return dict.fromkeys(get_args(Kind), given)


# By stage, or one number for each.
_StopAtErrors = Annotated[
    StopAtErrors | None, BeforeValidator(_for_each, json_schema_input_type=StopAtErrors | Enough | None)
]


class PlanRequest(_Request):
    """As which run's: what a run that is asked for in the same way would do."""

    on_record_error: Annotated[
        Policy, Field(description="`halt`: the chain stops after a stage with errors. `continue`: it goes on.")
    ] = "halt"
    allow: Annotated[
        list[Allowed],
        Field(
            description="What is not sent without it. `shrinks`: a roster without objects after one that was sent with"
            " some. `weaker_marking`: persons with less protection than Skolverket has accepted, or than another roster"
            " says, or without any though a roster has ever said one."
            " `reused_id`: persons with another name and another civic number than the one whose id they have."
            " These two take the scope `protected`."
        ),
    ] = []


class ProvisionRequest(PlanRequest):
    """How the run meets records that fail."""

    stop_at_errors: Annotated[
        _StopAtErrors,
        Field(
            description="When so many records of a stage have ended in error, nothing more of it is sent: what is under"
            " way is followed to its answer, the rest stays `pending`, and the job fails with `too_many_errors`, under"
            " `continue` too. A number is for each stage.",
            examples=[{"persons": 50}, 100],
        ),
    ] = None

    @property
    def stops(self) -> dict[str, int]:
        """Gives the numbers by stage."""
        return {} if self.stop_at_errors is None else self.stop_at_errors.model_dump(exclude_none=True)


class RetryRequest(_Request):
    """How the run meets records that fail from now on, and what it may send."""

    on_record_error: Annotated[Policy | None, Field(description="Left out: as before.")] = None
    allow: Annotated[list[Allowed] | None, Field(description="In place of what was allowed; left out: as before.")] = (
        None
    )

    stop_at_errors: Annotated[
        _StopAtErrors,
        Field(description="In place of what was asked for, for the stages that go on; left out: as before."),
    ] = None

    @property
    def stops(self) -> dict[str, int] | None:
        """Gives the numbers by stage; None for as before."""
        return None if self.stop_at_errors is None else self.stop_at_errors.model_dump(exclude_none=True)


class RenameRequest(_Request):
    """The activity's new name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"display_name": "Nationellt prov i matematik, årskurs 6"}]}
    )

    display_name: Annotated[Name, Field(description="The new name.", max_length=255)]


Phrase = Annotated[
    str,
    Field(
        max_length=500,
        description="Words of names, or their beginnings of three letters and more, without regard to case and accents;"
        " an EPPN or an e-mail address, with or without its domain; a personnummer in any usual writing, or its last"
        " four; an id. Each word must fit.",
    ),
]


class _OneOrSeveral:
    """Takes one value without a list around it, and null for none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(one_or_several, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = handler(schema)
        return {"anyOf": [several["items"], several, {"type": "null"}]}


class SearchRequest(_Request):
    """What to look for among a job's records; in a body, so that no name stands in an address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"q": "Åsa Exempelsson", "status": ["error", "warning"], "limit": 50}]},
    )

    q: Phrase = ""
    status: Annotated[
        Annotated[list[RecordStatus], _OneOrSeveral()], Field(description="Of one of these statuses.")
    ] = []
    code: Annotated[
        Annotated[list[Code], _OneOrSeveral()], Field(description="With a message of one of these codes.")
    ] = []
    role: Annotated[Annotated[list[Role], _OneOrSeveral()], Field(description="Of one of these roles.")] = []
    school_unit: Annotated[
        Annotated[list[Id], _OneOrSeveral()], Field(description="Of one of these school units, by their ids.")
    ] = []
    school_year: Annotated[
        list[Annotated[int, Field(ge=0, le=99, strict=True), BeforeValidator(_whole)]],
        _OneOrSeveral(),
        Field(description="In one of these years."),
    ] = []
    sort: Annotated[Sort, Field(description="As in the list of records.")] = "order"
    limit: Limit = 50
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before; with the same filters.")] = None

    @property
    def wanted(self) -> RecordFilter:
        """Gives what the list is narrowed to."""
        return RecordFilter(self.status, self.code, self.role, self.school_unit, self.school_year)


class ObjectSearchRequest(_Request):
    """What to look for among the organisation's objects; in a body, so that no name stands in an address."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"q": "exempel 9847", "kind": "persons", "limit": 50}]}
    )

    q: Phrase = ""
    kind: Annotated[Kind | None, Field(description="Of this kind alone.")] = None
    limit: Limit = 50
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before; with the same words.")] = None


# Whatever else an object has is its own affair, and stands in the findings.
_Objects = Annotated[
    list[dict[str, Any]],
    Field(
        json_schema_extra={
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string", "format": "uuid", "description": "The object's id."}},
                "required": ["id"],
                "additionalProperties": True,
            }
        }
    ),
]


class Roster(BaseModel):
    """SS 12000 objects, as they are stored; at least one of the lists must be there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    persons: Annotated[_Objects, Field(description="Persons: pupils and staff.")] = []
    duties: Annotated[_Objects, Field(description="Duties of staff.")] = []
    groups: Annotated[_Objects, Field(description="Groups of pupils.")] = []
    activities: Annotated[_Objects, Field(description="Activities, which have the groups and the teachers.")] = []


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

    display_name: Annotated[str, Field(description="What people call it.", min_length=1, max_length=255)]
    roster: Roster
