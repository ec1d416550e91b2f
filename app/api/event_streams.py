"""What event streams send: first how it is, then each change, for as long as there is somebody who may see it.

All wait for the one watcher of the process. While that has no answers, each reads by itself.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from app.api.dependencies import Parts
from app.api.event_callers import Following
from app.api.http.answers import Polled
from app.api.http.event_stream import HEARTBEAT, NOTHING, RETRY, STILL_THERE, event, id_alone
from app.api.outages import OUTAGES, log_outage
from app.api.polling.followers import Follower
from app.api.polling.memory import KeptRun
from app.api.reading.change_cursors import LogPlace
from app.api.reading.changes import changes_after, under_way
from app.errors import CursorGone, Problem
from app.views.viewer import Viewer

# How often a stream reads by itself while the watcher has no answers.
_POLL_SECONDS = 1.0
_A_PAGE: Final = 200

# Gives the run that is followed, or of which a job is, and what is answered about it or the job.
ReadOne = Callable[[Viewer], Awaitable[tuple[KeptRun, Polled]]]


def id_of(polled: Polled) -> str:
    """Gives the id of the event with this content: what is shown again has another one."""
    return polled.etag.strip('"')


async def ended_quietly(events: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """Sends events until somebody may not see more, or until Postgres is away: the status has left already."""
    try:
        async with aclosing(events):
            async for each in events:
                yield each
    except Problem:
        return
    except OUTAGES as exc:
        log_outage(exc)


async def follow_one(parts: Parts, following: Following, name: str, read: ReadOne, last: str) -> AsyncGenerator[str]:
    """Sends a run or a job under its `name` unless it is as the `last` event had it, then each change, then `close`."""
    yield RETRY
    with parts.runs.followers.following() as follower:
        while not parts.stopping.is_set():
            caller, viewer = await following.viewer()
            run, now = await read(viewer)
            follower.has_seen((run.run_id, run.version), (caller.handle, caller.version))
            if id_of(now) != last:
                last = id_of(now)
                yield event(name, now.body.decode("ascii"), last)
            if now.finished:
                yield event("close", NOTHING, last)
                return
            while not await _woken(parts, follower):
                yield STILL_THERE


async def follow_log(parts: Parts, following: Following, last: LogPlace | None, *, reset: bool) -> AsyncGenerator[str]:
    """Sends what has changed in the organisation since `last`; without it what is under way, `ready`, then changes.

    `reset` is whether the follower has to forget what it knows: it goes on from a place that is there no more.
    """
    yield RETRY
    at, told = last, last
    with parts.runs.followers.following() as follower:
        while not parts.stopping.is_set():
            caller, viewer = await following.viewer()
            if reset:
                yield event("reset", NOTHING)
                reset = False
            if at is None:
                snapshot = await under_way(parts, viewer)
                for each in snapshot.changes:
                    yield event(each.type, each.body)
                at = told = snapshot.following
                yield event("ready", NOTHING, at.cursor)
            try:
                page = await changes_after(parts, viewer, at, _A_PAGE)
            except CursorGone:
                at, reset = None, True
                continue
            for each in page.changes:
                told = each.at
                yield event(each.type, each.body, told.cursor if told else None)
            at = page.following
            if page.more:
                continue
            follower.has_read((viewer.organisation_id, at.place.stamp), (caller.handle, caller.version))
            while not await _woken(parts, follower):
                # What others do moves the place on, too; whoever asks again is not to pass over it once more.
                yield STILL_THERE if told == at else id_alone(at.cursor)
                told = at


async def _woken(parts: Parts, follower: Follower) -> bool:
    """Waits until there may be something new; after a while without it gives False, for a sign of life."""
    if parts.runs.watcher.fresh:
        return await follower.wait(HEARTBEAT)
    await follower.wait(_POLL_SECONDS)
    return True
