"""The demonstration: a roster goes in, four stages come out, and the terminal shows what happened."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx
from rich.console import Console
from rich.live import Live

from app.demo.report import failed_records, live_table, summary_table
from app.demo.roster import DEMONSTRATION, RosterPlan, generate, json_chunks, reference_only, roster_only
from app.errors import Stopped
from app.local.local_stack import LocalStack, local_stack

# The same activity each time, so that its history grows.
ACTIVITY = uuid5(NAMESPACE_URL, "urn:provkedja:demonstration")
PERSONS = 2000


def invent(persons: int) -> dict[str, Any]:
    """Invents the demonstration's roster: five schools and twelve defects, fewer in a small one; raises Stopped."""
    schools, defects = min(5, persons // 20), min(12, persons // 10)
    try:
        return generate(RosterPlan(persons=persons, schools=schools, seed=DEMONSTRATION, defects=defects))
    except ValueError as impossible:
        raise Stopped(f"no roster of {persons} persons can be made: {impossible}") from None


def show(folder: Path, persons: int) -> int:
    """Runs the demonstration from start to end; gives 0 when all four jobs have succeeded."""
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    generated = invent(persons)
    try:
        with ExitStack() as stack:
            with console.status("starting Postgres, Valkey, simulator, API and worker"):
                up = stack.enter_context(local_stack(folder, reference_only(generated)))
            console.print(f"ready after {time.monotonic() - began:.1f} s: API {up.api}, simulator {up.simulator}")
            run = _provision(console, up, generated)
            console.print("ending what was started" if up.children else "what was running already stays up")
    except KeyboardInterrupt:
        console.print("interrupted: everything that was started has ended")
        return 130
    console.print(f"the whole demonstration took {time.monotonic() - began:.1f} s")
    return 0 if run["status"] == "succeeded" else 1


def _provision(console: Console, up: LocalStack, generated: dict[str, Any]) -> dict[str, Any]:
    httpx.put(
        f"{up.simulator}/_simulator/reference", json=reference_only(generated), trust_env=False
    ).raise_for_status()
    headers = {"Authorization": f"Bearer {up.key}"}
    with httpx.Client(base_url=up.api, headers=headers, timeout=60, trust_env=False) as api:
        began = time.monotonic()
        body = {"display_name": "Nationella prov, demonstration", "roster": roster_only(generated)}
        stored = api.put(
            f"/activities/{ACTIVITY}",
            content=(chunk.encode() for chunk in json_chunks(body)),
            headers={"Content-Type": "application/json"},
        )
        stored.raise_for_status()
        activity = stored.json()
        counts = activity["roster"]["counts"]
        console.print(
            f"stored a roster of {counts['persons']} persons, {counts['duties']} duties, {counts['groups']} groups and "
            f"{counts['activities']} activities in {time.monotonic() - began:.1f} s; "
            f"{activity['findings']['errors']} findings that keep a record from being sent, "
            f"{len(generated['planted'])} defects planted"
        )
        accepted = api.post(
            f"/activities/{ACTIVITY}/provision",
            json={"on_record_error": "continue"},
            headers={"Idempotency-Key": str(uuid4())},
        )
        accepted.raise_for_status()
        run = _follow(console, api, accepted.headers["Location"])
        console.print()
        console.print(summary_table(run, {job["id"]: _sent(api, job) for job in run["jobs"]}))
        console.print(failed_records(_failed(api, run)))
        _curls(console, run)
        return run


def _follow(console: Console, api: httpx.Client, location: str) -> dict[str, Any]:
    run: dict[str, Any] = api.get(location).raise_for_status().json()
    with Live(live_table(run), console=console, refresh_per_second=8) as live:
        while run["status"] in {"queued", "running"}:
            time.sleep(0.2)
            run = api.get(location).raise_for_status().json()
            live.update(live_table(run))
    return run


def _failed(api: httpx.Client, run: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        record
        for job in run["jobs"]
        for record in api.get(f"/jobs/{job['id']}/records", params={"status": "error", "limit": 20})
        .raise_for_status()
        .json()["data"]
    ]


def _sent(api: httpx.Client, job: dict[str, Any]) -> int:
    """Counts the records that left for Skolverket: those in the job's calls."""
    calls = api.get(f"/jobs/{job['id']}/batches", params={"limit": 200}).raise_for_status().json()["data"]
    return sum(call["records"] for call in calls if call["status"] == "answered")


def _curls(console: Console, run: dict[str, Any]) -> None:
    console.print("After `make serve`, look closer with:")
    for path in ("/jobs?limit=4", f"/runs/{run['id']}", f"/jobs/{run['jobs'][0]['id']}/records?status=error"):
        console.print(
            f'  curl -sH "Authorization: Bearer $(cat .local/key)" "http://127.0.0.1:$(cat .local/port){path}"',
            markup=False,
        )
