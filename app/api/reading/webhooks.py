"""Reads and changes an organisation's endpoints, and what they were told."""

import secrets
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auditing import write_change
from app.api.dependencies import Parts, cipher_of
from app.api.http import cursors
from app.api.schemas.webhooks import WebhookChange, WebhookRequest
from app.catalogue import refusal_text
from app.db import deliveries, webhooks
from app.db.cipher import OrganisationCipher
from app.db.reads import Row
from app.domain.webhooks import SECRET_BYTES, secret_text, url_fault
from app.errors import BodyError, Refused
from app.views import Shown
from app.views.viewer import Viewer
from app.views.webhook import show_delivery, show_webhook


async def make(parts: Parts, cipher: OrganisationCipher, asked: WebhookRequest) -> Shown:
    """Makes an endpoint and gives it with its secret; raises Refused and TooManyWebhooks."""
    _check_url(parts, asked.url)
    secret = secrets.token_bytes(SECRET_BYTES)
    async with parts.transaction("create_webhook", of=cipher.organisation_id) as conn:
        row = await webhooks.create_webhook(
            conn,
            cipher,
            url=asked.url,
            types=list(dict.fromkeys(asked.types)),
            description=asked.description,
            enabled=asked.enabled,
            secret=secret,
        )
        await _note(conn, cipher.organisation_id, "create_webhook", row["id"])
    return {**_shown(row, cipher), "secret": secret_text(secret)}


async def list_webhooks(
    parts: Parts, viewer: Viewer, *, limit: int, cursor: str | None
) -> tuple[list[Shown], str | None]:
    """Gives a page of the organisation's endpoints, the oldest first; raises BadRequest for another list's cursor."""
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), "webhooks")
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await webhooks.list_webhooks(conn, viewer.organisation_id)
    cut, following = cursors.cut(rows, limit, after, lambda row: (row["created_at"], row["id"]), "webhooks")
    cipher = cipher_of(parts, viewer)
    return [_shown(row, cipher) for row in cut], following


async def get_webhook(parts: Parts, viewer: Viewer, webhook_id: UUID) -> Shown:
    """Gives an endpoint; raises NotFound without it."""
    async with parts.statement(viewer.organisation_id) as conn:
        return _shown(await webhooks.find_webhook(conn, viewer.organisation_id, webhook_id), cipher_of(parts, viewer))


async def change(parts: Parts, viewer: Viewer, webhook_id: UUID, asked: WebhookChange) -> Shown:
    """Changes what is given of an endpoint; raises NotFound and Refused."""
    changes, cipher = asked.model_dump(exclude_unset=True), cipher_of(parts, viewer)
    told = sorted(changes)
    if "url" in changes:
        _check_url(parts, changes["url"])
    if "types" in changes:
        changes["types"] = list(dict.fromkeys(changes["types"]))
    if "description" in changes:
        changes["description_sealed"] = webhooks.seal_description(cipher, webhook_id, changes.pop("description"))
    async with parts.transaction("change_webhook", of=viewer.organisation_id) as conn:
        row = await webhooks.change_webhook(conn, viewer.organisation_id, webhook_id, changes)
        await _note(conn, viewer.organisation_id, "change_webhook", webhook_id, changed=told)
    return _shown(row, cipher)


async def delete(parts: Parts, viewer: Viewer, webhook_id: UUID) -> None:
    """Deletes an endpoint with its deliveries; raises NotFound."""
    async with parts.transaction("delete_webhook", of=viewer.organisation_id) as conn:
        await webhooks.delete_webhook(conn, viewer.organisation_id, webhook_id)
        await _note(conn, viewer.organisation_id, "delete_webhook", webhook_id)


async def rotate_secret(parts: Parts, cipher: OrganisationCipher, webhook_id: UUID) -> Shown:
    """Gives an endpoint a new secret, and shows it with that; raises NotFound."""
    secret = secrets.token_bytes(SECRET_BYTES)
    async with parts.transaction("rotate_webhook_secret", of=cipher.organisation_id) as conn:
        row = await webhooks.rotate_secret(conn, cipher, webhook_id, secret)
        await _note(conn, cipher.organisation_id, "rotate_webhook_secret", webhook_id)
    return {**_shown(row, cipher), "secret": secret_text(secret)}


async def list_deliveries(
    parts: Parts, viewer: Viewer, webhook_id: UUID, *, limit: int, cursor: str | None
) -> tuple[list[Shown], str | None]:
    """Gives a page of what an endpoint was told, the newest first; raises NotFound, BadRequest for another's cursor."""
    listed = ("deliveries", webhook_id)
    after = cursors.read(cursor, (cursors.moment, cursors.uuid), *listed)
    async with parts.snapshot(viewer.organisation_id) as conn:
        rows = await deliveries.list_deliveries(conn, viewer.organisation_id, webhook_id, after=after, limit=limit)
    cut, following = cursors.page(rows, limit, lambda row: (row["created_at"], row["id"]), *listed)
    return [show_delivery(row) for row in cut], following


async def replay(parts: Parts, viewer: Viewer, webhook_id: UUID, delivery_id: UUID) -> Shown:
    """Makes a delivery due at once; raises NotFound and WebhookDisabled."""
    async with parts.transaction("replay_delivery", of=viewer.organisation_id) as conn:
        row = await deliveries.replay(conn, viewer.organisation_id, webhook_id, delivery_id)
        await _note(conn, viewer.organisation_id, "replay_delivery", webhook_id)
    return show_delivery(row)


async def test(parts: Parts, viewer: Viewer, webhook_id: UUID) -> Shown:
    """Makes a delivery that tells of nothing; raises NotFound and WebhookDisabled."""
    async with parts.transaction("test_webhook", of=viewer.organisation_id) as conn:
        row = await deliveries.add_test(conn, viewer.organisation_id, webhook_id)
        await _note(conn, viewer.organisation_id, "test_webhook", webhook_id)
    return show_delivery(row)


def _shown(row: Row, cipher: OrganisationCipher) -> Shown:
    return {**show_webhook(row), "description": webhooks.open_description(cipher, row)}


async def _note(conn: AsyncConnection, of: UUID, action: str, webhook_id: UUID, **details: Any) -> None:
    await write_change(conn, of, action, webhook=str(webhook_id), **details)


def _check_url(parts: Parts, url: str) -> None:
    if code := url_fault(url, to_loopback=parts.runtime.settings.webhooks_to_loopback):
        raise Refused("The webhook cannot be as it is asked for.", [BodyError("/url", code, refusal_text(code, {}))])
