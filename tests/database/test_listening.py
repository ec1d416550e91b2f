"""The worker's ear at the notifier: it ends when it is told to, whatever becomes of the telling."""

import asyncio
import json
import pickle
from random import Random
from typing import Any
from uuid import UUID, uuid4

import arq
import pytest
from arq.constants import job_key_prefix
from structlog.testing import capture_logs

from app.db.activity_queue import WakeUp
from app.jobs import listener
from app.jobs.notifier import Notifier, pool, queue_of
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
    """By the holder of each, once; what is no job's id is not."""
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


def _message(**changed: Any) -> bytes:
    """Gives a message of arq, for a job that nobody knows, but for what is `changed`."""
    return json.dumps({"t": None, "f": "look", "a": [str(uuid4())], "k": {}, "et": 1} | changed).encode()


_JUNK: dict[str, tuple[bytes, bytes | None]] = {
    "its message is gone": (b"gone", None),
    "no UTF-8": (b"\xff\xfe", None),
    "no UTF-8, with a message": (b"\xff\x00", _message()),
    "a message that is no JSON": (b"bytes", b"\x00garbage"),
    "a pickle": (b"pickle", pickle.dumps(_message)),
    "JSON, but no message": (b"list", b"[1]"),
    "JSON without an end": (b"deep", b"[" * 100_000),
    "an unknown function": (b"function", _message(f="other")),
    "a function that is no name": (b"name", _message(f=["look"])),
    "no arguments": (b"none", _message(a=[])),
    "arguments that are none": (b"number", _message(a=7)),
    "no id": (b"id", _message(a=["nonsense"])),
    "an id that is no text": (b"text", _message(a=[7])),
    "arguments by name": (b"named", _message(k={"ctx": 1})),
    "by-name arguments that are none": (b"by name", _message(k=7)),
    "tries that are no number": (b"tries", _message(t="many")),
    "a time that is no number": (b"time", _message(et="now")),
    "a time that is none": (b"endless", _message(et=float("inf"))),
    "a time beyond all": (b"beyond", _message(et=10**300)),
}


# arq closes its pool by a name that redis has given up.
@pytest.mark.filterwarnings("ignore:Call to deprecated close")
async def test_what_is_no_wake_up_is_removed_and_said_once(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It keeps no wake-up from being heard, is not met again, and leaves no message behind."""
    redis, queue, mine = pool(redis_url), queue_of("here"), uuid4()
    for score, (member, message) in enumerate(_JUNK.values(), start=1):
        await redis.zadd(queue, {member: score})
        if message is not None:
            await redis.set(job_key_prefix.encode() + member, message)
    await redis.zadd(queue, {"a list": 50, "at no time": 0, "before all times": float("-inf")})
    async with redis.pipeline() as pipe:
        pipe.rpush(f"{job_key_prefix}a list", "1")
        await pipe.execute()
    await redis.mset({f"{job_key_prefix}{member}": _message() for member in ("at no time", "before all times")})
    notifier, stop, heard = Notifier(redis_url), asyncio.Event(), asyncio.Queue[UUID]()
    assert await notifier.wake_up([WakeUp(mine, 1, egresses=("here",))])
    settings = Settings.model_validate({"redis_url": redis_url})
    with capture_logs() as lines:
        listening = asyncio.create_task(listener.listen(settings, "here", heard.put_nowait, stop, Random(1)))
        async with asyncio.timeout(10):
            assert await heard.get() == mine
            while await redis.exists(queue) or await redis.keys("arq:*"):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.01)
        stop.set()
        await listening
    assert [(line["event"], line["removed"]) for line in lines] == [
        ("what is no wake-up is removed from the queue", len(_JUNK) + 3)
    ]
    assert [record for record in caplog.records if record.name.startswith("arq") and record.levelname != "INFO"] == []
    await notifier.close()
    await redis.aclose()
