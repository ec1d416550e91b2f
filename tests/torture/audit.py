"""What the audit says at the end: whether its chain holds, through every crash, and what its rows have in words."""

import asyncio
import time
from collections.abc import Sequence

import sqlalchemy as sa

from app.db.acting import EVERYBODY
from app.db.audit_verify import verify
from app.db.cipher import Cipher
from app.db.engine import close, connect

# Workers chain within seconds; these have been killed and restarted (s).
_CHAINED_WITHIN = 60.0


async def testify(url: str, cipher: Cipher) -> tuple[int, Sequence[str], str]:
    """Gives how many rows there are, what is wrong with their chain, and all that they say but their digests."""
    engine = connect(url, pool=1, name="torture", acting=EVERYBODY)
    try:
        until = time.monotonic() + _CHAINED_WITHIN
        async with engine.connect() as conn:
            waiting = sa.text("SELECT count(*) FROM audit_unchained")
            while await conn.scalar(waiting) and time.monotonic() < until:
                await conn.rollback()
                await asyncio.sleep(0.5)
            await conn.rollback()
            rows = await conn.scalar(sa.text("SELECT count(*) FROM audit"))
            said = await conn.scalar(
                sa.text("SELECT string_agg(concat_ws(' ', actor, action, via, details), chr(10)) FROM audit")
            )
            return int(rows or 0), (await verify(conn, cipher)).wrong, str(said or "")
    finally:
        await close(engine)
