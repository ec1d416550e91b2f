"""What Skolverket holds from before of the records that failed now: such a one blocks nobody, and goes nowhere missing.

Every function here writes under a claim, in the caller's transaction, and raises LeaseLost when it no longer holds.
"""

from collections.abc import Sequence, Set
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.claims import Claim, keys
from app.db.verbs import call_verb, snapshot_of
from app.domain.open_work import JobSnapshot

_MOST = 500


async def unasked(conn: AsyncConnection, claim: Claim) -> Sequence[UUID]:
    """Lists failed records of which it is not known, as many as are asked for in one call."""
    rows = await conn.execute(
        sa.text(
            """
            SELECT one.object_id FROM unnest(ARRAY['error', 'skipped']) AS failed CROSS JOIN LATERAL (
                SELECT object_id, ordinal FROM record
                WHERE run_id = :run AND kind = :kind AND status = failed
                    AND keeps_others_back(status, issues) AND (
                    SELECT true FROM at_target WHERE at_target.job_id = :job AND at_target.object_id = record.object_id
                ) IS NULL
                ORDER BY ordinal LIMIT :most
            ) one
            ORDER BY one.ordinal LIMIT :most
            """
        ),
        {**keys(claim), "most": _MOST},
    )
    return rows.scalars().all()


async def note_at_target(conn: AsyncConnection, claim: Claim, asked: Sequence[UUID], held: Set[UUID]) -> JobSnapshot:
    """Keeps what was answered; gives what is open."""
    return snapshot_of(
        await call_verb(
            conn,
            "note_at_target(:organisation, :job, :claim, CAST(:asked AS uuid[]), CAST(:held AS uuid[]))",
            {**keys(claim), "asked": list(asked), "held": list(held)},
        )
    )
