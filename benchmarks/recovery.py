"""How long it takes until calls go on after the worker that calls was killed or told to end, or the notifier emptied.

    python -m benchmarks.recovery [--times 10] [--only killed|emptied|stopped]

Real processes: an API, two workers, a simulator, whose ledger has the times of the calls. The bounds: when the worker
that calls is killed, calls go on within 14 s; when it is told to end, within 2 s, and it is gone within 30 s with no
attempt counted and no batch lost, though each call takes 1.5 s; after FLUSHALL, whatever rests is claimed within 3 s of
its due time. In none of it do six calls arrive within a second. Ends with 1 when one of these does not hold.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
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
_LIMIT = 5
_ON_ITS_WAY = 0.4
_LOST: LiteralString = "SELECT error, count(*) AS number FROM batch WHERE status = 'lost' GROUP BY error"
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--only", choices=list(_KINDS))
    given = parser.parse_args()
    kinds = [given.only] if given.only else list(_KINDS)
    held = [_KINDS[kind](given.times) for kind in kinds]
    sys.exit(0 if all(held) else 1)


@dataclass
class House:
    """A service at work, with what is needed to disturb it."""

    shop: Workshop
    stack: ExitStack
    database: psycopg.Connection[Row]
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

    def calls(self) -> list[float]:
        """Gives the times at which sending and status calls have arrived, in order."""
        simulator = self.leads["SKOLVERKET_PROVISIONING_URL"].removesuffix("/provisioning/v1")
        ledger = self.http.get(f"{simulator}/_simulator/ledger").raise_for_status().json()["calls"]
        return sorted(call["monotonic"] for call in ledger if "/bulk" in call["path"])

    def densest(self) -> int:
        """Counts the most calls within any second."""
        times = self.calls()
        return max((sum(first <= each < first + 1 for each in times) for first in times), default=0)

    def rows(self, query: LiteralString, *values: object) -> list[Row]:
        return self.database.execute(query, values).fetchall()

    def jobs(self) -> dict[UUID, Row]:
        """Reads what is under way, with the time by which it was read."""
        found = self.rows(
            "SELECT id, status, claim, due_at, holder, attempt, clock_timestamp() AS now FROM job"
            " WHERE status IN ('queued', 'running')"
        )
        return {row["id"]: row for row in found}

    def nothing_accused(self) -> bool | None:
        """Tells whether no job that goes on was in hand at a death; None while there is one."""
        found = self.rows("SELECT FROM job WHERE status IN ('queued', 'running') AND worker_deaths > 0")
        return None if found else True

    def next_claims(self, jobs: dict[UUID, Row]) -> Iterator[tuple[Row, datetime]]:
        """Waits until each of these jobs has been claimed anew, and gives it as it was, with the time of that claim."""
        waiting, deadline = dict(jobs), time.monotonic() + _TIMEOUT
        while waiting:
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {_TIMEOUT} s for {len(waiting)} jobs to be claimed")
            found = self.rows("SELECT id, claim, clock_timestamp() AS now FROM job WHERE id = ANY (%s)", list(waiting))
            for row in found:
                if row["claim"] > waiting[row["id"]]["claim"]:
                    yield waiting.pop(row["id"]), row["now"]
            time.sleep(0.02)


@contextmanager
def house(queues: int, persons: int, **delays: float) -> Iterator[House]:
    """Lends a service with two workers, whose activity queues have work for a long time."""
    with workshop() as shop, ExitStack() as stack:
        given = [part for name, delay in delays.items() for part in (f"--{name.replace('_', '-')}", str(delay))]
        _, simulator = stack.enter_context(shop.started("simulator", "--port", "0", *given))
        address = f"http://127.0.0.1:{simulator}"
        leads = towards_simulator(address)
        _, port = stack.enter_context(shop.started("serve", "--port", "0", **leads))
        database = psycopg.connect(shop.env["DATABASE_URL"], autocommit=True, row_factory=dict_row)
        stack.enter_context(database)
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False))
        made = House(shop, stack, database, http, leads)
        for serial in range(queues):
            made.add_queue(serial, persons)
        made.keep_busy()
        for _ in range(2):
            made.start_worker()
        yield made


def killed(times: int) -> bool:
    """Kills the worker that calls, and looks when calls go on."""
    totals = list[float]()
    with house(2, 4000) as at:
        for _ in range(times):
            # What was in hand at two deaths in a row would wait for a minute, as it is meant to.
            until(at.nothing_accused, "what was in hand at the last death to come to an end")
            totals.append(_struck(at, signal.SIGKILL)[0])
            at.start_worker()
        most = at.densest()
    _print("SIGKILL of the worker that calls, to the next call", totals, 14)
    return max(totals) <= 14 and most <= _LIMIT


def emptied(times: int) -> bool:
    """Empties Valkey, and looks when what rested or waited then is claimed."""
    late = list[float]()
    with house(4, 60, job_delay=4) as at, Redis.from_url(at.shop.env["REDIS_URL"]) as notifier:
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


def stopped(times: int) -> bool:
    """Tells the worker that calls to end, and looks when calls go on, how long it takes and what it leaves behind."""
    gaps, took = list[float](), list[float]()
    harmless = True
    with house(2, 4000, answer_delay=1.5) as at:
        for _ in range(times):
            before = at.jobs()
            gap, end = _struck(at, signal.SIGTERM)
            gaps.append(gap)
            took.append(end)
            harmless &= all(
                row["attempt"] <= before[job_id]["attempt"] for job_id, row in at.jobs().items() if job_id in before
            )
            at.start_worker()
        lost, most = {row["error"]: row["number"] for row in at.rows(_LOST)}, at.densest()
    _print("SIGTERM of the worker that calls, to the next call", gaps, 2)
    _print("  to its end, with calls of 1.5 s", took, 30)
    print(f"  batches lost {lost or 0}, attempts counted {not harmless}, most calls within a second {most}")
    return max(gaps) <= 2 and max(took) < 30 and harmless and "worker_lost" not in lost and most <= _LIMIT


_KINDS: dict[str, Callable[[int], bool]] = {"killed": killed, "emptied": emptied, "stopped": stopped}


def _struck(at: House, number: signal.Signals) -> tuple[float, float]:
    """Sends a signal to the worker that calls; gives the seconds to the next call, and to the worker's end."""
    at.keep_busy()
    victim = until(lambda: _caller(at), "a worker with several calls under way")
    struck = time.monotonic()
    at.workers[victim].send_signal(number)
    at.workers.pop(victim).wait(_TIMEOUT)
    ended = time.monotonic()

    def next_call() -> float | None:
        # What had left before is on its way for a moment yet.
        return next((each for each in at.calls() if each > struck + _ON_ITS_WAY), None)

    return until(next_call, "calls to go on") - struck, ended - struck


def _resting(jobs: dict[UUID, Row]) -> dict[UUID, Row] | None:
    found = {job_id: row for job_id, row in jobs.items() if row["holder"] is None and row["due_at"] > row["now"]}
    return found if len(found) >= 2 else None


def _caller(at: House) -> UUID | None:
    rows = at.rows(
        "SELECT epoch.worker, count(*) AS calls FROM job JOIN batch ON batch.job_id = job.id"
        " JOIN epoch ON epoch.id = job.holder WHERE batch.status IN ('called', 'accepted') GROUP BY epoch.worker"
    )
    return next((row["worker"] for row in rows if row["calls"] > 1 and row["worker"] in at.workers), None)


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
