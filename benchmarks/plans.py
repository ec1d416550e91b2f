"""How many rows and pages the service's statements visit when there is much in the tables and Postgres may not know it.

    python -m benchmarks.plans [--jobs 1000000] [--records 5000000] [--all]

Fills a database with stale statistics, carries out the service's own functions with plans made for their values and
with generic ones (a statement gets one of the two from its sixth time on), and does so again with fresh statistics.
No statement may visit far more rows or pages than it gives or changes: `plans_read` has the bound, and `plans_calls`
what a call needs beside it, such as all records of one job to count them. The busiest job has 50,000 of these, however
small the rest is made. Ends with 1 when a statement is past its bound, and prints which. Uses DATABASE_URL (an empty
database, as a superuser) when it is set, an embedded Postgres otherwise.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.acting import EVERYBODY, ActingConnection, on_behalf_of
from app.db.cipher import OrganisationCipher
from app.db.engine import connect
from app.roles import WORKER
from benchmarks.many_rows import FILLED, Size, fill, leave_statistics_behind
from benchmarks.plans_aged import GROUPS as AGED
from benchmarks.plans_calls import GROUPS, REPLACED, Place, replaced, sealed_for
from benchmarks.plans_read import LISTEN, Watch, Watched
from benchmarks.plans_told import GROUPS as TOLD
from benchmarks.processes import workshop

_MODES = ("force_custom_plan", "force_generic_plan")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--all", action="store_true", help="print each pass, not only the first and what is wrong")
    given = parser.parse_args()
    size = Size.of(given.jobs, given.records)
    with workshop(durable=False) as shop, psycopg.connect(shop.env["DATABASE_URL"], autocommit=True) as conn:
        began = time.monotonic()
        leave_statistics_behind(conn)
        fill(conn, size)
        for table in FILLED:
            counted = conn.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            print(f"{counted[0] if counted else 0:>10,d} {table}")
        print(f"filled in {time.monotonic() - began:.0f} s")
        broken = judge(shop.env["DATABASE_URL"], conn, size, everything=given.all)
    sys.exit(1 if broken else 0)


def judge(url: str, conn: psycopg.Connection[tuple[object, ...]], size: Size, *, everything: bool = False) -> bool:
    """Carries the calls out four times in a filled database, prints what was seen, tells if the rule is broken."""
    cipher = sealed_for(conn, size)
    broken, queue_numbers = False, iter(REPLACED)
    for statistics in ("stale", "fresh"):
        if statistics == "fresh":
            # Without what was rolled back before: nobody else's versions are in the way.
            conn.execute("VACUUM (ANALYZE)")
        for mode in _MODES:
            watched = asyncio.run(_watched(url, size, cipher, mode, next(queue_numbers)))
            broken |= any(each.faults for each in watched)
            print(f"\n{statistics} statistics, {mode.split('_')[1]} plans")
            _print(watched if everything or (statistics, mode) == ("stale", _MODES[0]) else [])
            _print_faults(watched)
    return broken


async def _watched(url: str, size: Size, cipher: OrganisationCipher, mode: str, queue_number: int) -> list[Watched]:
    watch = Watch()
    engine = connect(url, pool=1)
    _listen(engine, watch, mode)
    try:
        for group in (*GROUPS, *TOLD, *AGED):
            async with engine.connect() as conn:
                on_behalf_of(conn, EVERYBODY)
                await group(Place(conn, watch, size, cipher))
                await conn.rollback()
        await replaced(engine, watch, cipher, queue_number)
    except BaseException:
        _print_faults(watch.watched)
        print(watch.last)
        raise
    finally:
        await engine.dispose()
    return watch.watched


def _listen(engine: AsyncEngine, watch: Watch, mode: str) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def connected(adapted: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        adapted.driver_connection.add_notice_handler(watch.hear)
        cursor = adapted.cursor()
        # What is listened to is a superuser's to say; the statements are those of a role that policies hold.
        for setting in (*LISTEN, f"SET plan_cache_mode = {mode}", f"SET ROLE {WORKER}"):
            cursor.execute(setting)
        cursor.close()
        adapted.commit()

    @sa.event.listens_for(engine.sync_engine, "before_cursor_execute")
    def sent(conn: sa.Connection, _cursor: object, statement: str, values: object, *_: object) -> None:
        # A function before it may have acted for one organisation.
        driver = conn.connection.driver_connection
        assert isinstance(driver, ActingConnection)  # noqa: S101 - the engine makes no others
        driver.said = None
        if "SAVEPOINT" not in statement:
            watch.last = (statement, values)


def _print(watched: Sequence[Watched]) -> None:
    for each in watched:
        verdict = "BROKEN" if each.faults else "ok"
        print(
            f"{verdict:<6} {each.name:<55} {each.visited:>9,.0f} rows {each.pages:>9,d} pages {each.ms:>8.1f} ms"
            f"  {', '.join(each.indexes)}"
        )


def _print_faults(watched: Sequence[Watched]) -> None:
    faulty = [each for each in watched if each.faults]
    print(
        f"{len(watched)} calls, {sum(len(each.statements) for each in watched)} statements, {len(faulty)} calls broken"
    )
    for each in faulty:
        for fault, text in each.faults.items():
            print(f"BROKEN {each.name}: {fault}, {each.ms:.1f} ms\n       {text[:160]}")


if __name__ == "__main__":
    main()
