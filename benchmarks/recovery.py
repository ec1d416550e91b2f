"""How long it takes until work goes on after a worker was killed or the notifier emptied, and until a worker stops.

    python -m benchmarks.recovery [--lease 5] [--times 10] [--only killed|emptied|stopped]

Real processes: an API, two workers, a simulator. Every time is Postgres's own. The bounds: a job that a killed worker
held is claimed again within its lease and 5 s more; after FLUSHALL, whatever rests or waits is claimed within 3 s of
its due time; a worker with calls under way, each answered after 1.5 s, is gone 30 s after SIGTERM, with no attempt
counted. Ends with 1 when one of these does not hold.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import dict_row
from redis import Redis

from app.demo.roster import RosterPlan, generate, json_chunks, reference_only, roster_only
from app.local.environment import towards_simulator
from app.local.launcher import Process
from benchmarks.processes import Workshop, workshop

_TIMEOUT = 120
_LOST: LiteralString = "SELECT error, count(*) AS number FROM batch WHERE status = 'lost' GROUP BY error"
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--lease", type=int, default=5, help="seconds that a claimed job belongs to its worker")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--only", choices=list(_KINDS))
    given = parser.parse_args()
    kinds = [given.only] if given.only else list(_KINDS)
    held = [_KINDS[kind](given.lease, given.times) for kind in kinds]
    sys.exit(0 if all(held) else 1)


@dataclass
class House:
    """A service at work, with what is needed to disturb it."""

    shop: Workshop
    stack: ExitStack
    database: psycopg.Connection[Row]
    lease: int
    http: httpx.Client
    leads: dict[str, str]
    queues: list[tuple[str, str]] = field(default_factory=list)
    workers: dict[UUID, Process] = field(default_factory=dict)

    def start_worker(self) -> None:
        """Starts a worker, and learns under which id it claims."""
        known = {row["id"] for row in self.rows("SELECT id FROM worker")}
        process, _ = self.stack.enter_context(self.shop.started("worker", **self.leads))

        def new() -> UUID | None:
            return next((row["id"] for row in self.rows("SELECT id FROM worker") if row["id"] not in known), None)

        self.workers[until(new, "the worker to say that it is there")] = process

    def add_queue(self, serial: int, persons: int) -> None:
        """Makes an organisation with a roster of so many persons, which is provisioned again and again."""
        plan = RosterPlan(persons=persons, schools=1, seed=serial, organisation_number=f"21200098{12 + serial}")
        generated, headers = generate(plan), {"Authorization": f"Bearer {self.shop.key(plan.organisation_number)}"}
        simulator = self.leads["SKOLVERKET_PROVISIONING_URL"].removesuffix("/provisioning/v1")
        self.http.put(f"{simulator}/_simulator/reference", json=reference_only(generated)).raise_for_status()
        activity = f"/activities/{uuid4()}"
        body = "".join(json_chunks({"display_name": "Benchmark", "roster": roster_only(generated)})).encode()
        headers |= {"Content-Type": "application/json"}
        self.http.put(activity, content=body, headers=headers).raise_for_status()
        self.queues.append((f"{activity}/provision", headers["Authorization"]))

    def keep_busy(self) -> None:
        """Sees to it that every activity queue has runs ahead of it."""
        for address, key in self.queues:
            answer = None
            while answer is None or answer.is_success:
                body = {"on_record_error": "continue"}
                answer = self.http.post(address, json=body, headers={"Authorization": key})
            assert answer.status_code == httpx.codes.CONFLICT, answer.text  # noqa: S101 - so many wait already

    def rows(self, query: LiteralString, *values: object) -> list[Row]:
        return self.database.execute(query, values).fetchall()

    def jobs(self) -> dict[UUID, Row]:
        """Reads what is under way, with the time by which it was read."""
        found = self.rows(
            "SELECT id, status, claim, due_at, lease_until, worker, attempt, worker_deaths, clock_timestamp() AS now"
            " FROM job WHERE status IN ('queued', 'running')"
        )
        return {row["id"]: row for row in found}

    def next_claims(self, jobs: dict[UUID, Row]) -> Iterator[tuple[Row, datetime]]:
        """Waits until each of these jobs has been claimed anew, and gives it as it was, with the time of that claim."""
        waiting, deadline = dict(jobs), time.monotonic() + _TIMEOUT
        while waiting:
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {_TIMEOUT} s for {len(waiting)} jobs to be claimed")
            found = self.rows(
                "SELECT id, claim, lease_until, clock_timestamp() AS now FROM job WHERE id = ANY (%s)", list(waiting)
            )
            for row in found:
                if row["claim"] > waiting[row["id"]]["claim"]:
                    # Without a lease it was claimed and let go within one look, so no later than now.
                    since = row["lease_until"] and row["lease_until"] - timedelta(seconds=self.lease)
                    yield waiting.pop(row["id"]), since or row["now"]
            time.sleep(0.02)


@contextmanager
def house(lease: int, queues: int, persons: int, **delays: float) -> Iterator[House]:
    """Lends a service with two workers, whose activity queues have work for a long time."""
    with workshop() as shop, ExitStack() as stack:
        given = [part for name, delay in delays.items() for part in (f"--{name.replace('_', '-')}", str(delay))]
        _, simulator = stack.enter_context(shop.started("simulator", "--port", "0", *given))
        address = f"http://127.0.0.1:{simulator}"
        leads = {**towards_simulator(address), "LEASE_SECONDS": str(lease)}
        _, port = stack.enter_context(shop.started("serve", "--port", "0", **leads))
        database = psycopg.connect(shop.env["DATABASE_URL"], autocommit=True, row_factory=dict_row)
        stack.enter_context(database)
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False))
        made = House(shop, stack, database, lease, http, leads)
        for serial in range(queues):
            made.add_queue(serial, persons)
        made.keep_busy()
        for _ in range(2):
            made.start_worker()
        yield made


def killed(lease: int, times: int) -> bool:
    """Kills the worker that holds a job, and looks when another one claims it."""
    totals, beyond = list[float](), list[float]()
    with house(lease, 2, 4000) as at:
        while len(totals) < times:
            at.keep_busy()
            victim = until(lambda: _holder(at, at.jobs()), "a worker to hold a job")
            at.workers[victim].send_signal(signal.SIGKILL)
            at.workers.pop(victim).wait()
            # What it still wrote before its death counts: only now it is known what it left behind.
            left = {job_id: row for job_id, row in at.jobs().items() if row["worker"] == victim}
            for row, again in at.next_claims(left):
                totals.append((again - row["now"]).total_seconds())
                beyond.append((again - row["lease_until"]).total_seconds())
            at.start_worker()
    _print(f"SIGKILL to the next claim, lease {lease} s", totals, lease + 5)
    _print("  of that beyond the lease", beyond, 5)
    return max(totals) <= lease + 5 and max(beyond) <= 5


def emptied(lease: int, times: int) -> bool:
    """Empties Valkey, and looks when what rested or waited then is claimed."""
    late = list[float]()
    with house(lease, 4, 60, job_delay=2) as at, Redis.from_url(at.shop.env["REDIS_URL"]) as notifier:
        for _ in range(times):
            at.keep_busy()
            resting = until(lambda: _resting(at.jobs()), "jobs to rest")
            notifier.flushall()
            flushed = at.rows("SELECT clock_timestamp() AS now")[0]["now"]
            # One that was claimed meanwhile had been heard before.
            now = at.jobs()
            waiting = {
                job_id: row for job_id, row in resting.items() if now.get(job_id, {}).get("claim") == row["claim"]
            }
            for row, again in at.next_claims(waiting):
                late.append((again - max(flushed, row["due_at"])).total_seconds())
    _print("FLUSHALL to the next claim, beyond its due time", late, 3)
    return max(late) <= 3


def stopped(lease: int, times: int) -> bool:
    """Tells a worker with calls under way to end, and looks how long it takes and what it leaves behind."""
    took, calls = list[float](), list[int]()
    harmless = True
    with house(lease, 2, 4000, answer_delay=1.5) as at:
        for _ in range(times):
            at.keep_busy()
            victim, out = until(lambda: _caller(at), "a worker with several calls under way")
            before = at.jobs()
            began = time.monotonic()
            at.workers[victim].send_signal(signal.SIGTERM)
            status = at.workers.pop(victim).wait(_TIMEOUT)
            took.append(time.monotonic() - began)
            calls.append(out)
            after = at.jobs()
            harmless &= status == 0 and all(
                row["attempt"] <= before[job_id]["attempt"] and row["worker"] != victim
                for job_id, row in after.items()
                if job_id in before
            )
            at.start_worker()
        lost = {row["error"]: row["number"] for row in at.rows(_LOST)}
    _print("SIGTERM to the end of the worker, calls of 1.5 s", took, 30)
    print(
        f"  calls under way then {min(calls)}-{max(calls)}, batches lost {lost or 0}, attempts counted {not harmless}"
    )
    return max(took) < 30 and harmless and "worker_lost" not in lost


_KINDS: dict[str, Callable[[int, int], bool]] = {"killed": killed, "emptied": emptied, "stopped": stopped}


def _holder(at: House, jobs: dict[UUID, Row]) -> UUID | None:
    """Finds a worker of ours that holds a job for a while yet."""
    for row in jobs.values():
        if row["worker"] in at.workers and row["lease_until"] - row["now"] > timedelta(seconds=at.lease / 2):
            found: UUID = row["worker"]
            return found
    return None


def _resting(jobs: dict[UUID, Row]) -> dict[UUID, Row] | None:
    found = {job_id: row for job_id, row in jobs.items() if row["lease_until"] is None}
    return found if len(found) >= 2 else None


def _caller(at: House) -> tuple[UUID, int] | None:
    rows = at.rows(
        "SELECT job.worker, count(*) AS calls FROM job JOIN batch ON batch.job_id = job.id"
        " WHERE batch.status = 'called' AND job.status = 'running' AND job.worker IS NOT NULL GROUP BY job.worker"
    )
    return next(
        ((row["worker"], row["calls"]) for row in rows if row["calls"] > 1 and row["worker"] in at.workers), None
    )


def until(happened: Callable[[], Any], what: str) -> Any:
    """Looks again and again until something is there, and gives it."""
    deadline = time.monotonic() + _TIMEOUT
    while (seen := happened()) is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {_TIMEOUT} s for {what}")
        time.sleep(0.02)
    return seen


def _print(what: str, seconds: list[float], bound: float) -> None:
    ordered = sorted(seconds)
    verdict = "ok" if ordered[-1] <= bound else "BROKEN"
    print(
        f"{what:<50} min {ordered[0]:6.2f}  median {ordered[len(ordered) // 2]:6.2f}  max {ordered[-1]:6.2f} s"
        f"  n={len(ordered)}, bound {bound} s: {verdict}",
        flush=True,
    )


if __name__ == "__main__":
    main()
