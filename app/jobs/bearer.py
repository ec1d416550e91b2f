"""An organisation's bearer token: fetched by one worker for all, renewed once when the target refuses it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.crash_points import passing
from app.db import tokens
from app.db.cipher import OrganisationCipher
from app.db.circuits import note_answer, note_outage, return_probe, until_probe
from app.db.engine import transaction
from app.db.tenants import identification
from app.domain.conclusion import CIRCUIT_OPEN
from app.jobs.deadline import Deadline
from app.target import Credentials, Target, TargetError, Token, TokenRefused, TryAgain

log = structlog.get_logger(__name__)

_SERVICE = "authorisation"
# What says that the server is away, and is not about one organisation: a server that does not like a certificate may
# just cut the connection.
_AWAY = {"no_connection", "timeout", "http_502", "http_503", "http_504"}
_OF_BOTH = {"http_429", "answer_unreadable", "address_unusable"}
# Between two looks for the token that another worker fetches.
_PAUSE = 0.1


def credentials_of(row: Mapping[str, Any]) -> Credentials:
    """Makes an organisation's credentials of its row: number, certificate_file, key_file, entity_id."""
    return Credentials(row["number"], row["certificate_file"], row["key_file"], row["entity_id"])


@dataclass(slots=True)
class Bearer:
    """The token that the calls of one step carry."""

    engine: AsyncEngine
    cipher: OrganisationCipher
    target: Target
    organisation_id: UUID
    deadline: Deadline
    timeout: float
    random: Random
    _kept: tokens.Kept | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def token(self) -> tokens.Kept:
        """Gives the token; raises TryAgain when none is to be had, NoTime when there is no time to fetch one."""
        async with self._asking:
            if self._kept is None:
                async with transaction(self.engine, "kept_token") as conn:
                    self._kept = await tokens.kept_token(conn, self.cipher, self.organisation_id, self._environment)
            if self._kept is None:
                self._kept = await self._fetched()
            return self._kept

    async def renewed(self, refused: tokens.Kept, refusal: TokenRefused) -> tokens.Kept:
        """Gives another token than the one that was refused; raises TryAgain when a new one would not help either."""
        async with self._asking:
            if self._kept == refused:
                self._kept = None
                async with transaction(self.engine, "renew_token") as conn:
                    again = await tokens.renew_token(conn, self.organisation_id, self._environment, refused.version)
                if not again:
                    raise TryAgain(refusal.code, http_status=refusal.http_status, answer=refusal.answer)
        return await self.token()

    @property
    def _environment(self) -> str:
        return self.target.environment

    async def _fetched(self) -> tokens.Kept:
        since: datetime | None = None
        while True:
            self.deadline.allow(self.timeout)
            async with transaction(self.engine, "ask_for_token") as conn:
                turn = await tokens.ask_for_token(
                    conn,
                    self.cipher,
                    self.organisation_id,
                    self._environment,
                    # The fetcher may wait for a connection of the database's pool besides.
                    timedelta(seconds=2 * self.timeout),
                    since,
                )
            match turn:
                case tokens.Kept():
                    return turn
                case tokens.Failed(code):
                    raise TryAgain(code)
                case tokens.Wait(since):
                    await asyncio.sleep(_PAUSE)
                case tokens.Fetch():
                    return await self._fetch()

    async def _fetch(self) -> tokens.Kept:
        try:
            fresh = await self._call()
        except TargetError as fault:
            async with transaction(self.engine, "fetch_failed") as conn:
                await tokens.fetch_failed(conn, self.organisation_id, self._environment, fault.code)
            raise
        async with transaction(self.engine, "keep_token") as conn:
            return await tokens.keep_token(
                conn, self.cipher, self.organisation_id, self._environment, fresh.value, fresh.expires_at
            )

    async def _call(self) -> Token:
        async with transaction(self.engine, "probe_authorisation") as conn:
            who = credentials_of(dict(await identification(conn, self.organisation_id)))
            wait = await until_probe(conn, _SERVICE, self.random, timedelta(seconds=self.timeout))
        if wait is not None:
            raise TryAgain(CIRCUIT_OPEN, retry_after=wait)
        passing("before_call:token")
        try:
            fresh = await self.target.fetch_token(who, self.timeout)
            passing("after_call:token")
        except TargetError as fault:
            await self._learn(fault)
            # Codes that calls of the Provisioning API have too say which server they are about.
            code = f"{_SERVICE}_{fault.code}" if fault.is_outage or fault.code in _OF_BOTH else fault.code
            raise TryAgain(
                code, http_status=fault.http_status, answer=fault.answer, retry_after=fault.retry_after
            ) from None
        await self._learn()
        return fresh

    async def _learn(self, fault: TargetError | None = None) -> None:
        """Lets all workers know whether the server is there: for what is one organisation's alone, no other waits."""
        async with transaction(self.engine, "learn_of_authorisation") as conn:
            if fault is not None and fault.code in _AWAY:
                if await note_outage(conn, _SERVICE, fault.code, self.random):
                    log.error("circuit opens: nobody is there", service=_SERVICE, code=fault.code)
            elif fault is None or fault.http_status is not None:
                if await note_answer(conn, _SERVICE):
                    log.info("circuit closes", service=_SERVICE)
            else:
                await return_probe(conn, _SERVICE)
