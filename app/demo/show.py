"""The demonstration: a roster goes in, four stages come out, and the terminal shows what happened."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx
from rich.console import Console
from rich.live import Live

from app.demo.report import Cause, cause_lines, causes, decimal, stage_table
from app.demo.roster import DEMONSTRATION, RosterPlan, generate, json_chunks, reference_only, roster_only
from app.errors import Stopped
from app.local.local_stack import LocalStack, local_stack

# The same activity each time, so that its history grows.
ACTIVITY = uuid5(NAMESPACE_URL, "urn:provkedja:demonstration")
PERSONS = 2000
# What goes on the screen with all else that comes at the end: 25 lines.
MOST_CAUSES = 8


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
            with console.status("startar Postgres, Valkey, simulator, API och arbetare"):
                up = stack.enter_context(local_stack(folder, reference_only(generated)))
            console.print(f"Igång efter {decimal(time.monotonic() - began)} s: API {up.api}, simulator {up.simulator}")
            run = _provision(console, up, generated)
        stays = "" if up.children else "; det som redan var igång är kvar"
        console.print(f"Demonstrationen tog {decimal(time.monotonic() - began)} s{stays}.")
    except KeyboardInterrupt:
        console.print("Avbruten: allt som startades är avslutat.")
        return 130
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
        counts, findings = activity["roster"]["counts"], activity["findings"]
        console.print(
            f"Underlaget har tagits emot på {decimal(time.monotonic() - began)} s: {counts['persons']} användare, "
            f"{counts['duties']} tjänstgöringar, {counts['groups']} grupper, {counts['activities']} aktiviteter."
        )
        console.print(
            f"Innan något har skickats: {findings['errors']} fel och {findings['warnings']} "
            f"varning{'' if findings['warnings'] == 1 else 'ar'} i underlaget; {len(generated['planted'])} poster är "
            "förstörda med flit."
        )
        accepted = api.post(
            f"/activities/{ACTIVITY}/provision",
            json={"on_record_error": "continue"},
            headers={"Idempotency-Key": str(uuid4())},
        )
        accepted.raise_for_status()
        console.print()
        run = _follow(console, api, accepted.headers["Location"])
        console.print()
        console.print(cause_lines(_causes(api, run), MOST_CAUSES), soft_wrap=False)
        _curls(console, run)
        return run


def _follow(console: Console, api: httpx.Client, location: str) -> dict[str, Any]:
    run: dict[str, Any] = api.get(location).raise_for_status().json()
    with Live(stage_table(run), console=console, refresh_per_second=8) as live:
        while run["status"] in {"queued", "running"}:
            time.sleep(0.2)
            run = api.get(location).raise_for_status().json()
            live.update(stage_table(run))
    return run


def _causes(api: httpx.Client, run: dict[str, Any]) -> list[Cause]:
    """Groups the records that did not simply succeed by why, each cause in the catalogue's own words."""
    found = causes(
        record for job in run["jobs"] for status in ("error", "skipped", "warning") for record in _all(api, job, status)
    )
    for cause in found[:MOST_CAUSES]:
        if not cause.says:
            cause.says = api.get(cause.key).raise_for_status().json()["means"]["sv"]
    return found


def _all(api: httpx.Client, job: dict[str, Any], status: str) -> Iterator[dict[str, Any]]:
    """Reads a job's records of a status, page by page."""
    params: dict[str, str | int] = {"status": status, "limit": 200}
    while True:
        page = api.get(f"/jobs/{job['id']}/records", params=params).raise_for_status().json()
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        params["cursor"] = page["next_cursor"]


def _curls(console: Console, run: dict[str, Any]) -> None:
    console.print("Se efter själv, när `make serve` är igång:")
    for line in (
        'get() { curl -sH "Authorization: Bearer $(cat .local/key)" "127.0.0.1:$(cat .local/port)$1"; }',
        f"get /runs/{run['id']}",
        f'get "/jobs/{run["jobs"][0]["id"]}/records?status=error"',
    ):
        console.print(f"  {line}", markup=False)
