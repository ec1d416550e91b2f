"""How long pages and the routes that read take among a million jobs, at 50 requests a second.

    python -m benchmarks.reading [--jobs 1000000] [--records 5000000] [--rate 50] [--seconds 120] [--only job]

Fills a database: `--jobs` and `--records` of some years, and exams of 50,000, 22,000 and 2,000 persons that are sent
for it. Then two API processes, one for each core, are asked in turn: for all kinds of pages at once, `--rate` requests
a second in all; for all kinds of routes; for what operators see, of whom there are few, at a tenth of that; and for the
`--alone` worst kinds one by one. Requests leave by the clock, from a process of their own, and are timed from when they
should have left: an answer that waits for another one counts with its wait. Before that one process is asked for each
kind some times, one after the other: how long it and Postgres compute for an answer stands under `API` and `SQL`.

`--only` takes kinds whose name has this in it. `--smallest` shows that it works, and measures nothing. A missed budget
makes it not fail. Uses DATABASE_URL (an empty database, as a superuser) when it is set, an embedded Postgres otherwise.
"""

import argparse
import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from benchmarks.figures import Budget as Bound
from benchmarks.figures import Figure, columns
from benchmarks.open_loop import Client, Sent, send
from benchmarks.processes import Workshop, workshop
from benchmarks.read_database import Filled, Much, fill_database
from benchmarks.read_kinds import (
    Places,
    Reads,
    Viewer,
    large_exam,
    operators_pages,
    operators_routes,
    pages,
    routes,
    signed_in,
)

_HEADER = ("kind", "requests", "API", "SQL", "p50", "p95", "p99", "max", "kB", "statuses", "budget", "")
SMALLEST = Much.of(400, 1000, smallest=True)
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
# The exam of 20,000 pupils is asked for by one reader.
_LARGE_EXAM_RATE = 0.5
_USERS_AN_OPERATOR = 10


@dataclass(frozen=True)
class Load:
    """So many requests a second, for so long; of the kinds that have `only` in their name; the worst of them alone."""

    rate: float = 50
    seconds: float = 120
    alone: int = 5
    only: str = ""
    # So often each kind is asked for before that, to see what it costs.
    first: int = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=120, help="of the kinds of each sort at once")
    parser.add_argument("--alone", type=int, default=5, help="how many of the worst kinds are asked for alone too")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--smallest", action="store_true", help="little of all, in seconds")
    given = parser.parse_args()
    if given.smallest:
        measure(SMALLEST, Load(seconds=2, alone=1, only=given.only, first=1))
    else:
        measure(Much.of(given.jobs, given.records), Load(given.rate, given.seconds, given.alone, given.only))


def measure(much: Much, load: Load) -> list[Figure]:
    """Fills a database, asks, prints a line for each kind, and gives the worst of those that were asked for at once."""
    with workshop(durable=False) as shop:
        return ask(shop, fill_database(shop, much), load)


def ask(shop: Workshop, filled: Filled, load: Load) -> list[Figure]:
    """Asks two API processes for all that there is to read in a filled database."""
    places = Places.of(filled)
    with shop.started("serve", "--port", "0") as (process, port), shop.started("serve", "--port", "0") as (_, other):
        ports = [port, other]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            api, page = Viewer(client, {"Authorization": f"Bearer {filled.key}"}), signed_in(client, filled.key)
            operator = Viewer(client, {"Authorization": f"Bearer {filled.operator_key}"})
            operators = [*operators_pages(signed_in(client, filled.operator_key)), *operators_routes(operator)]
            mixes = [
                Mix("pages", load.rate, [*pages(page, places)]),
                Mix("routes", load.rate, [*routes(api, places)]),
                Mix("what operators see", load.rate / _USERS_AN_OPERATOR, operators),
            ]
            large = list(large_exam(page, api, places))
        mixes = [Mix(mix.name, mix.rate, kinds) for mix in mixes if (kinds := _wanted(mix.kinds, load))]
        usual, large = [(each, mix) for mix in mixes for each in mix.kinds], _wanted(large, load)
        kinds = [*(each for each, _ in usual), *large]
        costs = asyncio.run(_costs(process.pid, port, shop.env["DATABASE_URL"], kinds, load.first))
        together: list[Answers] = []
        for mix in mixes:
            answers = _mixed(ports, mix.kinds, mix.rate, max(len(mix.kinds), round(mix.rate * load.seconds)))
            _print(f"{mix.name}, {mix.rate:g} requests a second", answers, costs)
            together += answers
        for each in large:
            few = max(2, round(_LARGE_EXAM_RATE * load.seconds / 3))
            _print("one reader", _mixed(ports, [each], _LARGE_EXAM_RATE, few), costs)
        worst = sorted(usual, key=lambda one: costs[one[0].name].total / one[0].budget.ms, reverse=True)
        for each, mix in worst[: load.alone]:
            answers = _mixed(ports, [each], mix.rate, max(2, round(mix.rate * load.seconds / 8)))
            _print(f"alone, {mix.rate:g} requests a second", answers, costs)
    worst_together = sorted(together, key=lambda each: each.ratio, reverse=True)
    return [each.figure for each in worst_together[:1]]


def _wanted(kinds: Sequence[Reads], load: Load) -> list[Reads]:
    return [each for each in kinds if load.only in each.name]


@dataclass(frozen=True)
class Mix:
    """Kinds that are asked for at once, at `rate` requests a second in all."""

    name: str
    rate: float
    kinds: Sequence[Reads]


@dataclass(frozen=True)
class Cost:
    """For how long the API process computes for one answer (ms), and Postgres where it is on this machine."""

    api: float
    database: float

    @property
    def total(self) -> float:
        """Gives how long somebody who is alone waits, at least."""
        return self.api + self.database


@dataclass(frozen=True)
class Answers:
    """What became of the requests of a kind."""

    reads: Reads
    sent: Sequence[Sent]

    def percentile(self, percent: float) -> float:
        """Gives what `percent` of 100 took at most (ms)."""
        ordered = sorted(each.ms for each in self.sent)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def is_kept(self) -> bool:
        """Tells whether the budget is kept, by answers that are answers."""
        return self.ratio <= 1 and all(each.status in (200, 204) for each in self.sent)

    @property
    def ratio(self) -> float:
        """Gives how much of the budget is used."""
        return self.percentile(self.reads.budget.percent) / self.reads.budget.ms

    @property
    def figure(self) -> Figure:
        """Gives it as benchmarks compare."""
        budget = self.reads.budget
        took = self.percentile(budget.percent)
        return Figure(f"p{budget.percent}: {self.reads.name}", "ms", took, budget.ms, "budget", Bound("at most", 1.0))

    def row(self, cost: Cost) -> tuple[str, ...]:
        """Sets it in the columns of the table."""
        statuses = Counter(each.status for each in self.sent)
        budget = self.reads.budget
        return (
            self.reads.name,
            str(len(self.sent)),
            f"{cost.api:.1f}",
            f"{cost.database:.1f}",
            *(f"{self.percentile(each):.0f}" for each in (50, 95, 99, 100)),
            f"{sum(each.size for each in self.sent) / len(self.sent) / 1000:.1f}",
            " ".join(f"{status}×{number}" for status, number in sorted(statuses.items())),
            f"p{budget.percent} ≤ {budget.ms:g} ms",
            "kept" if self.is_kept else "missed",
        )


def _mixed(ports: Sequence[int], kinds: Sequence[Reads], rate: float, number: int) -> list[Answers]:
    """Asks for all kinds in an order of chance, as often for one as for another."""
    order = [each % len(kinds) for each in range(number)]
    random.Random(1).shuffle(order)
    sent = send(ports, [each.requests for each in kinds], order, rate)
    return [Answers(each, of) for n, each in enumerate(kinds) if (of := [one for one in sent if one.kind == n])]


async def _costs(pid: int, port: int, url: str, kinds: Sequence[Reads], first: int) -> dict[str, Cost]:
    """Asks for each kind some times, one after the other, and gives what an answer of it costs."""
    costs = {}
    with closing(Client(port)) as client, psycopg.connect(url, autocommit=True) as conn:
        for each in kinds:
            # Not counted: what is read or made once.
            await client.ask(each.requests[0])
            asked = [each.requests[number % len(each.requests)] for number in range(first)]
            backends = [row[0] for row in conn.execute(_BACKENDS)]
            before = _computed([pid]), _computed(backends)
            for request in asked:
                await client.ask(request)
            after = _computed([pid]), _computed(backends)
            costs[each.name] = Cost(*((end - begin) / len(asked) for begin, end in zip(before, after, strict=True)))
    return costs


def _computed(pids: Sequence[int]) -> float:
    """Gives how long these processes of this machine have computed (ms), all their threads."""
    threads = (each for pid in pids for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e6


def _print(title: str, answers: Sequence[Answers], costs: dict[str, Cost]) -> None:
    if answers:
        print(f"\n{title} (ms)")
        print(columns([_HEADER, *(each.row(costs[each.reads.name]) for each in answers)]), flush=True)


if __name__ == "__main__":
    main()
