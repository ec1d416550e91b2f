"""Retention at work beside everything else: of some organisations contents go when a run ended a moment ago."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import retention
from app.db.acting import EVERYBODY
from app.db.claims import database_time
from app.db.engine import close, connect, transaction
from app.db.retention import Old

_SLICE = 200
# What should have gone with the last run that had it: of objects that no roster has and no run with contents.
_LEFT = """
    SELECT count(*) FROM content WHERE kind <> 'batch' AND organisation_id = ANY (:organisations)
        AND NOT EXISTS (SELECT FROM roster_item item WHERE item.object_id = content.object_id)
        AND NOT EXISTS (
            SELECT FROM record JOIN run ON run.id = record.run_id
            WHERE record.object_id = content.object_id AND content_expired_at IS NULL
        )
        AND NOT EXISTS (
            SELECT FROM last_listed listed
            WHERE listed.organisation_id = content.organisation_id AND listed.digest = content.digest
        )
"""
_OF_CALLS = """
    SELECT count(*) FROM batch JOIN job ON job.id = batch.job_id JOIN run ON run.id = job.run_id
    WHERE content_expired_at IS NOT NULL AND (
        request_sha256 IS NOT NULL OR EXISTS (SELECT FROM content WHERE content.object_id = batch.id)
    )
"""

_NOTED = "SELECT digest FROM last_listed WHERE organisation_id = :organisation AND at < :before ORDER BY at LIMIT :most"
_EXPIRE = "SELECT expire_listed(:organisation, CAST(:digests AS bytea[]), :before)"


class Aging:
    """Has contents go `kept_for` after their last use, of every other organisation: the rest is proof of the bytes."""

    def __init__(self, url: str, kept_for: timedelta) -> None:
        self._url, self._kept_for = url, kept_for

    async def go_on(self) -> None:
        """Does so every few seconds, whatever happens to Postgres, until it is cancelled."""
        while True:
            await asyncio.sleep(3)
            with suppress(SQLAlchemyError, OSError, TimeoutError):
                await self.pass_once()

    async def pass_once(self) -> None:
        """Has all contents go that are due now."""
        async with asyncio.timeout(60):
            engine = connect(self._url, pool=1, name="provkedja aging")
            try:
                await self._go(engine)
            finally:
                await close(engine)

    async def left(self) -> tuple[int, int]:
        """Gives how many runs have had their contents go, and what should have gone with them and is there."""
        engine = connect(self._url, pool=1, name="provkedja aging")
        try:
            given = {"organisations": await _chosen(engine)}
            async with transaction(engine, "left", of=EVERYBODY) as conn:
                expired = await conn.scalar(sa.text("SELECT count(content_expired_at) FROM run"))
                left = (await conn.scalar(sa.text(_LEFT), given) or 0) + (await conn.scalar(sa.text(_OF_CALLS)) or 0)
            return expired or 0, left
        finally:
            await close(engine)

    async def _go(self, engine: AsyncEngine) -> None:
        chosen, after = set(await _chosen(engine)), None
        async with transaction(engine, "read", of=EVERYBODY) as conn:
            before = await database_time(conn) - self._kept_for
        while page := await self._page(engine, before, after):
            for run in page:
                while run.organisation_id in chosen and await self._slice(engine, run, before):
                    pass
            after = page[-1]
        # As the task does, but of no other organisation: there calls keep their SHA-256, for the runs stay as they are.
        for organisation_id in chosen:
            given = {"organisation": organisation_id, "before": before, "most": _SLICE}
            while True:
                async with transaction(engine, "retain", of=organisation_id) as conn:
                    digests = (await conn.scalars(sa.text(_NOTED), given)).all()
                    if not digests:
                        break
                    await conn.execute(sa.text(_EXPIRE), {**given, "digests": list(digests)})

    async def _page(self, engine: AsyncEngine, before: datetime, after: Old | None) -> list[Old]:
        async with transaction(engine, "read", of=EVERYBODY) as conn:
            return list(await retention.runs_with_content(conn, before, after, 100))

    async def _slice(self, engine: AsyncEngine, run: Old, before: datetime) -> bool:
        async with transaction(engine, "retain", of=run.organisation_id) as conn:
            return await retention.expire_run(conn, run, before, _SLICE)


async def _chosen(engine: AsyncEngine) -> list[UUID]:
    async with engine.connect() as conn:
        rows = await conn.execute(sa.text("SELECT id FROM organisation ORDER BY number"))
        return list(rows.scalars())[::2]
