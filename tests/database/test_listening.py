"""The worker's ear at the notifier: it ends when it is told to, whatever becomes of the telling."""

import asyncio

import arq
import pytest

from app.jobs import worker
from app.jobs.advance import Advance
from app.jobs.notifier import Notifier
from app.runtime import target_of
from app.settings import Settings
from tests.database.factories import Tenant, the_cipher


# arq closes its pool by a name that redis has given up.
@pytest.mark.filterwarnings("ignore:Call to deprecated close")
async def test_a_listener_that_swallows_its_cancellation_ends_all_the_same(
    tenant: Tenant, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read from Redis that times out in the same moment takes the cancellation for its own, and the loop goes on."""
    listens, swallowed = asyncio.Event(), asyncio.Event()

    async def beat(_: arq.Worker) -> None:
        listens.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if swallowed.is_set():
                raise
            swallowed.set()

    monkeypatch.setattr(arq.Worker, "heart_beat", beat)
    monkeypatch.setattr(worker, "_CANCELLED_AGAIN_AFTER", 0.05)
    bell, stop = Notifier(redis_url), asyncio.Event()
    settings = Settings.model_validate({"redis_url": redis_url})
    advance = Advance(settings, tenant.engine, the_cipher(), bell, target_of(settings))
    listening = asyncio.create_task(worker._listen(advance, stop))
    await listens.wait()
    stop.set()
    async with asyncio.timeout(10):
        await listening
    await bell.close()
    assert swallowed.is_set()
