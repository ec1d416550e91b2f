"""What it costs on disk to send a roster that has not changed a second time.

    python -m benchmarks.unchanged [--persons 2000]

One roster, with its duties, groups and activities, is stored and provisioned, then provisioned again as it is. What
counts is by how much all tables and indexes have grown, each time after the runs have ended and VACUUM has made room;
the first time, with the roster itself, is the opponent.
"""

import argparse

import httpx
import psycopg

from app.demo.roster import RosterPlan, generate, reference_only, roster_only
from benchmarks.figures import Budget, Figure, table
from benchmarks.processes import workshop
from benchmarks.service import Run, Service, service, workers

_ORGANISATION = "2120009812"
_MB = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--persons", type=int, default=2_000)
    print(table(measure(parser.parse_args().persons)))


def measure(persons: int = 2_000) -> list[Figure]:
    """Provisions a roster of so many persons twice."""
    generated = generate(RosterPlan(persons=persons, schools=max(1, persons // 500)))
    simulator = ("--job-delay", "0", "--calls-per-second", "100", "--reads-per-second", "100")
    settings = {"SKOLVERKET_CALLS_PER_SECOND": "100", "SKOLVERKET_READS_PER_SECOND": "100"}
    with workshop(durable=False) as shop, service(shop, *simulator, **settings) as at:
        at.know(reference_only(generated))
        key = shop.key(_ORGANISATION)
        empty = _size(at)
        with workers(at):
            run = at.accept(key, roster_only(generated))
            shown = at.finished(run)
            first = _size(at)
            headers = {"Authorization": f"Bearer {key}"}
            answer: httpx.Response = at.api.post(f"/activities/{shown['activity_id']}/provision", headers=headers)
            at.finished(Run(answer.raise_for_status().headers["Location"], key))
            second = _size(at)
    # The budget is in bytes, and the ratio is ours by it.
    budget = Budget("at most", 1.0)
    return [
        Figure("the same again", "MB", (second - first) / _MB, 2.5 * persons / 2_000, "what it may cost", budget),
        Figure("the same again", "MB", (second - first) / _MB, (first - empty) / _MB, "the first time"),
    ]


def _size(at: Service) -> int:
    """Gives the bytes of all tables with their indexes, once the room of what is dead may be used again."""
    with psycopg.connect(at.shop.env["DATABASE_URL"], autocommit=True) as conn:
        # The pages of an index that the first has emptied are given to whoever needs some by the second, once a
        # transaction has come between the two.
        conn.execute("VACUUM")
        conn.execute("SELECT pg_current_xact_id()")
        conn.execute("VACUUM")
        found = conn.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives one row
    return int(found[0])


if __name__ == "__main__":
    main()
