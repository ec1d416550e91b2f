"""New rows of the audit are chained, some seconds after they were written; checkpoints go into the log as well.

The log is kept elsewhere than the database: whoever makes the whole chain anew does not have what it says.
"""

import time
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tasks
from app.db.acting import EVERYBODY
from app.db.audit_chain import Chained, ChainKeyLost, chain_some
from app.db.cipher import Cipher
from app.db.engine import transaction
from app.db.tasks import Task
from app.jobs.tasks.kind import Failed, Store, TaskKind

log = structlog.get_logger(__name__)

CHAIN_AUDIT: Final = "chain_audit"
_EVERY, _LONGEST = timedelta(seconds=3), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ChainAudit:
    """Chains with the key that `cipher` opens, for a while at a time (s)."""

    engine: AsyncEngine
    cipher: Cipher
    at_a_time: float = 20.0

    def kind(self) -> TaskKind:
        """Makes the kind of task, of which there is one."""
        return TaskKind(CHAIN_AUDIT, _LONGEST, _EVERY, self.do, _add)

    async def do(self, _: Task) -> Store:
        """Chains until nothing is left, or the time is up; raises Failed where the chain's key is lost."""
        until = time.monotonic() + self.at_a_time
        while (await self.chain_once()).rows and time.monotonic() < until:
            pass
        return _nothing_more

    async def chain_once(self) -> Chained:
        """Chains some rows, in one transaction."""
        try:
            async with transaction(self.engine, "chain_audit", of=EVERYBODY) as conn:
                chained = await chain_some(conn, self.cipher)
        except ChainKeyLost:
            raise Failed("audit_key_lost") from None
        if (made := chained.checkpoint) is not None:
            anchor = f"{made.place.seq}:{made.place.digest.hex()}"
            log.info("audit checkpoint", anchor=anchor, newest=made.at.astimezone(UTC).isoformat())
        return chained


async def _add(conn: AsyncConnection) -> None:
    await tasks.add(conn, CHAIN_AUDIT)


async def _nothing_more(_: AsyncConnection) -> None:
    pass
