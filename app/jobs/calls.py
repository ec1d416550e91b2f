"""The door to Skolverket: no call leaves without its slot, its lease and its token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.cipher import Cipher
from app.db.limits import hold_back, slot_spacing, take_slot
from app.db.tokens import cached_token, drop_token, keep_token
from app.settings import Settings
from app.skolverket.auth import fetch_token
from app.skolverket.faults import SlowDown, TokenRefused, TryAgain

T = TypeVar("T")

# A slot that was missed by more than this is let go: the next one keeps the distance to the calls around it.
_TOLERANCE = 0.025
# What is written down right before a call takes about so long; it begins before the slot does.
_LEAD = 0.015


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


class Queues:
    """One queue for each organisation in this process: only its head asks the database for a slot."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def of(self, organisation_id: UUID) -> asyncio.Lock:
        """Gives the organisation's queue, for as long as somebody stands in it."""
        lock = self._locks.get(organisation_id)
        if lock is None:
            lock = self._locks[organisation_id] = asyncio.Lock()
        return lock


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
    queue: asyncio.Lock
    _token: str | None = None
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def sending(
        self, call: Callable[[str], Awaitable[T]], before: Callable[[AsyncConnection], Awaitable[bool]]
    ) -> T | None:
        """Makes one sending or status call, within the shared limit; a token that is refused is renewed once.

        `before` writes down that the call leaves now, when its slot is about to begin; when it says no, nothing is
        called and None is given. Raises NoTime, and what `call` and `before` raise.
        """
        token = await self._valid_token()
        if not await self._slot(before):
            return None
        try:
            try:
                return await call(token)
            except TokenRefused as refused:
                return await self._once_more(call, token, refused)
        except SlowDown as asked:
            async with self.engine.begin() as conn:
                await hold_back(conn, "calls", min(asked.retry_after or timedelta(seconds=1), timedelta(seconds=30)))
            raise

    async def _once_more(self, call: Callable[[str], Awaitable[T]], token: str, refused: TokenRefused) -> T:
        """Makes a call again with a new token; when it can't leave, what was answered to it is still the refusal."""
        await self._forget(token)
        try:
            token = await self._valid_token()
            await self._slot()
        except NoTime:
            raise TryAgain(refused.code, http_status=refused.http_status, answer=refused.answer) from None
        except TryAgain as fault:
            raise TryAgain(fault.code, http_status=refused.http_status, answer=refused.answer) from None
        try:
            return await call(token)
        except TokenRefused as again:
            raise TryAgain(again.code, http_status=again.http_status, answer=again.answer) from None

    async def _slot(self, before: Callable[[AsyncConnection], Awaitable[bool]] | None = None) -> bool:
        """Returns when a slot has begun; False when `before` said no."""
        while True:
            asked, answered, wait = await self._taken()
            # The database counted from some moment between both: never begin before it, and doubt the rest.
            begins = answered + wait
            await asyncio.sleep(max(0.0, begins - _LEAD - time.monotonic()))
            self._check_time()
            if before is not None:
                async with self.engine.begin() as conn:
                    if not await before(conn):
                        return False
                before = None
            await asyncio.sleep(max(0.0, begins - time.monotonic()))
            self._check_time()
            if time.monotonic() - (asked + wait) <= _TOLERANCE:
                return True

    async def _taken(self) -> tuple[float, float, float]:
        """Takes a slot in turn: when it was asked for and granted by the local clock, and the seconds from there."""
        per_second = self.settings.skolverket_calls_per_second
        pause = min(0.25, slot_spacing(per_second).total_seconds() / 2)
        async with self.queue:
            while True:
                self._check_time()
                asked = time.monotonic()
                async with self.engine.begin() as conn:
                    wait = await take_slot(conn, "calls", per_second, self.organisation_id)
                if wait is not None:
                    return asked, time.monotonic(), wait
                await asyncio.sleep(pause)

    def _check_time(self) -> None:
        if self.deadline.left < self.patience:
            raise NoTime

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
