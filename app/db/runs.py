"""What callers ask of runs: that one begins, ends, or goes on. The activity queue carries it out.

Each is one verb. The caller owns the transaction and sends the wake-ups that are returned, after the commit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp, wake_ups_of
from app.db.verbs import call_verb
from app.domain.kinds import Kind
from app.domain.plan import OF_PERSONS
from app.errors import (
    ActivityDeleted,
    ContentErased,
    EarlierRunUnderWay,
    NotFound,
    Problem,
    RosterShrinks,
    RunAlreadyFinished,
    RunNotEnded,
    RunNotLatest,
    RunSucceeded,
    TooManyWaitingRuns,
)

MAX_WAITING_RUNS = 20

# What the verbs refuse, by their codes.
_REFUSALS: Final[Mapping[str, tuple[type[Problem], str]]] = {
    "no_activity": (NotFound, "There is no such activity."),
    "no_run": (NotFound, "There is no such run."),
    "activity_full": (
        TooManyWaitingRuns,
        "{most_here} runs of this activity wait already: let one finish, or cancel one.",
    ),
    "organisation_full": (
        TooManyWaitingRuns,
        "{most_together} runs of the organisation wait already: let one finish, or cancel one.",
    ),
    "roster_shrinks": (
        RosterShrinks,
        "The roster has no objects, and {before} were sent the last time: upload the whole roster, or send it with"
        ' "allow": ["shrinks"] if it is to be empty.',
    ),
    "finished": (RunAlreadyFinished, "The run is finished ({status}): there is nothing to cancel."),
    "not_ended": (RunNotEnded, "Only a failed or cancelled run can be tried again; this one is still {status}."),
    "succeeded": (RunSucceeded, "The run has succeeded: provision the activity anew to send it again."),
    "not_latest": (RunNotLatest, "A later run of the activity exists: provision the activity anew instead."),
    "content_erased": (ContentErased, "What the run would send has been erased: provision the activity anew instead."),
    "deleted": (
        ActivityDeleted,
        "The activity has been deleted: upload its roster again and provision it anew.",
    ),
    "queue_busy": (
        EarlierRunUnderWay,
        "An earlier run of the activity is not finished: try again when it is, or cancel it.",
    ),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that is committed with the caller's transaction."""

    run_id: UUID
    wake_ups: list[WakeUp]


async def accept_run(
    conn: AsyncConnection,
    *,
    organisation_id: UUID,
    activity_id: UUID,
    on_record_error: str,
    key_id: UUID,
    key_name: str,
    most_waiting: int,
    allow: Collection[str] = (),
    stop_at_errors: Mapping[str, int] | None = None,
) -> Accepted:
    """Freezes which objects the activity's roster has into a new run, at the end of the activity's activity queue.

    Each is frozen in its latest upload in the organisation, whichever activity that is of. Digests are copied, and no
    content. `allow` has what is sent although it would stay here otherwise, or be refused; `stop_at_errors` has by kind
    with how many errors nothing more of it is sent. Raises NotFound without the activity, RosterShrinks for an empty
    roster after one that was sent with objects, TooManyWaitingRuns when MAX_WAITING_RUNS of it wait already, or
    `most_waiting` of the organisation: some more can, where several are accepted at the same time.
    """
    run_id = uuid4()
    given = await _call(
        conn,
        "accept_run(:organisation, :activity, :run, CAST(:jobs AS uuid[]), CAST(:kinds AS text[]), :record_errors,"
        " :key, :key_name, :most_here, :most_together, CAST(:allowed AS text[]), CAST(:stop_at AS integer[]))",
        {
            "organisation": organisation_id,
            "activity": activity_id,
            "run": run_id,
            "jobs": [uuid4() for _ in Kind],
            "kinds": [kind.value for kind in Kind],
            "record_errors": on_record_error,
            "key": key_id,
            "key_name": key_name,
            "most_here": MAX_WAITING_RUNS,
            "most_together": most_waiting,
            "allowed": sorted(set(allow)),
            "stop_at": _by_kind(stop_at_errors or {}),
        },
    )
    return Accepted(run_id, wake_ups_of(given["wake_ups"]))


async def cancel_run(conn: AsyncConnection, organisation_id: UUID, run_id: UUID) -> list[WakeUp]:
    """Asks for a run's end: at once if nothing of it is at Skolverket, else after the answers that are under way.

    Raises NotFound, and RunAlreadyFinished. Asking twice is asking once.
    """
    given = await _call(conn, "cancel_run(:organisation, :run)", {"organisation": organisation_id, "run": run_id})
    return wake_ups_of(given["wake_ups"])


async def retry_run(
    conn: AsyncConnection,
    organisation_id: UUID,
    run_id: UUID,
    on_record_error: str | None,
    allow: Collection[str] | None = None,
    stop_at_errors: Mapping[str, int] | None = None,
    *,
    taken_back: Collection[str] = OF_PERSONS,
) -> list[WakeUp]:
    """Lets a failed or cancelled run go on from its first unfinished job, with what has not succeeded.

    Without `allow` what was allowed stays, but for what is `taken_back`: of whoever asks that may not allow it.

    Raises NotFound, ContentErased, RunNotEnded, RunSucceeded, RunNotLatest, ActivityDeleted, and EarlierRunUnderWay.
    """
    given = await _call(
        conn,
        "retry_run(:organisation, :run, CAST(:record_errors AS text), CAST(:allowed AS text[]),"
        " CAST(:taken_back AS text[]), CAST(:kinds AS text[]), CAST(:stop_at AS integer[]))",
        {
            "organisation": organisation_id,
            "run": run_id,
            "record_errors": on_record_error,
            "allowed": None if allow is None else sorted(set(allow)),
            "taken_back": list(taken_back),
            "kinds": [kind.value for kind in Kind],
            "stop_at": None if stop_at_errors is None else _by_kind(stop_at_errors),
        },
    )
    return wake_ups_of(given["wake_ups"])


def _by_kind(numbers: Mapping[str, int]) -> list[int | None]:
    return [numbers.get(kind.value) for kind in Kind]


async def _call(conn: AsyncConnection, function: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    given: Mapping[str, Any] = await call_verb(conn, function, values)
    if (refused := given.get("refused")) is not None:
        if refused == "not_ended" and given["status"] == "succeeded":
            refused = "succeeded"
        problem, sentence = _REFUSALS[refused]
        raise problem(sentence.format(**values, **given))
    return given
