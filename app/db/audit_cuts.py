"""Takes away the oldest rows of the audit, up to a checkpoint: what is left is a chain that holds, behind the cut."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import audit
from app.domain.audit import Actor, Entry

CUT: Final = "cut_audit"
_SERVICE: Final = Actor("service", None, "", "service")

_UP_TO = sa.text("SELECT max(seq) FROM audit_checkpoint WHERE at < :moment")
_NEW = sa.text("SELECT cut_at IS NULL FROM audit_checkpoint WHERE seq = :seq")
_CUT = sa.text("SELECT cut_audit(:seq, :most)")


async def cut_before(conn: AsyncConnection, moment: datetime, most: int = 1000) -> int:
    """Deletes at most so many rows of the audit that are older than a `moment`; gives how many, 0 when none is left.

    They go up to the newest checkpoint behind which nothing older stands: at most an hour's rows stay longer. That a
    cut is made is a row of the audit itself. The connection acts for everybody, as a worker.
    """
    seq = await conn.scalar(_UP_TO, {"moment": moment})
    if seq is None:
        return 0
    if await conn.scalar(_NEW, {"seq": seq}):
        await audit.write(conn, Entry(None, _SERVICE, CUT, details={"seq": seq}))
    return int(await conn.scalar(_CUT, {"seq": seq, "most": most}) or 0)
