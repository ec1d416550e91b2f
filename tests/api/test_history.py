"""The history across an organisation: runs and jobs of all activities, narrowed to what is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.tried_with import tried_with

Object = dict[str, Any]


@dataclass
class Made:
    """Runs by a word, newest last: of two activities and two keys, one of each state."""

    client: httpx.AsyncClient
    mine: httpx.AsyncClient
    activities: list[UUID]
    runs: dict[str, Object]

    def names(self, listed: list[Object]) -> str:
        """Gives the words of listed runs, in their order."""
        by_id = {run["id"]: name for name, run in self.runs.items()}
        return " ".join(by_id[run["id"]] for run in listed)


def _in(**wanted: set[Any]) -> Callable[[Object], bool]:
    """Makes what tells whether a job has one of the values of each field."""
    return lambda job: all(job[name] in values for name, values in wanted.items())


@pytest.fixture
async def made(service: Service) -> Made:
    client, mine = await service.client("provision", "history"), await service.client("provision")
    pupil, teacher = person(), staff()
    activities = [
        await put(client, body([pupil, teacher], [duty(teacher)])),
        await put(client, body([person(serial=981)])),
    ]
    runs: dict[str, Object] = {}

    async def run(name: str, by: httpx.AsyncClient, activity: int) -> Played:
        runs[name] = (await by.post(f"/activities/{activities[activity]}/provision")).json()
        return await Played.of(service.runtime, service.organisations[0], UUID(runs[name]["id"]))

    clean = await run("clean", client, 0)
    for position in range(1, 5):
        await clean.stage(position)
    warned = await run("warned", mine, 0)
    await warned.stage(1, {pupil["id"]: ("warning", {"status": "Warning", "statusCode": 200})})
    for position in range(2, 5):
        await warned.stage(position)
    failed = await run("failed", client, 0)
    await failed.stage(1, {pupil["id"]: ("error", {"status": "Error", "statusCode": 400})}, end="failed")
    await run("cancelled", mine, 1)
    await client.post(f"/runs/{runs['cancelled']['id']}/cancel")
    await run("running", mine, 1)
    await run("queued", client, 1)
    return Made(client, mine, activities, runs)


async def _pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[Object]:
    listed: list[Object] = []
    cursor: str | None = None
    while True:
        answer = await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        listed += answer.json()["data"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return listed


async def test_runs_are_listed_across_activities_as_each_filter_says(made: Made) -> None:
    """Newest first; several values of a filter mean one of these, several filters all of them; also page by page."""
    one, other = map(str, made.activities)
    key = made.runs["warned"]["requested_by"]["id"]
    first, last = made.runs["warned"]["created_at"], made.runs["running"]["created_at"]
    for params, expected in (
        ({}, "queued running cancelled failed warned clean"),
        ({"activity_id": one}, "failed warned clean"),
        ({"activity_id": [one, other]}, "queued running cancelled failed warned clean"),
        ({"activity_id": one, "status": "succeeded"}, "warned clean"),
        ({"activity_id": str(uuid4())}, ""),
        ({"status": ["queued", "running"]}, "queued running"),
        ({"status": ["succeeded", "cancelled"]}, "cancelled warned clean"),
        ({"status": "succeeded", "outcome": "with_warnings"}, "warned"),
        ({"status": "running", "outcome": "clean"}, ""),
        ({"outcome": "clean"}, "clean"),
        ({"outcome": ["with_errors", "with_warnings"]}, "failed warned"),
        ({"outcome": "nothing_accepted"}, "cancelled"),
        ({"requested_by": key}, "running cancelled warned"),
        ({"requested_by": key, "activity_id": one}, "warned"),
        ({"requested_by": key, "status": "running"}, "running"),
        ({"created_after": first, "created_before": last}, "cancelled failed"),
        ({"created_after": first, "status": ["succeeded", "failed"]}, "failed"),
    ):
        for limit in (2, 200):
            assert made.names(await _pages(made.client, "/runs", limit=limit, **params)) == expected, params


async def test_a_listed_run_is_shown_as_it_is_shown_alone(made: Made) -> None:
    """With its four jobs, and its outcome over the records of all of them."""
    for listed in await _pages(made.client, "/runs"):
        assert listed == (await made.client.get(f"/runs/{listed['id']}")).json()
        assert len(listed["jobs"]) == 4


async def test_a_key_that_provisions_alone_lists_what_it_has_made(made: Made) -> None:
    """Whatever it asks for: with another key's id it gets none."""
    assert made.names(await _pages(made.mine, "/runs")) == "running cancelled warned"
    assert made.names(await _pages(made.mine, "/runs", status="running")) == "running"
    foreign = made.runs["clean"]["requested_by"]["id"]
    assert await _pages(made.mine, "/runs", requested_by=foreign) == []
    for params in ({}, {"activity_id": str(made.activities[0])}, {"status": "succeeded"}):
        jobs = await _pages(made.mine, "/jobs", limit=3, **params)
        assert jobs
        assert {job["run"]["requested_by"]["id"] for job in jobs} == {made.runs["warned"]["requested_by"]["id"]}


async def test_jobs_are_listed_across_activities_as_each_filter_says(made: Made) -> None:
    """In the order of their runs and stages, whichever filters there are, and page by page."""
    every = await _pages(made.client, "/jobs")
    assert [(job["run_id"], job["position"]) for job in every] == [
        (run["id"], position) for run in reversed(made.runs.values()) for position in range(1, 5)
    ]
    runs, activities = [run["id"] for run in made.runs.values()], list(map(str, made.activities))
    middle = made.runs["failed"]["created_at"]
    unfinished = {"waiting", "cancelled"}
    narrowings: list[tuple[dict[str, Any], Callable[[Object], bool]]] = [
        ({"run_id": runs[1:3]}, _in(run_id=set(runs[1:3]))),
        ({"run_id": runs[2:], "status": "blocked"}, _in(status={"blocked"})),
        ({"activity_id": activities}, _in()),
        (
            {"activity_id": activities[0], "stage": ["persons", "groups"]},
            _in(activity_id={activities[0]}, stage={"persons", "groups"}),
        ),
        ({"status": ["waiting", "cancelled"]}, _in(status=unfinished)),
        ({"status": ["waiting", "cancelled"], "stage": "groups"}, _in(status=unfinished, stage={"groups"})),
        ({"status": ["succeeded"], "outcome": ["with_warnings"]}, _in(outcome={"with_warnings"})),
        ({"outcome": ["clean", "with_errors"]}, _in(outcome={"clean", "with_errors"})),
        ({"stage": ["persons", "duties"]}, _in(stage={"persons", "duties"})),
        ({"created_before": middle}, lambda job: bool(job["created_at"] < middle)),
        ({"created_after": middle, "stage": "duties"}, lambda job: job["created_at"] > middle and job["position"] == 2),
    ]
    for params, fits in narrowings:
        expected = [job for job in every if fits(job)]
        assert expected, params
        for limit in (3, 200):
            assert await _pages(made.client, "/jobs", limit=limit, **params) == expected, params


async def test_a_cursor_is_for_the_values_that_it_was_made_for_in_whatever_order(made: Made) -> None:
    """Of another organisation there is nothing in a list."""
    params: dict[str, Any] = {"status": ["succeeded", "cancelled"], "limit": 1}
    cursor = (await made.client.get("/runs", params=params)).json()["next_cursor"]
    again = await made.client.get("/runs", params={"status": ["cancelled", "succeeded"], "cursor": cursor})
    assert again.status_code == 200
    other = await made.client.get("/runs", params={"status": "succeeded", "cursor": cursor})
    assert other.status_code == 400
    assert (await made.client.get("/jobs", params={"cursor": cursor})).status_code == 400


@tried_with(
    "params",
    [
        {"status": "waiting"},
        {"outcome": ["clean", "201201019807"]},
        {"activity_id": ["x"]},
        {"created_before": "2026-11-23"},
    ],
)
async def test_a_filter_of_another_form_is_400_and_not_repeated(service: Service, params: dict[str, Any]) -> None:
    client = await service.client("history")
    answer = await client.get("/runs", params=params)
    assert answer.status_code == 400
    assert next(iter(params)) in answer.json()["detail"]
    assert "019807" not in answer.text


async def test_a_deleted_activity_leaves_its_runs_without_its_name(made: Made) -> None:
    """They are listed and read as before; the activity's own list is 404. A new roster gives them the name back."""
    one = str(made.activities[0])
    before = {
        run["id"]: (await made.client.get(f"/runs/{run['id']}")).headers["etag"]
        for run in await _pages(made.client, "/runs", activity_id=one)
    }
    assert (await made.client.delete(f"/activities/{one}")).status_code == 204
    listed = await _pages(made.client, "/runs", activity_id=one)
    assert made.names(listed) == "failed warned clean"
    assert {run["activity"]["display_name"] for run in listed} == {None}
    jobs = await _pages(made.client, "/jobs", activity_id=one)
    assert len(jobs) == 12
    assert {job["activity"]["display_name"] for job in jobs} == {None}
    assert (await made.client.get(f"/activities/{one}/runs")).status_code == 404
    for run in listed:
        alone = await made.client.get(f"/runs/{run['id']}")
        assert alone.json() == run
        assert alone.headers["etag"] != before[run["id"]]
    await put(made.client, body([person()]), UUID(one))
    assert {run["activity"]["display_name"] for run in await _pages(made.client, "/runs", activity_id=one)} == {"Prov"}


async def test_a_run_and_its_jobs_change_their_etag_with_the_name_and_not_with_the_roster(made: Made) -> None:
    """A new roster under the same name is nothing that a run shows."""
    run = made.runs["clean"]
    activity = f"/activities/{run['activity_id']}"
    addresses = [f"/runs/{run['id']}", f"/jobs/{run['jobs'][0]['id']}"]

    async def seen() -> list[str]:
        return [(await made.client.get(address)).headers["etag"] for address in addresses]

    first = await seen()
    await put(made.client, body([person(serial=982)]), UUID(run["activity_id"]))
    assert await seen() == first
    assert (await made.client.patch(activity, json={"display_name": "Prov"})).status_code == 200
    assert await seen() == first
    assert (await made.client.patch(activity, json={"display_name": "Annat namn"})).status_code == 200
    assert not set(await seen()) & set(first)
