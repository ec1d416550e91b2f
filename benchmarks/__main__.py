"""The short set: what the service does beside an opponent in the same run, one table at the end.

    python -m benchmarks [--smallest] [--only stages|throughput|chains|polls|intake|bodies|neighbours|reading]

At most ten minutes; with `--smallest` every benchmark in its smallest form, which shows that it works and measures
nothing. Only ratios count, and a missed budget is no failure: this ends with another status than 0 only when something
broke. Each brings servers of its own.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping

from benchmarks import bodies, chains, intake, neighbours, polls, reading, stages, throughput
from benchmarks.figures import Figure, table

Benchmark = Callable[[], list[Figure]]

_SHORT: Mapping[str, Benchmark] = {
    "stages": lambda: stages.measure(stages.Load(batches=6)),
    "throughput": lambda: throughput.measure(10_000),
    "chains": lambda: chains.measure(50, rounds=3),
    "polls": lambda: polls.measure(polls.Load()),
    "intake": lambda: intake.measure(5_000),
    "bodies": lambda: bodies.measure(5),
}
_SMALLEST: Mapping[str, Benchmark] = {
    "stages": lambda: stages.measure(stages.Load(batches=1, persons_a_batch=20, job_delay=0.1)),
    "throughput": lambda: throughput.measure(100),
    "chains": lambda: chains.measure(3, rounds=1),
    "polls": lambda: polls.measure(polls.Load(seconds=0.1, rounds=1, connections=2, streams=10)),
    "intake": lambda: intake.measure(100, idle_seconds=0),
    "bodies": lambda: bodies.measure(0.1, idle_seconds=0),
    "neighbours": lambda: neighbours.measure(neighbours.Load(seconds=0.3, rounds=1, streams=3, uploads=2, rate=20)),
    # Takes half an hour where it measures something, and machines of its own.
    "reading": lambda: reading.measure(reading.SMALLEST, reading.Load(seconds=2, alone=1, first=1)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--smallest", action="store_true", help="each in its smallest form")
    parser.add_argument("--only", choices=list(_SMALLEST))
    given = parser.parse_args()
    # Each wants a database without another one's runs in it.
    os.environ.pop("DATABASE_URL", None)
    figures = list[Figure]()
    chosen = _SMALLEST if given.smallest else _SHORT
    if given.only is not None and given.only not in chosen:
        parser.error(f"{given.only} is none of the short set: python -m benchmarks.{given.only}")
    for name, benchmark in chosen.items():
        if given.only in (None, name):
            began = time.monotonic()
            print(f"── {name}", flush=True)
            figures += benchmark()
            print(f"── {name}: {time.monotonic() - began:.0f} s\n", flush=True)
    print(table(figures))


if __name__ == "__main__":
    main()
