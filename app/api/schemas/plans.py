"""The shapes of what is answered about plans, for the description of the interface; they are filled by the views."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas.parts import Allowed, Count, Described, Kind, Policy
from app.api.schemas.records import Message
from app.api.schemas.runs import RequestedBy, Summary

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
        " roster any more. Of a person or a duty that the key may not see it is `changed` whether or not it is; a group"
        " or an activity is compared without those, and without `pii` without its members and teachers.",
        examples=[{"left": 1, "members_gained": 1, "new": 2, "renamed": 1, "unchanged": 28}],
    ),
]


class PlanTotals(BaseModel):
    """How many objects would end how."""

    total: Annotated[Count, Field(description="Objects of the roster; those that have left it are not among them.")]
    send: Annotated[Count, Field(description="How many would be sent.", examples=[28])]
    kept_here: Annotated[Count, Field(description="How many break what is published, or are too large.", examples=[1])]
    blocked: Annotated[
        Count, Field(description="How many cannot be without another one that stays here.", examples=[0])
    ]
    skipped: Annotated[Count, Field(description="How many stay here for another reason.", examples=[0])]
    unchanged: Annotated[Count, Field(description="How many Skolverket has accepted in a later upload.", examples=[1])]
    not_reached: Annotated[
        Count, Field(description="How many are in a stage that the chain does not reach.", examples=[0])
    ]
    left: Annotated[
        Count, Field(description="How many are in no roster any more, and Skolverket has them from us.", examples=[0])
    ]
    likely_refused: Annotated[
        Count, Field(description="Of those that are sent: how many Skolverket is expected to refuse by a rule.")
    ]
    sent_without: Annotated[
        Count, Field(description="Of those that are sent: how many go without a group or a teacher that stays here.")
    ]
    calls: Annotated[Count, Field(description="Sending calls that it would take.")]


class PlanStage(PlanTotals):
    """What a run would do in one stage."""

    stage: Annotated[Kind, Field(description="The stage.")]
    title: Annotated[str, Field(description="What the stage is called in Swedish.", examples=["Användare"])]
    summary: Summary
    stops_here: Annotated[bool, Field(description="Under `halt`: something stays here with an error.")]
    may_stop_here: Annotated[bool, Field(description="Under `halt`: something is likely refused.")]
    marks: Marks


class Plan(BaseModel):
    """What a run would do, as it was when the plan was made."""

    id: Annotated[UUID, Field(description="The plan.")]
    activity_id: Annotated[UUID, Field(description="Whose roster it is of.")]
    roster_version: Annotated[int, Field(description="Which version of the roster.", examples=[3], ge=1)]
    on_record_error: Annotated[Policy, Field(description="Whether the chain would stop after a stage with errors.")]
    allow: Annotated[
        list[Allowed],
        Field(description="What was allowed that is otherwise kept back; of persons only to keys with `protected`."),
    ]
    shrinks: Annotated[
        bool,
        Field(
            description="A run would be refused (`roster-shrinks`): the roster has no objects, some were sent before,"
            " and that is not allowed."
        ),
    ]
    requested_by: RequestedBy
    created_at: Annotated[AwareDatetime, Field(description="When it was made.")]
    summary: Summary
    totals: PlanTotals
    marks: Marks
    stages: Annotated[list[PlanStage], Field(description="The four stages in their order.")]


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


class PlanItem(Described):
    """What would happen to one object. Personal strings are `***` for keys that may not see them."""

    decision: Decision
    likely_refused: Annotated[
        bool, Field(description="Whether Skolverket is expected to refuse it by a rule.", examples=[False])
    ]
    blocked_by: Annotated[list[UUID], Field(description="The objects without which it cannot be.")]
    messages: Annotated[list[Message], Field(description="Why, as the record would say it.")]
    marks: Annotated[
        list[str],
        Field(
            description="What is different from what Skolverket has of it, as it is counted in the plan.",
            examples=[["renamed", "eppn_changed"]],
        ),
    ]
    changes: Annotated[
        list[Change] | None,
        Field(
            description="What differs, at most a hundred places; null when what it was has been erased, empty for a"
            " protected person where the key may not see these."
        ),
    ]
