"""Epochs for tests: whoever claims has an egress of its own, unless a test says otherwise."""

from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.claims import Claim, claim_jobs
from app.db.egress import take_egress


async def begin_epoch(conn: AsyncConnection, worker: UUID | None = None, egress: str | None = None) -> UUID:
    """Takes an egress for a worker."""
    taken = await take_egress(conn, egress or f"of-{uuid4()}", worker or uuid4(), None)
    assert taken is not None
    return taken


async def claim(
    conn: AsyncConnection, job_id: UUID | None = None, *, epoch: UUID | None = None, worker: UUID | None = None
) -> Claim | None:
    """Claims a job, or the one that has been due longest; None when it is not to be had."""
    epoch = epoch or await begin_epoch(conn, worker)
    claims = await claim_jobs(conn, epoch, 1, None if job_id is None else [job_id])
    return claims[0] if claims else None


async def die(conn: AsyncConnection, job_id: UUID) -> None:
    """Has the process die that holds a job, and somebody else notice."""
    await conn.execute(
        sa.text(
            "SELECT end_epoch(epoch.id, beat, gen_random_uuid()) FROM epoch JOIN job ON job.holder = epoch.id"
            " WHERE job.id = :job"
        ),
        {"job": job_id},
    )
