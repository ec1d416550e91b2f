"""The database's testimony, in plain SQL of this test's own."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from app.db.cipher import Cipher, OrganisationCipher
from tests.torture.witnesses import Batch, Erasure, Event, Job, Record, Run, Seen

_COUNTS = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


async def unfinished(url: str) -> int:
    """Counts the runs that have not ended; raises OperationalError while Postgres is away."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        row = await (await conn.execute("SELECT count(*) FROM run WHERE status IN ('queued', 'running')")).fetchone()
    assert row is not None
    return int(row[0])


async def erasing(url: str) -> int:
    """Counts the erasures that are still to be done; raises OperationalError while Postgres is away."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        row = await (await conn.execute("SELECT count(*) FROM erasure WHERE erased_at IS NULL")).fetchone()
    assert row is not None
    return int(row[0])


async def totals(url: str) -> dict[str, int]:
    """Counts runs by their state, for those who wait."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        rows = await (await conn.execute("SELECT status, count(*) FROM run GROUP BY status ORDER BY status")).fetchall()
    return {status: int(count) for status, count in rows}


async def testify(url: str, seen: Seen, cipher: Cipher) -> None:
    """Reads runs, jobs, records, batches and events; `cipher` opens the hashes of what left."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        seen.runs = {
            row[0]: Run(*row)
            for row in await _all(
                conn,
                f"SELECT run.id, organisation.number, activity_id, sequence, status, {_at('finished_at')}"
                " FROM run JOIN organisation ON organisation.id = run.organisation_id",
            )
        }
        seen.jobs = {
            row[0]: _job(row)
            for row in await _all(
                conn,
                f"SELECT id, run_id, position, status, {_at('started_at')}, {_at('finished_at')}, error ->> 'code',"
                f" {', '.join(_COUNTS)} FROM job",
            )
        }
        records: dict[UUID, list[Record]] = defaultdict(list)
        query = f"SELECT job_id, object_id, status, attempts, {_at('completed_at')}, batch_id FROM record"
        async with conn.cursor(binary=True) as cursor:
            async for row in cursor.stream(query):
                records[row[0]].append(Record(*row[1:]))
        seen.records = records
        seen.batches = {
            row[0]: _batch(row, cipher.of(owner, own_keys))
            for owner, own_keys, *row in await _all(
                conn,
                "SELECT organisation.id, salt || digest_key, batch.id, job_id, batch.number, status, request_sha256,"
                f" request_bytes, record_ids, {_at('batch.created_at')}, {_at('called_at')}, {_at('finished_at')},"
                " http_status, remote_job_id, error"
                " FROM batch JOIN organisation ON organisation.id = batch.organisation_id",
            )
        }
        seen.erasures = [
            Erasure(*row)
            for row in await _all(
                conn,
                "SELECT object_id, erased_at IS NOT NULL, EXISTS (SELECT FROM content"
                " WHERE content.object_id = erasure.object_id AND content.kind = 'persons')"
                " AND NOT EXISTS (SELECT FROM roster_item item WHERE item.object_id = erasure.object_id) FROM erasure",
            )
        ]
        seen.events = [
            Event(*row)
            for row in await _all(
                conn,
                f"SELECT id, run_id, job_id, from_status, to_status, claim, {_at('at')} FROM event ORDER BY id",
            )
        ]


def _job(row: tuple[Any, ...]) -> Job:
    job_id, run, position, status, started, finished, error, *counts = row
    return Job(job_id, run, position, status, started, finished, error, dict(zip(_COUNTS, counts, strict=True)))


def _batch(row: Sequence[Any], cipher: OrganisationCipher) -> Batch:
    batch_id, job, number, status, sealed, size, records, *rest = row
    sha256 = None if sealed is None else cipher.open(bytes(sealed), batch_id.bytes).hex()
    return Batch(batch_id, job, number, status, sha256, size, tuple(records), *rest)


def _at(column: str) -> str:
    return f"extract(epoch FROM {column})::float8"


async def _all(conn: psycopg.AsyncConnection[Any], query: str) -> list[tuple[Any, ...]]:
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(query.encode())
        return await cursor.fetchall()
