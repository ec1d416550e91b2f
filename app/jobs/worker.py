"""A worker process: it waits for its database, works at its egress, and ends when it is told to."""

import asyncio
import faulthandler
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import check, migrated, transaction
from app.db.outages import DatabaseUnusable, outage_of
from app.db.workers import note_end, note_worker
from app.domain.retention import Retention
from app.jobs.deliveries import DeliveryLoop
from app.jobs.egress import Egress
from app.jobs.tasks import inside
from app.jobs.tasks.loop import TaskLoop
from app.jobs.webhook_sender import WebhookSender

log = structlog.get_logger(__name__)

# The calls that are out take twelve seconds at most, and what they say has to be written down.
_LONGEST_END = 25


async def work(egress: Egress) -> None:
    """Carries jobs on until `egress.stopping` is set; returns when every step that was begun is settled."""
    log.info("worker starts", worker=str(egress.worker))
    watching = asyncio.create_task(_say_what_does_not_end(egress))
    egress.watchdog.start()
    # Apart from the calls: whoever stands by does them as well.
    kinds = inside(
        egress.engine,
        egress.cipher,
        egress.target.published,
        Retention(egress.settings.retention_content, egress.settings.retention_history),
        egress.token_keys,
        egress.settings.erasures_file,
    )
    tasks = asyncio.create_task(TaskLoop(egress.engine, kinds, at_once=2, look_every=5.0).run(egress.stopping))
    sender = WebhookSender(egress.settings.webhooks_to_loopback)
    delivering = asyncio.create_task(DeliveryLoop(egress.engine, egress.cipher, sender).run(egress.stopping))
    await egress.run()
    await tasks
    await delivering
    with suppress(SQLAlchemyError):
        async with transaction(egress.engine, "end") as conn:
            await note_worker(conn, egress.worker, egress.target.user_agent, egress.meters.tally)
            await note_end(conn, egress.worker)
    watching.cancel()
    log.info("worker ends", worker=str(egress.worker))


def end_in_time() -> None:
    """Has the process end soon, however it stands, with the places in the code where it stood on stderr.

    Whoever told it to end must not have to kill it; what it holds is free for others when its beat stands still.
    """
    # A thread of its own, below Python: it does not need the loop that may be what stands still.
    faulthandler.dump_traceback_later(_LONGEST_END, exit=True)


async def _say_what_does_not_end(egress: Egress) -> None:
    await egress.stopping.wait()
    await asyncio.sleep(_LONGEST_END - 1)
    stand = (task.get_stack(limit=1) for task in asyncio.all_tasks())
    log.error(
        "worker does not end: it is ended, and others take its jobs when its beat has stood still",
        worker=str(egress.worker),
        steps=egress.meters.tally.in_progress,
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
