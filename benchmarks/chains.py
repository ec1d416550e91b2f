"""How many stages a second an engine starts and ends when there is nothing to send, beside procrastinate.

    python -m benchmarks.chains [--chains 50] [--rounds 3]

Ours: one run of an empty roster in each activity, four stages a run, one worker as it is in production. procrastinate
(PyPI), as it comes: four jobs that do nothing under a lock a chain, one worker with concurrency 1 and with 10, of which
the better one counts. Both on the same Postgres, each in a database of its own; all chains are there before the worker
starts, and Postgres's clock counts from the first claim to the last end. They take turns, so many rounds of so many
chains each, as the machine is not equally busy all the time.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from procrastinate import PsycopgConnector
from psycopg import sql
from psycopg.conninfo import make_conninfo

from app.domain.kinds import Kind
from app.local.die_with_parent import die_with_parent
from app.local.launcher import ROOT
from benchmarks.figures import Budget, Figure, table
from benchmarks.no_op import app, no_op
from benchmarks.processes import Workshop, workshop
from benchmarks.service import Service, service, workers

_ROSTER: dict[str, Any] = {kind.value: [] for kind in Kind}
_CONCURRENCIES = (1, 10)
# Without its line of log a job: it writes none that would be kept here.
_WORKER = (
    *(sys.executable, "-m", "procrastinate", "--app", "benchmarks.no_op.app", "--log-level", "warning"),
    *("worker", "--concurrency"),
)
_LONGEST = 300
_OURS: LiteralString = """
    SELECT bool_and(run.status = 'succeeded'), max(run.finished_at) - min(job.started_at)
    FROM run JOIN job ON job.run_id = run.id WHERE run.id = ANY (%s)
"""
_THEIRS: LiteralString = """
    SELECT (SELECT bool_and(status = 'succeeded') FROM procrastinate_jobs),
        max(at) FILTER (WHERE type = 'succeeded') - min(at) FILTER (WHERE type = 'started')
    FROM procrastinate_events
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--chains", type=int, default=50, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(table(measure(given.chains, given.rounds)))


def measure(chains: int, rounds: int) -> list[Figure]:
    """Lets so many chains run through our worker, then through procrastinate's, and so on for `rounds`."""
    ours, theirs = 0.0, dict.fromkeys(_CONCURRENCIES, 0.0)
    with workshop() as shop, service(shop) as at:
        key = shop.key("2120009812")
        for _ in range(rounds):
            ours += _ours(at, key, chains)
            for concurrency in _CONCURRENCIES:
                theirs[concurrency] += _procrastinate(shop, chains, concurrency)
    stages = rounds * chains * len(Kind)
    for concurrency, took in theirs.items():
        print(f"procrastinate, concurrency {concurrency:2d}  {stages / took:8.1f} stages/s")
    best = min(theirs, key=theirs.__getitem__)
    name = f"procrastinate, concurrency {best}"
    return [Figure("chains", "stages/s", stages / ours, stages / theirs[best], name, Budget("at least", 1.5))]


def _ours(at: Service, key: str, chains: int) -> float:
    runs = [UUID(at.accept(key, _ROSTER).location.rpartition("/")[2]) for _ in range(chains)]
    with workers(at):
        return _ended(at.shop.env["DATABASE_URL"], _OURS, runs)


def _procrastinate(shop: Workshop, chains: int, concurrency: int) -> float:
    with _own_database(shop.env["DATABASE_URL"], f"procrastinate_{concurrency}") as url:
        asyncio.run(_defer(url, chains))
        env = {**os.environ, "DATABASE_URL": url}
        command = die_with_parent([*_WORKER, str(concurrency)])
        worker = subprocess.Popen(command, cwd=ROOT, env=env)
        try:
            return _ended(url, _THEIRS)
        finally:
            worker.terminate()
            worker.wait(45)


async def _defer(url: str, chains: int) -> None:
    """Puts every chain's first job before any chain's second: a worker always finds one that it may take."""
    with app.replace_connector(PsycopgConnector(conninfo=url)):
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for _ in Kind:
                for chain in range(chains):
                    await no_op.configure(lock=f"chain {chain}").defer_async()


def _ended(url: str, query: LiteralString, *values: object) -> float:
    """Waits until everything has succeeded, and gives how many seconds that took."""
    deadline = time.monotonic() + _LONGEST
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < deadline:
            row = conn.execute(query, values).fetchone()
            if row is not None and row[0]:
                return float(row[1].total_seconds())
            time.sleep(0.25)
    raise SystemExit(f"the chains have not ended after {_LONGEST} s")


@contextmanager
def _own_database(url: str, name: str) -> Iterator[str]:
    """Lends a new database on the same server."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(url, dbname=name)
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main()
