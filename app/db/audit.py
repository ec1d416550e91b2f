"""Writes rows of the audit: in the transaction of what they tell of, or by themselves before an answer."""

import json
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.engine import call
from app.domain.audit import Entry

_WRITE = sa.text(
    """
    INSERT INTO audit (
        organisation_id, actor_kind, actor_id, actor, via, action, run_id, job_id, activity_id, details, objects,
        protected
    ) VALUES (
        :organisation, :kind, :key, :actor, :via, :action, :run, :job, :activity, CAST(:details AS jsonb), :objects,
        :protected
    )
    """
)
_DISCLOSE = """
    SELECT write_disclosure(
        %(organisation)s, %(kind)s, %(key)s, %(actor)s, %(via)s, %(action)s, %(run)s, %(job)s, %(activity)s,
        %(details)s, %(objects)s, %(protected)s
    )
"""


async def write(conn: AsyncConnection, entry: Entry) -> None:
    """Writes a row of what an `entry` says, in one statement; who acts for another organisation may not."""
    await conn.execute(_WRITE, _values(entry))


async def write_disclosure(conn: AsyncConnection, entry: Entry) -> None:
    """Writes the row of an answer, on a connection that acts for nobody and whose statements commit by themselves.

    Each answer that shows somebody waits for it: hence the shortest way there is. Raises psycopg's errors.
    """
    await call(conn, _DISCLOSE, _values(entry))


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "organisation": entry.organisation_id,
        "kind": entry.actor.kind,
        "key": entry.actor.id,
        "actor": entry.actor.name,
        "via": entry.actor.via,
        "action": entry.action,
        "run": entry.run_id,
        "job": entry.job_id,
        "activity": entry.activity_id,
        "details": json.dumps(entry.details),
        "objects": b"".join(entry.objects),
        "protected": entry.protected,
    }


def digest_of(cipher: OrganisationCipher, object_id: UUID) -> bytes:
    """Gives the 16 bytes by which rows know an object: only the organisation's own digest key gives them."""
    digest = cipher.trait("audit", "", object_id)
    assert digest is not None  # noqa: S101 - there is a text, if an empty one
    return digest
