"""Everything that a worker may still have in mind when its claim is over, and how each is to be refused.

The store's functions say so by themselves; below them the database refuses a write under an old claim.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import CheckViolation, ForeignKeyViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import activity_queue, answers, at_target, batches, claims, unanswered
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.db.verbs import LeaseLost
from app.skolverket.published import PUBLISHED

Write = Callable[[AsyncConnection, OrganisationCipher, Claim, UUID], Awaitable[object]]
Refusal = Callable[[str], AbstractContextManager[None]]

_NOW: Final = timedelta()


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except LeaseLost:
        return
    raise AssertionError(f"{name} was not told that its lease is lost")


@contextmanager
def _refused(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as refusal:
        if not isinstance(refusal.orig, CheckViolation | ForeignKeyViolation):
            raise


def _raw(statement: str) -> tuple[Write, Refusal]:
    async def write(conn: AsyncConnection, cipher: OrganisationCipher, held: Claim, batch_id: UUID) -> None:
        met = await conn.execute(
            sa.text(statement), {"job": held.job_id, "claim": held.number, "batch": batch_id, "run": held.run_id}
        )
        assert met.rowcount == 0, "the database took what it must refuse"

    return write, _refused


LATE_WRITES: Final[dict[str, tuple[Write, Refusal]]] = {
    "hold": (lambda conn, cipher, held, batch: claims.hold(conn, held), _told),
    "load_snapshot": (lambda conn, cipher, held, batch: claims.load_snapshot(conn, held), _told),
    "snooze": (lambda conn, cipher, held, batch: claims.snooze(conn, held, _NOW), _told),
    "open_job": (lambda conn, cipher, held, batch: batches.open_job(conn, held), _told),
    "write_batch": (lambda conn, cipher, held, batch: batches.write_batch(conn, cipher, PUBLISHED, held), _told),
    "call_batch": (lambda conn, cipher, held, batch: batches.call_batch(conn, cipher, PUBLISHED, held, batch), _told),
    "expire": (lambda conn, cipher, held, batch: batches.expire(conn, held), _told),
    "unmark_called": (lambda conn, cipher, held, batch: batches.unmark_called(conn, held, batch), _told),
    "discard_unsent": (lambda conn, cipher, held, batch: batches.discard_unsent(conn, held), _told),
    "accept_batch": (
        lambda conn, cipher, held, batch: answers.accept_batch(conn, held, batch, 202, "late", _NOW),
        _told,
    ),
    "apply_answer": (
        lambda conn, cipher, held, batch: answers.apply_answer(conn, cipher, held, batch, b"{}", [], _NOW),
        _told,
    ),
    "postpone_poll": (lambda conn, cipher, held, batch: answers.postpone_poll(conn, held, batch, _NOW), _told),
    "refuse_batch": (
        lambda conn, cipher, held, batch: answers.refuse_batch(
            conn, cipher, held, batch, 413, b"[]", {}, PUBLISHED.codes
        ),
        _told,
    ),
    "requeue_batch": (
        lambda conn, cipher, held, batch: answers.requeue_batch(conn, cipher, held, batch, 503, b"[]", _NOW),
        _told,
    ),
    "mark_lost": (
        lambda conn, cipher, held, batch: answers.mark_lost(conn, held, batch, "late", _NOW),
        _told,
    ),
    "abandon": (lambda conn, cipher, held, batch: answers.abandon_outstanding(conn, held, "late"), _told),
    "note_at_target": (lambda conn, cipher, held, batch: at_target.note_at_target(conn, held, [], set()), _told),
    "note_arrived": (lambda conn, cipher, held, batch: unanswered.note_arrived(conn, held, []), _told),
    "note_fault": (lambda conn, cipher, held, batch: claims.note_fault(conn, held, {"code": "late"}), _told),
    "finish_job as succeeded": (
        lambda conn, cipher, held, batch: activity_queue.finish_job(
            conn, held.organisation_id, held.job_id, held.number, "succeeded"
        ),
        _told,
    ),
    "finish_job as failed": (
        lambda conn, cipher, held, batch: activity_queue.finish_job(
            conn, held.organisation_id, held.job_id, held.number, "failed"
        ),
        _told,
    ),
    "a record": _raw("UPDATE record SET received = 'late', fence = :claim WHERE job_id = :job"),
    "a batch": _raw("UPDATE batch SET answer = 'late', fence = :claim WHERE id = :batch AND job_id = :job"),
    "a new batch": _raw(
        "INSERT INTO batch (id, organisation_id, job_id, number, fence, record_ids, items, request_digest,"
        " request_bytes, request_sha256) SELECT gen_random_uuid(), organisation_id, id, 999, :claim, '{}', '{}',"
        " sha256('x'), 1, 'x'"
        " FROM job WHERE id = :job"
    ),
    "the jobs after it": _raw(
        "UPDATE job SET status = 'queued', due_at = clock_timestamp() WHERE run_id = :run AND status = 'waiting'"
    ),
    "the job": _raw("UPDATE job SET error = '{}', fence = :claim WHERE id = :job AND status = 'running'"),
}
