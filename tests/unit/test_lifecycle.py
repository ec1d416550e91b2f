"""The graphs of states are whole: each state is reached, and each has its sentence."""

import pytest

from app.domain import lifecycle
from app.domain.lifecycle import GRAPHS, WHEN_THE_PROCESS_DIES, Graph
from app.domain.outcome import OUTCOMES

_FIRST = {"run": "queued", "job": "waiting", "record": "pending", "batch": "written"}

kinds = pytest.mark.parametrize("kind", GRAPHS)


@kinds
def test_every_state_that_an_edge_leads_to_is_a_state(kind: str) -> None:
    assert {becomes for following in GRAPHS[kind].values() for becomes in following} <= GRAPHS[kind].keys()


@kinds
def test_every_state_can_be_reached(kind: str) -> None:
    reached = _reached(GRAPHS[kind], _FIRST[kind])
    assert reached | {_FIRST[kind]} == GRAPHS[kind].keys()


@kinds
def test_no_edge_leads_back_to_its_own_state(kind: str) -> None:
    """That is a change within a state, which the graphs do not speak of."""
    assert not [was for was, following in GRAPHS[kind].items() if was in following]


@kinds
def test_every_state_says_what_happens_when_the_process_dies(kind: str) -> None:
    sentences = WHEN_THE_PROCESS_DIES[kind]
    assert sentences.keys() == GRAPHS[kind].keys()
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences.values())


@pytest.mark.parametrize(
    ("kind", "final"),
    [
        ("run", {"succeeded"}),
        ("job", {"succeeded"}),
        ("record", {"unchanged", "succeeded", "warning"}),
        ("batch", {"answered", "refused", "lost"}),
    ],
)
def test_what_can_never_be_left_is_success_and_the_end_of_a_batch(kind: str, final: set[str]) -> None:
    """Whatever else has ended may be opened again by a retry."""
    assert {state for state, following in GRAPHS[kind].items() if not following} == final


@pytest.mark.parametrize(
    ("kind", "finished", "opens"),
    [
        ("run", lifecycle.FINISHED_RUN, {"running"}),
        ("job", lifecycle.FINISHED_JOB, {"queued", "waiting"}),
        ("record", lifecycle.FINAL_RECORD, {"pending"}),
    ],
)
def test_from_an_end_there_is_at_most_the_way_of_a_retry(kind: str, finished: set[str], opens: set[str]) -> None:
    assert finished < GRAPHS[kind].keys()
    assert all(GRAPHS[kind][state] <= opens for state in finished)
    assert all(_reached(GRAPHS[kind], state) & finished for state in GRAPHS[kind].keys() - finished)


def test_a_job_succeeds_only_out_of_running() -> None:
    assert [was for was, following in lifecycle.JOB.items() if "succeeded" in following] == ["running"]


def test_a_record_gets_an_answer_only_after_it_was_sent() -> None:
    for answer in ("succeeded", "warning"):
        assert [was for was, following in lifecycle.RECORD.items() if answer in following] == ["sent"]


def test_a_batch_is_called_before_anything_becomes_of_it() -> None:
    assert lifecycle.BATCH["written"] == {"called"}


def _reached(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    ahead = set(graph[start])
    while ahead:
        reached |= ahead
        ahead = {following for state in ahead for following in graph[state]} - reached
    return reached


@pytest.mark.parametrize(
    ("statuses", "outcomes", "states"),
    [
        ({"queued"}, set(), {("queued", "")}),
        ({"queued", "failed"}, {"clean", "with_errors"}, {("failed", "clean"), ("failed", "with_errors")}),
        ({"running"}, {"clean"}, set()),
        (set(), {"clean"}, {(status, "clean") for status in lifecycle.FINISHED_RUN}),
        ({"cancelled"}, set(), {("cancelled", outcome) for outcome in OUTCOMES}),
    ],
)
def test_the_states_of_a_list_are_those_that_a_run_can_be_in(
    statuses: set[str], outcomes: set[str], states: set[tuple[str, str]]
) -> None:
    """What has not ended has no outcome: asked for one, nothing of it is listed."""
    wanted = lifecycle.states_wanted(lifecycle.RUN, lifecycle.FINISHED_RUN, statuses, outcomes)
    assert len(wanted) == len(states)
    assert set(wanted) == states
