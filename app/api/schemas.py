"""The shapes of answers, for the description of the interface; they are filled by the views.

Clients must accept new fields and new values of enumerations in answers.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

Policy = Literal["halt", "continue"]
Allowed = Literal["shrinks", "weaker_marking", "reused_id"]
Kind = Literal["persons", "duties", "groups", "activities"]
RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Outcome = Annotated[
    Literal["clean", "with_warnings", "with_errors", "nothing_accepted"],
    Field(description="What became of the records when it has finished; null before."),
]
Version = Annotated[int, Field(ge=1, description="Grows with every change that is shown.")]
JobStatus = Literal["waiting", "queued", "running", "succeeded", "failed", "blocked", "cancelled"]
RecordStatus = Literal["pending", "sent", "unchanged", "succeeded", "warning", "error", "skipped"]
BatchStatus = Literal["written", "called", "accepted", "answered", "refused", "lost"]
Count = Annotated[int, Field(ge=0)]

Data = TypeVar("Data")

_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
_TIME = "2026-11-23T08:00:00Z"


class ProblemError(BaseModel):
    """One place in the body that is wrong."""

    pointer: Annotated[str, Field(description="JSON pointer into the body.")]
    code: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457). It never repeats a value of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:provkedja:problem:not-found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no such thing here.",
                    "instance": f"urn:uuid:{_ID}",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemError] = []


class Page(BaseModel, Generic[Data]):
    """One page of a list."""

    data: list[Data]
    next_cursor: str | None


class Counts(BaseModel):
    """How many objects of each kind a roster has."""

    persons: Count
    duties: Count
    groups: Count
    activities: Count


class RosterSummary(BaseModel):
    """The roster that counts."""

    version: Annotated[int, Field(ge=1)]
    counts: Counts
    updated_at: AwareDatetime


class Findings(BaseModel):
    """How much is wrong with the roster."""

    errors: Count
    warnings: Count
    by_code: Annotated[dict[str, Count], Field(examples=[{"schema_required": 2}])]


class LastRun(BaseModel):
    """An activity's latest run."""

    id: UUID
    sequence: int
    status: RunStatus
    on_record_error: Policy
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class Activity(BaseModel):
    """One exam to be provisioned."""

    id: UUID
    display_name: Annotated[str, Field(examples=["Nationellt prov i matematik, årskurs 6"])]
    roster: RosterSummary
    findings: Findings
    last_run: LastRun | None


class Explanation(BaseModel):
    """What a code means and what to do about it, in Swedish and English."""

    sv: str
    en: str


ExplanationUrl = Annotated[
    str | None,
    Field(
        description="Where the code that the explanation is of is explained; null where no code is.",
        examples=["/explanations/schema_required"],
    ),
]


class About(BaseModel):
    """Another object that is spoken of; its name is `***` for keys that may not see it, null where it is not known."""

    kind: Kind
    id: UUID
    name: str | None


class Finding(BaseModel):
    """One thing that is wrong with an object of a roster, or with several objects that are counted."""

    kind: Kind
    id: Annotated[UUID | None, Field(description="The object; null where several are counted.")]
    count: Annotated[int | None, Field(description="How many objects have it, where they are counted.")]
    pointer: Annotated[
        str,
        Field(
            description="A JSON pointer into the object; `-` stands for any element where objects are counted.",
            examples=["/civicNo"],
        ),
    ]
    severity: Literal["error", "warning"]
    code: Annotated[str, Field(examples=["schema_required"])]
    about: Annotated[list[About], Field(description="The other objects that it speaks of.")]
    explanation: Explanation
    explanation_url: ExplanationUrl


class Progress(BaseModel):
    """A job's records by status."""

    total: Count
    pending: Count
    sent: Count
    unchanged: Count
    succeeded: Count
    warnings: Count
    errors: Count
    skipped: Count


class Summary(BaseModel):
    """What became of the records, in a sentence of each language; while it goes on, how they stand."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sv": "45 användare: 41 klara, 4 fel", "en": "45 users: 41 done, 4 failed"}]}
    )

    sv: str
    en: str


class RequestedBy(BaseModel):
    """The key that asked for a run."""

    id: UUID
    name: str


class ActivityOfRun(BaseModel):
    """The activity of a run, by the name that it has now."""

    id: UUID
    display_name: str


class RunOfJob(BaseModel):
    """What a list of jobs shows of the run of each."""

    sequence: Annotated[int, Field(ge=1, description="Its place among the activity's runs.")]
    requested_by: RequestedBy
    on_record_error: Policy
    status: RunStatus


class Job(BaseModel):
    """One stage of a run."""

    id: UUID
    run_id: UUID
    activity_id: UUID
    activity: ActivityOfRun
    run: RunOfJob
    stage: Kind
    title: Annotated[str, Field(examples=["Användare"])]
    action: Literal["send", "remove"]
    position: Annotated[int, Field(ge=1)]
    status: JobStatus
    outcome: Outcome | None
    summary: Summary
    version: Version
    progress: Progress
    attempt: Annotated[Count, Field(description="How many faults it has met.")]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    error: Annotated[dict[str, Any] | None, Field(description="A problem object: why the job failed.")]


class Run(BaseModel):
    """One chain of four jobs."""

    id: UUID
    activity_id: UUID
    activity: ActivityOfRun
    sequence: Annotated[int, Field(ge=1, description="Its place among the activity's runs.")]
    status: RunStatus
    outcome: Outcome | None
    summary: Summary
    version: Version
    on_record_error: Policy
    allow: Annotated[list[Allowed], Field(description="What its caller has allowed that is otherwise kept back.")]
    roster_version: int
    requested_by: RequestedBy
    created_at: Annotated[AwareDatetime, Field(examples=[_TIME])]
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    cancel_requested_at: AwareDatetime | None
    jobs: list[Job]


class Message(BaseModel):
    """What was said of a record, by us or by Skolverket."""

    severity: Literal["error", "warning"]
    code: Annotated[str, Field(description="Ours, or Skolverket's id of the message.")]
    text: Annotated[
        str | None, Field(description="Skolverket's words, or our explanation where those may be personal.")
    ]
    attribute: Annotated[
        str | None,
        Field(
            description="JSON pointer into the object, whoever gave it; null for what can't be placed. How Skolverket"
            " wrote it is in `received`.",
            examples=["/civicNo/value"],
        ),
    ]
    about: Annotated[list[About], Field(description="The objects that it was blocked by, sent without, does not find.")]
    explanation: Explanation | None
    explanation_url: ExplanationUrl


class Record(BaseModel):
    """The result of one object. Personal strings are `***` for keys that may not see them."""

    id: Annotated[UUID, Field(description="The object's own id.")]
    kind: Kind
    status: Annotated[
        RecordStatus,
        Field(
            description="`unchanged`: not sent, since Skolverket has accepted it in a later upload (`newer_at_target`)."
        ),
    ]
    name: str | None
    role: Literal["Elev", "Personal"] | None
    civic_no: str | None
    eppn: str | None
    school_year: int | None
    school_type: str | None
    messages: list[Message]
    completed_at: AwareDatetime | None


class RecordDetail(Record):
    """A record with what went out and what came back."""

    sent: Annotated[Any, Field(description="The object as it went out; null when it has not.")]
    received: Annotated[Any, Field(description="Skolverket's answer for it as it came; null without one.")]
    attempts: Annotated[Count, Field(description="How many times it was sent.")]


class Described(BaseModel):
    """Who or what an object is. Personal strings are `***` for keys that may not see them."""

    kind: Kind
    id: UUID
    name: str | None
    role: Literal["Elev", "Personal"] | None
    civic_no: str | None
    eppn: str | None
    school_year: int | None
    school_type: str | None


class ActivityName(BaseModel):
    """An activity whose roster has the object now."""

    id: UUID
    display_name: str


_FOUND: dict[str, JsonValue] = {
    "kind": "persons",
    "id": _ID,
    "name": "Åsa Exempelsson",
    "role": "Elev",
    "civic_no": "201201019801",
    "eppn": "q7x1@edu.example.se",
    "school_year": 6,
    "school_type": "GR",
    "activities": [{"id": _ID, "display_name": "Nationellt prov i matematik, årskurs 6"}],
    "accepted_at": _TIME,
    "landed_at": None,
    "gone_at": None,
}
_OBJECT: dict[str, JsonValue] = {"id": _ID, "givenName": "Åsa", "familyName": "Exempelsson"}
_HISTORY: dict[str, JsonValue] = {
    "job_id": _ID,
    "run_id": _ID,
    "activity_id": _ID,
    "status": "warning",
    "codes": ["schema_format"],
    "attempts": 1,
    "created_at": _TIME,
    "completed_at": _TIME,
}


class FoundObject(Described):
    """An object of the organisation, in its newest form."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FOUND]})

    activities: Annotated[
        list[ActivityName], Field(description="Whose rosters have it now; empty for one that only history knows.")
    ]
    accepted_at: Annotated[AwareDatetime | None, Field(description="When Skolverket accepted it last.")]
    landed_at: Annotated[AwareDatetime | None, Field(description="When it was seen to have arrived.")]
    gone_at: Annotated[AwareDatetime | None, Field(description="When it was seen to be gone from Skolverket.")]


class Accepted(BaseModel):
    """What Skolverket accepted of an object last."""

    at: AwareDatetime
    job_id: UUID
    object: Annotated[Any, Field(description="As it went out; null once it is erased.")]


class ObjectRecord(BaseModel):
    """What became of an object in one job."""

    job_id: UUID
    run_id: UUID
    activity_id: UUID
    status: RecordStatus
    codes: Annotated[list[str], Field(description="Of what was said of it, by us and by Skolverket.")]
    attempts: Count
    created_at: Annotated[AwareDatetime, Field(description="When its run was accepted.")]
    completed_at: AwareDatetime | None


class ObjectFinding(Finding):
    """One thing that is wrong with an object in an activity's roster."""

    activity_id: UUID


class ObjectDetail(FoundObject):
    """Everything that is known of one object."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_FOUND,
                    "object": _OBJECT,
                    "accepted": {"at": _TIME, "job_id": _ID, "object": _OBJECT},
                    "findings": [],
                    "records": {"data": [_HISTORY], "next_cursor": None},
                }
            ]
        }
    )

    object: Annotated[Any, Field(description="Its newest form as it was uploaded; null once it is erased.")]
    accepted: Accepted | None
    findings: Annotated[list[ObjectFinding], Field(description="Of the rosters that have it now.")]
    records: Annotated[Page[ObjectRecord], Field(description="Newest first.")]


class Batch(BaseModel):
    """One call made to Skolverket."""

    id: UUID
    number: Annotated[int, Field(ge=1)]
    status: BatchStatus
    records: Count
    bytes: Count
    sha256: Annotated[str | None, Field(description="Of the request's body, hexadecimal; null once it is erased.")]
    http_status: int | None
    remote_job_id: str | None
    polls: Count
    error: Annotated[str | None, Field(description="A code for what went wrong with the call.")]
    created_at: AwareDatetime
    called_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class BatchDetail(Batch):
    """A call with what was in it."""

    record_ids: list[UUID]
    request: Any
    answer: Any


class CodeExplanation(BaseModel):
    """What a code means and what to do about it. In a text about all its cases, `…` stands for what varies."""

    code: Annotated[str, Field(examples=["schema_required"])]
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
    url: Annotated[str, Field(examples=["/explanations/schema_required"])]


class WholeCodeExplanation(CodeExplanation):
    """A code that stands for several things has the others in `also`."""

    also: list[CodeExplanation]


class Health(BaseModel):
    """Whether the service can do its work."""

    status: Literal["ok", "degraded"]
    checks: dict[str, str]
