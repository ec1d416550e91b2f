"""The shapes of what is answered about who is missing in an exam; they are filled by the views."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas.activities import LastRun
from app.api.schemas.parts import About, ActivityName, Count, Described, Explanation, ExplanationUrl, Kind, MendedBy

PupilState = Annotated[
    Literal["through", "under_way", "not_sent", "hindered", "not_in_exam"],
    Field(
        description="`through`: Skolverket has the person as the roster has it, in a group of an activity. `under_way`:"
        " a run has it in hand. `not_sent`: it goes with the next run. `hindered`: something is to be put right first."
        " `not_in_exam`: in no group that an activity has."
    ),
]
CauseId = Annotated[
    str,
    Field(
        description="What the cause is known by, as the list of pupils takes it.",
        examples=["persons:3fa85f64-5717-4562-b3fc-2c963f66afa6", "groups:never_sent"],
    ),
]


class Standings(BaseModel):
    """How many stand how; `total` is their sum."""

    total: Annotated[Count, Field(description="All of them.", examples=[30])]
    through: Annotated[Count, Field(description="Skolverket has them as the roster has them.", examples=[28])]
    under_way: Annotated[Count, Field(description="A run has them in hand.", examples=[0])]
    not_sent: Annotated[Count, Field(description="They go with the next run.", examples=[0])]
    hindered: Annotated[Count, Field(description="Something is to be put right first.", examples=[2])]


class PupilStandings(Standings):
    """How many pupils of the exam stand how."""

    not_in_exam: Annotated[Count, Field(description="Pupils of the roster who take no part; not in `total`.")]


class AllPupils(PupilStandings):
    """How many pupils stand how, and how many have been seen to arrive."""

    landed: Annotated[
        int | None, Field(description="Of those who are through: how many have been seen to arrive; null: unknown.")
    ]


class Cause(BaseModel):
    """What keeps pupils: an object of the roster, or something that holds for many."""

    id: CauseId
    kind: Annotated[Kind, Field(description="The stage in which it is.")]
    object: Annotated[About | None, Field(description="The object that it is; null for what holds for many.")]
    code: Annotated[
        str | None,
        Field(
            examples=["schema_required"],
            description="Why: the code of its record or roster, the fault that ended the run, or one of `never_sent`,"
            " `changed_since`, `mended_since`, `run_cancelled`, `records_failed`, `group_without_pupil`,"
            " `activity_without_group`, `of_another_unit`. Null where nothing was said.",
        ),
    ]
    explanation: Explanation | None
    explanation_url: ExplanationUrl
    mended_by: MendedBy
    job_id: Annotated[UUID | None, Field(description="The job of the last run that it concerns.")]
    record_id: Annotated[UUID | None, Field(description="The object's record in that job, if it has one.")]


class NamedGroup(BaseModel):
    """A group of the roster."""

    id: Annotated[UUID, Field(description="The group.")]
    name: Annotated[str | None, Field(description="What it is called; null without a name.", examples=["6A"])]


class Hindrance(Cause):
    """A cause, with how many pupils it keeps."""

    state: Annotated[Literal["not_sent", "hindered"], Field(description="How these pupils stand.")]
    pupils: Annotated[Count, Field(description="How many it keeps; each pupil has one cause.")]
    groups: Annotated[list[NamedGroup], Field(description="The first ten groups in which these pupils are.")]
    more_groups: Annotated[Count, Field(description="In how many other groups they are.", examples=[0])]


class GroupReadiness(NamedGroup):
    """How the pupils of a group stand."""

    in_exam: Annotated[bool, Field(description="Whether an activity of the roster has the group.")]
    pupils: PupilStandings
    causes: Annotated[list[CauseId], Field(description="What keeps its pupils, the commonest first.")]


class GroupPage(BaseModel):
    """A page of the roster's groups, in its order."""

    data: Annotated[list[GroupReadiness], Field(description="The groups of the page.")]
    next_cursor: Annotated[
        str | None,
        Field(description="For `cursor`: where the next page begins; null on the last one.", examples=["WyI0ZjI2Il0"]),
    ]


class ReadinessSummary(BaseModel):
    """How the pupils stand, in a sentence of each language."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"sv": "28 av 30 elever klara, 2 hindrade", "en": "28 of 30 pupils through, 2 hindered"}]
        }
    )

    sv: Annotated[str, Field(description="In Swedish.", examples=["28 av 30 elever klara, 2 hindrade"])]
    en: Annotated[str, Field(description="In English.", examples=["28 of 30 pupils through, 2 hindered"])]


class Readiness(BaseModel):
    """How the pupils of an exam's current roster stand."""

    activity: ActivityName
    roster_version: Annotated[
        int,
        Field(description="Which version of the roster is looked at; 0 for a key of school units.", examples=[3], ge=0),
    ]
    last_run: Annotated[
        LastRun | None, Field(description="The latest run that has begun, or may yet begin; null without one.")
    ]
    as_of: Annotated[AwareDatetime, Field(description="When it was so.")]
    summary: ReadinessSummary
    pupils: AllPupils
    duties: Annotated[Standings, Field(description="Duties; one is through when its person is too.")]
    causes: Annotated[list[Hindrance], Field(description="At most a hundred, those that keep most pupils.")]
    more_causes: Annotated[Count, Field(description="How many causes are not shown.")]
    groups: GroupPage


class MissingPupil(Described):
    """A pupil, how it stands and what keeps it. Personal strings are `***` for keys that may not see them."""

    state: Annotated[
        PupilState,
        Field(description="How it stands; one whom the key may not see, as the worst of several groups leaves them."),
    ]
    cause: Annotated[
        Cause | None,
        Field(description="What keeps it; null where nothing does, or where that would tell a group not shown."),
    ]
