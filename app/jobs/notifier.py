"""The bell that makes a due job start at once. It carries an id and nothing else, and everything works without it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.exceptions import AuthenticationError, ClusterError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.db.activity_queue import WakeUp
from app.errors import Stopped

log = structlog.get_logger(__name__)

T = TypeVar("T")

FUNCTION = "look"
_TIMEOUT = 2
# After a time-out Redis counts as away for so long, so that not every caller waits for it in turn.
_PAUSE = 5.0
_PROBE = "provkedja:probe"
_LAST = 10**14
_CLUSTER = "REDIS_URL is a node of a Redis cluster: wake-ups need a single Redis, or Valkey, which holds all keys"


def queue_of(egress: str) -> str:
    """Gives the name of the queue that the holder of an egress hears."""
    return f"provkedja:wake_ups:{egress}"


def serialize(message: dict[str, Any]) -> bytes:
    """Writes arq's message; JSON, since its own default is pickle."""
    return json.dumps(message).encode("utf-8")


def deserialize(message: bytes) -> dict[str, Any]:
    """Reads arq's message."""
    read: dict[str, Any] = json.loads(message)
    return read


def is_wake_up(job_id: bytes, message: bytes | None) -> bool:
    """Tells whether arq's worker can take this for a wake-up: by some other members of its queue its loop ends.

    `job_id` is what arq calls so, `message` what it keeps under that.
    """
    try:
        job_id.decode()
        read = deserialize(message or b"")
        UUID(*read["a"])
        # A time beyond those that arq can name ends its loop as well.
        return (read["f"], read["k"], read["t"]) == (FUNCTION, {}, None) and 0 <= int(read["et"]) == read["et"] < _LAST
    except Exception:  # whatever lies there
        return False


def pool(url: str, ca_file: str = "") -> ArqRedis:
    """Makes a pool to the Redis or Valkey at `url`, over TLS trusting `ca_file`; opens no connection.

    Raises Stopped, without repeating it, when the address is none.
    """
    try:
        tls: dict[str, Any] = (
            {"ssl_ca_certs": ca_file or None, "ssl_check_hostname": True} if _checked(url) == "rediss" else {}
        )
        # A connection that has gone silent must fail like one that was cut.
        alive: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
        made: ArqRedis = ArqRedis.from_url(
            url, socket_timeout=2 * _TIMEOUT, socket_connect_timeout=_TIMEOUT, **alive, **tls
        )
    except (ValueError, TypeError, AttributeError):
        raise Stopped(
            "REDIS_URL is no address of a Redis: give `redis://:password@host:port/0`, `rediss://…` or"
            " `unix:///path?db=0`; characters that mean something in addresses are written as %40 and the like"
        ) from None
    made.job_serializer, made.job_deserializer = serialize, deserialize
    return made


def _checked(url: str) -> str:
    """Gives the scheme of an address, and raises ValueError for parts that the client would pass over in silence."""
    parts = urlsplit(url)
    database = "" if parts.scheme == "unix" else parts.path.strip("/")
    whole = url.startswith(f"{parts.scheme}://") and parts.port != 0 and bool(parts.path or parts.scheme != "unix")
    if not whole or (database and not database.isdecimal()):
        raise ValueError
    return parts.scheme


def refusal(problem: BaseException) -> str | None:
    """Says in a sentence why a Redis that answers can never do, from its error; None for what may pass."""
    if not isinstance(problem, RedisError):
        return None
    text = str(problem)
    if isinstance(problem, AuthenticationError) or "WRONGPASS" in text or "Authentication required" in text:
        return "Redis does not take the user or the password in REDIS_URL"
    # The client knows these errors by class only when it is made for a cluster.
    if isinstance(problem, ClusterError) or text.startswith(
        ("MOVED ", "ASK ", "CLUSTERDOWN", "Hash slot", "CROSSSLOT")
    ):
        return _CLUSTER
    if "DB index" in text or "SELECT is not allowed" in text:
        return "Redis has no database of the number in REDIS_URL: give another one, `…/0` is always there"
    return None


class Notifier:
    """Sends wake-ups to whoever holds an egress. When Redis is away it stays silent: the sweep finds what is due."""

    def __init__(self, url: str, ca_file: str = "") -> None:
        self._pool = pool(url, ca_file) if url else None
        self._away = False
        self._not_before = 0.0

    async def wake_up(self, wake_ups: Sequence[WakeUp]) -> bool:
        """Says "look at this job" for each; tells whether they were put, never raises for a Redis that is away."""
        if not wake_ups:
            return True

        async def put(pool: ArqRedis) -> bool:
            for wake_up in wake_ups:
                for egress in wake_up.egresses:
                    await pool.enqueue_job(
                        FUNCTION,
                        str(wake_up.job_id),
                        _job_id=f"{egress}.{wake_up.job_id}.{wake_up.number}",
                        _queue_name=queue_of(egress),
                    )
            return True

        return bool(await self._with_pool(put))

    async def writable(self) -> bool:
        """Tells whether Redis takes what a wake-up writes: one that is full or only reads does not."""
        return bool(await self._with_pool(_write))

    async def check(self) -> None:
        """Raises Stopped when what answers at REDIS_URL can never carry wake-ups; a Redis that is away may come."""
        if self._pool is None:
            return
        for ask in (_is_of_a_cluster, _write):
            try:
                async with asyncio.timeout(_TIMEOUT):
                    answered = await ask(self._pool)
            except Exception as problem:  # away, or a user that may not ask this
                if sentence := refusal(problem):
                    raise Stopped(sentence) from None
                continue
            if ask is _is_of_a_cluster and answered:
                raise Stopped(_CLUSTER)

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _with_pool(self, use: Callable[[ArqRedis], Awaitable[T]]) -> T | None:
        if self._pool is None or time.monotonic() < self._not_before:
            return None
        try:
            async with asyncio.timeout(_TIMEOUT):
                used = await use(self._pool)
        except Exception as problem:  # whatever answers there: the work goes on without it
            if isinstance(problem, TimeoutError | RedisTimeoutError):
                self._not_before = time.monotonic() + _PAUSE
            if not self._away:
                self._away = True
                log.warning("notifier is away", reason=type(problem).__name__)
            return None
        if self._away:
            self._away = False
            log.info("notifier is back")
        return used


async def _is_of_a_cluster(pool: ArqRedis) -> bool:
    return bool((await pool.info("cluster")).get("cluster_enabled"))


async def _write(pool: ArqRedis) -> bool:
    return bool(await pool.set(_PROBE, 1, ex=60))
