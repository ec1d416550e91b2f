"""Runs: accepted once, followed cheaply, cancelled and tried again."""

import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from tests.api.conftest import Service
from tests.api.factories import Played, body, duty, person, put, staff
from tests.tried_with import tried_with


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("provision", "history")


@pytest.fixture
async def activity_id(client: httpx.AsyncClient) -> UUID:
    teacher = staff()
    return await put(client, body([person(), teacher], [duty(teacher)]))


async def runs(service: Service) -> int:
    async with service.runtime.engine.connect() as conn:
        return int(await conn.scalar(sa.text("SELECT count(*) FROM run")) or 0)


async def test_a_run_is_accepted_with_four_jobs(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """202 has the run, where it is, and when to look; the first job is queued, the others wait."""
    answer = await client.post(f"/activities/{activity_id}/provision")
    run = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/runs/{run['id']}"
    assert answer.headers["retry-after"] == "1"
    assert (run["status"], run["on_record_error"], run["sequence"]) == ("running", "halt", 1)
    assert run["requested_by"]["name"] == "a key"
    assert [(job["position"], job["stage"], job["title"], job["status"]) for job in run["jobs"]] == [
        (1, "persons", "Användare", "queued"),
        (2, "duties", "Tjänstgöringar", "waiting"),
        (3, "groups", "Grupper", "waiting"),
        (4, "activities", "Aktiviteter", "waiting"),
    ]
    assert [job["progress"]["total"] for job in run["jobs"]] == [2, 1, 0, 0]
    assert (await client.get(answer.headers["location"])).json() == run


async def test_the_policy_can_be_chosen(client: httpx.AsyncClient, activity_id: UUID) -> None:
    answer = await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})
    assert answer.json()["on_record_error"] == "continue"


@tried_with(
    ("content", "pointer"),
    [
        ({"on_record_error": "201201019807"}, "/on_record_error"),
        ({"on_record_error": 1}, "/on_record_error"),
        ({"allow": ["201201019807"]}, "/allow/0"),
        ({"allow": "shrinks"}, "/allow"),
        ({"stop_at_errors": {"persons": 0}}, "/stop_at_errors/persons"),
        ({"stop_at_errors": {"201201019807": 1}}, "/stop_at_errors"),
        ({"stop_at_errors": "201201019807"}, "/stop_at_errors"),
        ({"stop_at_errors": 0}, "/stop_at_errors"),
        ({"201201019807": 1}, ""),
        ([], ""),
    ],
)
async def test_a_body_of_another_form_is_422(
    service: Service, client: httpx.AsyncClient, activity_id: UUID, content: object, pointer: str
) -> None:
    """With a pointer and without an echo, and there is no run."""
    answer = await client.post(f"/activities/{activity_id}/provision", json=content)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert "019807" not in answer.text
    assert await runs(service) == 0


async def test_what_is_allowed_is_shown(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """Once each, and nothing unless it is asked for; what is about persons never (`test_marked_once`)."""
    url = f"/activities/{activity_id}/provision"
    assert (await client.post(url)).json()["allow"] == []
    run = (await client.post(url, json={"allow": ["shrinks", "shrinks"]})).json()
    assert run["allow"] == ["shrinks"]
    seen = await client.get(f"/runs/{run['id']}")
    assert seen.json()["allow"] == ["shrinks"]


async def test_a_retry_puts_what_it_allows_in_place_of_the_old(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """Where it says nothing of that, it stays."""
    url = f"/activities/{activity_id}/provision"
    run_id = (await client.post(url, json={"allow": ["shrinks"]})).json()["id"]
    for asked, expected in ((None, ["shrinks"]), ({"allow": []}, []), ({"allow": ["shrinks"]}, ["shrinks"])):
        assert (await client.post(f"/runs/{run_id}/cancel")).status_code == 202
        again = await client.post(f"/runs/{run_id}/retry", json=asked)
        assert (again.status_code, again.json()["allow"]) == (202, expected)
    seen = (await client.get(f"/runs/{run_id}")).headers["etag"]
    await client.post(f"/runs/{run_id}/cancel")
    assert (await client.get(f"/runs/{run_id}")).headers["etag"] != seen


async def test_at_how_many_errors_it_stops_is_asked_for_by_stage_or_for_all(
    client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """It is shown with the run and with each job. A retry may say it anew; where it says nothing, it stays."""
    none: dict[str, int | None] = dict.fromkeys(["persons", "duties", "groups", "activities"])
    url = f"/activities/{activity_id}/provision"
    run_id = (await client.post(url)).json()["id"]
    retries: list[tuple[Any, dict[str, int | None]]] = [
        ({"stop_at_errors": 50}, dict.fromkeys(none, 50)),
        (None, dict.fromkeys(none, 50)),
        ({"stop_at_errors": {"persons": 7}}, {**none, "persons": 7}),
        ({"stop_at_errors": {}}, none),
    ]
    for asked, expected in retries:
        await client.post(f"/runs/{run_id}/cancel")
        run = (await client.post(f"/runs/{run_id}/retry", json=asked)).json()
        assert run["stop_at_errors"] == expected
        assert [job["stop_at_errors"] for job in run["jobs"]] == list(expected.values())
    other = await client.post(url, json={"stop_at_errors": {"groups": 3}})
    assert other.json()["stop_at_errors"] == {**none, "groups": 3}


async def test_a_retry_says_whether_there_is_a_newer_roster(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """A new name is a new version and no newer roster. The number is that of the activity now."""
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]

    async def newer() -> object:
        await client.post(f"/runs/{run_id}/cancel")
        return (await client.post(f"/runs/{run_id}/retry")).json()["newer_roster_version"]

    assert await newer() is None
    await client.patch(f"/activities/{activity_id}", json={"display_name": "Annat namn"})
    assert await newer() is None
    await put(client, body([person(serial=983)]), activity_id)
    assert await newer() == (await client.get(f"/activities/{activity_id}")).json()["roster"]["version"] == 3


async def test_an_empty_roster_over_one_that_is_sent_is_a_problem_of_its_own(
    client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """Its type says what it is; allowed, it is a run like any other."""
    url = f"/activities/{activity_id}/provision"
    await client.post(url)
    await put(client, body(), activity_id)
    refused = await client.post(url)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/roster-shrinks")
    assert (await client.post(url, json={"allow": ["shrinks"]})).status_code == 202


async def test_polling_is_cheap(service: Service, client: httpx.AsyncClient, activity_id: UUID) -> None:
    """304 without a body until something changes; Retry-After until the end; the same for a job."""
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    for address in (f"/runs/{run['id']}", f"/jobs/{run['jobs'][0]['id']}"):
        seen = await client.get(address)
        headers = {"If-None-Match": f'"other", W/{seen.headers["etag"]}'}
        same = await client.get(address, headers=headers)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", seen.headers["etag"])
        assert same.headers["retry-after"] == "1"
    headers = {"If-None-Match": seen.headers["etag"]}
    await (await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))).stage(1)
    deadline = time.monotonic() + 1.0
    while (changed := await client.get(address, headers=headers)).status_code == 304:
        assert time.monotonic() < deadline, "what another process changes is seen within a second"
    assert (changed.status_code, changed.json()["status"]) == (200, "succeeded")
    assert "retry-after" not in changed.headers


async def test_runs_are_listed_newest_first(client: httpx.AsyncClient, activity_id: UUID) -> None:
    made = [(await client.post(f"/activities/{activity_id}/provision")).json()["id"] for _ in range(3)]
    first = (await client.get(f"/activities/{activity_id}/runs", params={"limit": 2})).json()
    second = (
        await client.get(f"/activities/{activity_id}/runs", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [run["id"] for run in first["data"] + second["data"]] == made[::-1]
    assert all(len(run["jobs"]) == 4 for run in first["data"])
    assert (await client.get(f"/activities/{activity_id}")).json()["last_run"]["id"] == made[-1]


async def test_cancel_and_retry(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """A run that nothing of has left is cancelled at once, cannot be cancelled again, and goes on by retry."""
    run_id = (await client.post(f"/activities/{activity_id}/provision")).json()["id"]
    cancelled = await client.post(f"/runs/{run_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    assert (await client.post(f"/runs/{run_id}/cancel")).status_code == 409
    again = await client.post(f"/runs/{run_id}/retry", json={"on_record_error": "continue"})
    assert (again.status_code, again.json()["status"], again.json()["on_record_error"]) == (202, "running", "continue")
    assert again.headers["location"] == f"/runs/{run_id}"
    assert (await client.post(f"/runs/{run_id}/retry")).status_code == 409


async def test_twenty_runs_wait_and_no_more(client: httpx.AsyncClient, activity_id: UUID) -> None:
    for _ in range(21):
        assert (await client.post(f"/activities/{activity_id}/provision")).status_code == 202
    refused = await client.post(f"/activities/{activity_id}/provision")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-many-waiting-runs")
    assert int(refused.headers["retry-after"]) > 0


async def test_jobs_are_listed_newest_first_with_filters(client: httpx.AsyncClient, activity_id: UUID) -> None:
    """Newest run first, its jobs in order; filters narrow; pages join without a gap."""
    made = [(await client.post(f"/activities/{activity_id}/provision")).json() for _ in range(3)]
    expected = [job["id"] for run in made[::-1] for job in run["jobs"]]
    listed, cursor = [], None
    while True:
        page = (await client.get("/jobs", params={"limit": 5, **({"cursor": cursor} if cursor else {})})).json()
        listed += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed == expected

    async def ids(**params: str) -> list[str]:
        return [job["id"] for job in (await client.get("/jobs", params=params)).json()["data"]]

    assert await ids(run_id=made[1]["id"]) == [job["id"] for job in made[1]["jobs"]]
    assert await ids(stage="groups") == [run["jobs"][2]["id"] for run in made[::-1]]
    assert await ids(status="queued") == [made[0]["jobs"][0]["id"]]
    assert await ids(activity_id=str(uuid4())) == []
    assert await ids(created_after=made[1]["jobs"][0]["created_at"]) == [job["id"] for job in made[2]["jobs"]]
    assert await ids(limit="1000") == expected


async def test_a_list_shows_what_frontends_ask_for_with_each_job_and_run(
    service: Service, client: httpx.AsyncClient, activity_id: UUID
) -> None:
    """In one request: what the activity is called, what kind of run it is of, a sentence; as when it is read alone."""
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    await played.stage(1, end="succeeded")
    jobs = (await client.get("/jobs")).json()["data"]
    assert jobs == [(await client.get(f"/jobs/{job['id']}")).json() for job in jobs]
    [listed] = (await client.get(f"/activities/{activity_id}/runs")).json()["data"]
    assert listed == (await client.get(f"/runs/{run['id']}")).json()
    assert listed["jobs"] == jobs
    assert [job["activity"] for job in jobs] == [{"id": str(activity_id), "display_name": "Prov"}] * 4
    of_run = {
        name: listed[name] for name in ("sequence", "requested_by", "on_record_error", "status", "content_expired_at")
    }
    assert [job["run"] for job in jobs] == [of_run] * 4
    assert jobs[0]["summary"] == {"sv": "2 användare: 2 klara", "en": "2 users: 2 done"}
    assert listed["summary"]["en"] == "2 users: 2 done; 1 duty: 1 left"


async def test_a_new_name_of_the_activity_is_seen_by_whoever_polls(
    client: httpx.AsyncClient, activity_id: UUID
) -> None:
    run = (await client.post(f"/activities/{activity_id}/provision")).json()
    before = await client.get(f"/runs/{run['id']}")
    await put(client, {**body([person()]), "display_name": "Annat namn"}, activity_id)
    deadline = time.monotonic() + 5
    while (after := await client.get(f"/runs/{run['id']}")).json()["activity"]["display_name"] != "Annat namn":
        assert time.monotonic() < deadline
    assert after.json()["version"] == before.json()["version"] + 1
    assert after.headers["etag"] != before.headers["etag"]
