"""How much of Skolverket's limit is used, as the simulator's ledger shows it: time of the largest stage, calls a batch.

    python -m benchmarks.stages [--batches 40] [--organisations 1] [--workers 2] [--answer-delay 0] [--job-delay 1]
                                [--calls-per-second 5] [--postgres-away 0]

What the limits allow is one send and one status call a batch; the largest stage is measured from the start of its first
to the start of its last call. Beside it stands what our own pace, five per 1.05 s, allows, and how long a bare paced
loop takes that makes as many sending and status calls against the same simulator. With `--postgres-away` a round trip
from the API and the workers to Postgres takes so many milliseconds longer.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice

from app.demo.roster import RosterPlan, generate, reference_only, roster_only
from benchmarks.bare_calls import authorised, paced, packed
from benchmarks.far import far_away
from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop
from benchmarks.service import Object, Run, Service, service, workers

# Skolverket's limit of reads is twice that of calls.
READS_PER_CALL = 2
# Our pace as a share of the limit.
PACE = 1 / 1.05
# What may be lost of the limits with Postgres beside the worker, and with Postgres at up to 100 ms from it.
_NEAR, _FAR = 1.10, 1.15
# A batch of 200 KB holds about so many of the generated persons.
PERSONS_A_BATCH = 465


@dataclass(frozen=True)
class Load:
    """How much is sent by whom, how the simulator answers (delays in s), and how far away Postgres is (ms)."""

    batches: int = 40
    organisations: int = 1
    workers: int = 2
    answer_delay: float = 0.0
    job_delay: float = 1.0
    calls_per_second: int = 5
    persons_a_batch: int = PERSONS_A_BATCH
    postgres_away: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--batches", type=int, default=40, help="of the persons stage, about, for each organisation")
    parser.add_argument("--organisations", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--answer-delay", type=float, default=0.0, help="seconds that each call takes")
    parser.add_argument("--job-delay", type=float, default=1.0, help="seconds until a batch's answer is there")
    parser.add_argument("--calls-per-second", type=int, default=5, help="the limit of sending and status calls")
    parser.add_argument("--postgres-away", type=float, default=0.0, help="milliseconds of a round trip to Postgres")
    print(table(measure(Load(**vars(parser.parse_args())))))


def measure(load: Load) -> list[Figure]:
    """Sends rosters through the service, then as many batches of persons through a bare loop."""
    reads = READS_PER_CALL * load.calls_per_second
    options = {
        "--answer-delay": load.answer_delay,
        "--job-delay": load.job_delay,
        "--calls-per-second": load.calls_per_second,
        "--reads-per-second": reads,
    }
    settings = {
        "SKOLVERKET_CALLS_PER_SECOND": str(load.calls_per_second),
        "SKOLVERKET_READS_PER_SECOND": str(reads),
    }
    simulator = [part for name, value in options.items() for part in (name, str(value))]
    with workshop() as shop, ExitStack() as stack:
        if load.postgres_away:
            settings["DATABASE_URL"] = stack.enter_context(far_away(shop.env["DATABASE_URL"], load.postgres_away))
        at = stack.enter_context(service(shop, *simulator, **settings))
        bodies, runs = list[bytes](), list[Run]()
        for number in range(load.organisations):
            plan = RosterPlan(
                persons=load.batches * load.persons_a_batch,
                schools=max(1, load.batches),
                seed=number,
                organisation_number=f"21200098{12 + number}",
            )
            generated = generate(plan)
            at.know(reference_only(generated))
            runs.append(at.accept(shop.key(plan.organisation_number), roster_only(generated)))
            bodies += packed(generated["persons"])
        with workers(at, load.workers):
            for run in runs:
                _print_run(at.finished(run))
        calls = at.ledger()
        persons = [call for call in calls if call["resource"] == "persons" and "/bulk" in call["path"]]
        batches = sum(call["method"] == "POST" for call in persons)
        took = _span(persons)
        _print_calls(calls, load.calls_per_second)
        at.reset_simulator()
        asyncio.run(_bare_loop(at, list(islice(cycle(bodies), batches)), len(persons) - batches, load))
        bare = _span(at.ledger())
    least = (2 * batches - 1) / load.calls_per_second
    budget = Budget("at most", _FAR if load.postgres_away else _NEAR)
    print(f"largest stage       {took:8.2f} s for {batches} batches, {len(persons)} calls")
    print(f"our pace allows     {least / PACE:8.2f} s, so {took * PACE / least:.3f} times that")
    return [
        Figure("largest stage", "s", took, least, "what the limits allow", budget),
        Figure("largest stage", "s", took, bare, "bare paced loop"),
    ]


async def _bare_loop(at: Service, bodies: Sequence[bytes], status_calls: int, load: Load) -> None:
    async with authorised(at.simulator, "2120009812") as http:
        # The simulator's jitter is a tenth of its delay at most.
        await paced(http, bodies, status_calls, load.calls_per_second, 1.1 * load.job_delay)


def _span(calls: Sequence[Object]) -> float:
    """Gives the seconds from the start of the first to that of the last sending or status call that was admitted."""
    starts = sorted(call["monotonic"] for call in calls if "/bulk" in call["path"] and call["status"] != 429)
    return float(starts[-1] - starts[0])


def _print_run(run: Object) -> None:
    succeeded = ", ".join(f"{job['stage']} {job['progress']['succeeded']}" for job in run["jobs"])
    print(f"run {run['status']}: {succeeded}")


def _print_calls(calls: Sequence[Object], limit: int) -> None:
    counted = [call for call in calls if "/bulk" in call["path"]]
    reads = [call for call in calls if "/provisioning/" in call["path"] and "/bulk" not in call["path"]]
    sends = [call for call in counted if call["method"] == "POST"]
    print(f"answers             {dict(Counter(call['status'] for call in calls))}")
    print(f"calls a batch       {len(counted) / len(sends):8.2f}  ({len(counted)} calls, {len(sends)} batches)")
    print(f"most in one second  {_densest(counted):8d}  of {limit} sending and status calls")
    print(f"                    {_densest(reads):8d}  of {READS_PER_CALL * limit} reads")


def _densest(calls: Sequence[Object]) -> int:
    """Counts the most calls within any second, by the server's clock."""
    times = sorted(call["monotonic"] for call in calls)
    return max((sum(first <= each < first + 1 for each in times) for first in times), default=0)


if __name__ == "__main__":
    main()
