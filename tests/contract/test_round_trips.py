"""What a job costs in round trips to Postgres, counted at a worker that calls the simulator."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import close
from app.jobs.egress import Egress
from app.jobs.watchdog import job_of
from app.runtime import target_of
from tests.contract.simulator_at_work import Skolverket
from tests.contract.test_calls import fast
from tests.contract.test_repairs import teacher
from tests.database.factories import Tenant, engine_of, the_cipher


@asynccontextmanager
async def working(engine: AsyncEngine, database_url: str, skolverket: Skolverket) -> AsyncIterator[None]:
    settings, beats = fast(skolverket), engine_of(database_url, pool=1)
    worker = Egress(
        settings, engine, beats, the_cipher(), target_of(settings), asyncio.Event(), token_keys=the_cipher()
    )
    task = asyncio.create_task(worker.run())
    try:
        yield
        worker.stopping.set()
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await close(beats)


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[tuple[UUID | None, str, int]]]:
    """Gives the list that grows by each statement: in whose step, what it says, and how many round trips it is.

    One that opens a transaction costs the beginning and the end of that besides.
    """
    made: list[tuple[UUID | None, str, int]] = []

    def note(conn: Any, cursor: Any, said: str, *rest: Any) -> None:
        raw = conn.connection.driver_connection
        opens = not raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE
        made.append((job_of(asyncio.current_task()), said, 3 if opens else 1))

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_a_job_costs_four_before_its_first_call_and_six_a_batch(
    skolverket: Skolverket, database_url: str
) -> None:
    """Three more for a token that nobody has yet; one more where a step has nothing to do but wait for an answer."""
    engine = engine_of(database_url)
    tenant = await Tenant.make(engine)
    run = await tenant.new_run({"persons": [teacher() for _ in range(3)]})
    with counted(engine) as made:
        async with working(engine, database_url, skolverket), asyncio.timeout(30):
            while await tenant.value("SELECT status FROM run") != "succeeded":  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.05)
    await close(engine)
    steps = [(job, _verb(said), trips) for job, said, trips in made if job is not None]
    assert {trips for _, said, trips in made if "claim_jobs(" in said} == {1}
    assert [trips for _, said, trips in made if "access_token" in said or "entity_id" in said] == [1, 1, 1]
    persons, *others = ([(verb, trips) for of, verb, trips in steps if of == job] for job in run.jobs)
    assert persons[:3] == [("slice", 1), ("write_batch", 1), ("mark_called", 1)]
    waited = [each for each in persons[3:] if each != ("refresh_work", 1)]
    assert waited == [("accept_batch", 1), ("remote_job_id", 1), ("apply_answer", 1), ("finish_job", 1)]
    # Without records nothing but its end, with which the next one is claimed.
    assert others == [[("finish_job", 1)]] * 3


def _verb(said: str) -> str:
    """Gives the first name in a statement: of the verb that is called, or of what is read."""
    found = re.match(r"\s*(?:SELECT|WITH) (\w+)", said)
    assert found is not None
    return found[1]
