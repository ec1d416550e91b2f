"""An organisation's endpoints: where it wants to be told of what, and the sealed secrets that sign it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.free_text import description_place, open_text, seal_text
from app.db.reads import Row
from app.db.schema import organisation, webhook
from app.domain.webhooks import BOTH_SIGN
from app.errors import NotFound, TooManyWebhooks

# Of one organisation.
MOST: Final = 10
_SHOWN: Final = tuple(
    webhook.c[name] for name in ("id", "url", "types", "description_sealed", "enabled", "gone_at", "created_at")
)


def secret_place(webhook_id: UUID) -> bytes:
    """Gives the place that an endpoint's secret is sealed for."""
    return b"webhook" + webhook_id.bytes


def seal_description(cipher: OrganisationCipher, webhook_id: UUID, description: str) -> bytes | None:
    """Seals what an endpoint is said to be for; None for nothing."""
    return seal_text(cipher, description, description_place(webhook_id)) if description else None


def open_description(cipher: OrganisationCipher, row: Row) -> str:
    """Opens what an endpoint is said to be for, "" where nothing is."""
    return open_text(cipher, row["description_sealed"], description_place(row["id"])) or ""


async def create_webhook(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    *,
    url: str,
    types: Sequence[str],
    description: str,
    enabled: bool,
    secret: bytes,
) -> Row:
    """Makes an endpoint; raises TooManyWebhooks when the organisation has as many as it may."""
    of, webhook_id = cipher.organisation_id, uuid4()
    # Two at once are counted one after the other.
    await conn.execute(sa.select(organisation.c.id).where(organisation.c.id == of).with_for_update(key_share=True))
    count = await conn.scalar(sa.select(sa.func.count()).select_from(webhook).where(webhook.c.organisation_id == of))
    if count is None or count >= MOST:
        raise TooManyWebhooks(f"An organisation has at most {MOST} webhooks: delete one of them first.")
    made = await conn.execute(
        sa.insert(webhook)
        .values(
            id=webhook_id,
            organisation_id=of,
            url=url,
            types=list(types),
            description_sealed=seal_description(cipher, webhook_id, description),
            enabled=enabled,
            secret=cipher.seal(secret, secret_place(webhook_id)),
        )
        .returning(*_SHOWN)
    )
    return made.mappings().one()


async def list_webhooks(conn: AsyncConnection, organisation_id: UUID) -> Sequence[Row]:
    """Lists an organisation's endpoints, the oldest first; there are few."""
    found = await conn.execute(
        sa.select(*_SHOWN)
        .where(webhook.c.organisation_id == organisation_id)
        .order_by(webhook.c.created_at, webhook.c.id)
    )
    return found.mappings().all()


async def find_webhook(conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID) -> Row:
    """Gives an endpoint; raises NotFound without it."""
    found = await conn.execute(sa.select(*_SHOWN).where(*_one(organisation_id, webhook_id)))
    return _or_not_found(found.mappings().one_or_none())


async def change_webhook(
    conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID, changes: dict[str, Any]
) -> Row:
    """Changes what is given of an endpoint; one that is enabled counts as there again. Raises NotFound."""
    if not changes:
        return await find_webhook(conn, organisation_id, webhook_id)
    if changes.get("enabled"):
        changes = {**changes, "gone_at": None}
    changed = await conn.execute(
        sa.update(webhook).where(*_one(organisation_id, webhook_id)).values(**changes).returning(*_SHOWN)
    )
    return _or_not_found(changed.mappings().one_or_none())


async def rotate_secret(conn: AsyncConnection, cipher: OrganisationCipher, webhook_id: UUID, secret: bytes) -> Row:
    """Gives an endpoint a new secret; the one before signs as well for a day. Raises NotFound."""
    changed = await conn.execute(
        sa.update(webhook)
        .where(*_one(cipher.organisation_id, webhook_id))
        .values(
            secret=cipher.seal(secret, secret_place(webhook_id)),
            secret_before=webhook.c.secret,
            secret_before_until=sa.func.clock_timestamp() + BOTH_SIGN,
        )
        .returning(*_SHOWN)
    )
    return _or_not_found(changed.mappings().one_or_none())


async def delete_webhook(conn: AsyncConnection, organisation_id: UUID, webhook_id: UUID) -> None:
    """Deletes an endpoint with its deliveries; raises NotFound."""
    gone = await conn.execute(sa.delete(webhook).where(*_one(organisation_id, webhook_id)))
    if not gone.rowcount:
        raise _unknown()


def _one(organisation_id: UUID, webhook_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return webhook.c.organisation_id == organisation_id, webhook.c.id == webhook_id


def _or_not_found(row: Row | None) -> Row:
    if row is None:
        raise _unknown()
    return row


def _unknown() -> NotFound:
    return NotFound("There is no such webhook.")
