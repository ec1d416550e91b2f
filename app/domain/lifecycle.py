"""The states of runs, jobs, records and batches, and every step from one to another, as data.

The database holds the same graphs in triggers and refuses what they lack; a test tries every pair. Each state's
sentence says what happens when the process that works on it dies there.
"""

from collections.abc import Collection, Mapping
from typing import Final

from app.domain.outcome import OUTCOMES

Graph = Mapping[str, frozenset[str]]


def _graph(*edges: str) -> Graph:
    """Reads edges such as `"waiting -> queued cancelled"` into state → states that may follow."""
    graph: dict[str, frozenset[str]] = {}
    for edge in edges:
        state, _, following = edge.partition("->")
        graph[state.strip()] = frozenset(following.split())
    return graph


RUN: Final = _graph(
    "queued    -> running cancelled",
    "running   -> held succeeded failed cancelled",
    "held      -> running cancelled",
    "succeeded ->",
    "failed    -> running",
    "cancelled -> running",
)

JOB: Final = _graph(
    "waiting   -> queued blocked cancelled",
    "queued    -> running held cancelled",
    "running   -> queued succeeded failed cancelled",
    "held      -> queued cancelled",
    "succeeded ->",
    "failed    -> queued waiting",
    "blocked   -> queued waiting",
    "cancelled -> queued waiting",
)

RECORD: Final = _graph(
    "pending   -> sent unchanged error skipped",
    "sent      -> pending succeeded warning error",
    "unchanged ->",
    "succeeded ->",
    "warning   ->",
    "error     -> pending",
    "skipped   -> pending",
)

BATCH: Final = _graph(
    "written   -> called",
    "called    -> written accepted refused lost",
    "accepted  -> answered lost",
    "answered  ->",
    "refused   ->",
    "lost      ->",
)

GRAPHS: Final[Mapping[str, Graph]] = {"run": RUN, "job": JOB, "record": RECORD, "batch": BATCH}

FINISHED_RUN: Final = frozenset({"succeeded", "failed", "cancelled"})
UNFINISHED_RUN: Final = RUN.keys() - FINISHED_RUN
FINISHED_JOB: Final = frozenset({"succeeded", "failed", "blocked", "cancelled"})


def states_wanted(
    graph: Graph, finished: Collection[str], statuses: Collection[str], outcomes: Collection[str]
) -> list[tuple[str, str]]:
    """Gives each status of a `graph` with each outcome that goes with it; of what is not asked for, all.

    What is not `finished` has no outcome: it is "" there.
    """
    return [
        (status, outcome)
        for status in sorted(statuses or graph)
        for outcome in (sorted(outcomes or OUTCOMES) if status in finished else [""])
        if outcome or not outcomes
    ]


FINAL_RECORD: Final = frozenset({"unchanged", "succeeded", "warning", "error", "skipped"})

WHEN_THE_PROCESS_DIES: Final[Mapping[str, Mapping[str, str]]] = {
    "run": {
        "queued": "It is a row: the run ahead of it, or the sweep, starts it.",
        "running": "Its jobs carry it on; the last one's end is the run's end, in one transaction.",
        "held": "It is a row: the end of the pause lets it go on, a cancel ends it, and the runs behind it wait.",
        "succeeded": "Nothing is left to do.",
        "failed": "Nothing is left to do until somebody asks for a retry.",
        "cancelled": "Nothing is left to do until somebody asks for a retry.",
    },
    "job": {
        "waiting": "It is a row: the end of the job ahead queues it, in that job's own transaction.",
        "queued": "It is due: the sweep finds it.",
        "running": "Whoever takes over frees it; the next claim has a higher number and follows its batches first.",
        "held": "It is a row that nobody claims: the end of the pause queues it, in one transaction.",
        "succeeded": "The job after it was queued in the same transaction.",
        "failed": "The jobs after it were blocked in the same transaction.",
        "blocked": "Nothing is left to do until somebody asks for a retry.",
        "cancelled": "Nothing is left to do until somebody asks for a retry.",
    },
    "record": {
        "pending": "A later step of its job takes it into a batch.",
        "sent": "Its batch is followed by the next claim: to its answer, or back to pending.",
        "unchanged": "Nothing had to be sent: the target has it as it is, or in a later upload.",
        "succeeded": "Skolverket's answer is stored with it.",
        "warning": "Skolverket's answer is stored with it.",
        "error": "The reason is stored with it.",
        "skipped": "What it was blocked by is stored with it.",
    },
    "batch": {
        "written": "It has not left: the next claim sends it as it stands.",
        "called": "It may have arrived: the next claim calls it lost and sends its records again.",
        "accepted": "Its remote job is known: the next claim asks for the answer.",
        "answered": "Its results were stored in the same transaction.",
        "refused": "Its records went back to pending, or to error, in the same transaction.",
        "lost": "Its records went back to pending, or to error, in the same transaction.",
    },
}
