"""The shapes of what a code means."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.api.schemas.parts import Explanation


class CodeExplanation(BaseModel):
    """What a code means and what to do about it. In a text about all its cases, `…` stands for what varies."""

    code: Annotated[str, Field(description="The code.", examples=["schema_required"])]
    of: Annotated[
        Literal["records", "bodies", "operations", "certificates"],
        Field(
            description="What it is said of: records, jobs and calls; bodies that are refused; the operation;"
            " organisations' certificates and the addresses of services."
        ),
    ]
    severity: Annotated[Literal["error", "warning", "ok"], Field(description="The worst that it can have.")]
    mended_by: Annotated[
        Literal["register", "identity_provider", "skolverket", "provkedja"],
        Field(description="Who can put it right: the school's register, its identity provider, Skolverket, we."),
    ]
    means: Explanation
    to_do: Explanation
    explanation: Annotated[Explanation, Field(description="Both, as messages and findings have it.")]
    url: Annotated[
        str, Field(description="Where this is explained, as a page too.", examples=["/explanations/schema_required"])
    ]


class WholeCodeExplanation(CodeExplanation):
    """A code that stands for several things has the others in `also`."""

    also: Annotated[list[CodeExplanation], Field(description="What else the code stands for.", examples=[[]])]


class ProblemExplanation(BaseModel):
    """The cause of an error: what stands behind the `type` of a problem."""

    slug: Annotated[str, Field(description="What is behind `/problems/`.", examples=["too-many-waiting-runs"])]
    type: Annotated[
        str, Field(description="What `type` has in a problem.", examples=["/problems/too-many-waiting-runs"])
    ]
    status: Annotated[int, Field(description="The status of the answer.", examples=[409])]
    title: Explanation
    means: Explanation
    to_do: Annotated[Explanation, Field(description="What the caller does.")]
    retry_after: Annotated[
        int | None,
        Field(description="Seconds after which another try is worth while; null where waiting does not help."),
    ]
