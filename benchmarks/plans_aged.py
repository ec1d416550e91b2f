"""Calls whose plans are looked at: what is old enough goes, of some years of work, slice by slice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from app.db import retention
from app.db.retention import Old
from benchmarks.many_rows import RUNS_A_LANE
from benchmarks.plans_calls import Place

# Records that go in one transaction.
_SLICE: Final = 500
# An object is looked at once: in each run that has had it, with when that ended, and with its contents.
_OF_OBJECTS: Final = _SLICE * (4 * RUNS_A_LANE + 20)


async def aged(at: Place) -> None:
    """Half of the runs have contents that are due to go; the oldest goes first, and one of a large roster."""
    conn, watched = at.conn, at.watched
    now = datetime.now(UTC)
    before, long_before = now - timedelta(days=365), now - timedelta(days=600)
    async with watched("retention.runs_with_content"):
        first, *_, last = await retention.runs_with_content(conn, before, None, 100)
    async with watched("retention.runs_with_content: further on"):
        await retention.runs_with_content(conn, before, last, 100)
    large = Old(*(await conn.execute(sa.text(_LARGE), {"before": before, "first": first.id})).one())
    for name, each in (("the oldest", first), ("a slice of a large one", large)):
        async with watched(f"retention.expire_run: {name}", reads=_OF_OBJECTS):
            assert await retention.expire_run(conn, each, before, _SLICE)  # noqa: S101 - else nothing was looked at
    while await retention.expire_run(conn, first, before, _SLICE):
        pass
    async with watched("retention.old_runs"):
        await retention.old_runs(conn, long_before, None, 100)
    # All of its records, by four looks, and then what it leaves.
    async with watched("retention.forget_run", reads=_OF_OBJECTS):
        while await retention.forget_run(conn, first, long_before, _SLICE):
            pass
    await conn.execute(sa.text(_LISTED), {"organisation": at.organisation, "before": before, "most": 20 * _SLICE})
    async with watched("retention.expire_listed", reads=_OF_OBJECTS):
        assert await retention.expire_listed(conn, before, _SLICE)  # noqa: S101 - else nothing was looked at
    # A table of a few pages is read whole for each.
    async with watched("retention.old_rosters, forget_rosters", reads=600 * min(at.size.queues, 500)):
        rosters = await retention.old_rosters(conn, now, None, 100)
        await retention.forget_rosters(conn, rosters, now)
    async with watched("retention.forget_plans, old_pauses"):
        await retention.forget_plans(conn, before, _SLICE)
        await retention.old_pauses(conn, before, None, 100)


_LARGE: Final = """
    SELECT run.finished_at, run.id, run.organisation_id FROM run JOIN job ON job.run_id = run.id
    WHERE run.finished_at < :before AND run.id <> :first AND job.position = 1
    ORDER BY job.total DESC, run.finished_at LIMIT 1
"""
_LISTED: Final = """
    INSERT INTO last_listed (organisation_id, digest, at)
    SELECT organisation_id, digest, CAST(:before AS timestamptz) - interval '1 s' FROM content
    WHERE organisation_id = :organisation AND kind = 'persons' LIMIT :most ON CONFLICT DO NOTHING
"""

GROUPS: Final[tuple[Callable[[Place], Awaitable[None]], ...]] = (aged,)
