"""Hears wake-ups: arq's worker on the egress's own queue. It notes an id, and the holder does the work."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, cast
from uuid import UUID

import structlog
from arq.constants import job_key_prefix
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.jobs.notifier import FUNCTION, deserialize, is_wake_up, pool, queue_of, serialize
from app.logs import describe_exception
from app.settings import Settings

log = structlog.get_logger(__name__)

# Noting an id takes no time; a listener that has nothing to do any more and goes on is told to end so often (s).
_COMPLETION_WAIT = 2
_CANCELLED_AGAIN_AFTER = 1.0


async def listen(
    settings: Settings, egress: str, want: Callable[[UUID], None], stop: asyncio.Event, random: Random
) -> None:
    """Tells `want` of each wake-up until told to stop; arq's worker dies with its connection and is built anew.

    What keeps it from hearing is said once.
    """
    said = ""
    while not stop.is_set():
        reason = ""
        try:
            await _listen_once(settings, egress, want, stop, random)
        except (RedisError, OSError, TimeoutError) as problem:
            reason = type(problem).__name__
            if reason != said:
                log.warning("notifier is away: the sweep works alone", reason=reason)
        except Exception as problem:
            reason = type(problem).__name__
            if reason != said:
                log.error("notifier failed: the sweep works alone", **describe_exception(problem))
        said = reason
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), random.uniform(0.5, 1.5))


async def _listen_once(
    settings: Settings, egress: str, want: Callable[[UUID], None], stop: asyncio.Event, random: Random
) -> None:
    async def look(_: dict[Any, Any], job_id: str) -> None:
        want(UUID(job_id))

    url = settings.redis_url.get_secret_value()
    if not url:
        raise ConnectionRefusedError
    listening_pool = pool(url, settings.redis_ca_file)
    await listening_pool.ping()
    worker = _Listener(
        functions=[func(cast("WorkerCoroutine", look), name=FUNCTION)],
        queue_name=queue_of(egress),
        redis_pool=listening_pool,
        handle_signals=False,
        max_jobs=100,
        job_completion_wait=_COMPLETION_WAIT,
        keep_result=0,
        max_tries=1_000_000,
        poll_delay=0.05 * random.uniform(0.8, 1.2),
        queue_read_limit=1000,
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
                listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    finally:
        stopping.cancel()
        worker.say_removed()
        with suppress(RedisError, OSError):
            await worker.close()


class _Listener(Worker):
    """arq's worker, which is given wake-ups alone: by other members of its queue it ends, or meets them for ever."""

    _removed = 0
    _known: frozenset[bytes] = frozenset()

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Removes what is no wake-up, and takes the rest."""
        ours = await self._ours(job_ids) if job_ids else []
        if len(ours) == len(job_ids):
            self.say_removed()
        await super().start_jobs(ours)

    async def _ours(self, job_ids: list[bytes]) -> list[bytes]:
        # Those that wait are given at each round: what was found to be a wake-up once is not read again.
        new = [job_id for job_id in job_ids if job_id not in self._known]
        async with self.pool.pipeline() as pipe:
            # arq passes over what is due at zero each time, and ends by the least of all times.
            pipe.zrangebyscore(self.queue_name, "-inf", 0)
            # Never without a key: the queue's own is none of a message.
            pipe.mget([self.queue_name, *(_key_of(job_id) for job_id in new)])
            never, (_, *messages) = await pipe.execute()
        read = dict(zip(new, messages, strict=True))
        junk = {*never, *(job_id for job_id, message in read.items() if not is_wake_up(job_id, message))}
        if junk:
            async with self.pool.pipeline() as pipe:
                # What arq is done with meanwhile is not there any more, and does not count.
                pipe.zrem(self.queue_name, *junk)
                pipe.delete(*(_key_of(job_id) for job_id in junk))
                self._removed += (await pipe.execute())[0]
        ours = [job_id for job_id in job_ids if job_id not in junk]
        self._known = frozenset(ours)
        return ours

    def say_removed(self) -> None:
        """Says how many were removed since this was said last, if any were."""
        if self._removed:
            log.warning("what is no wake-up is removed from the queue", removed=self._removed)
            self._removed = 0


def _key_of(job_id: bytes) -> bytes:
    return job_key_prefix.encode() + job_id
