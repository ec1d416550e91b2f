"""Every cause of an error has its words, its page and its place in the catalogue, and every entry there is a cause."""

import ast
import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest

import app.api
import app.db
from app.api.http.problems import Encoded, InvalidKey, answer_of, may_refuse, problem
from app.catalogue import catalogue
from app.db.runs import retry_run
from app.errors import (
    BodyError,
    Conflict,
    NotFound,
    Problem,
    Refused,
    RunNotEnded,
    RunNotLatest,
    RunSucceeded,
    TooManyWaitingRuns,
)
from app.views.cause import causes_page, show_causes
from tests.conftest import ROOT

CAUSES = catalogue().problems


def causes(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Gives every kind of problem that the service has."""
    for package in (app.api, app.db):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for each in of.__subclasses__():
        yield each
        yield from causes(each)


def test_every_cause_has_an_entry_of_its_own_and_every_entry_is_a_cause() -> None:
    slugs = [each.__dict__["slug"] for each in causes() if "slug" in each.__dict__]
    assert sorted(slugs) == sorted(CAUSES)


def test_a_kind_of_a_cause_has_its_status() -> None:
    """But for conflicts, which are nothing but what their kinds are."""
    for each in causes():
        if each.__bases__[0].__dict__.get("slug"):
            assert CAUSES[str(each.slug)].status == CAUSES[str(each.__bases__[0].__dict__["slug"])].status, each
        elif issubclass(each, Conflict) and each is not Conflict:
            assert CAUSES[str(each.slug)].status == 409, each


def test_no_cause_is_left_open() -> None:
    """A conflict without a cause is for the command line; what organisations and keys are made with, and what signs
    people in elsewhere, is its alone."""
    made = {
        file.relative_to(ROOT / "app").as_posix()
        for file in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Conflict", "Problem"}
    }
    assert made == {"db/keys.py", "db/subjects.py", "db/tenants.py"}


def test_what_no_caller_is_told_is_no_answer() -> None:
    with pytest.raises(TypeError, match="Conflict has no slug"):
        problem(Conflict)


@pytest.mark.parametrize("slug", CAUSES)
def test_the_words_of_a_cause_are_whole_sentences_in_both_languages(slug: str) -> None:
    for texts in (CAUSES[slug].sv, CAUSES[slug].en):
        assert not texts.title.endswith(".")
        assert texts.means.endswith(".")
        assert texts.to_do.endswith(".")


def test_no_two_causes_share_a_title() -> None:
    assert len({each.en.title for each in CAUSES.values()}) == len(CAUSES)
    assert len({each.sv.title for each in CAUSES.values()}) == len(CAUSES)


def test_a_problem_says_its_cause_and_where_that_is_explained() -> None:
    answer = answer_of(NotFound("There is no such run."))
    shown = json.loads(bytes(answer.body))
    assert (answer.status_code, answer.media_type) == (404, "application/problem+json")
    assert shown.pop("instance").startswith("urn:uuid:")
    assert shown == {
        "type": "/problems/not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such run.",
    }
    assert answer.headers["cache-control"] == "no-store"


def test_a_refused_body_says_where() -> None:
    shown = json.loads(bytes(answer_of(Refused("No.", [BodyError("/q", "missing_field", "Missing.")])).body))
    assert shown["errors"] == [{"pointer": "/q", "code": "missing_field", "detail": "Missing."}]


def test_a_detail_that_is_not_given_is_what_the_cause_means() -> None:
    assert json.loads(bytes(problem(NotFound).body))["detail"] == CAUSES["not-found"].en.means


def test_retry_after_is_there_where_waiting_helps() -> None:
    assert problem(TooManyWaitingRuns).headers["retry-after"] == "60"
    assert "retry-after" not in problem(RunNotLatest).headers


@pytest.mark.parametrize(
    ("status", "cause", "retry_after"),
    [("running", RunNotEnded, "10"), ("held", RunNotEnded, "10"), ("succeeded", RunSucceeded, None)],
)
async def test_waiting_helps_a_retry_unless_the_run_has_succeeded(
    status: str, cause: type[Problem], retry_after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.runs.call_verb", AsyncMock(return_value={"refused": "not_ended", "status": status}))
    with pytest.raises(cause) as refused:
        await retry_run(Mock(), uuid4(), uuid4(), None)
    assert answer_of(refused.value).headers.get("retry-after") == retry_after


def test_a_cause_has_its_headers() -> None:
    assert problem(InvalidKey).headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert problem(Encoded).headers["accept-encoding"] == "identity"


def test_a_routes_causes_stand_under_their_statuses() -> None:
    assert may_refuse(RunNotLatest, Refused, RunNotEnded) == {
        409: {"x-causes": ["run-not-latest", "run-not-ended"]},
        422: {"x-causes": ["invalid-body"]},
    }


def test_each_cause_is_shown_with_its_texts_and_a_page_has_both_languages() -> None:
    shown = show_causes()
    assert [each["slug"] for each in shown] == list(CAUSES)
    [busy] = [each for each in shown if each["slug"] == "busy"]
    assert (busy["type"], busy["status"], busy["retry_after"]) == ("/problems/busy", 503, 2)
    page = causes_page([busy])
    assert "<title>busy</title>" in page
    assert "Upptaget (503)" in page
    assert "Yes: try again after as many seconds" in page
    assert "<title>Provkedja</title>" in causes_page(shown)
