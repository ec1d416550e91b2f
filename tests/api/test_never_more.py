"""Whatever scopes a key has: no answer of a write or a replay shows what reading with the very same key does not."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.security.keys import NEEDS, SCOPES
from tests.api.conftest import Service
from tests.api.factories import Played, body, person, put
from tests.api.guards import fill, request

UNIT = UUID("5b1a4f0e-6f0f-4d4e-8a44-0c8d0e5f1a09")
# In every text of a person, of one whom anybody with `pii` may see and of one who is protected.
NAMED, HIDDEN = "Namnmarkering", "Skyddsmarkering"
# What is asked of each key; what it gets of a route may change what the next one gets, and never shows more.
ROUTES = (
    ("GET", "/activities"),
    ("GET", "/activities/{activity_id}"),
    ("GET", "/activities/{activity_id}/findings"),
    ("GET", "/activities/{activity_id}/findings/causes"),
    ("GET", "/activities/{activity_id}/plans"),
    ("GET", "/activities/{activity_id}/readiness"),
    ("GET", "/activities/{activity_id}/roster"),
    ("GET", "/runs"),
    ("GET", "/runs/{run_id}"),
    ("GET", "/jobs/{job_id}/records"),
    ("GET", "/jobs/{job_id}/records.csv"),
    ("GET", "/jobs/{job_id}/records/{record_id}"),
    ("GET", "/jobs/{job_id}/batches/{batch_id}"),
    ("GET", "/objects/persons/{record_id}"),
    ("POST", "/jobs/{job_id}/records/search"),
    ("POST", "/objects/search"),
    ("POST", "/activities/{activity_id}/plan"),
    ("POST", "/activities/{activity_id}/provision"),
    ("POST", "/activities/{activity_id}/pause"),
    ("POST", "/activities/{activity_id}/resume"),
    ("POST", "/runs/{run_id}/cancel"),
    ("POST", "/runs/{run_id}/retry"),
    ("PATCH", "/activities/{activity_id}"),
)
CHANGES = ("provision", "cancel", "retry")

scopes_that_go_together = (
    st.sets(st.sampled_from(SCOPES), min_size=1)
    .map(lambda asked: {scope for scope in asked if NEEDS.get(scope, scope) in asked} or {"history"})
    .map(lambda asked: {scope for scope in asked if NEEDS.get(scope, scope) in asked} or {"history"})
    .map(lambda asked: tuple(each for each in SCOPES if each in asked))
)


def marked(marker: str, serial: int, **more: Any) -> dict[str, Any]:
    """Invents a pupil whose every text has a marker."""
    enrolments = [{"enroledAt": {"id": str(UNIT)}, "schoolType": "GR", "schoolYear": 6}]
    one = person(marker, f"{marker}sson", serial, enrolments=enrolments, **more)
    return {**one, "eduPersonPrincipalNames": [f"{marker.lower()}@edu.example.se"]}


@dataclass(frozen=True)
class Scene:
    """Runs of one key, with what is known of them, and what another key of the organisation has been answered."""

    service: Service
    ids: dict[str, str]
    made_by: str

    async def client(self, key: str) -> httpx.AsyncClient:
        client = await self.service.client()
        client.headers["Authorization"] = f"Bearer {key}"
        return client

    async def reduce(self, key: str, scopes: tuple[str, ...]) -> None:
        """Takes scopes from a key, and waits until this process knows."""
        async with self.service.runtime.engine.begin() as conn:
            change = sa.text("UPDATE api_key SET scopes = :scopes WHERE handle = :handle")
            await conn.execute(change, {"scopes": list(scopes), "handle": key.split("_")[1]})
        parts = self.service.app.state.parts
        parts.runs._memory._callers._entries.pop(key.split("_")[1], None)


@pytest.fixture
async def scene(service: Service) -> Scene:
    key = await service.key("provision", "history")
    writer = await service.client()
    writer.headers["Authorization"] = f"Bearer {key}"
    seen = marked(NAMED, 980)
    persons = [seen, marked(HIDDEN, 981, securityMarking="Sekretessmarkering")]
    activity_id = await put(writer, body(persons))
    run = (await writer.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(run["id"]))
    said = {"status": "Error", "statusCode": 400, "messages": [{"messageId": 2010, "message": f"{HIDDEN}"}]}
    await played.stage(1, {persons[1]["id"]: ("error", said)}, end="failed")
    ids = {"activity_id": str(activity_id), "run_id": run["id"], "job_id": run["jobs"][0]["id"]}
    ids |= {"record_id": seen["id"], "batch_id": str(played.batches[0])}
    return Scene(service, ids, key)


def assert_no_more(text: str, scopes: set[str], what: tuple[str, str]) -> None:
    """No name without `pii`, nobody protected without `protected`."""
    if "pii" not in scopes:
        assert NAMED.lower() not in text.lower(), (what, scopes)
    if "protected" not in scopes:
        assert HIDDEN.lower() not in text.lower(), (what, scopes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(scopes=scopes_that_go_together, order=st.permutations(ROUTES))
async def test_no_answer_shows_more_than_the_scopes_allow(
    scene: Scene, scopes: tuple[str, ...], order: list[tuple[str, str]]
) -> None:
    client = await scene.service.client(*scopes)
    try:
        for method, path in order:
            answer = await request(client, method, fill(path, scene.ids))
            assert answer.status_code < 500
            assert_no_more(answer.text, set(scopes), (method, path))
            own_alone = "history" not in scopes
            if own_alone and (method, path) != ("GET", "/objects/persons/{record_id}"):
                # Another key's run is in no answer of any route.
                assert scene.ids["run_id"] not in answer.text
    finally:
        await client.aclose()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(before=scopes_that_go_together, left=st.sets(st.sampled_from(SCOPES)), change=st.sampled_from(CHANGES))
async def test_a_replay_shows_what_the_key_may_read_by_then(
    scene: Scene, before: tuple[str, ...], left: set[str], change: str
) -> None:
    """Answered once, asked again after the key has lost scopes: who may not read the run any more gets no replay."""
    key = await scene.service.key(*{*before, "provision", "history"})
    client = await scene.client(key)
    headers = {"Idempotency-Key": str(uuid4())}
    path = f"/activities/{scene.ids['activity_id']}/provision" if change == "provision" else f"/runs/{{run}}/{change}"
    address = path.format(run=scene.ids["run_id"])
    first = await client.post(address, headers=headers)
    after = tuple(each for each in SCOPES if each in left and NEEDS.get(each, each) in left)
    after = tuple(each for each in after if NEEDS.get(each, each) in after) or ("history",)
    await scene.reduce(key, after)
    again = await client.post(address, headers=headers)
    assert_no_more(again.text, set(after), ("POST", address))
    if first.status_code == 202 and again.status_code == 202:
        run_id = again.json()["id"]
        read = await client.get(f"/runs/{run_id}")
        assert read.status_code == 200
        assert set(again.json()) - {"newer_roster_version"} <= set(read.json())
    else:
        assert json.loads(again.text)["type"].startswith("/problems/")
    assert "provision" in after or again.status_code == 403
    await client.aclose()
