"""A run whose contents have gone by their age is there as before: every route and page of it answers, without them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.db import retention
from app.db.claims import database_time
from app.db.engine import transaction
from app.db.retention import Old
from tests.api.conftest import Service, SignIn
from tests.api.factories import Played, body, person, put

NAME = "Qvintessa"


async def expire(service: Service, run_id: UUID) -> None:
    """Has all contents of a run go that nothing else has use for, as a worker does a year later."""
    async with transaction(service.runtime.engine, "expire", of=service.organisations[0]) as conn:
        later = await database_time(conn) + timedelta(hours=1)
        while await retention.expire_run(conn, Old(later, run_id, service.organisations[0]), later, 100):
            pass
        while await retention.expire_listed(conn, later, 100):
            pass


@pytest.fixture
async def run(service: Service) -> dict[str, Any]:
    """A run that has failed of one of its two pupils, whose roster has been replaced, and that somebody polls."""
    client = await service.client("provision")
    pupils = [person(NAME, serial=980), person("Bosse", "Andersson", 981)]
    activity_id = await put(client, body(pupils))
    asked: dict[str, Any] = (await client.post(f"/activities/{activity_id}/provision")).json()
    played = await Played.of(service.runtime, service.organisations[0], UUID(asked["id"]))
    await played.stage(1, {pupils[0]["id"]: ("error", {"status": "Error", "errors": []})}, end="failed")
    await put(client, body(), activity_id)
    return {**asked, "record": pupils[0]["id"]}


async def test_every_route_of_it_answers_and_says_since_when(service: Service, run: dict[str, Any]) -> None:
    """Who polls it is told that it has changed, once."""
    client = await service.client("history", "pii", "protected", "provision")
    path = f"/runs/{run['id']}"
    polled = await client.get(path)
    assert (polled.json()["status"], polled.json()["content_expired_at"]) == ("failed", None)
    await expire(service, UUID(run["id"]))
    job = run["jobs"][0]["id"]
    async with asyncio.timeout(10):
        # What another process has changed counts within a second.
        while (again := await client.get(path, headers={"If-None-Match": polled.headers["ETag"]})).status_code == 304:
            continue
    assert again.json()["content_expired_at"] is not None
    assert again.json()["summary"] == polled.json()["summary"]
    assert (await client.get(path, headers={"If-None-Match": again.headers["ETag"]})).status_code == 304
    record = (await client.get(f"/jobs/{job}/records/{run['record']}")).json()
    assert (record["status"], record["name"], record["sent"], record["received"]) == ("error", None, None, None)
    [call] = (await client.get(f"/jobs/{job}/batches")).json()["data"]
    assert (call["sha256"], call["records"]) == (None, 2)
    for address in (
        *(f"/jobs/{job}", f"/jobs/{job}/records", f"/jobs/{job}/batches/{call['id']}", "/runs", "/jobs", "/changes"),
        *(f"/objects/persons/{run['record']}", f"/activities/{run['activity_id']}/runs"),
    ):
        answer = await client.get(address)
        assert (answer.status_code, NAME in answer.text) == (200, False), address
    refused = await client.post(f"{path}/retry", json={})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "content-erased")


async def test_its_pages_say_that_the_time_has_passed(service: Service, sign_in: SignIn, run: dict[str, Any]) -> None:
    """And offer no other try."""
    client = await sign_in("history", "pii", "protected", "provision")
    await expire(service, UUID(run["id"]))
    job = f"/historik/jobb/{run['jobs'][0]['id']}"
    for path, says in (
        (f"/historik/korningar/{run['id']}", "lagringstiden har gått ut"),
        (job, ""),
        (f"{job}/poster/{run['record']}", "Uppgifterna är raderade eftersom lagringstiden har gått ut"),
        (f"/historik/objekt/persons/{run['record']}", ""),
        ("/historik", ""),
    ):
        page = await client.get(path)
        assert (page.status_code, says in page.text, NAME in page.text) == (200, True, False), path
    assert "forsok-igen" not in (await client.get(f"/historik/korningar/{run['id']}")).text
