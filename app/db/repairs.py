"""Repairs as rows: what the target accepted last of the objects of a call whose answer never came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import Cipher, OrganisationCipher
from app.db.tasks import Task
from app.domain.kinds import Kind
from app.domain.repair import LastAccepted

REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Repair:
    """The objects of a lost batch that the target has ever accepted, each as it did last; none that stay here now."""

    kind: Kind
    cipher: OrganisationCipher
    accepted: Sequence[LastAccepted]


async def load(conn: AsyncConnection, cipher: Cipher, task: Task) -> Repair | None:
    """Reads what a repair is about; None when its batch is not known."""
    rows = (
        await conn.execute(
            sa.text(
                """
                SELECT job.kind, job.organisation_id,
                    organisation.salt || organisation.digest_key AS own_keys, known.id, known.accepted, kept.sealed,
                    -- what is not known any more counts as protected
                    coalesce(sent.protected, true) AS protected,
                    EXISTS (
                        SELECT FROM withheld(
                            job.organisation_id, job.kind, '{}', NULL, ARRAY[known.id], ARRAY[known.accepted]
                        ) OFFSET 0
                    ) AS stays_here
                FROM batch JOIN job ON job.id = batch.job_id JOIN organisation ON organisation.id = job.organisation_id
                -- Each OFFSET makes this a look by the primary key for each.
                LEFT JOIN LATERAL unnest(batch.record_ids) AS listed (id) ON true
                LEFT JOIN LATERAL (
                    SELECT id, accepted, accepted_job_id FROM object
                    WHERE object.organisation_id = job.organisation_id AND object.kind = job.kind
                        AND object.id = listed.id OFFSET 0
                ) known ON true
                LEFT JOIN LATERAL (
                    SELECT sealed FROM content
                    WHERE content.organisation_id = job.organisation_id AND content.digest = known.accepted OFFSET 0
                ) kept ON true
                LEFT JOIN LATERAL (
                    SELECT protected FROM record
                    WHERE record.job_id = known.accepted_job_id AND record.object_id = known.id OFFSET 0
                ) sent ON true
                WHERE batch.id = :batch
                """
            ),
            {"batch": UUID(task.key)},
        )
    ).all()
    if not rows:
        return None
    opens = cipher.of(rows[0].organisation_id, bytes(rows[0].own_keys))
    return Repair(
        Kind(rows[0].kind),
        opens,
        [
            LastAccepted(
                row.id,
                digest := bytes(row.accepted),
                None if row.sealed is None else opens.open(bytes(row.sealed), digest),
                row.protected,
            )
            for row in rows
            if row.id is not None and not row.stays_here
        ],
    )


async def call(conn: AsyncConnection, task: Task, kind: Kind, sent: Iterable[LastAccepted]) -> bool:
    """Notes that objects are sent again now; False when they must not leave now, or the claim no longer holds."""
    listed = list(sent)
    return bool(
        await conn.scalar(
            sa.text(
                "SELECT call_repair(:organisation, :task, :claim, :kind, CAST(:ids AS uuid[]),"
                " CAST(:digests AS bytea[]))"
            ),
            {
                "organisation": task.organisation_id,
                "task": task.id,
                "claim": task.claim,
                "kind": kind.value,
                "ids": [each.id for each in listed],
                "digests": [each.digest for each in listed],
            },
        )
    )


async def answered(conn: AsyncConnection, task: Task) -> None:
    """Notes that it is known what became of the call that a repair has made."""
    await conn.execute(
        sa.text("UPDATE task SET under_way = NULL WHERE id = :task AND claim = :claim"),
        {"task": task.id, "claim": task.claim},
    )


async def note_seen(conn: AsyncConnection, repair: Repair, seen: Iterable[UUID]) -> None:
    """Notes which objects were seen at the target."""
    await conn.execute(
        sa.text(
            """
            UPDATE object SET landed_at = coalesce(landed_at, clock_timestamp())
            FROM unnest(CAST(:ids AS uuid[])) AS each (id) CROSS JOIN LATERAL (
                SELECT ctid AS place FROM object one
                WHERE one.organisation_id = :organisation AND one.kind = :kind AND one.id = each.id OFFSET 0
            ) found
            WHERE object.ctid = found.place AND object.landed_at IS NULL
            """
        ),
        {"ids": sorted(seen), "organisation": repair.cipher.organisation_id, "kind": repair.kind.value},
    )


async def ask(conn: AsyncConnection, organisation_id: UUID, batch_id: UUID) -> None:
    """Asks for a repair of a batch at once: its call left too late."""
    await conn.execute(
        sa.text("SELECT ask_for_repair(:organisation, :batch)"), {"organisation": organisation_id, "batch": batch_id}
    )
