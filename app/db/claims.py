"""Who works on which job: claims, what the holder sees, and how it lets go. Ends of jobs are the activity queue's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.activity_queue import WakeUp
from app.db.faults import OURS, OurFault
from app.db.verbs import call_verb, snapshot_of
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.issues import stored
from app.domain.kinds import Kind
from app.domain.open_work import JobSnapshot
from app.logs import describe_exception

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job while its epoch goes on; `number` fences every write."""

    job_id: UUID
    number: int
    organisation_id: UUID
    run_id: UUID
    kind: Kind
    # Of the organisation, whose contents are opened with them.
    own_keys: bytes = field(repr=False)
    lost_before: bool
    # What of it was open when it was claimed.
    opened: JobSnapshot = field(repr=False, compare=False)
    # How long ago a wake-up was sent for it.
    wake_latency: timedelta | None = field(default=None, compare=False)


async def claim_jobs(
    conn: AsyncConnection, epoch: UUID, most: int, wanted: Sequence[UUID] | None = None
) -> list[Claim]:
    """Takes those of the `wanted` jobs that are due and free, or of all that are, in turn for the organisations.

    At most so many; none when `epoch` may no longer call. One that cannot be read is laid down.
    """
    rows = await conn.execute(
        sa.text(
            "SELECT id, claim, organisation_id, run_id, kind, own_keys, lost_before, wake_latency, opened"
            " FROM claim_jobs(:epoch, :most, CAST(:wanted AS uuid[]))"
        ),
        {"epoch": epoch, "most": most, "wanted": None if wanted is None else list(wanted)},
    )
    claims = list[Claim]()
    for row in rows.all():
        try:
            claims.append(_claim_of(row))
        except (ValueError, TypeError, LookupError) as problem:
            log.error("a job cannot be read", job_id=str(row.id), claim=row.claim, **describe_exception(problem))
            await call_verb(
                conn,
                "lay_down_unread(:organisation, :job, :claim)",
                {"organisation": row.organisation_id, "job": row.id, "claim": row.claim},
            )
    return claims


def _claim_of(row: sa.Row[Any]) -> Claim:
    return Claim(
        row.id,
        row.claim,
        row.organisation_id,
        row.run_id,
        Kind(row.kind),
        bytes(row.own_keys),
        row.lost_before,
        snapshot_of(row.opened),
        row.wake_latency,
    )


def following(claim: Claim, given: Sequence[Any]) -> Claim:
    """Reads the claim of what follows from the end of another one's job: [job, claim, run, kind, what is open]."""
    job_id, number, run_id, kind, opened = given
    return Claim(
        UUID(job_id),
        number,
        claim.organisation_id,
        UUID(run_id),
        Kind(kind),
        claim.own_keys,
        False,
        snapshot_of(opened),
    )


async def hold(conn: AsyncConnection, claim: Claim) -> None:
    """Keeps the job's row as it is until the transaction ends; raises LeaseLost when the claim no longer holds."""
    await call_verb(conn, "hold_job(:organisation, :job, :claim) IS NOT NULL", keys(claim))


async def load_snapshot(conn: AsyncConnection, claim: Claim) -> JobSnapshot:
    """Reads what the next decision needs; raises LeaseLost when the claim no longer holds."""
    return snapshot_of(await call_verb(conn, "refresh_work(:organisation, :job, :claim)", keys(claim)))


async def note_fault(conn: AsyncConnection, claim: Claim, error: dict[str, Any], *, counts: bool = True) -> JobSnapshot:
    """Notes a failed try, which counts as an attempt unless told otherwise, and keeps the fault; gives what is open.

    Raises LeaseLost when the claim no longer holds.
    """
    values = {**keys(claim), "error": json.dumps(error), "counted": int(counts)}
    return snapshot_of(
        await call_verb(conn, "note_fault(:organisation, :job, :claim, CAST(:error AS jsonb), :counted)", values)
    )


async def snooze(
    conn: AsyncConnection, claim: Claim, delay: timedelta, *, cancelled: bool = False, paused: bool = False
) -> WakeUp:
    """Lets go of the job until `delay` has passed; raises LeaseLost when the claim no longer holds.

    When its run has been cancelled or is paused and the decision was made without knowing that (`cancelled`, `paused`),
    it is due at once.
    """
    values = {**keys(claim), "delay": delay, "cancelled": cancelled, "paused": paused}
    number, seconds = await call_verb(conn, "snooze(:organisation, :job, :claim, :delay, :cancelled, :paused)", values)
    return WakeUp(claim.job_id, number, float(seconds))


async def pause_job(conn: AsyncConnection, claim: Claim) -> WakeUp | None:
    """Lays down a job of which nothing is out, until the pause of its run ends; what has not left is discarded.

    Gives a wake-up when the pause has ended meanwhile. Raises LeaseLost when the claim no longer holds.
    """
    given = await call_verb(conn, "pause_job(:organisation, :job, :claim)", keys(claim))
    return None if given is None else WakeUp(claim.job_id, given[0], float(given[1]))


async def rest(conn: AsyncConnection, claim: Claim, fault: OurFault) -> None:
    """Lays a job down for a `fault` of ours; each rest in a row is twice as long, up to 5 min, for the database's 10 s.

    At the tenth in a row for `internal` the records that it concerns end in error. Raises LeaseLost when the claim no
    longer holds.
    """
    values = {
        "code": fault.code,
        "records": list(fault.records),
        "batch": fault.batch,
        "issues": json.dumps(stored([OURS])),
    }
    await call_verb(
        conn,
        "rest_job(:organisation, :job, :claim, :code, CAST(:records AS uuid[]), CAST(:batch AS uuid),"
        " CAST(:issues AS jsonb))",
        {**keys(claim), **values},
    )


async def bring_near(conn: AsyncConnection) -> int:
    """Rewrites times that lie further ahead than anything is planned, as after a wrong clock; gives how many jobs."""
    return int(await conn.scalar(sa.text("SELECT bring_near()")) or 0)


async def wake_those_who_wait(conn: AsyncConnection, limit: int) -> int:
    """Makes jobs due that rest since nobody was there, at most so many; gives how many."""
    woken = await conn.execute(
        sa.text(
            """
            UPDATE job SET due_at = clock_timestamp(), fence = claim
            WHERE id = ANY (ARRAY(
                SELECT id FROM job WHERE status = 'running' AND holder IS NULL AND due_at > clock_timestamp()
                    AND error ->> 'code' = :waiting
                LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
            ))
            """
        ),
        {"waiting": CIRCUIT_OPEN, "limit": limit},
    )
    return woken.rowcount


async def database_time(conn: AsyncConnection) -> datetime:
    """Gives the one clock that due times are measured with."""
    now = await conn.scalar(sa.text("SELECT clock_timestamp()"))
    assert isinstance(now, datetime)  # noqa: S101
    return now


def keys(claim: Claim) -> Mapping[str, Any]:
    """Gives what a verb under the claim begins with, and whose job it is."""
    return {
        "organisation": claim.organisation_id,
        "job": claim.job_id,
        "claim": claim.number,
        "run": claim.run_id,
        "kind": claim.kind.value,
    }
