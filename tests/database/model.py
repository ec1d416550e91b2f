"""The world of the model: a database, a Skolverket that remembers, and who comes in before somebody commits."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import batches
from app.db.activity_queue import WakeUp
from app.db.cipher import OrganisationCipher
from app.db.claims import Claim
from app.domain.intents import Found
from app.domain.verdicts import AwaitedBatch

_TABLES: Final = ("run", "job", "record", "batch", "at_target", "event", "content", "object", "pause")


class Cut(Exception):
    """The connection broke: whoever was about to commit never learns whether it did."""


@dataclass(frozen=True)
class Call:
    """A batch that has reached Skolverket."""

    run_id: UUID
    position: int
    job_id: UUID
    claim: int
    batch_id: UUID
    ids: tuple[UUID, ...]


@dataclass
class Skolverket:
    """What has arrived, in order, and what was answered of each object."""

    calls: list[Call] = field(default_factory=list)
    said: dict[tuple[UUID, UUID], set[str]] = field(default_factory=dict)
    holds: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)

    def look_up(self, held: Claim, ids: Sequence[UUID]) -> Found:
        """Finds about half of what has been asked for: as it was sent, where it has been."""
        found = {each: self.holds.get(each, {}) for each in ids if each.int % 2}
        for each in found.keys() & self.holds.keys():
            self.said.setdefault((held.job_id, each), set()).add("found")
        return Found(found)

    def answer(self, held: Claim, batch: AwaitedBatch, status: str | None) -> bytes:
        """Answers a batch: all its objects well, but for the first one that waits; with None that one is missing."""
        odd = min(batch.waiting, default=None)
        responses = []
        for each in sorted(batch.record_ids):
            verdict = status if each == odd else "Success"
            if verdict is not None:
                self.said.setdefault((held.job_id, each), set()).add(verdict)
                responses.append({"id": str(each), "response": {"status": verdict}})
        return json.dumps({"responses": responses}).encode()


@dataclass
class World:
    """The database and what happens around it."""

    engine: AsyncEngine
    cipher: OrganisationCipher
    skolverket: Skolverket = field(default_factory=Skolverket)
    bell: list[WakeUp] = field(default_factory=list)
    # The runs whose cancel has been answered and that have not been tried again since.
    cancelled: set[UUID] = field(default_factory=set)
    # The activities whose pause has been answered and not been lifted since.
    paused: set[UUID] = field(default_factory=set)
    # The highest number that any claimer of a job was given.
    numbers: dict[UUID, int] = field(default_factory=dict)
    # What the next transaction meets: its connection breaks, or somebody else comes in before it commits.
    fate: Literal["committed", "rolled back"] | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Lends a transaction, and lets it meet its fate at the end."""
        fate, self.fate = self.fate, None
        other: asyncio.Task[None] | None = None
        async with self.engine.begin() as conn:
            yield conn
            if fate == "rolled back":
                raise Cut
            if self.meanwhile is not None:
                come, self.meanwhile = self.meanwhile, None
                other = asyncio.ensure_future(come())
                await self._until_done_or_blocked(other)
        if other is not None:
            await other
        if fate == "committed":
            raise Cut

    async def _until_done_or_blocked(self, other: "asyncio.Task[None]") -> None:
        async with self.engine.connect() as conn:
            while not other.done():
                if await conn.scalar(sa.text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")):
                    return
                await asyncio.wait({other}, timeout=0.002)

    async def rows(self, query: str, **values: Any) -> list[sa.Row[Any]]:
        """Reads rows."""
        async with self.engine.connect() as conn:
            return list((await conn.execute(sa.text(query), values)).all())

    async def value(self, query: str, **values: Any) -> Any:
        """Reads one value."""
        async with self.engine.connect() as conn:
            return await conn.scalar(sa.text(query), values)

    async def digest(self) -> str:
        """Gives a digest of everything that the engine keeps of runs."""
        tables = " UNION ALL ".join(f"SELECT CAST({each} AS text) FROM {each}" for each in _TABLES)
        return str(await self.value(f"SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM ({tables}) AS lines (line)"))

    async def stops(self, run_id: UUID) -> bool:
        """Tells whether the cancel of a run, or the pause of its activity, has been answered."""
        found = await self.value("SELECT activity_id FROM run WHERE id = :run", run=run_id)
        return run_id in self.cancelled or found in self.paused

    async def stale(self, held: Claim) -> bool:
        """Tells whether a claim holds no more."""
        return bool(
            await self.value(
                "SELECT NOT (claim = :claim AND holder IS NOT NULL) FROM job WHERE id = :job",
                claim=held.number,
                job=held.job_id,
            )
        )

    async def arrive(self, held: Claim, out: batches.Outgoing, *, kept: bool) -> None:
        """Takes a call in at Skolverket's side, and looks whether it may be there; `kept` are its objects, or not."""
        [written] = await self.rows(
            """
            SELECT batch.status, request_digest, record_ids, job.position, (
                SELECT count(*) FROM job ahead
                WHERE ahead.run_id = job.run_id AND ahead.position < job.position AND (
                    ahead.status <> 'succeeded' OR EXISTS (
                        SELECT FROM record WHERE record.organisation_id = ahead.organisation_id
                            AND record.job_id = ahead.id AND record.status IN ('pending', 'sent')
                    )
                )
            ) AS open_ahead
            FROM batch JOIN job ON job.id = batch.job_id WHERE batch.id = :batch
            """,
            batch=out.id,
        )
        ids = tuple(UUID(item["id"]) for item in json.loads(out.body)["data"])
        assert written.status != "written", "a call left without having been noted"
        digest = self.cipher.digest("batch", out.id, out.body)
        assert bytes(written.request_digest) == digest, "the bytes are not those that were written down"
        assert tuple(written.record_ids) == ids, "the batch's records are not those in its bytes"
        assert written.open_ahead == 0, "a call came before the stage ahead of it was done"
        assert out.id not in {call.batch_id for call in self.skolverket.calls}, "one batch left twice"
        if kept:
            self.skolverket.holds |= {UUID(item["id"]): item for item in json.loads(out.body)["data"]}
        self.skolverket.calls.append(Call(held.run_id, written.position, held.job_id, held.number, out.id, ids))
