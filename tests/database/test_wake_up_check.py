"""Whether the doctor notices a Redis that takes wake-ups and delivers none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import wake_up_check
from app.cli.wake_up_check import not_reached
from app.db import workers
from app.jobs.notifier import Notifier
from tests.database import epochs
from tests.database.factories import Tenant
from tests.database.test_egress import holder, until, working

HERE = "here"
# arq closes its pool by a name that redis has given up.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated close")


@asynccontextmanager
async def notifying(url: str) -> AsyncIterator[Notifier]:
    made = Notifier(url)
    try:
        yield made
    finally:
        await made.close()


async def test_who_hears_is_reached(tenant: Tenant, database_url: str, redis_url: str) -> None:
    async with working(database_url, egress=HERE, redis_url=redis_url) as worker, notifying(redis_url) as notifier:
        await until(holder(tenant))
        assert await not_reached(tenant.engine, notifier, {HERE: worker.worker}) == []
        assert worker.meters.tally.wake_ups > 0


async def test_a_redis_that_takes_wake_ups_and_delivers_none_is_noticed(
    tenant: Tenant, database_url: str, redis_url: str
) -> None:
    """As when the worker listens at another one."""
    async with (
        working(database_url, egress=HERE, redis_url=f"{redis_url.rpartition('/')[0]}/7") as worker,
        notifying(redis_url) as notifier,
    ):
        await until(holder(tenant))
        assert await not_reached(tenant.engine, notifier, {HERE: worker.worker}) == [HERE]


async def test_a_holder_whose_beat_stands_still_is_another_trouble(
    engine: AsyncEngine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_up_check, "_WITHIN", 0.5)
    silent = uuid4()
    async with engine.begin() as conn:
        await workers.note_worker(conn, silent, "test", workers.Tally())
        await epochs.begin_epoch(conn, silent, HERE)
    async with notifying(redis_url) as notifier:
        assert await not_reached(engine, notifier, {HERE: silent}) == []


async def test_a_redis_that_is_away_is_another_trouble(tenant: Tenant, database_url: str) -> None:
    away = "redis://127.0.0.1:9/0"
    async with working(database_url, egress=HERE, redis_url=away) as worker, notifying(away) as notifier:
        await until(holder(tenant))
        assert await not_reached(tenant.engine, notifier, {HERE: worker.worker}) == []
        assert await not_reached(tenant.engine, notifier, dict[str, UUID]()) == []
