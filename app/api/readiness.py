"""What the service needs for its work, asked for on a connection of its own: Postgres that takes writes, its tables, a
worker, the wake-up's write, Skolverket.
"""

import asyncio
from datetime import UTC

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.circuits import ServiceState, service_states
from app.db.engine import migrated
from app.db.outages import outage_of
from app.db.workers import SILENT_AFTER, worker_alive
from app.runtime import Runtime

# Without one of these nothing can be done; with any other trouble all goes on, slower or later.
NEEDED = ("postgres", "migrations")
_SERVICES = ("skolverket_authorisation", "skolverket_provisioning")
_WITHIN_SECONDS = 3.0

_log = structlog.stdlib.get_logger(__name__)


class Readiness:
    """Asks for all of it once at a time: who asks meanwhile shares the answer, so that asking uses nothing up."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asking: asyncio.Task[dict[str, str]] | None = None

    async def checks(self) -> dict[str, str]:
        """Gives each part's state, `ok` or what is wrong, within seconds also when a part does not answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._database())
        # Left to itself when it takes longer: whoever asks next joins it, and does not stand in line behind it.
        asking, (writable, _) = (
            self._asking,
            await asyncio.gather(
                self._runtime.notifier.writable(), asyncio.wait({self._asking}, timeout=_WITHIN_SECONDS)
            ),
        )
        found = asking.result() if asking.done() else _unusable("database_timeout")
        return found | {"redis": "ok" if writable else "away"}

    async def _database(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(_WITHIN_SECONDS), self._runtime.checks.connect() as conn:
                return await _of(conn)
        except (SQLAlchemyError, TimeoutError, OSError) as problem:
            _log.warning("not ready", reason=(code := outage_of(problem).code))
            return _unusable(code)


async def _of(conn: AsyncConnection) -> dict[str, str]:
    recovers, reads = (
        await conn.execute(sa.text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"))
    ).one()
    if recovers or reads:
        return _unusable("database_standby" if recovers else "database_read_only")
    found = {"postgres": "ok", "migrations": "ok", "worker": "unknown", **dict.fromkeys(_SERVICES, "unknown")}
    if not await migrated(conn):
        return found | {"migrations": "missing: run `python -m app migrate`"}
    silent = f"none has been heard of for {SILENT_AFTER.total_seconds():g} s: jobs wait"
    return (
        found
        | {"worker": "ok" if await worker_alive(conn) else silent}
        | {f"skolverket_{each.service}": _told(each) for each in await service_states(conn)}
    )


def _unusable(code: str) -> dict[str, str]:
    unknown = dict.fromkeys(("migrations", "worker", *_SERVICES), "unknown")
    return {"postgres": f"cannot be used ({code})", **unknown}


def _told(circuit: ServiceState) -> str:
    """Says of one of Skolverket's services whether calls go there."""
    if circuit.opened_at is None:
        return "ok"
    since = (circuit.failing_since or circuit.opened_at).astimezone(UTC)
    return f"away since {since:%Y-%m-%dT%H:%M:%SZ} ({circuit.code}): jobs wait for a probe"
