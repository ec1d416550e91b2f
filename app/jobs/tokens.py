"""Organisations' bearer tokens in the holder's memory: fetched once for all calls, renewed once when refused."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.crash_points import passing
from app.db import tokens
from app.db.cipher import Cipher, OrganisationCipher
from app.db.engine import statement
from app.db.tenants import identification
from app.domain.conclusion import CIRCUIT_OPEN
from app.jobs.services import NotTried, Services
from app.target import Credentials, Target, TargetError, Token, TokenRefused, TryAgain

log = structlog.get_logger(__name__)

_SERVICE: Final = "authorisation"
# What says that the server is away, and is not about one organisation: a server that does not like a certificate may
# just cut the connection.
_AWAY = {"no_connection", "timeout", "http_502", "http_503", "http_504"}
_OF_BOTH = {"http_429", "answer_unreadable", "address_unusable"}
# A token that ends sooner (s) is fetched anew.
_MARGIN = 60.0
# A new token that is refused too is no matter of tokens: it is not renewed again so soon (s).
_RENEWED_AT_MOST_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A token and when it has to be renewed, by the holder's clock."""

    value: str = field(repr=False)
    until: float

    @property
    def good(self) -> bool:
        """Tells whether a call may begin with it."""
        return time.monotonic() < self.until


@dataclass(slots=True)
class _OfOne:
    """What is known of one organisation; who asks while a token is fetched shares what comes of it."""

    token: Kept | None = None
    fetching: asyncio.Task[Kept] | None = None
    # The token of before this process is asked for once.
    looked: bool = False
    renewed_at: float | None = None


@dataclass(slots=True)
class Tokens:
    """The tokens of one holder of an egress; each fetch may take `timeout` seconds.

    With `keys` they are kept for the next holder too: workers alone have these.
    """

    engine: AsyncEngine
    target: Target
    services: Services
    timeout: float
    keys: Cipher | None = None
    _of: dict[UUID, _OfOne] = field(default_factory=dict)

    async def token(self, cipher: OrganisationCipher) -> Kept:
        """Gives the token of the organisation that `cipher` is of; raises TryAgain when none is to be had."""
        one = self._of.setdefault(cipher.organisation_id, _OfOne())
        if one.token is not None and one.token.good:
            return one.token
        if one.fetching is None:
            one.fetching = asyncio.create_task(self._found(one, cipher))
            one.fetching.add_done_callback(partial(_fetched, one))
        # One caller's end is not the others'.
        return await asyncio.shield(one.fetching)

    async def renewed(self, cipher: OrganisationCipher, refused: Kept, refusal: TokenRefused) -> Kept:
        """Gives another token than the one that was refused; raises TryAgain when a new one would not help either."""
        one = self._of.setdefault(cipher.organisation_id, _OfOne())
        if one.token is refused:
            now = time.monotonic()
            if one.renewed_at is not None and now - one.renewed_at < _RENEWED_AT_MOST_EVERY:
                raise TryAgain(refusal.code, http_status=refusal.http_status, answer=refusal.answer)
            one.token, one.renewed_at = None, now
        return await self.token(cipher)

    async def _found(self, one: _OfOne, cipher: OrganisationCipher) -> Kept:
        if one.token is None and not one.looked:
            one.token = await self._of_before(cipher)
            one.looked = True
        if one.token is None or not one.token.good:
            one.token = await self._fetch(cipher)
        return one.token

    async def _of_before(self, cipher: OrganisationCipher) -> Kept | None:
        if self.keys is None:
            return None
        async with statement(self.engine, "kept_token", of=cipher.organisation_id) as conn:
            kept = await tokens.kept_token(conn, self.keys, cipher.organisation_id, self.target.environment)
        return None if kept is None else _good_for(*kept)

    async def _fetch(self, cipher: OrganisationCipher) -> Kept:
        organisation_id, environment = cipher.organisation_id, self.target.environment
        try:
            fresh = await self._call(organisation_id)
        except TargetError as fault:
            async with statement(self.engine, "token_failed", of=organisation_id) as conn:
                await tokens.note_failure(conn, organisation_id, environment, fault.code)
            raise
        async with statement(self.engine, "keep_token", of=organisation_id) as conn:
            good_for = await tokens.keep_token(
                conn, self.keys, organisation_id, environment, fresh.value, fresh.expires_at
            )
        return _good_for(fresh.value, good_for)

    async def _call(self, organisation_id: UUID) -> Token:
        async with statement(self.engine, "identify", of=organisation_id) as conn:
            who = Credentials(**await identification(conn, organisation_id))
        wait = self.services.until_probe(_SERVICE, self.timeout)
        if wait is not None:
            raise NotTried(CIRCUIT_OPEN, retry_after=wait)
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
        """Learns whether the server is there: for what is one organisation's alone, no other waits."""
        if fault is not None and fault.code in _AWAY:
            await self.services.nobody_there(_SERVICE, fault.code)
        elif fault is None or fault.http_status is not None:
            await self.services.answered(_SERVICE)
        else:
            self.services.return_probe(_SERVICE)


def _good_for(value: str, seconds: float) -> Kept:
    return Kept(value, time.monotonic() + seconds - _MARGIN)


def _fetched(one: _OfOne, fetching: asyncio.Task[Kept]) -> None:
    one.fetching = None
    if not fetching.cancelled():
        # Whoever waited for it has it; nobody may be left who does.
        fetching.exception()
