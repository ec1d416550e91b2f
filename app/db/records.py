"""Changes of records' states, many in one statement."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.claims import Claim
from app.domain.verdicts import RecordChange


async def change_records(
    conn: AsyncConnection,
    claim: Claim,
    changes: Sequence[RecordChange],
    batch_id: UUID | None = None,
    horizon: timedelta | None = None,
) -> None:
    """Writes the changes; the database refuses those that the lifecycle or the claim does not allow.

    `batch_id` is the batch in which those that become `sent` leave: only its answer counts for them. Faulty ones that
    have been tried for `horizon` are given up; with None none is.
    """
    if changes:
        await conn.execute(
            sa.text("SELECT change_records(:job, :claim, :batch, CAST(:changes AS jsonb), CAST(:horizon AS interval))"),
            {
                "job": claim.job_id,
                "claim": claim.number,
                "batch": batch_id,
                "changes": changes_json(changes),
                "horizon": horizon,
            },
        )


def changes_json(changes: Sequence[RecordChange]) -> str:
    """Writes changes as the database's functions read them."""
    return json.dumps([_described(change) for change in changes])


def _described(change: RecordChange) -> dict[str, Any]:
    described: dict[str, Any] = {"id": str(change.object_id), "status": change.status, "faulty": change.faulty}
    if change.sent is not None:
        described["sent"] = f"\\x{change.sent.hex()}"
    if change.received is not None:
        described["received"] = f"\\x{change.received.hex()}"
    if change.remarks:
        described["remarks"] = list(change.remarks)
    if change.again_in is not None:
        described["again_in"] = f"{change.again_in.total_seconds():.6f} s"
    if change.cause is not None:
        described["cause"] = change.cause
    if change.max_together is not None:
        described["max_together"] = change.max_together
    return described
