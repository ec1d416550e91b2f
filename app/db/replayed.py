"""Erasures that a restored database has not seen: asked for again by the lines of their file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import erasures_file
from app.db import erasures
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher, OrganisationCipher
from app.db.engine import transaction
from app.db.schema import erasure, organisation
from app.db.tenants import OWN_KEYS
from app.domain.erasing import ORGANISATION, PERSONS, Erased, is_missing

_BY = "a replay"
_AT_ONCE = 5000
# All that have anything that could be erased, slice by slice over the keys of both tables.
_PERSONS_KNOWN = """
    SELECT DISTINCT object_id FROM content WHERE organisation_id = :organisation AND kind = 'persons'
    UNION
    SELECT id FROM object WHERE organisation_id = :organisation AND kind = 'persons'
"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many lines the file has, how many of them are unreadable, and the keys of the tasks that were made."""

    lines: int
    unread: int
    tasks: Collection[str]


async def ask_again(engine: AsyncEngine, cipher: Cipher, file: str) -> Replayed:
    """Asks again for each erasure that `file` names and the database has not: idempotent; raises OSError.

    A line is not written again for it, and what has come back since it was erased stays.
    """
    read = list(erasures_file.read(file))
    by_number: dict[str, list[Erased]] = {}
    for line in read:
        if line is not None:
            by_number.setdefault(line.organisation, []).append(line)
    made = list[str]()
    async with transaction(engine, "read_organisations", of=EVERYBODY) as conn:
        asked = sa.select(organisation.c.id, organisation.c.number, organisation.c.erased_at, OWN_KEYS)
        owners = (await conn.execute(asked.order_by(organisation.c.id))).all()
    for owner in owners:
        lines = by_number.get(owner.number, [])
        # What an erased organisation has is opened by nothing, and who was in it known by nothing.
        if not lines or owner.erased_at is not None:
            continue
        own = cipher.of(owner.id, bytes(owner.own_keys))
        made += await _of_one(engine, own, lines)
    return Replayed(len(read), sum(line is None for line in read), made)


async def _of_one(engine: AsyncEngine, cipher: OrganisationCipher, lines: Collection[Erased]) -> Collection[str]:
    of, made = cipher.organisation_id, list[str]()
    whole = [line.at for line in lines if line.kind == ORGANISATION]
    wanted = {line.digest: line for line in sorted(lines, key=lambda each: each.at) if line.kind == PERSONS}
    async with transaction(engine, "replay_erasures", of=of) as conn:
        if whole:
            await erasures.ask(conn, of, ORGANISATION, of, _BY, max(whole))
            return [f"{of} {ORGANISATION} {of}"]
        c = erasure.c
        rows = await conn.execute(sa.select(c.object_id, c.erased_at).where(c.organisation_id == of, c.kind == PERSONS))
        done: Mapping[UUID, datetime | None] = {row.object_id: row.erased_at for row in rows}
        known = await conn.stream(sa.text(_PERSONS_KNOWN), {"organisation": of})
        missing = list[tuple[UUID, Erased]]()
        async for some in known.scalars().partitions(_AT_ONCE):
            for person_id in some:
                line = wanted.get(erasures.id_digest(cipher, PERSONS, person_id))
                if line is not None and is_missing(line, done.get(person_id)):
                    missing.append((person_id, line))
        for person_id, line in missing:
            await erasures.ask(conn, of, PERSONS, person_id, _BY, line.at)
            made.append(f"{of} {PERSONS} {person_id}")
    return made
