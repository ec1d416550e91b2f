"""Checks organisations' certificates by a call: who has the right to call makes it, the command itself if nobody has.

So no two processes call from one address, and what is checked is what a worker has.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli.start import database, note
from app.db import checks, egress, tenants
from app.errors import Stopped
from app.runtime import target_of
from app.settings import Settings
from app.target import CredentialFinding, Credentials

# A worker looks each second for what is to be done, and its call may take as long as any (s).
_BESIDE_THE_CALL = 10.0
_LOOK_EVERY = 0.2


async def checked(
    settings: Settings, number: str | None
) -> AsyncIterator[tuple[tenants.Row, Sequence[CredentialFinding]]]:
    """Checks one organisation after the other, or that with a number; raises Stopped when a worker does not answer."""
    async with database() as engine:
        async with engine.begin() as conn:
            organisations = await tenants.organisations(conn, number)
            await note(conn, "check_organisations", None if number is None else organisations[0]["id"])
        for row in organisations:
            yield row, await _check(settings, engine, row)


async def _check(settings: Settings, engine: AsyncEngine, row: Any) -> Sequence[CredentialFinding]:
    async with engine.begin() as conn:
        epoch = await egress.take_egress(conn, settings.egress, uuid4(), None)
    if epoch is None:
        return await _asked_for(settings, engine, row)
    # Nobody calls, nor begins to for as long as a call may take.
    try:
        who = Credentials(row["number"], row["certificate_file"], row["key_file"], row["entity_id"])
        return await target_of(settings).check_credentials(who, settings.skolverket_timeout)
    finally:
        async with engine.begin() as conn:
            await egress.close_epoch(conn, epoch)


async def _asked_for(settings: Settings, engine: AsyncEngine, row: Any) -> Sequence[CredentialFinding]:
    """Has the worker that calls do it, and waits for what it finds."""
    async with engine.begin() as conn:
        task_id = await checks.ask(conn, row["id"])
    try:
        async with asyncio.timeout(settings.skolverket_timeout + _BESIDE_THE_CALL):
            while True:
                async with engine.begin() as conn:
                    found = await checks.take(conn, task_id)
                if found is not None:
                    return [CredentialFinding(**each) for each in found]
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise Stopped(
            "a worker has the right to call Skolverket and has not made the check: `python -m app doctor` says why"
        ) from None
    finally:
        async with engine.begin() as conn:
            await checks.forget(conn, task_id)
