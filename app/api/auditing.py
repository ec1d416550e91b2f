"""Rows of the audit about what the key of the request under way changes, and about who is refused.

What is changed has its row in the same transaction. A refusal has one afterwards, if it can be written, and not more of
them than somebody reads: whoever guesses fills no table.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import exc as db
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.http.problems import NotAudited
from app.api.http.request_ids import under_way
from app.api.limits.buckets import Buckets, Rate
from app.db import audit
from app.db.acting import EVERYBODY
from app.db.cipher import OrganisationCipher
from app.db.engine import statement
from app.domain.audit import Actor, Entry
from app.logs import describe_exception
from app.runtime import Runtime
from app.security.keys import Caller, Operator

_log = structlog.stdlib.get_logger(__name__)

_CANNOT: Final = "The audit cannot be written at the moment: nobody is shown unmasked, nothing is changed."
_UNKNOWN: Final = Actor("unknown", None, "", "api")
# Of one key, and of all that are unknown: so many at once, and then so many a second.
OF_A_KEY: Final = Rate(1 / 10, 20)
OF_UNKNOWN: Final = Rate(1 / 30, 60)


@contextmanager
def refusing() -> Iterator[None]:
    """Makes NotAudited of whatever keeps a row from being written, and a line of the log."""
    try:
        yield
    except (db.DBAPIError, db.TimeoutError, psycopg.Error) as problem:
        _log.error("a row of the audit could not be written", fault=describe_exception(problem))
        raise NotAudited(_CANNOT) from None


async def write_change(
    conn: AsyncConnection,
    organisation_id: UUID | None,
    action: str,
    *,
    run_id: UUID | None = None,
    job_id: UUID | None = None,
    activity_id: UUID | None = None,
    objects: Sequence[bytes] = (),
    **details: Any,
) -> None:
    """Writes, in the transaction of a change, the row that the key of the request under way has made it.

    Of `details` those that are None are left out. Raises NotAudited.
    """
    details = {name: value for name, value in details.items() if value is not None}
    with refusing():
        await audit.write(conn, Entry(organisation_id, actor(), action, run_id, job_id, activity_id, details, objects))


async def write_erasure(conn: AsyncConnection, cipher: OrganisationCipher, person_id: UUID) -> None:
    """Writes the row that the erasure of a person was asked for."""
    await write_change(conn, cipher.organisation_id, "ask_for_erasure", objects=[audit.digest_of(cipher, person_id)])


async def write_session(conn: AsyncConnection, action: str, key: Caller | Operator, **details: Any) -> None:
    """Writes the row that somebody has signed in to the pages with a key, or out; the connection acts for all."""
    is_operator = isinstance(key, Operator)
    of = None if isinstance(key, Operator) else key.organisation_id
    who = Actor("operator" if is_operator else "key", key.key_id, key.handle, "page")
    with refusing():
        await audit.write(conn, Entry(of, who, action, details=details))


def actor() -> Actor:
    """Gives the key of the request under way, and how it asks."""
    note = under_way()
    if note is None or note.key_id is None or note.key_handle is None:
        return _UNKNOWN if note is None else Actor("unknown", None, "", note.via)
    return Actor("operator" if note.organisation_id is None else "key", note.key_id, note.key_handle, note.via)


@dataclass(slots=True)
class Refusals:
    """Writes rows about who was refused, as many as the buckets have room for; each says how many had none before."""

    runtime: Runtime
    of_keys: Buckets[UUID] = field(default_factory=lambda: Buckets(OF_A_KEY))
    of_unknown: Buckets[None] = field(default_factory=lambda: Buckets(OF_UNKNOWN))
    missed: int = 0

    async def unknown_key(self, handle: str | None) -> None:
        """Notes a key that does not count, by its `handle` where it has the form of one of ours."""
        note = under_way()
        via = "api" if note is None else note.via
        if self._room(self.of_unknown, None):
            await self._write(Entry(None, Actor("unknown", None, handle or "", via), "refused_key"))

    async def refused(self, cause: str, method: str, route: str) -> None:
        """Notes that a key that counts was refused a route, by the slug of the cause."""
        note, who = under_way(), actor()
        if note is None or who.id is None or not self._room(self.of_keys, who.id):
            return
        details = {"cause": cause, "method": method, "route": route}
        await self._write(Entry(note.organisation_id, who, "refused", details=details))

    async def failed_sign_in(self, reason: str) -> None:
        """Notes that somebody has come back from the provider without being let in, for a `reason` of ours."""
        if self._room(self.of_unknown, None):
            await self._write(
                Entry(None, Actor("unknown", None, "", "page"), "failed_sign_in", details={"reason": reason})
            )

    async def refused_sign_in(self, key: Caller | Operator) -> None:
        """Notes that a key that counts was given to sign in with, and has no page."""
        if self._room(self.of_keys, key.key_id):
            of = None if isinstance(key, Operator) else key.organisation_id
            await self._write(Entry(of, Actor("key", key.key_id, key.handle, "page"), "refused_sign_in"))

    def _room(self, buckets: Buckets[Any], key: UUID | None) -> bool:
        now = time.monotonic()
        if buckets.standing(key, now).wait:
            self.missed += 1
            return False
        buckets.take(key, now)
        return True

    async def _write(self, entry: Entry) -> None:
        missed, self.missed = self.missed, 0
        details = {**entry.details, **({"missed": missed} if missed else {})}
        written = Entry(entry.organisation_id, entry.actor, entry.action, details=details)
        try:
            async with statement(self.runtime.engine, "audit_refusal", of=written.organisation_id or EVERYBODY) as conn:
                await audit.write(conn, written)
        except (db.DBAPIError, db.TimeoutError) as problem:
            # They are refused all the same.
            _log.error("a row of the audit could not be written", fault=describe_exception(problem))
