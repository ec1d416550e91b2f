"""The egress as rows: who may call from an address, how each epoch's beat stands, and pauses that outlive a holder."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import connect_blocking


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch that has not ended: of which egress, `holds` or `leaves`, and the beat that it has written last."""

    id: UUID
    egress: str
    state: str
    beat: int


async def going_on(conn: AsyncConnection) -> list[Epoch]:
    """Lists the epochs that have not ended."""
    rows = await conn.execute(sa.text("SELECT id, egress, state, beat FROM epoch WHERE state <> 'ended'"))
    return [Epoch(**row) for row in rows.mappings()]


async def take_egress(conn: AsyncConnection, egress: str, worker: UUID, seen: Epoch | None) -> UUID | None:
    """Takes the right to call for `worker`: a free one, or that of the epoch `seen`, if its beat still stands there.

    Gives the id of the new epoch; None when somebody else has the right.
    """
    taken: UUID | None = await conn.scalar(
        sa.text("SELECT take_egress(:egress, :worker, CAST(:seen AS uuid), CAST(:beat AS bigint))"),
        {"egress": egress, "worker": worker, "seen": seen and seen.id, "beat": seen and seen.beat},
    )
    return taken


async def beat(conn: AsyncConnection, epoch: UUID) -> bool:
    """Writes the next beat of an epoch; tells whether it goes on."""
    found = await conn.scalar(
        sa.text("UPDATE epoch SET beat = beat + 1 WHERE id = :epoch AND state <> 'ended' RETURNING true"),
        {"epoch": epoch},
    )
    return bool(found)


async def release(conn: AsyncConnection, epoch: UUID) -> None:
    """Gives the right to call away; what the epoch has in hand stays its own while its beat moves."""
    await conn.execute(
        sa.text("UPDATE epoch SET state = 'leaves', beat = beat + 1 WHERE id = :epoch AND state = 'holds'"),
        {"epoch": epoch},
    )


async def end_epoch(conn: AsyncConnection, seen: Epoch, by: UUID) -> int | None:
    """Ends an epoch whose beat still stands where it was seen; gives how many jobs that freed, None when it moved."""
    freed: int | None = await conn.scalar(
        sa.text("SELECT end_epoch(:epoch, :beat, :by)"), {"epoch": seen.id, "beat": seen.beat, "by": by}
    )
    return freed


async def close_epoch(conn: AsyncConnection, epoch: UUID) -> None:
    """Ends an epoch whose own process has let go of everything: it lives, also when others have taken it for dead."""
    await conn.execute(sa.text("SELECT close_epoch(:epoch, false, NULL)"), {"epoch": epoch})


def last_word(url: str, epoch: UUID, *, died: bool, guilty: UUID | None) -> None:
    """Ends an epoch whose process ends now, from a thread of its own; `guilty` is the job whose step stands still.

    Without `died` it waited for something, and no job is to blame.
    """
    engine = connect_blocking(url, name="provkedja worker end")
    with engine.begin() as conn:
        conn.execute(
            sa.text("SELECT close_epoch(:epoch, :died, CAST(:guilty AS uuid))"),
            {"epoch": epoch, "died": died, "guilty": guilty},
        )
    engine.dispose()


async def free_forgotten(
    conn: AsyncConnection, epoch: UUID, in_progress: Mapping[UUID, int], seen: Mapping[UUID, int] | None = None
) -> tuple[int, Mapping[UUID, int]]:
    """Frees jobs that count as this epoch's and that its process does not know, and those of epochs that have ended.

    `in_progress` are its jobs with the numbers of their claims. One that it does not know was claimed by a statement
    whose answer got lost, or is still on its way: only those that an earlier look has `seen` under the same claim are
    freed; with None all. Gives how many were freed, and those that are not known.
    """
    rows = await conn.execute(
        sa.text(
            """
            SELECT job.id, job.claim, epoch.state = 'ended' AS ended FROM held_jobs() job CROSS JOIN LATERAL (
                SELECT id, state FROM epoch WHERE epoch.id = job.holder OFFSET 0
            ) epoch
            WHERE epoch.state = 'ended' OR (epoch.id = :epoch AND NOT EXISTS (
                SELECT FROM unnest(CAST(:jobs AS uuid[]), CAST(:claims AS bigint[])) AS known (job_id, claim)
                WHERE known.job_id = job.id AND known.claim = job.claim
            ))
            """
        ),
        {"epoch": epoch, "jobs": list(in_progress), "claims": list(in_progress.values())},
    )
    unknown = {row.id: (row.claim, row.ended) for row in rows}
    left = {job_id: claim for job_id, (claim, ended) in unknown.items() if not ended}
    lost = {
        job_id: claim
        for job_id, (claim, ended) in unknown.items()
        if ended or seen is None or seen.get(job_id) == claim
    }
    if not lost:
        return 0, left
    freed = await conn.execute(
        sa.text(
            """
            UPDATE job SET holder = NULL, due_at = clock_timestamp(), fence = job.claim FROM (
                SELECT job.id FROM unnest(CAST(:jobs AS uuid[]), CAST(:claims AS bigint[])) AS lost (id, claim)
                JOIN job ON job.id = lost.id AND job.claim = lost.claim
                WHERE holder IS NOT NULL FOR NO KEY UPDATE OF job SKIP LOCKED
            ) forgotten WHERE job.id = forgotten.id
            """
        ),
        {"jobs": list(lost), "claims": list(lost.values())},
    )
    return freed.rowcount, left


async def forget_past_epochs(conn: AsyncConnection) -> None:
    """Deletes epochs that ended more than a day ago; the latest of an egress stays for its number."""
    await conn.execute(
        sa.text(
            """
            DELETE FROM epoch WHERE state = 'ended' AND ended_at < clock_timestamp() - interval '1 day'
                AND EXISTS (SELECT FROM epoch later WHERE later.egress = epoch.egress AND later.number > epoch.number)
                AND NOT EXISTS (SELECT FROM job WHERE job.holder = epoch.id)
                AND NOT EXISTS (SELECT FROM task WHERE task.holder = epoch.id)
            """
        )
    )


async def note_pause(conn: AsyncConnection, egress: str, bucket: str, pause: timedelta) -> None:
    """Writes down for a successor that no call of a kind may leave for so long."""
    column = {"calls": "calls_paused_until", "reads": "reads_paused_until"}[bucket]
    await conn.execute(
        sa.text(
            f"UPDATE egress SET {column} = greatest({column}, clock_timestamp() + :pause) WHERE name = :egress"  # noqa: S608 - one of two constants
        ),
        {"egress": egress, "pause": pause},
    )


@dataclass(frozen=True, slots=True)
class Pauses:
    """For how long no call of each kind may leave yet, and whether another epoch has called before."""

    calls: timedelta = timedelta()
    reads: timedelta = timedelta()
    after_another: bool = True


async def pauses(conn: AsyncConnection, egress: str) -> Pauses:
    """Gives what an earlier holder of an egress leaves to its successor."""
    row = (
        await conn.execute(
            sa.text(
                """
                SELECT least(greatest(calls_paused_until - clock_timestamp(), '0'), interval '5 minutes') AS calls,
                    least(greatest(reads_paused_until - clock_timestamp(), '0'), interval '5 minutes') AS reads,
                    (SELECT count(*) > 1 FROM epoch WHERE egress = name) AS after_another
                FROM egress WHERE name = :egress
                """
            ),
            {"egress": egress},
        )
    ).one_or_none()
    return Pauses() if row is None else Pauses(row.calls, row.reads, row.after_another)
