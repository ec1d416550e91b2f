"""A worker process: arq's worker hears the notifier, the sweeper beside it needs none; both end with their steps."""

import asyncio
import faulthandler
import signal
from contextlib import suppress
from typing import Any, cast
from uuid import UUID

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import check, migrated, transaction
from app.db.outages import DatabaseUnusable, outage_of
from app.db.workers import note_end, note_worker
from app.jobs.advance import Advance
from app.jobs.notifier import FUNCTION, QUEUE, deserialize, pool, serialize
from app.jobs.reference import Refresher
from app.jobs.sweeper import HIGH_WATER, Sweeper
from app.logs import describe_exception

log = structlog.get_logger(__name__)

# The calls that are out take ten seconds at most, and what they say has to be written down.
_LONGEST_END = 25
# A listener that has nothing to do any more and goes on is told to end each time that so many seconds have passed.
_CANCELLED_AGAIN_AFTER = 1.0


async def work(advance: Advance) -> None:
    """Carries jobs on until `advance.stopping` is set; returns when every step that was begun is settled."""
    stop = advance.stopping
    log.info("worker starts", worker=str(advance.worker))
    watching = asyncio.create_task(_say_what_does_not_end(advance))
    async with asyncio.TaskGroup() as loops:
        loops.create_task(Sweeper(advance).run(stop))
        loops.create_task(Refresher(advance.settings, advance.engine, advance.target, advance.random).run(stop))
        loops.create_task(_listen(advance, stop))
    with suppress(SQLAlchemyError):
        async with transaction(advance.engine, "end") as conn:
            await note_worker(conn, advance.worker, advance.target.user_agent, advance.tally)
            await note_end(conn, advance.worker)
    watching.cancel()
    log.info("worker ends", worker=str(advance.worker))


def end_in_time() -> None:
    """Has the process end soon, however it stands, with the places in the code where it stood on stderr.

    Whoever told it to end must not have to kill it; what it holds is free for others when the leases have run out.
    """
    # A thread of its own, below Python: it does not need the loop that may be what stands still.
    faulthandler.dump_traceback_later(_LONGEST_END, exit=True)


async def _say_what_does_not_end(advance: Advance) -> None:
    await advance.stopping.wait()
    await asyncio.sleep(_LONGEST_END - 1)
    stand = (task.get_stack(limit=1) for task in asyncio.all_tasks())
    log.error(
        "worker does not end: it is ended, and others take its jobs when their leases have run out",
        worker=str(advance.worker),
        steps=advance.tally.in_hand,
        where=sorted({f"{frame.f_code.co_qualname}:{frame.f_lineno}" for frames in stand for frame in frames}),
    )


async def until_usable(address: str, database: AsyncEngine, stop: asyncio.Event) -> None:
    """Waits until the database at `address` can be used and has this version's tables, or until told to stop.

    Says once what is missing; raises DatabaseUnusable for what waiting does not mend.
    """
    said = ""
    while not stop.is_set():
        try:
            await check(address, name="provkedja worker start")
            async with database.connect() as conn:
                if await migrated(conn):
                    return
            missing = "the database is not migrated: run `python -m app migrate`"
        except (SQLAlchemyError, DatabaseUnusable) as problem:
            outage = outage_of(problem)
            if not outage.may_pass:
                raise outage from None
            missing = str(outage)
        if missing != said:
            log.warning("worker waits", reason=missing)
            said = missing
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)


async def _listen(advance: Advance, stop: asyncio.Event) -> None:
    """Hears the notifier for as long as there is one; arq's worker dies with its connection and is built anew."""
    while not stop.is_set():
        try:
            await _listen_once(advance, stop)
        except (RedisError, OSError, TimeoutError) as problem:
            log.warning("notifier is away: the sweeper works alone", reason=type(problem).__name__)
        except Exception as problem:
            log.error("notifier failed: the sweeper works alone", **describe_exception(problem))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), advance.random.uniform(0.5, 1.5))


async def _listen_once(advance: Advance, stop: asyncio.Event) -> None:
    settings = advance.settings

    async def look(_: dict[Any, Any], *ids: Any, **__: Any) -> None:
        try:
            await advance(UUID(ids[0]))
        except Exception as problem:  # arq would drop the wake-up all the same, and log what the text says
            log.error("no job can be claimed", **describe_exception(problem))

    url = settings.redis_url.get_secret_value()
    if not url:
        raise ConnectionRefusedError
    listening_pool = pool(url, settings.redis_ca_file)
    await listening_pool.ping()
    worker = Worker(
        functions=[func(cast("WorkerCoroutine", look), name=FUNCTION)],
        queue_name=QUEUE,
        redis_pool=listening_pool,
        handle_signals=False,
        max_jobs=settings.worker_jobs,
        # Longer than any step, so that arq never ends one.
        job_timeout=3 * settings.lease_seconds,
        job_completion_wait=int(settings.lease_seconds) + 1,
        keep_result=0,
        max_tries=1_000_000,
        poll_delay=0.05 * advance.random.uniform(0.8, 1.2),
        queue_read_limit=max(1000, HIGH_WATER),
        log_results=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
    listening = asyncio.create_task(worker.async_run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and not listening.done():
            worker.handle_sig_wait_for_completion(signal.SIGTERM)
            # arq ends its loop by one cancellation, which a read from Redis that times out just then takes for its own.
            while not (await asyncio.wait({listening}, timeout=_CANCELLED_AGAIN_AFTER))[0]:
                if all(task.done() for task in worker.tasks.values()):
                    listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    finally:
        stopping.cancel()
        # A connection that broke leaves steps behind; they settle in Postgres all the same.
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        with suppress(RedisError, OSError):
            await worker.close()
