"""How long it takes to tell who is missing in an exam, of so many persons.

    python -m benchmarks.readiness [--persons 22000] [--times 20]

One roster is provisioned, with about one in eleven persons on the staff; then readiness is asked for, one request after
another: all pupils through, and with a change in every person that has not been sent. What counts is the median; a
reply that tells nothing, of the same process, is the opponent.
"""

import argparse
import time
from statistics import median

import httpx

from app.demo.roster import RosterPlan, generate, json_chunks, reference_only, roster_only
from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop
from benchmarks.service import service, workers

_ORGANISATION = "2120009812"
_CALLS = "1000"
_BUDGET_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--persons", type=int, default=22_000)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    print(table(measure(given.persons, given.times)))


def measure(persons: int = 22_000, times: int = 20) -> list[Figure]:
    """Provisions a roster of so many persons and asks so many times."""
    generated = generate(RosterPlan(persons=persons, schools=max(1, persons // 500)))
    simulator = ("--job-delay", "0", "--calls-per-second", _CALLS, "--reads-per-second", _CALLS)
    settings = {"SKOLVERKET_CALLS_PER_SECOND": _CALLS, "SKOLVERKET_READS_PER_SECOND": _CALLS}
    roster = roster_only(generated)
    with workshop(durable=False) as shop, service(shop, *simulator, **settings) as at:
        at.know(reference_only(generated))
        key = shop.key(_ORGANISATION)
        with workers(at):
            activity = f"/activities/{at.finished(at.accept(key, roster))['activity_id']}"
        headers = {"Authorization": f"Bearer {key}"}
        through = _asked(at.api, f"{activity}/readiness", headers, times)
        for person in roster["persons"]:
            person["givenName"] += "a"
        content = "".join(json_chunks({"display_name": "Benchmark", "roster": roster})).encode()
        put = at.api.put(activity, content=content, headers=headers | {"Content-Type": "application/json"})
        put.raise_for_status()
        changed = _asked(at.api, f"{activity}/readiness", headers, times)
        listed = _asked(at.api, f"{activity}/readiness/pupils?limit=200", headers, times)
        nothing = _asked(at.api, "/healthz", {}, times)
    budget = Budget("at most", 1.0)
    return [
        Figure("all through", "ms", through, _BUDGET_MS, "what it may take", budget),
        Figure("all changed since", "ms", changed, _BUDGET_MS, "what it may take", budget),
        Figure("200 of those who are missing", "ms", listed, _BUDGET_MS, "what it may take", budget),
        Figure("all through", "ms", through, nothing, "/healthz"),
    ]


def _asked(api: httpx.Client, path: str, headers: dict[str, str], times: int) -> float:
    """Gives the median of how long an answer takes (ms); the first one is not counted."""
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        api.get(path, headers=headers).raise_for_status()
        took.append((time.perf_counter() - began) * 1000)
    return median(took[1:])


if __name__ == "__main__":
    main()
