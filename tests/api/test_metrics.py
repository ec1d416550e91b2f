"""Figures for Prometheus: what each counts, of which type it is; dashboard, rules and API name the same ones."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.db import claims, tokens, workers
from app.db.egress import note_pause
from app.jobs.meters import Meters
from app.jobs.problems import job_problem
from tests.api.conftest import Service
from tests.conftest import ROOT
from tests.database.epochs import begin_epoch, claim, die

MINUTE = timedelta(minutes=1)
DASHBOARD = json.loads((ROOT / "docs/operate/grafana.json").read_text(encoding="utf-8"))
MANUAL = (ROOT / "docs/operate/alerts.md").read_text(encoding="utf-8")
NAME = re.compile(r"\bprovkedja_[a-z_]+")


async def families(service: Service) -> dict[str, Metric]:
    text = await service.figures()
    return {family.name: family for family in text_string_to_metric_families(text)}


async def figures(service: Service) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in (await families(service)).values()
        for sample in family.samples
    }


async def do(service: Service, statement: str) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(statement))


async def claimed(service: Service, run_id: str, worker: UUID) -> claims.Claim:
    """Has a worker take the run's first job."""
    async with service.runtime.engine.begin() as conn:
        first = await conn.scalar(sa.text("SELECT id FROM job WHERE run_id = :run AND position = 1"), {"run": run_id})
        held = await claim(conn, first, worker=worker)
    assert held is not None
    return held


@pytest.fixture
async def run(service: Service) -> str:
    """A run under way, with two that wait behind it."""
    client, activity = await service.client("provision"), uuid4()
    await client.put(f"/activities/{activity}", json={"display_name": "Prov", "roster": {"persons": []}})
    ids = [(await client.post(f"/activities/{activity}/provision")).json()["id"] for _ in range(3)]
    return str(ids[0])


async def test_what_waits_and_what_is_held(service: Service, run: str) -> None:
    seen = await figures(service)
    assert seen["provkedja_queues_held",] == 1
    assert seen["provkedja_queues_waiting",] == 2
    assert seen["provkedja_jobs", "persons", "queued"] == 1
    assert seen["provkedja_jobs", "persons", "waiting"] == 2
    assert seen["provkedja_jobs", "duties", "waiting"] == 3
    assert seen["provkedja_jobs", "duties", "running"] == 0
    assert seen["provkedja_jobs_due",] == 1
    assert 0 < seen["provkedja_oldest_due_job_seconds",] < 60

    held = await claimed(service, run, uuid4())
    seen = await figures(service)
    assert seen["provkedja_jobs_held",] == 1
    assert (seen["provkedja_jobs_due",], seen["provkedja_oldest_due_job_seconds",]) == (0, 0)
    assert seen["provkedja_jobs", "persons", "running"] == 1

    async with service.runtime.engine.begin() as conn:
        await die(conn, held.job_id)
    seen = await figures(service)
    assert (seen["provkedja_jobs_held",], seen["provkedja_jobs_due",]) == (0, 1)


async def test_what_a_pause_holds_is_counted_and_keeps_nobody_awake(service: Service, run: str) -> None:
    await do(
        service,
        "SELECT pause(organisation_id, NULL, gen_random_uuid(), 'operator', 'test', 'Prov', NULL) FROM run LIMIT 1",
    )
    seen = await figures(service)
    assert seen["provkedja_jobs", "persons", "held"] == 1
    assert seen["provkedja_jobs", "duties", "waiting"] == 3
    assert (seen["provkedja_queues_held",], seen["provkedja_queues_waiting",]) == (0, 2)
    assert seen["provkedja_jobs_due",] == 0


async def test_no_finished_job_is_counted(service: Service, ids: dict[str, str]) -> None:
    """A scrape must not read years of them: one of persons has succeeded here."""
    seen = await figures(service)
    assert {status for name, _, status in (key for key in seen if key[0] == "provkedja_jobs")} == {
        "waiting",
        "queued",
        "running",
        "held",
    }
    assert seen["provkedja_jobs", "duties", "queued"] == 1
    assert sum(value for key, value in seen.items() if key[:2] == ("provkedja_jobs", "persons")) == 0


async def test_faults_tokens_and_pauses(service: Service, run: str) -> None:
    held = await claimed(service, run, uuid4())
    before = await figures(service)
    assert [before[name,] for name in ("provkedja_jobs_faulty", "provkedja_tokens_failing")] == [0, 0]
    async with service.runtime.engine.begin() as conn:
        await claims.note_fault(conn, held, job_problem("http_500"))
        await tokens.note_failure(conn, held.organisation_id, "here", "certificate_expired")
        await begin_epoch(conn, egress="here")
        await note_pause(conn, "here", "calls", timedelta(hours=1))
    await do(service, "UPDATE job SET fence = claim, tried_for = interval '1 h' WHERE status='running'")
    seen = await figures(service)
    assert (seen["provkedja_jobs_faulty",], seen["provkedja_tokens_failing",]) == (1, 1)
    assert 3600 <= seen["provkedja_oldest_fault_seconds",] < 3700
    assert 3500 < seen["provkedja_calls_held_back_seconds", "calls"] <= 3600
    assert seen["provkedja_calls_held_back_seconds", "reads"] == 0


async def test_what_workers_have_met(service: Service) -> None:
    """Counters over all of them, and how many are there now."""
    tally = workers.Tally(in_progress=2, claims=4, reaped=1, lost=1, wake_ups=4)
    async with service.runtime.engine.begin() as conn:
        for worker in (uuid4(), uuid4()):
            await workers.note_worker(conn, worker, "test", tally)
    await do(service, "UPDATE worker SET ended_at = clock_timestamp() WHERE id = (SELECT id FROM worker LIMIT 1)")
    found, seen = await families(service), await figures(service)
    counted = {
        name: seen[f"provkedja_{name}_total",] for name in ("claims", "claims_after_death", "claims_lost", "wake_ups")
    }
    assert counted == {"claims": 8, "claims_after_death": 2, "claims_lost": 2, "wake_ups": 8}
    assert {found[f"provkedja_{name}"].type for name in counted} == {"counter"}
    assert (seen["provkedja_workers",], seen["provkedja_steps_in_progress",]) == (1, 2)


async def test_types_and_help(service: Service, ids: dict[str, str]) -> None:
    """Each family stands once, says what it is, and is of a known type."""
    text = await service.figures()
    declared = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert len({name for name, _ in declared}) == len(declared)
    assert {kind for _, kind in declared} <= {"counter", "gauge", "histogram"}
    assert {name for name, _ in declared} == set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))


def expressions(node: Any) -> list[str]:
    """Every query of a dashboard, wherever it stands."""
    if isinstance(node, list):
        return [each for child in node for each in expressions(child)]
    if not isinstance(node, dict):
        return []
    own = [node["expr"]] if isinstance(node.get("expr"), str) else []
    return own + [each for child in node.values() for each in expressions(child)]


def rules() -> list[str]:
    return re.findall(r"^ +expr: (.+)$", MANUAL, re.MULTILINE)


async def test_dashboard_and_rules_name_what_api_and_workers_expose(service: Service, ids: dict[str, str]) -> None:
    """No dead name in either, and no figure that neither of them shows."""
    meters = Meters()
    meters.called("calls", "send", "answered", 0.1)
    both = [*(await families(service)).values(), *meters.registry.collect()]
    exposed = {sample.name for family in both for sample in family.samples}
    ours = {name for name in exposed if name.startswith("provkedja_") and not name.endswith("_created")}
    asked = {name for query in (*expressions(DASHBOARD), *rules()) for name in NAME.findall(query)}
    assert asked
    assert asked - ours == set()
    assert set(NAME.findall(MANUAL)) - ours - {stem(name) for name in ours} == set()
    shown = {stem(name) for name in NAME.findall(MANUAL)} | {stem(name) for name in asked}
    assert {stem(name) for name in ours} - shown == set()


def stem(sample: str) -> str:
    """Gives the family of a histogram's sample."""
    return re.sub(r"_(bucket|count|sum)$", "", sample)


def test_the_dashboard_can_be_imported() -> None:
    """Its own source of data is asked for, each panel has a title, a description and a place, and no id twice."""
    assert DASHBOARD["schemaVersion"] >= 39
    assert [each["name"] for each in DASHBOARD["__inputs"]] == ["DS_PROMETHEUS"]
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        assert panel["gridPos"]["w"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
        assert panel["targets"]


def test_no_panels_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_each_rule_says_what_it_means_and_what_to_do() -> None:
    """A heading of its own for each alert, and a summary in it."""
    alerts = re.findall(r"^ +- alert: (\w+)$", MANUAL, re.MULTILINE)
    assert len(alerts) == len(rules()) == len(re.findall(r"^ +summary: ", MANUAL, re.MULTILINE))
    assert [alert for alert in alerts if f"### {alert}" not in MANUAL] == []
