"""How many persons a second go through when the limits are out of the way, beside loops that do the least.

    python -m benchmarks.throughput [--persons 10000]

One roster of persons alone, at most 1,000 calls a second, a simulator that answers at once, one worker: from the first
claim of the persons' job to its end, by Postgres's clock. The bare loop encodes a batch, posts it, parses its answer
and copies the results into a plain table, four batches at once; no history, no encryption. It runs against the same
simulator, and against a target that takes everything unseen, which is what the budget is measured by; before and after
the service, as the machine is not equally busy all the time, and the median counts.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import httpx
import psycopg

from app.demo.roster import RosterPlan, generate, reference_only
from benchmarks.asgi import served
from benchmarks.bare_calls import ask, authorised, packed, send
from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop
from benchmarks.service import Service, service, workers

_ORGANISATION = "2120009812"
_CALLS = "1000"
_AT_ONCE = 4
_TIMES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--persons", type=int, default=10_000)
    print(table(measure(parser.parse_args().persons)))


def measure(persons: int = 10_000) -> list[Figure]:
    """Sends a roster of so many persons through the service, then through the bare loop."""
    simulator = ("--job-delay", "0", "--calls-per-second", _CALLS, "--reads-per-second", _CALLS)
    settings = {
        "SKOLVERKET_CALLS_PER_SECOND": _CALLS,
        "SKOLVERKET_READS_PER_SECOND": _CALLS,
        "SKOLVERKET_ANSWER_AFTER": "0.01",
    }
    generated = generate(RosterPlan(persons=persons, schools=max(1, persons // 500)))
    people = generated["persons"]
    beside, alone = list[float](), list[float]()
    with (
        workshop() as shop,
        service(shop, *simulator, **settings) as at,
        served("benchmarks.instant_target:app", shop.folder) as port,
    ):
        at.know(reference_only(generated))

        def bare_loops() -> None:
            for _ in range(_TIMES):
                for target, rates in ((at.simulator, beside), (f"http://127.0.0.1:{port}", alone)):
                    rates.append(len(people) / asyncio.run(_bare_loop_takes(shop.env["DATABASE_URL"], target, people)))
                at.reset_simulator()

        bare_loops()
        ours = len(people) / _service_takes(at, people)
        at.reset_simulator()
        bare_loops()
    return [
        Figure("throughput", "persons/s", ours, median(alone), "bare loop, instant target", Budget("at least", 0.15)),
        Figure("throughput", "persons/s", ours, median(beside), "bare loop, same simulator"),
    ]


def _service_takes(at: Service, people: Sequence[dict[str, Any]]) -> float:
    run = at.accept(at.shop.key(_ORGANISATION), {"persons": people, "duties": [], "groups": [], "activities": []})
    with workers(at):
        job = at.finished(run)["jobs"][0]
    print(f"persons {job['status']}: {job['progress']}")
    with psycopg.connect(at.shop.env["DATABASE_URL"]) as conn:
        took = conn.execute("SELECT finished_at - started_at FROM job WHERE id = %s", [job["id"]]).fetchone()
    assert took is not None  # noqa: S101 - it has just been shown
    return float(took[0].total_seconds())


async def _bare_loop_takes(url: str, target: str, people: Sequence[dict[str, Any]]) -> float:
    async with authorised(target, _ORGANISATION) as http, await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("CREATE TABLE result (id uuid, status text, answer text)")
        await conn.commit()
        began = time.perf_counter()
        # One iterator for all of them: whoever is free takes the next batch.
        bodies, copying = packed(people), asyncio.Lock()
        async with asyncio.TaskGroup() as loops:
            for _ in range(_AT_ONCE):
                loops.create_task(_carry(bodies, http, conn, copying))
        took = time.perf_counter() - began
        await conn.execute("DROP TABLE result")
    return took


async def _carry(
    bodies: Iterator[bytes],
    http: httpx.AsyncClient,
    conn: psycopg.AsyncConnection[tuple[Any, ...]],
    copying: asyncio.Lock,
) -> None:
    for body in bodies:
        job_id = json.loads((await send(http, body)).raise_for_status().content)["jobId"]
        responses = json.loads((await ask(http, job_id)).raise_for_status().content)["responses"]
        if any(each["response"]["status"] == "Pending" for each in responses):
            raise SystemExit("the target has not answered at once: the bare loop would look faster than it is")
        async with copying:
            async with conn.cursor().copy("COPY result (id, status, answer) FROM STDIN") as copy:
                for each in responses:
                    await copy.write_row((each["id"], each["response"]["status"], json.dumps(each["response"])))
            await conn.commit()


if __name__ == "__main__":
    main()
