"""What the shapes of answers have in common: words, ids, pages, problems. They are filled by the views.

Clients must accept new fields and new values of enumerations in answers.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.catalogue import catalogue

Policy = Literal["halt", "continue"]
Allowed = Literal["shrinks", "weaker_marking", "reused_id"]
Kind = Literal["persons", "duties", "groups", "activities"]
RunStatus = Literal["queued", "running", "held", "succeeded", "failed", "cancelled"]
Outcome = Literal["clean", "with_warnings", "with_errors", "nothing_accepted"]
FinalOutcome = Annotated[
    Outcome | None,
    Field(description="What became of the records when it has finished; null before.", examples=["with_errors"]),
]
Version = Annotated[int, Field(ge=1, description="Grows with every change that is shown.")]
Count = Annotated[int, Field(ge=0)]
Data = TypeVar("Data")
EXAMPLE_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
EXAMPLE_TIME = "2026-11-23T08:00:00Z"
_EXAMPLE_PLACE = {"pointer": "/display_name", "code": "missing_field", "detail": "This field is missing."}


class ProblemError(BaseModel):
    """One place in the body that is wrong."""

    pointer: Annotated[str, Field(description="JSON pointer into the body.")]
    code: Annotated[
        str,
        Field(
            description="What is wrong, as a code of `/explanations`. There may be new ones.",
            examples=["missing_field"],
            json_schema_extra={"enum": list(catalogue().refusals)},
        ),
    ]
    detail: Annotated[
        str, Field(description="The same in words; never the value.", examples=["This field is missing."])
    ]


def example_of_problem(slug: str) -> dict[str, Any]:
    """Makes an example of a problem with a cause of the catalogue."""
    cause = catalogue().problems[slug]
    return {
        "type": f"/problems/{slug}",
        "title": cause.en.title,
        "status": cause.status,
        "detail": cause.en.means,
        "instance": f"urn:uuid:{EXAMPLE_ID}",
        **({"errors": [_EXAMPLE_PLACE]} if slug == "invalid-body" else {}),
    }


class Problem(BaseModel):
    """An error (RFC 9457). It never repeats a value of the request."""

    model_config = ConfigDict(json_schema_extra={"examples": [example_of_problem("not-found")]})

    type: Annotated[
        str,
        Field(
            description="The cause, as the address of the page about it. There may be new ones.",
            json_schema_extra={
                "enum": [f"/problems/{slug}" for slug in catalogue().problems],
                # What generators of clients call them.
                "x-enum-varnames": [slug.upper().replace("-", "_") for slug in catalogue().problems],
            },
        ),
    ]
    title: Annotated[str, Field(description="The cause in a few words, always the same ones.")]
    status: Annotated[int, Field(description="The status of the answer.")]
    detail: Annotated[str, Field(description="What is wrong this time.")]
    instance: Annotated[
        str, Field(description="The request's id as a URN: the answer's `X-Request-ID`, and in the service's log.")
    ]
    errors: Annotated[
        list[ProblemError], Field(description="With the status 422, the places in the body that are wrong.")
    ] = []


def _says_what_it_is(schema: dict[str, Any]) -> None:
    # The docstring is not that of a page of something.
    schema.setdefault("description", "One page of a list.")


class Page(BaseModel, Generic[Data]):
    """One page of a list."""

    model_config = ConfigDict(json_schema_extra=_says_what_it_is)

    data: Annotated[list[Data], Field(description="What the page has, in the order of the list.")]
    next_cursor: Annotated[
        str | None,
        Field(description="For `cursor`: where the next page begins; null on the last one.", examples=["WyI0ZjI2Il0"]),
    ]


class Explanation(BaseModel):
    """What a code means and what to do about it, in Swedish and English."""

    sv: Annotated[
        str, Field(description="In Swedish.", examples=["Namnet saknas. Komplettera i registret och skicka igen."])
    ]
    en: Annotated[
        str, Field(description="In English.", examples=["The name is missing. Add it in the register and send again."])
    ]


ExplanationUrl = Annotated[
    str | None,
    Field(
        description="Where the code that the explanation is of is explained; null where no code is.",
        examples=["/explanations/schema_required"],
    ),
]


MendedBy = Annotated[
    Literal["register", "identity_provider", "skolverket", "provkedja"] | None,
    Field(description="Who puts it right; null where the code is none of the explained."),
]


class About(BaseModel):
    """Another object that is spoken of; its name is `***` for keys that may not see it, null where it is not known.

    To a key without `protected` a group or an activity speaks of no protected person, and of no duty of theirs; to one
    without `pii` of nobody.
    """

    kind: Annotated[Kind, Field(description="What it is.", examples=["groups"])]
    id: Annotated[UUID, Field(description="Its id in the roster.")]
    name: Annotated[
        str | None,
        Field(
            description="What it is called; `***` for keys that may not see it, null where it is not known.",
            examples=["6A"],
        ),
    ]


class ActivityName(BaseModel):
    """An activity by its name."""

    id: Annotated[UUID, Field(description="The activity.")]
    display_name: Annotated[
        str, Field(description="What people call it.", examples=["Nationellt prov i matematik, årskurs 6"])
    ]


class SchoolUnit(BaseModel):
    """A school unit; its name is that of Skolverket's register, null where that has none or is not known yet."""

    id: Annotated[UUID, Field(description="Its id in the register of Skolverket.")]
    name: Annotated[
        str | None,
        Field(
            description="Its name in that register; null where it has none or is not known yet.",
            examples=["Exempelskolan"],
        ),
    ]


class Described(BaseModel):
    """Who or what an object is. Personal strings are `***` for keys that may not see them.

    The school of a protected person is null for keys without `protected`, everybody's for those without `pii`.
    """

    kind: Annotated[Kind, Field(description="What it is.", examples=["persons"])]
    id: Annotated[UUID, Field(description="Its id in the roster.")]
    name: Annotated[
        str | None, Field(description="What it is called; null without a name.", examples=["Åsa Exempelsson"])
    ]
    role: Annotated[
        Literal["Elev", "Personal"] | None,
        Field(description="Of a person: pupil or staff; null for what is neither.", examples=["Elev"]),
    ]
    civic_no: Annotated[
        str | None,
        Field(
            description="Of a person: the personnummer, samordningsnummer or temporary number.",
            examples=["201201019801"],
        ),
    ]
    eppn: Annotated[
        str | None,
        Field(
            description="Of a person: the name to sign in with (eduPersonPrincipalName).",
            examples=["q7x1@edu.example.se"],
        ),
    ]
    school_year: Annotated[int | None, Field(description="Of a pupil's first enrolment that holds, as the rest.")]
    school_type: Annotated[str | None, Field(description="The form of school, as SS 12000 writes it.", examples=["GR"])]
    school_unit: Annotated[
        SchoolUnit | None, Field(description="Of a duty where it is held, of a group or an activity its organisation.")
    ]
    duty_role: Annotated[str | None, Field(description="Of a duty: the post.", examples=[None, "Lärare"])]
