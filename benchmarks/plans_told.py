"""Calls whose plans are looked at: what callers are told by themselves, what the doctor reads, who is protected."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from app.db import deliveries, doctor, protection, readiness, reads, webhooks
from app.domain.kinds import Kind
from app.domain.webhooks import Verdict
from benchmarks.many_rows import BUSY, DELIVERIES_DUE
from benchmarks.plans_calls import Place, named

_VERDICTS: Final[tuple[tuple[Verdict, timedelta | None], ...]] = (
    ("delivered", None),
    ("failed", timedelta(minutes=5)),
    ("gone", None),
)


async def told(at: Place) -> None:
    """Endpoints are told of what has happened: one is away with thousands of deliveries, as many are old."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    endpoint, away = named("webhook 2"), named("webhook 1")
    endpoints = 3 * at.size.organisations
    async with watched("webhooks.list_webhooks, find_webhook"):
        await webhooks.list_webhooks(conn, organisation)
        await webhooks.find_webhook(conn, organisation, endpoint)
    for name, after in (("", None), (": further on", (datetime.now(UTC) - timedelta(days=15), at.run))):
        async with watched(f"deliveries.list_deliveries{name}", reads=endpoints):
            await deliveries.list_deliveries(conn, organisation, endpoint, after=after, limit=50)
    # Some of each endpoint, of which there are a few for each organisation; so many of them are due at once.
    async with watched("deliveries.claim_deliveries", reads=40 * endpoints):
        claimed = await deliveries.claim_deliveries(conn, most=20, each=10, full=[])
    async with watched("deliveries.claim_deliveries: one is full", reads=40 * endpoints):
        await deliveries.claim_deliveries(conn, most=20, each=10, full=[away])
    async with watched("deliveries.settle: delivered, again, gone"):
        for each, (verdict, again) in zip(claimed, _VERDICTS, strict=False):
            await deliveries.settle(conn, each, verdict, http_status=200, failure=None, again_in=again)
    async with watched("deliveries.add_test, replay"):
        test = await deliveries.add_test(conn, organisation, endpoint)
        await deliveries.replay(conn, organisation, endpoint, test["id"])
    async with watched("deliveries.forget_old_deliveries", reads=1000):
        await deliveries.forget_old_deliveries(conn)
    async with watched("webhooks.delete_webhook", reads=3 * DELIVERIES_DUE + at.size.runs):
        await webhooks.delete_webhook(conn, organisation, endpoint)


async def doctors(at: Place) -> None:
    """The doctor reads all that is under way, and nothing that has ended."""
    # Of each run its four jobs, what waits behind it and ran before it; of an endpoint that is away a thousand tries.
    async with at.watched("doctor.look", reads=40 * at.size.live + 30 * at.size.organisations + 4 * 1000):
        await doctor.look(at.conn)
    async with at.watched("doctor.progress", reads=20 * at.size.live):
        await doctor.progress(at.conn)


async def standing(at: Place) -> None:
    """Whether anything has changed for an exam, and who of many is protected."""
    conn, watched, organisation = at.conn, at.watched, at.organisation
    async with watched("reads.runs_going_on"):
        await reads.runs_going_on(conn, organisation, [named(f"activity {number}") for number in range(2, 32)])
    async with watched("readiness.roster_state"):
        await readiness.roster_state(conn, organisation, named("activity 4"))
    # Each by its newest record: an object is in the fifty runs of its activity.
    some = [at.object(kind.position, n) for kind in (Kind.PERSONS, Kind.DUTIES) for n in range(1, 251)]
    async with watched("protection.protected_among", reads=3 * 50 * len(some)):
        await protection.protected_among(conn, organisation, some)
    gone = [named(f"nobody {n}") for n in range(500)]
    async with watched("protection.protected_among: nobody there", reads=min(BUSY, 4 * len(gone))):
        await protection.protected_among(conn, organisation, gone)


GROUPS: Final[tuple[Callable[[Place], Awaitable[None]], ...]] = (told, doctors, standing)
