"""What is written down for endpoints, with the change itself; each is claimed and settled by one at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.db import deliveries, runs, webhooks
from app.db.deliveries import Delivery
from app.db.webhooks import MOST
from app.domain.webhooks import EVENTS
from app.errors import NotFound, TooManyWebhooks
from tests.database.factories import Tenant, make_run


async def endpoint(tenant: Tenant, types: Sequence[str] = EVENTS, *, enabled: bool = True) -> UUID:
    async with tenant.engine.begin() as conn:
        made = await webhooks.create_webhook(
            conn,
            tenant.cipher,
            url="https://host.example.se/hook",
            types=types,
            description="",
            enabled=enabled,
            secret=b"s" * 32,
        )
    webhook_id: UUID = made["id"]
    return webhook_id


async def claim(tenant: Tenant, full: Sequence[UUID] = (), *, most: int = 9, each: int = 9) -> list[Delivery]:
    async with tenant.engine.begin() as conn:
        return await deliveries.claim_deliveries(conn, most=most, each=each, full=full)


async def add_test(tenant: Tenant, webhook_id: UUID) -> None:
    async with tenant.engine.begin() as conn:
        await deliveries.add_test(conn, tenant.organisation_id, webhook_id)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", []),
        ("succeeded", ["run.succeeded"]),
        ("failed", ["job.failed", "run.failed"]),
        ("cancelled", ["run.cancelled"]),
    ],
)
async def test_an_endpoint_is_told_how_a_run_ends(tenant: Tenant, state: str, told: list[str]) -> None:
    """By ids and what became of them alone; others of another organisation, disabled or not interested are not told."""
    webhook_id = await endpoint(tenant)
    await endpoint(tenant, enabled=False)
    await endpoint(await Tenant.make(tenant.engine))
    await endpoint(tenant, ["run.cancelled"] if state != "cancelled" else ["run.failed"])
    run = await make_run(tenant, state)
    rows = await tenant.rows("SELECT webhook_id, type, data FROM webhook_delivery ORDER BY type")
    assert [(row["webhook_id"], row["type"]) for row in rows] == [(webhook_id, type_) for type_ in told]
    for row in rows:
        what, status = row["type"].split(".")
        outcome = await tenant.value(f"SELECT outcome FROM {what} WHERE id = :id", id=UUID(row["data"][f"{what}_id"]))
        of_job = {"job_id": str(run.jobs[0]), "stage": "persons"} if what == "job" else {}
        assert row["data"] == {
            "run_id": str(run.id),
            "activity_id": str(run.activity_id),
            "sequence": 1,
            "status": status,
            "outcome": outcome,
            **of_job,
        }


async def test_a_change_that_is_taken_back_is_told_nobody(tenant: Tenant) -> None:
    await endpoint(tenant)
    run = await tenant.new_run()
    async with tenant.engine.connect() as conn:
        await runs.cancel_run(conn, tenant.organisation_id, run.id)
        assert await conn.scalar(sa.text("SELECT count(*) FROM webhook_delivery")) == 1
        await conn.rollback()
    assert await tenant.value("SELECT count(*) FROM webhook_delivery") == 0


async def test_an_endpoint_that_is_being_deleted_holds_up_no_run(tenant: Tenant) -> None:
    """Neither waits for the other: the run ends, and the endpoint is told nothing."""
    webhook_id = await endpoint(tenant)
    run = await tenant.new_run()
    async with tenant.engine.begin() as conn:
        await webhooks.delete_webhook(conn, tenant.organisation_id, webhook_id)
        await run.cancel()
    assert await run.status() == "cancelled"
    assert await tenant.value("SELECT count(*) FROM webhook_delivery") == 0


async def test_a_delivery_is_one_process_s_until_its_lease_has_passed(tenant: Tenant) -> None:
    webhook_id = await endpoint(tenant)
    await add_test(tenant, webhook_id)
    [late] = await claim(tenant)
    assert await claim(tenant) == []
    await tenant.do("UPDATE webhook_delivery SET leased_until = leased_until - interval '1 hour'")
    [held] = await claim(tenant)
    assert held.id == late.id
    async with tenant.engine.begin() as conn:
        common = {"http_status": 200, "failure": None, "again_in": None}
        assert not await deliveries.settle(conn, late, "delivered", **common)  # type: ignore[arg-type]
        assert await deliveries.settle(conn, held, "delivered", **common)  # type: ignore[arg-type]
    assert await tenant.value("SELECT status FROM webhook_delivery") == "delivered"


async def test_no_endpoint_takes_the_places_of_all(tenant: Tenant) -> None:
    """At most so many of each at once, and none of one that has as many in hand."""
    busy, other = await endpoint(tenant), await endpoint(tenant)
    for webhook_id in (busy, busy, busy, other):
        await add_test(tenant, webhook_id)
    claimed = [each.webhook_id for each in await claim(tenant, each=2)]
    assert sorted(claimed) == sorted([busy, busy, other])
    assert await claim(tenant, [busy]) == []
    assert len(await claim(tenant)) == 1


async def test_an_endpoint_that_has_gone_is_disabled_and_goes_on_when_it_is_enabled(tenant: Tenant) -> None:
    webhook_id = await endpoint(tenant)
    await add_test(tenant, webhook_id)
    await add_test(tenant, webhook_id)
    [held] = await claim(tenant, most=1)
    async with tenant.engine.begin() as conn:
        await deliveries.settle(conn, held, "gone", http_status=410, failure="gone", again_in=None)
    assert await claim(tenant) == []
    async with tenant.engine.begin() as conn:
        assert not (found := await webhooks.find_webhook(conn, tenant.organisation_id, webhook_id))["enabled"]
        assert found["gone_at"] is not None
        changed = await webhooks.change_webhook(conn, tenant.organisation_id, webhook_id, {"enabled": True})
    assert changed["gone_at"] is None
    assert len(await claim(tenant)) == 1


async def test_the_secret_before_signs_for_a_day(tenant: Tenant) -> None:
    webhook_id = await endpoint(tenant)
    async with tenant.engine.begin() as conn:
        await webhooks.rotate_secret(conn, tenant.cipher, webhook_id, b"n" * 32)
    for passed, signs in (("23 hours 59 min", True), ("1 min", False)):
        await add_test(tenant, webhook_id)
        await tenant.do(f"UPDATE webhook SET secret_before_until = secret_before_until - interval '{passed}'")
        [held] = await claim(tenant)
        assert (held.secret_before is not None) is signs
        async with tenant.engine.begin() as conn:
            await deliveries.settle(conn, held, "delivered", http_status=200, failure=None, again_in=None)


async def test_who_is_replayed_has_it_in_hand_no_longer(tenant: Tenant) -> None:
    webhook_id = await endpoint(tenant)
    await add_test(tenant, webhook_id)
    [late] = await claim(tenant)
    async with tenant.engine.begin() as conn:
        await deliveries.replay(conn, tenant.organisation_id, webhook_id, late.id)
        assert not await deliveries.settle(
            conn, late, "failed", http_status=500, failure="refused", again_in=timedelta(hours=1)
        )
    [again] = await claim(tenant)
    assert (again.id, again.attempts) == (late.id, 0)


async def test_an_organisation_has_at_most_ten_and_sees_its_own(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    made = [await endpoint(tenant) for _ in range(MOST)]
    with pytest.raises(TooManyWebhooks):
        await endpoint(tenant)
    await endpoint(other)
    async with tenant.engine.begin() as conn:
        assert [row["id"] for row in await webhooks.list_webhooks(conn, tenant.organisation_id)] == made
        with pytest.raises(NotFound):
            await webhooks.delete_webhook(conn, other.organisation_id, made[0])


async def test_what_is_older_than_thirty_days_is_forgotten(tenant: Tenant) -> None:
    webhook_id = await endpoint(tenant)
    await add_test(tenant, webhook_id)
    await tenant.do("UPDATE webhook_delivery SET created_at = created_at - interval '31 days'")
    await add_test(tenant, webhook_id)
    async with tenant.engine.begin() as conn:
        await deliveries.forget_old_deliveries(conn)
    assert await tenant.value("SELECT count(*) FROM webhook_delivery") == 1


def test_a_delivery_that_is_written_out_has_no_secret() -> None:
    """Nor its address, which may have one in it."""
    fields = dict.fromkeys(Delivery.__dataclass_fields__)
    made = replace(Delivery(**fields), secret=b"secret-7319", url="https://7319.example.se")  # type: ignore[arg-type]
    assert "7319" not in repr(made)
