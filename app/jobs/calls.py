"""The door to Skolverket: no call leaves without its slot, its lease and its token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.cipher import Cipher
from app.db.limits import hold_back, reserve
from app.db.tokens import cached_token, drop_token, keep_token
from app.settings import Settings
from app.skolverket.auth import fetch_token
from app.skolverket.faults import SlowDown, TokenRefused, TryAgain

T = TypeVar("T")

# A slot that was missed by more than this is let go: the next one keeps the distance to the calls around it.
_TOLERANCE = 0.02


class NoTime(Exception):
    """The step has no time left for another call: it goes on with the next claim."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The local end of a step, well before its lease: measured by a clock that only goes forward."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Begins a step of so many seconds."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Gives the seconds until the end."""
        return self.at - time.monotonic()


@dataclass(slots=True)
class Calls:
    """The calls of one step, for one organisation."""

    engine: AsyncEngine
    cipher: Cipher
    settings: Settings
    http: httpx.AsyncClient
    organisation_id: UUID
    organisation_number: str
    deadline: Deadline
    patience: float
    _token: str | None = None
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def sending(
        self, call: Callable[[str], Awaitable[T]], before: Callable[[AsyncConnection], Awaitable[bool]]
    ) -> T | None:
        """Makes one sending or status call, within the shared limit; a token that is refused is renewed once.

        `before` writes down that the call leaves now, in the transaction that takes its slot; when it says no, nothing
        is called and None is given. Raises NoTime, and what `call` and `before` raise.
        """
        token = await self._valid_token()
        if not await self._slot(before):
            return None
        try:
            try:
                return await call(token)
            except TokenRefused:
                await self._forget(token)
                token = await self._valid_token()
                await self._slot(before=None)
                return await call(token)
        except TokenRefused as again:
            raise TryAgain(again.code, http_status=again.http_status, answer=again.answer) from None
        except SlowDown as asked:
            async with self.engine.begin() as conn:
                await hold_back(conn, "calls", min(asked.retry_after or timedelta(seconds=1), timedelta(seconds=30)))
            raise

    async def _slot(self, before: Callable[[AsyncConnection], Awaitable[bool]] | None) -> bool:
        while True:
            async with self.engine.begin() as conn:
                wait = await reserve(
                    conn, "calls", self.settings.skolverket_calls_per_second, self.deadline.left - self.patience
                )
                if wait is None:
                    raise NoTime
                begins = time.monotonic() + wait
                if before is not None and not await before(conn):
                    await conn.rollback()
                    return False
            before = None
            await asyncio.sleep(max(0.0, begins - time.monotonic()))
            if self.deadline.left < self.patience:
                raise NoTime
            if time.monotonic() - begins <= _TOLERANCE:
                return True

    async def _valid_token(self) -> str:
        async with self._fetching:
            if self._token is None:
                environment = self.settings.skolverket_provisioning_url
                async with self.engine.begin() as conn:
                    self._token = await cached_token(conn, self.cipher, self.organisation_id, environment)
                if self._token is None:
                    if self.deadline.left < self.patience:
                        raise NoTime
                    fresh = await fetch_token(
                        self.http,
                        self.settings.skolverket_authorisation_url,
                        environment,
                        self.organisation_number,
                        self.patience,
                    )
                    async with self.engine.begin() as conn:
                        await keep_token(
                            conn, self.cipher, self.organisation_id, environment, fresh.value, fresh.expires_at
                        )
                    self._token = fresh.value
            return self._token

    async def _forget(self, token: str) -> None:
        async with self._fetching:
            if self._token == token:
                self._token = None
                async with self.engine.begin() as conn:
                    await drop_token(conn, self.organisation_id, self.settings.skolverket_provisioning_url)
