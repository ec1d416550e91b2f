"""The worker's ear at the notifier: it ends when it is told to, whatever becomes of the telling."""

import asyncio
from random import Random
from uuid import UUID, uuid4

import arq
import pytest

from app.db.activity_queue import WakeUp
from app.jobs import listener
from app.jobs.notifier import Notifier
from app.settings import Settings


# arq closes its pool by a name that redis has given up.
@pytest.mark.filterwarnings("ignore:Call to deprecated close")
async def test_a_listener_that_swallows_its_cancellation_ends_all_the_same(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
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
    monkeypatch.setattr(listener, "_CANCELLED_AGAIN_AFTER", 0.05)
    stop, heard = asyncio.Event(), list[UUID]()
    settings = Settings.model_validate({"redis_url": redis_url})
    listening = asyncio.create_task(listener.listen(settings, "here", heard.append, stop, Random(1)))
    await listens.wait()
    stop.set()
    async with asyncio.timeout(10):
        await listening
    assert swallowed.is_set()


# arq closes its pool by a name that redis has given up.
@pytest.mark.filterwarnings("ignore:Call to deprecated close")
async def test_a_wake_up_is_heard_at_the_egresses_that_it_is_for(redis_url: str) -> None:
    """By the holder of each, once; what is no job's id is dropped."""
    settings = Settings.model_validate({"redis_url": redis_url})
    stop, notifier, mine, both = asyncio.Event(), Notifier(redis_url), uuid4(), uuid4()
    heard: dict[str, asyncio.Queue[UUID]] = {"here": asyncio.Queue(), "there": asyncio.Queue()}
    listening = [
        asyncio.create_task(listener.listen(settings, egress, queue.put_nowait, stop, Random(1)))
        for egress, queue in heard.items()
    ]
    for job_id, egresses in ((mine, ("here",)), (both, ("here", "there")), ("nonsense", ("here",))):
        assert await notifier.wake_up([WakeUp(job_id, 1, egresses=egresses)])  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        assert {await heard["here"].get(), await heard["here"].get()} == {mine, both}
        assert await heard["there"].get() == both
    stop.set()
    await asyncio.gather(*listening)
    await notifier.close()
    assert heard["here"].empty()
