"""The tasks that cache the open data, against the simulator and a real database."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reference
from app.db.engine import close
from app.jobs.calls import Calls
from app.jobs.tasks import open_data
from app.jobs.tasks.loop import TaskLoop
from app.runtime import target_of
from app.settings import Settings
from tests.conftest import ROOT
from tests.contract.simulator_at_work import Skolverket
from tests.contract.test_calls import calling
from tests.contract.test_open_data import EXAM, known, reference_of
from tests.database.epochs import begin_epoch
from tests.database.factories import Tenant, engine_of

__all__ = ["known"]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database_url)
    yield engine
    await close(engine)


@pytest.fixture
async def tenant(known: Skolverket, engine: AsyncEngine) -> Tenant:
    """An organisation that Skolverket knows, with the one school unit."""
    tenant = await Tenant.make(engine)
    known._ask("POST", "/_simulator/reset?reference=true", None)
    known._ask("PUT", "/_simulator/reference", reference_of(tenant.number))
    return tenant


def _settings(skolverket: Skolverket, **changes: Any) -> Settings:
    # Reads are spaced so that the tests are quick; the limit itself is tested where it is kept.
    return skolverket.settings(**{"skolverket_reads_per_second": 200.0, **changes})


@asynccontextmanager
async def _refresher(settings: Settings, engine: AsyncEngine) -> AsyncIterator[tuple[TaskLoop, Calls]]:
    async with engine.begin() as conn:
        epoch = await begin_epoch(conn)
    async with calling(engine, settings) as calls:
        kind = open_data.kind(settings, target_of(settings), calls)
        yield TaskLoop(engine, {kind.name: kind}, epoch, at_once=1, look_every=0.1), calls


async def _refreshed(tenant: Tenant, settings: Settings) -> dict[str, Any]:
    """Lets the loop do what is due, and gives what is known of each subject then."""
    async with _refresher(settings, tenant.engine) as (refresher, _):
        await refresher.run_once()
    async with tenant.engine.connect() as conn:
        return {row["subject"]: row for row in await reference.freshness(conn)}


def _calls(skolverket: Skolverket) -> list[str]:
    return sorted(call["path"].removeprefix("/open-data/v1") for call in skolverket.ledger())


async def test_everything_is_cached_with_a_call_each(known: Skolverket, tenant: Tenant) -> None:
    seen = await _refreshed(tenant, _settings(known))
    assert _calls(known) == ["/activities", f"/organisations/code/{tenant.number}", "/programmes"]
    assert {subject: (row["items"], row["failure"]) for subject, row in seen.items()} == {
        "programmes": (1, None),
        "exams": (1, None),
        tenant.number: (1, None),
    }
    async with tenant.engine.connect() as conn:
        unit = await reference.item_by_code(conn, "school_unit", "31279295")
        exam = await reference.item_by_id(conn, "exam", EXAM)
        organisation = await reference.item_by_code(conn, "organisation", tenant.number)
    assert (unit and unit.payload["displayName"], exam and exam.code) == ("Åskolan", "MATMAT01")
    assert organisation is not None
    assert organisation.payload["displayName"] == "Exempelkommun"


async def test_what_is_fresh_is_not_asked_for_again(known: Skolverket, tenant: Tenant) -> None:
    await _refreshed(tenant, _settings(known))
    await _refreshed(tenant, _settings(known))
    assert len(known.ledger()) == 3


async def test_many_workers_make_the_calls_of_one(known: Skolverket, tenant: Tenant) -> None:
    await asyncio.gather(*(_refreshed(tenant, _settings(known)) for _ in range(3)))
    assert len(known.ledger()) == 3


async def test_without_an_organisation_nobody_is_called(known: Skolverket, engine: AsyncEngine) -> None:
    async with _refresher(_settings(known), engine) as (refresher, _):
        await refresher.run_once()
    assert known.ledger() == []


async def _until(tenant: Tenant, query: str) -> None:
    """Asks until a query gives something; the bound is for a loop that is stuck."""
    async with asyncio.timeout(10):
        while True:
            if await tenant.value(query):
                return
            await asyncio.sleep(0.02)


async def _make_due(tenant: Tenant) -> None:
    await tenant.do("UPDATE task SET due_at = clock_timestamp() - interval '1 second'")


async def test_what_vanished_at_skolverket_vanishes_here(known: Skolverket, tenant: Tenant) -> None:
    await _refreshed(tenant, _settings(known))
    known._ask("POST", "/_simulator/reset?reference=true", None)
    await _make_due(tenant)
    seen = await _refreshed(tenant, _settings(known))
    assert [row["items"] for row in seen.values()] == [0, 0, 0]
    assert not seen[tenant.number]["known"]
    assert await tenant.value("SELECT count(*) FROM reference_item") == 0


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"action": "status", "status": 503}, "http_503"),
        ({"action": "status", "status": 404}, "http_404"),
        ({"action": "status", "status": 400}, "http_400"),
        ({"action": "wrong_json"}, "answer_unreadable"),
        ({"action": "cut_after"}, "connection_lost"),
    ],
)
async def test_a_failure_keeps_what_is_cached_and_is_tried_again_sooner(
    known: Skolverket, tenant: Tenant, rule: dict[str, Any], code: str
) -> None:
    await _refreshed(tenant, _settings(known))
    known.faults({"match": {"path": "/programmes$"}, **rule})
    await _make_due(tenant)
    seen = await _refreshed(tenant, _settings(known))
    assert (seen["programmes"]["failure"], seen["programmes"]["items"]) == (code, 1)
    assert seen["programmes"]["due_at"] < seen["exams"]["due_at"]
    assert seen["exams"]["failure"] is None


async def test_a_429_holds_back_all_who_read(known: Skolverket, tenant: Tenant) -> None:
    known.faults({"action": "status", "status": 429, "retry_after": 20})
    stop = asyncio.Event()
    async with _refresher(_settings(known), tenant.engine) as (refresher, calls):
        running = asyncio.create_task(refresher.run(stop))
        await _until(tenant, "SELECT count(*) FROM task WHERE failure = 'http_429'")
        assert calls.pacers["reads"].paused_for > 10
        assert calls.pacers["calls"].paused_for == 0
        stop.set()
        calls.pacers["reads"].close()
        await running
    assert len(known.ledger()) == 1


async def test_it_ends_at_once_when_no_call_may_leave_any_more(known: Skolverket, tenant: Tenant) -> None:
    """As when the right to call is given away while it waits for its turn."""
    stop = asyncio.Event()
    async with _refresher(_settings(known), tenant.engine) as (refresher, calls):
        calls.pause("reads", timedelta(hours=1))
        running = asyncio.create_task(refresher.run(stop))
        await _until(tenant, "SELECT count(*) FROM task WHERE holder IS NOT NULL")
        stop.set()
        calls.pacers["reads"].close()
        async with asyncio.timeout(5):
            await running
    assert known.ledger() == []


async def test_a_text_that_postgres_can_not_hold_fails_its_subject_alone(known: Skolverket, tenant: Tenant) -> None:
    known._ask("PUT", "/_simulator/reference", {"programmes": [{"educationCode": "NUL", "displayName": "a\x00b"}]})
    seen = await _refreshed(tenant, _settings(known))
    assert {subject: row["failure"] for subject, row in seen.items()} == {
        "programmes": "answer_unreadable",
        "exams": None,
        tenant.number: None,
    }


async def test_an_operator_sees_what_is_cached(known: Skolverket, tenant: Tenant, database_url: str) -> None:
    known.faults({"match": {"path": "/activities$"}, "action": "status", "status": 503})
    await _refreshed(tenant, _settings(known))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "open-data"),
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
    )
    shown, _ = await process.communicate()
    rows = (line.split("\t") for line in shown.decode().splitlines())
    read = {subject: cells for subject, *cells in rows}
    assert process.returncode == 0
    assert read["programmes"][0] == "1"
    assert read[tenant.number][0] == "1"
    assert read["exams"][1] == "never"
    assert read["exams"][-1] == "http_503"
