"""The bell that makes a due job start at once. It carries an id and nothing else, and everything works without it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from app.db.lane import Ring
from app.errors import Stopped

log = structlog.get_logger(__name__)

T = TypeVar("T")

QUEUE = "provkedja:rings"
FUNCTION = "look"
_TIMEOUT = 2


def serialize(message: dict[str, Any]) -> bytes:
    """Writes arq's message; JSON, since its own default is pickle."""
    return json.dumps(message).encode("utf-8")


def deserialize(message: bytes) -> dict[str, Any]:
    """Reads arq's message."""
    read: dict[str, Any] = json.loads(message)
    return read


def redis_settings(url: str) -> RedisSettings:
    """Reads REDIS_URL; raises Stopped, without repeating it, when it is none."""
    try:
        settings = RedisSettings.from_dsn(url)
    except (ValueError, RuntimeError, AssertionError):
        raise Stopped("REDIS_URL is no address of a Redis: give `redis://:password@host:port/0`") from None
    settings.conn_timeout, settings.conn_retries, settings.conn_retry_delay = _TIMEOUT, 0, 0
    return settings


async def pool(url: str) -> ArqRedis:
    """Opens a pool to Redis or Valkey; raises RedisError, OSError or TimeoutError when it is away."""
    made = await create_pool(
        redis_settings(url), job_serializer=serialize, job_deserializer=deserialize, default_queue_name=QUEUE
    )
    # A connection that has gone silent must fail like one that was cut; arq has no setting for it.
    made.connection_pool.connection_kwargs |= {"socket_timeout": 2 * _TIMEOUT, "socket_keepalive": True}
    await made.connection_pool.disconnect()
    # The one that create_pool asked with was made without them, and would be taken first for ever.
    made.connection_pool.reset()  # type: ignore[no-untyped-call]
    return made


class Doorbell:
    """Rings for jobs. When Redis is away it stays silent: the sweeper finds what is due."""

    def __init__(self, url: str) -> None:
        self._url = url
        if url:
            redis_settings(url)
        self._pool: ArqRedis | None = None
        self._opening = asyncio.Lock()
        self._away = False

    async def ring(self, rings: Sequence[Ring]) -> bool:
        """Says "look at this job" for each; tells whether they were put, never raises for a Redis that is away."""
        if not rings:
            return True

        async def put(pool: ArqRedis) -> bool:
            for ring in rings:
                await pool.enqueue_job(
                    FUNCTION, str(ring.job_id), _job_id=f"{ring.job_id}.{ring.number}", _defer_by=ring.delay or None
                )
            return True

        return bool(await self._with_pool(put))

    async def depth(self) -> int | None:
        """Counts the rings that wait to be heard now; None when Redis is away."""

        async def count(pool: ArqRedis) -> int:
            # Scores are milliseconds; those of rings for later lie ahead.
            return int(await pool.zcount(QUEUE, "-inf", time.time() * 1000))

        return await self._with_pool(count)

    async def alive(self) -> bool:
        """Tells whether Redis answers."""
        return await self.depth() is not None

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _with_pool(self, use: Callable[[ArqRedis], Awaitable[T]]) -> T | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                used = await use(await self._opened())
        except (RedisError, OSError, TimeoutError) as problem:
            if not self._away:
                self._away = True
                log.warning("doorbell is away", reason=type(problem).__name__)
            return None
        if self._away:
            self._away = False
            log.info("doorbell is back")
        return used

    async def _opened(self) -> ArqRedis:
        if not self._url:
            raise ConnectionRefusedError("no REDIS_URL")
        async with self._opening:
            if self._pool is None:
                self._pool = await pool(self._url)
            return self._pool
