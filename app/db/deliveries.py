"""What endpoints are told: claimed for a time by whoever delivers, tried again, listed, replayed and forgotten.

Whatever is written of a try repeats the number of its claim, and changes nothing once somebody else has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.reads import Row
from app.db.schema import webhook_delivery
from app.db.webhooks import find_webhook
from app.domain.webhooks import TEST, Verdict
from app.errors import NotFound, WebhookDisabled

# A try is somebody else's after so long.
LEASE: Final = timedelta(minutes=2)
_KEPT: Final = timedelta(days=30)
_SHOWN: Final = tuple(
    webhook_delivery.c[name]
    for name in (
        *("id", "type", "data", "created_at", "status", "attempts", "due_at"),
        *("tried_at", "http_status", "failure", "finished_at"),
    )
)
_CLAIM: Final = """
    UPDATE webhook_delivery each SET claim = each.claim + 1, leased_until = clock_timestamp() + CAST(:lease AS interval)
    FROM (
        -- Endpoint by endpoint, over the index in which the times of each stand in order.
        SELECT first.*, url, secret, salt || digest_key AS own_keys,
            CASE WHEN secret_before_until > clock_timestamp() THEN secret_before END AS secret_before
        FROM webhook JOIN organisation ON organisation.id = webhook.organisation_id CROSS JOIN LATERAL (
            SELECT one.ctid AS place, one.due_at FROM webhook_delivery one
            WHERE one.webhook_id = webhook.id AND one.status = 'pending' AND one.due_at <= (SELECT clock_timestamp())
                AND (one.leased_until IS NULL OR one.leased_until <= clock_timestamp())
            ORDER BY one.due_at LIMIT :each FOR UPDATE OF one SKIP LOCKED
        ) first
        WHERE webhook.enabled AND webhook.id <> ALL (CAST(:full AS uuid[]))
        ORDER BY first.due_at LIMIT :most
    ) due WHERE each.ctid = due.place
    RETURNING each.id, each.claim, each.organisation_id, each.webhook_id, each.type, each.data, each.created_at,
        each.attempts, due.url, due.secret, due.secret_before, due.own_keys, clock_timestamp() AS now
"""
_SETTLE: Final = """
    UPDATE webhook_delivery SET attempts = attempts + 1, tried_at = clock_timestamp(), http_status = :http_status,
        failure = :failure, leased_until = NULL, status = :status,
        due_at = CASE WHEN :status = 'pending' THEN clock_timestamp() + CAST(:again_in AS interval) END,
        finished_at = CASE WHEN :status <> 'pending' THEN clock_timestamp() END
    WHERE id = :id AND claim = :claim AND leased_until IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try that this process has in hand, with where it goes and the sealed secrets that sign it."""

    id: UUID
    claim: int
    organisation_id: UUID
    webhook_id: UUID
    type: str
    data: dict[str, Any]
    created_at: datetime
    attempts: int
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    secret_before: bytes | None = field(repr=False)
    own_keys: bytes = field(repr=False)
    # By the database's clock.
    now: datetime


async def claim_deliveries(conn: AsyncConnection, *, most: int, each: int, full: Sequence[UUID]) -> list[Delivery]:
    """Claims what is due until the lease has passed: at most `each` of an endpoint, and none of one that is `full`."""
    claimed = await conn.execute(sa.text(_CLAIM), {"lease": LEASE, "most": most, "each": each, "full": list(full)})
    return [Delivery(**row) for row in claimed.mappings()]


async def settle(
    conn: AsyncConnection,
    delivery: Delivery,
    verdict: Verdict,
    *,
    http_status: int | None,
    failure: str | None,
    again_in: timedelta | None,
) -> bool:
    """Writes down what became of a try, and when the next one comes; an endpoint that has gone is disabled.

    False when the claim no longer holds, and then nothing is written.
    """
    status = "delivered" if verdict == "delivered" else "failed" if again_in is None else "pending"
    settled = await conn.execute(
        sa.text(_SETTLE).bindparams(sa.bindparam("status", type_=sa.Text)),
        {
            "id": delivery.id,
            "claim": delivery.claim,
            "http_status": http_status,
            "failure": failure,
            "status": status,
            "again_in": again_in,
        },
    )
    if settled.rowcount and verdict == "gone":
        await conn.execute(
            sa.text("UPDATE webhook SET enabled = false, gone_at = clock_timestamp() WHERE id = :id AND enabled"),
            {"id": delivery.webhook_id},
        )
    return bool(settled.rowcount)


async def list_deliveries(
    conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID, *, after: tuple[Any, ...] | None, limit: int
) -> Sequence[Row]:
    """Lists an endpoint's deliveries, the newest first and one more than `limit`; raises NotFound without it."""
    await find_webhook(conn, organisation_id, webhook_id)
    c = webhook_delivery.c
    listed = sa.select(*_SHOWN).where(c.webhook_id == webhook_id)
    if after is not None:
        listed = listed.where(sa.tuple_(c.created_at, c.id) < sa.tuple_(*map(sa.literal, after)))
    listed = listed.order_by(c.created_at.desc(), c.id.desc()).limit(sa.literal_column(str(limit + 1)))
    return (await conn.execute(listed)).mappings().all()


async def replay(conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID, delivery_id: UUID) -> Row:
    """Makes a delivery due at once, with all of its tries before it; raises NotFound and WebhookDisabled."""
    await _enabled(conn, organisation_id, webhook_id)
    c = webhook_delivery.c
    again = await conn.execute(
        sa.update(webhook_delivery)
        .where(c.organisation_id == organisation_id, c.webhook_id == webhook_id, c.id == delivery_id)
        # Whoever has it in hand has it no longer.
        .values(
            status="pending",
            attempts=0,
            due_at=sa.func.clock_timestamp(),
            finished_at=None,
            leased_until=None,
            claim=c.claim + 1,
        )
        .returning(*_SHOWN)
    )
    row = again.mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such delivery.")
    return row


async def add_test(conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID) -> Row:
    """Makes a delivery that tells of nothing; raises NotFound and WebhookDisabled."""
    await _enabled(conn, organisation_id, webhook_id)
    made = await conn.execute(
        sa.insert(webhook_delivery)
        .values(organisation_id=organisation_id, webhook_id=webhook_id, type=TEST, data={})
        .returning(*_SHOWN)
    )
    return made.mappings().one()


async def forget_old_deliveries(conn: AsyncConnection) -> None:
    """Deletes deliveries that are older than 30 days, however they ended."""
    await conn.execute(
        sa.text(
            """
            DELETE FROM webhook_delivery WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM webhook_delivery
                WHERE created_at < (SELECT clock_timestamp()) - CAST(:kept AS interval)
                ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
            ))
            """
        ),
        {"kept": _KEPT},
    )


async def _enabled(conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID) -> None:
    if not (await find_webhook(conn, organisation_id, webhook_id))["enabled"]:
        raise WebhookDisabled("This webhook is disabled: enable it first.")
