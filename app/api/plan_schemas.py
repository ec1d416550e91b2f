"""The shapes of what is answered about plans, for the description of the interface; they are filled by the views."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas import Allowed, Count, Kind, Message, Policy, RequestedBy, Summary

Decision = Annotated[
    Literal["send", "kept_here", "blocked", "skipped", "unchanged", "not_reached", "left"],
    Field(
        description="`send`: it goes. `kept_here`: it breaks what is published, or is too large. `blocked`: it cannot"
        " be without another one that stays here. `skipped`: it stays here for another reason. `unchanged`: Skolverket"
        " has accepted it in a later upload (`newer_at_target`). `not_reached`: the chain stops in a stage before."
        " `left`: it is in no roster any more, and Skolverket has it from us; nothing is removed."
    ),
]
Marks = Annotated[
    dict[str, Count],
    Field(
        description="How many objects each mark has. `new`: Skolverket has nothing of it from us. `unchanged`: what"
        " Skolverket has. What is neither has one mark or several that say what is different; `left` is not of the"
        " roster any more. A protected person that differs is counted as `changed`.",
        examples=[{"left": 1, "members_gained": 1, "new": 2, "renamed": 1, "unchanged": 28}],
    ),
]


class PlanTotals(BaseModel):
    """How many objects would end how."""

    total: Annotated[Count, Field(description="Objects of the roster; those that have left it are not among them.")]
    send: Count
    kept_here: Count
    blocked: Count
    skipped: Count
    unchanged: Count
    not_reached: Count
    left: Count
    likely_refused: Annotated[
        Count, Field(description="Of those that are sent: how many Skolverket is expected to refuse by a rule.")
    ]
    sent_without: Annotated[
        Count, Field(description="Of those that are sent: how many go without a group or a teacher that stays here.")
    ]
    calls: Annotated[Count, Field(description="Sending calls that it would take.")]


class PlanStage(PlanTotals):
    """What a run would do in one stage."""

    stage: Kind
    title: Annotated[str, Field(examples=["Användare"])]
    summary: Summary
    stops_here: Annotated[bool, Field(description="Under `halt`: something stays here with an error.")]
    may_stop_here: Annotated[bool, Field(description="Under `halt`: something is likely refused.")]
    marks: Marks


class Plan(BaseModel):
    """What a run would do, as it was when the plan was made."""

    id: UUID
    activity_id: UUID
    roster_version: Annotated[int, Field(ge=1)]
    on_record_error: Policy
    allow: Annotated[list[Allowed], Field(description="What was allowed that is otherwise kept back.")]
    shrinks: Annotated[
        bool,
        Field(
            description="A run would be refused (`roster-shrinks`): the roster has no objects, some were sent before,"
            " and that is not allowed."
        ),
    ]
    requested_by: RequestedBy
    created_at: AwareDatetime
    summary: Summary
    totals: PlanTotals
    marks: Marks
    stages: list[PlanStage]


class Change(BaseModel):
    """A place where an object differs from what Skolverket has accepted from us last."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pointer": "/familyName", "old": "Exempelsson", "new": "Provlund"}]}
    )

    pointer: Annotated[
        str, Field(description="JSON pointer into the object; into the old one for what the new one has not.")
    ]
    old: Annotated[Any, Field(description="Null for what was not there.")]
    new: Annotated[Any, Field(description="Null for what is not there any more.")]


class PlanItem(BaseModel):
    """What would happen to one object. Personal strings are `***` for keys that may not see them."""

    id: UUID
    kind: Kind
    name: str | None
    role: Literal["Elev", "Personal"] | None
    civic_no: str | None
    eppn: str | None
    school_year: int | None
    school_type: str | None
    decision: Decision
    likely_refused: bool
    blocked_by: Annotated[list[UUID], Field(description="The objects without which it cannot be.")]
    messages: Annotated[list[Message], Field(description="Why, as the record would say it.")]
    marks: Annotated[list[str], Field(examples=[["renamed", "eppn_changed"]])]
    changes: Annotated[
        list[Change] | None,
        Field(
            description="What differs, at most a hundred places; null when what it was has been erased, empty for a"
            " protected person where the key may not see these."
        ),
    ]
