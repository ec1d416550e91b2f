"""Asks the audit: the rows of an organisation, or those about somebody, the newest first.

What is chained is found by an index of who is in which row; what is not yet is looked through, some seconds' rows.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.audit import DIGEST_BYTES

Row = sa.RowMapping

_ALL: Final = """
    SELECT id, at FROM audit
    WHERE organisation_id = :organisation AND (at, id) < (:before, :before_id) AND at >= :since {by}
    ORDER BY at DESC, id DESC LIMIT :most
"""
_ABOUT: Final = f"""
    (
        SELECT audit_id AS id, at FROM audit_object
        WHERE organisation_id = :organisation AND digest = :digest AND (at, audit_id) < (:before, :before_id)
            AND at >= :since
        ORDER BY at DESC, audit_id DESC LIMIT :most
    ) UNION ALL (
        SELECT audit.id, audit.at FROM audit_unchained JOIN audit ON audit.id = audit_unchained.audit_id
        WHERE audit_unchained.organisation_id = :organisation AND audit.organisation_id = :organisation
            AND (audit.at, audit.id) < (:before, :before_id) AND audit.at >= :since
            AND EXISTS (
                SELECT FROM generate_series(0, octet_length(audit.objects) / {DIGEST_BYTES} - 1) AS each (place)
                WHERE substr(audit.objects, each.place * {DIGEST_BYTES} + 1, {DIGEST_BYTES}) = :digest
            )
    )
"""  # noqa: S608 - our own text
_LIST: Final = f"""
    SELECT audit.id, audit.at, audit.actor_kind, audit.actor, api_key.name AS key_name, audit.action, audit.via,
        audit.run_id, audit.job_id, audit.activity_id, audit.details,
        octet_length(audit.objects) / {DIGEST_BYTES} AS objects, audit.protected
    FROM ({{found}}) one JOIN audit ON audit.id = one.id AND audit.organisation_id = :organisation
        LEFT JOIN api_key ON api_key.id = audit.actor_id AND api_key.organisation_id = audit.organisation_id
    WHERE true {{by}}
    ORDER BY one.at DESC, one.id DESC LIMIT :most
"""  # noqa: S608 - our own text
_BY_KEY: Final = "AND audit.actor_kind = 'key' AND audit.actor = :key"
_LAST: Final = UUID(int=2**128 - 1)
_FIRST_TIME, _LAST_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)


async def list_rows(
    conn: AsyncConnection,
    organisation_id: UUID,
    *,
    digest: bytes | None = None,
    key: str | None = None,
    since: datetime | None = None,
    before: Sequence[Any] | None = None,
    limit: int,
) -> Sequence[Row]:
    """Lists an organisation's rows, the newest first, with one to spare: those with an object's `digest`, of a `key`.

    Each has id, at, actor_kind, actor, key_name, action, via, run_id, job_id, activity_id, details, how many objects
    and how many protected persons. `before` is the (at, id) behind which they begin; `key` is a handle.
    """
    by = _BY_KEY if key is not None else ""
    found = _ALL.format(by=by) if digest is None else _ABOUT
    # By a key among those about somebody: all of these are read.
    most = limit + 1 if digest is None or key is None else 1_000_000
    given = {
        "organisation": organisation_id,
        "digest": digest,
        "key": key,
        "since": since or _FIRST_TIME,
        "before": before[0] if before else _LAST_TIME,
        "before_id": before[1] if before else _LAST,
        "most": most,
    }
    rows = (await conn.execute(sa.text(_LIST.format(found=found, by=by)), given)).mappings().all()
    return rows[: limit + 1]
