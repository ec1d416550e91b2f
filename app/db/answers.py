"""What became of a batch: accepted, answered, refused or lost, and what that means for its records.

Every function here but `accepted_batch` calls one verb under a claim, which gives what is open afterwards, and raises
LeaseLost when the claim no longer holds.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.claims import Claim, keys
from app.db.content import Content, sealed_answer
from app.db.records import changes_json
from app.db.verbs import call_verb, snapshot_of
from app.domain.envelope import fold
from app.domain.issues import Issue, stored
from app.domain.open_work import JobSnapshot
from app.domain.verdicts import AwaitedBatch, RecordChange


async def accept_batch(
    conn: AsyncConnection, claim: Claim, batch_id: UUID, http_status: int, remote_job_id: str, poll_in: timedelta
) -> JobSnapshot:
    """Notes that Skolverket took the batch, and the job under which it will answer."""
    return await _verb(
        conn,
        claim,
        "accept_batch(:organisation, :job, :claim, :batch, :http_status, :remote_job_id, :poll_in)",
        batch=batch_id,
        http_status=http_status,
        remote_job_id=remote_job_id,
        poll_in=poll_in,
    )


async def accepted_batch(conn: AsyncConnection, claim: Claim, batch_id: UUID) -> AwaitedBatch | None:
    """Reads what is needed to ask for a batch's answer; None when it is not waited for."""
    batch = (
        await conn.execute(
            sa.text(
                """
                SELECT remote_job_id, polls, record_ids, clock_timestamp() - answered_at AS age,
                    tried_longer(batch.tried_for, batch.failed_at, batch.planned_wait + job.rested, clock_timestamp())
                        AS asked_for,
                    (
                        SELECT jsonb_object_agg(object_id, extract(epoch FROM tried_longer(
                            one.tried_for, one.failed_at, one.planned_wait + job.rested, clock_timestamp())))
                        FROM unnest(record_ids) AS listed (id) CROSS JOIN LATERAL (
                            SELECT object_id, tried_for, failed_at, planned_wait, status, batch_id FROM record
                            WHERE record.job_id = :job AND record.object_id = listed.id OFFSET 0
                        ) one
                        WHERE one.status = 'sent' AND one.batch_id = batch.id
                    ) AS waiting
                FROM batch JOIN job ON job.id = batch.job_id WHERE batch.id = :batch AND batch.status = 'accepted'
                """
            ),
            {**keys(claim), "batch": batch_id},
        )
    ).one_or_none()
    if batch is None:
        return None
    waiting = {UUID(each): timedelta(seconds=tried_for) for each, tried_for in (batch.waiting or {}).items()}
    return AwaitedBatch(batch.remote_job_id, batch.polls, batch.age, batch.asked_for, set(batch.record_ids), waiting)


async def apply_answer(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    answer: bytes,
    changes: Sequence[RecordChange],
    poll_in: timedelta,
    *,
    lost: tuple[str, timedelta | None] | None = None,
    usual: timedelta | None = None,
    horizon: timedelta | None = None,
) -> JobSnapshot:
    """Stores a status answer and its results; the batch is finished when none of its records waits any more.

    `received` of each change is what the answer says of that object: it is kept as that object's, and the batch keeps
    the rest of the answer. With `lost` those that wait still go again after the time in it, or without one end in error
    with its code. Faulty records that have been tried for `horizon` are given up. `usual` is how long answers take,
    where that has been learned.
    """
    said = {
        each.object_id: sealed_answer(cipher, claim.kind, each.object_id, each.received)
        for each in changes
        if each.received is not None
    }
    parts = {each.object_id: (each.received, said[each.object_id].digest) for each in changes if each.received}
    kept = [replace(each, received=said[each.object_id].digest) if each.object_id in said else each for each in changes]
    envelope = sealed_answer(cipher, "batch", batch_id, fold(answer, parts))
    code, again_in = lost or (None, None)
    return await _verb(
        conn,
        claim,
        "apply_answer(:organisation, :job, :claim, :batch, :answer, :answer_sealed, CAST(:digests AS bytea[]),"
        " CAST(:objects AS uuid[]), CAST(:sealed AS bytea[]), CAST(:changes AS jsonb), :poll_in,"
        " :lost_why, :lost_again_in, :usual, :horizon)",
        batch=batch_id,
        **_answer(envelope),
        **_contents(said),
        changes=changes_json(kept),
        poll_in=poll_in,
        lost_why=code,
        lost_again_in=again_in,
        usual=usual,
        horizon=horizon,
    )


async def postpone_poll(conn: AsyncConnection, claim: Claim, batch_id: UUID, poll_in: timedelta) -> JobSnapshot:
    """Notes when to ask again for a result that could not be had now."""
    return await _verb(
        conn, claim, "postpone_poll(:organisation, :job, :claim, :batch, :poll_in)", batch=batch_id, poll_in=poll_in
    )


async def refuse_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    http_status: int,
    answer: bytes,
    blamed: Mapping[UUID, bytes],
    codes_of: Callable[[bytes], Sequence[str]],
) -> JobSnapshot:
    """Stores a refusal that concerns what was sent; `codes_of` gives the codes of the messages in words of it.

    Records that the answer blames end in error with what it says of them, and the others go again at once. When it
    blames none, they go in halves, until a record that stands alone ends in error.
    """
    said = {each: sealed_answer(cipher, claim.kind, each, words) for each, words in blamed.items()}
    given = await call_verb(
        conn,
        "refuse_batch(:organisation, :job, :claim, :batch, :http_status, :answer, :answer_sealed,"
        " CAST(:objects AS uuid[]), CAST(:digests AS bytea[]), CAST(:sealed AS bytea[]), CAST(:codes AS jsonb),"
        " CAST(:issues AS jsonb))",
        {
            **keys(claim),
            "batch": batch_id,
            "http_status": http_status,
            **_answer(sealed_answer(cipher, "batch", batch_id, answer)),
            **_contents(said),
            "codes": json.dumps({str(each): found for each, words in blamed.items() if (found := codes_of(words))}),
            "issues": json.dumps(stored([Issue("refused_batch")])),
        },
    )
    if alone := given.get("alone"):
        # What is said of a batch of one is said of it.
        blamed = {**blamed, UUID(alone): answer or b"null"}
        return await refuse_batch(conn, cipher, claim, batch_id, http_status, answer, blamed, codes_of)
    return snapshot_of(given)


async def requeue_batch(
    conn: AsyncConnection,
    cipher: OrganisationCipher,
    claim: Claim,
    batch_id: UUID,
    http_status: int,
    answer: bytes,
    again_in: timedelta,
    horizon: timedelta | None = None,
) -> JobSnapshot:
    """Stores a refusal that passes, such as too many calls: the records go again after a while.

    Those that have been tried for `horizon` are given up.
    """
    return await _verb(
        conn,
        claim,
        "requeue_batch(:organisation, :job, :claim, :batch, :http_status, :answer, :answer_sealed, :again_in,"
        " :horizon)",
        batch=batch_id,
        http_status=http_status,
        **_answer(sealed_answer(cipher, "batch", batch_id, answer)),
        again_in=again_in,
        horizon=horizon,
    )


async def mark_lost(
    conn: AsyncConnection,
    claim: Claim,
    batch_id: UUID,
    code: str,
    again_in: timedelta | None,
    horizon: timedelta | None = None,
) -> JobSnapshot:
    """Notes that nobody will ever know what became of a batch: its records go again, or without a time end in error.

    Those that have been tried for `horizon` are given up.
    """
    return await _verb(
        conn,
        claim,
        "mark_lost(:organisation, :job, :claim, :batch, :code, :again_in, :horizon)",
        batch=batch_id,
        code=code,
        again_in=again_in,
        horizon=horizon,
    )


async def abandon_outstanding(conn: AsyncConnection, claim: Claim, code: str) -> JobSnapshot:
    """Closes everything that is out, for a job that ends without its answers."""
    return await _verb(conn, claim, "abandon_outstanding(:organisation, :job, :claim, :code)", code=code)


async def _verb(conn: AsyncConnection, claim: Claim, function: str, **values: Any) -> JobSnapshot:
    return snapshot_of(await call_verb(conn, function, {**keys(claim), **values}))


def _answer(content: Content) -> Mapping[str, bytes]:
    return {"answer": content.digest, "answer_sealed": content.sealed}


def _contents(contents: Mapping[UUID, Content]) -> Mapping[str, Sequence[object]]:
    return {
        "objects": list(contents),
        "digests": [each.digest for each in contents.values()],
        "sealed": [each.sealed for each in contents.values()],
    }
