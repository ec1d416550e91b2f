"""What an older key has sealed is sealed anew with the first, a few values at a time, beside all other work.

What is left is all that the task has to know: it goes on where another process has ended, and is done when nothing is
left but what does not open.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import sealed
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher, OrganisationCipher
from app.db.engine import transaction
from app.db.schema import audit_key, organisation
from app.db.sealed import SEALED, SealedColumn, Setting
from app.db.tasks import Task
from app.db.tenants import OWN_KEYS
from app.db.tokens import of_organisation
from app.jobs.tasks.kind import Later, Store, TaskKind

log = structlog.get_logger(__name__)

SEAL_ANEW: Final = "seal_anew"
_OWNERS = sa.union_all(sa.select(organisation.c.id, OWN_KEYS), sa.select(audit_key.c.owner, audit_key.c.salt)).order_by(
    "id"
)
_LONGEST = timedelta(minutes=2)
# Until another worker has been started with the keys that were meant.
_OTHER_KEYS = timedelta(seconds=30)
# Until a roster has arrived, or a row that somebody else has in hand is free.
_IN_USE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class SealAnew:
    """Seals anew with the first keys of `cipher` and, where this process has them, of `token_keys`."""

    engine: AsyncEngine
    cipher: Cipher
    token_keys: Cipher | None
    # After so long somebody else may have the task (s); and values of a transaction, of some hundredths of a second.
    at_a_time: float = 20.0
    together: int = 200

    def kind(self) -> TaskKind:
        """Makes the kind of task; its key is the id of the encryption key that is meant to be the first."""
        return TaskKind(SEAL_ANEW, _LONGEST, None, self.do)

    async def do(self, task: Task) -> Store:
        """Goes over everything that is sealed; raises Later when the time is up, or something is in use."""
        if task.key != self.cipher.current:
            raise Later(_OTHER_KEYS)
        until, in_use, closed = time.monotonic() + self.at_a_time, False, 0
        async with transaction(self.engine, "read_owners", of=EVERYBODY) as conn:
            owners = (await conn.execute(_OWNERS)).all()
        for column in SEALED:
            for owner in owners:
                for older in self._older[column.keys]:
                    skip = await self._column(column, self._of(column, owner.id, bytes(owner.own_keys)), older, until)
                    closed += len(skip)
                    async with transaction(self.engine, "any_left", of=owner.id) as conn:
                        in_use |= await sealed.any_left(conn, column, owner.id, older, skip)
        async with self.engine.connect() as conn:
            if in_use or await sealed.left_with(conn, self._older):
                raise Later(_IN_USE)
        if closed:
            log.error("sealed values do not open and stay as they are", values=closed)
        log.info("all is sealed with the first key", key=task.key)
        return _nothing_more

    async def _column(
        self, column: SealedColumn, cipher: OrganisationCipher, older: str, until: float
    ) -> Sequence[str]:
        skip = list[str]()
        while True:
            async with transaction(self.engine, "seal_anew", of=cipher.organisation_id) as conn:
                values, closed = await sealed.seal_anew(conn, column, cipher, older, self.together, skip)
            skip += closed
            if not values and not closed:
                return skip
            if time.monotonic() > until:
                raise Later(timedelta())

    @property
    def _older(self) -> Mapping[Setting, Sequence[str]]:
        return {"encryption": _behind(self.cipher), "token": _behind(self.token_keys)}

    def _of(self, column: SealedColumn, organisation_id: UUID, own_keys: bytes) -> OrganisationCipher:
        if column.keys == "token" and self.token_keys is not None:
            return of_organisation(self.token_keys, organisation_id)
        return self.cipher.of(organisation_id, own_keys)


def _behind(cipher: Cipher | None) -> Sequence[str]:
    return [] if cipher is None else [key_id for key_id in cipher.masters if key_id != cipher.current]


async def _nothing_more(_: AsyncConnection) -> None:
    pass
