"""The calls of the process that holds an egress: none leaves without its permit and token, or while nobody is there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.crash_points import passing
from app.db.cipher import OrganisationCipher
from app.db.egress import note_pause
from app.db.engine import transaction
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.limits import wait_for_others
from app.jobs.meters import Meters
from app.jobs.pacer import NoPermit, Pacer, Place
from app.jobs.services import NotTried, Services
from app.jobs.tokens import Tokens
from app.target import CallHooks, Connection, RateLimit, SlowDown, Target, TargetError, TokenRefused, TryAgain

T = TypeVar("T")
Bucket = Literal["calls", "reads"]
Name = Literal["send", "poll", "look_up", "alive"]
# Makes one call with a token, and tells the hooks how far it is.
MakeCall = Callable[[Connection, str, CallHooks], Awaitable[T]]
# Writes down that a call leaves, when it is about to; when it says no, the call does not.
Note = Callable[[], Awaitable[bool]]
# Hears that a call was written after the right to call had run out.
Late = Callable[[], Awaitable[None]]

_SERVICE: Final = "provisioning"
# Nobody is held back longer by one answer.
_LONGEST_PAUSE = timedelta(minutes=5)
# While the circuit is open, a job looks so often whether it still is.
_REST, _LONGEST_REST = timedelta(seconds=2), timedelta(seconds=10)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CallInProgress:
    """One call on its way: what its connection and its answer say on the way."""

    name: Name
    pacer: Pacer
    place: Place
    # Whether it has left: what happens before says nothing of the service.
    left: bool = False
    # Whether it was written when the right to call had run out: others may have called meanwhile.
    late: bool = False
    own: int = 0
    limit: RateLimit | None = None
    left_at: float = 0.0

    async def leave(self) -> float:
        """Returns when the call may leave; gives for how long what it writes may stay unacknowledged."""
        unacknowledged_for = await self.pacer.permit(self.place)
        self.left, self.own, self.left_at = True, self.pacer.own, asyncio.get_running_loop().time()
        passing(f"before_call:{self.name}")
        return unacknowledged_for

    def gone(self) -> None:
        """Hears that the request has been written."""
        self.late = self.pacer.may_call_for() <= 0
        self.pacer.written(self.place)
        passing(f"during_call:{self.name}")

    def woken(self, limit: RateLimit) -> None:
        """Keeps what the answer says of the limit."""
        self.limit = limit


@dataclass(slots=True)
class Calls:
    """All calls of one epoch to the Provisioning API; each may take `timeout` seconds from when it leaves."""

    engine: AsyncEngine
    egress: str
    target: Target
    services: Services
    tokens: Tokens
    pacers: Mapping[Bucket, Pacer]
    timeout: float
    meters: Meters = field(default_factory=Meters)
    _connections: AsyncExitStack = field(default_factory=AsyncExitStack)
    _connection: Connection | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def sending(
        self,
        cipher: OrganisationCipher,
        name: Name,
        make: MakeCall[T],
        note: Note | None = None,
        near: Callable[[], None] | None = None,
        late: Late | None = None,
    ) -> T | None:
        """Makes a sending or status call for the organisation that `cipher` is of; a refused token is renewed once.

        `near` is told when its turn comes soon, so that the next one may be chosen; then `note` writes down that it
        leaves, and when that says no, None is given; `late` hears that it was written too late. Raises NoPermit when
        nothing may leave any more, and what `make` and `note` raise.
        """
        return await self._with_token(cipher, "calls", name, make, note, near, late)

    async def reading(self, cipher: OrganisationCipher, name: Name, make: MakeCall[T]) -> T:
        """Makes a reading call in the same way."""
        read = await self._with_token(cipher, "reads", name, make)
        assert read is not None  # noqa: S101 - there is no note that could say no
        return read

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._connections.aclose()

    def pause(self, bucket: Bucket, wait: timedelta) -> timedelta:
        """Lets no call of a kind leave for so long, as somebody asks; gives how long that is at most."""
        wait = min(wait, _LONGEST_PAUSE)
        self.pacers[bucket].pause(wait)
        return wait

    async def keep_pause(self, bucket: Bucket, wait: timedelta) -> None:
        """Pauses in the same way, and writes it down for a successor."""
        wait = self.pause(bucket, wait)
        try:
            async with transaction(self.engine, "note_pause") as conn:
                await note_pause(conn, self.egress, bucket, wait)
        except SQLAlchemyError:
            log.warning("a pause could not be written down", bucket=bucket, seconds=round(wait.total_seconds()))

    async def _with_token(
        self,
        cipher: OrganisationCipher,
        bucket: Bucket,
        name: Name,
        make: MakeCall[T],
        note: Note | None = None,
        near: Callable[[], None] | None = None,
        late: Late | None = None,
    ) -> T | None:
        organisation_id = cipher.organisation_id
        while True:
            token = await self.tokens.token(cipher)
            if not self.services.is_open(_SERVICE):
                break
            await self._probe(organisation_id, token.value)
        try:
            return await self._made(organisation_id, bucket, name, make, token.value, note, near, late)
        except TokenRefused as refused:
            refusal = refused
        # When the call can't leave again, what was answered to it is still the refusal.
        try:
            try:
                token = await self.tokens.renewed(cipher, token, refusal)
            except TryAgain as fault:
                raise NotTried(fault.code) from None
            return await self._made(organisation_id, bucket, name, make, token.value, late=late)
        except TokenRefused as again:
            raise TryAgain(again.code, http_status=again.http_status, answer=again.answer) from None
        except NoPermit:
            raise TryAgain(refusal.code, http_status=refusal.http_status, answer=refusal.answer) from None
        except NotTried as fault:
            raise TryAgain(fault.code, http_status=refusal.http_status, answer=refusal.answer) from None

    async def _made(
        self,
        organisation_id: UUID | None,
        bucket: Bucket,
        name: Name,
        make: MakeCall[T],
        token: str,
        note: Note | None = None,
        near: Callable[[], None] | None = None,
        late: Late | None = None,
    ) -> T | None:
        """Makes one call when its turn comes; it leaves as soon as its connection stands."""
        connection, pacer = await self._connected(), self.pacers[bucket]
        joined_at, outcome = asyncio.get_running_loop().time(), "broken_off"
        place = await pacer.join(organisation_id)
        progress = CallInProgress(name, pacer, place)
        try:
            if near is not None:
                near()
            if self.services.is_open(_SERVICE) and name != "alive":
                raise NotTried(CIRCUIT_OPEN, retry_after=_REST)
            if note is not None and not await note():
                return None
            answer = await make(connection, token, progress)
            outcome = "answered"
            passing(f"after_call:{name}")
        except TargetError as fault:
            outcome = fault.code
            if not isinstance(fault, NotTried):
                await self._learn(bucket, progress, fault)
            raise
        finally:
            pacer.leave(place)
            if progress.left:
                self.meters.called(bucket, name, outcome, progress.left_at - joined_at)
            if progress.late and late is not None:
                await late()
        await self._learn(bucket, progress)
        return answer

    async def _connected(self) -> Connection:
        async with self._opening:
            if self._connection is None:
                self._connection = await self._connections.enter_async_context(self.target.connected(self.timeout))
            return self._connection

    async def _learn(self, bucket: Bucket, call: CallInProgress, fault: TargetError | None = None) -> None:
        """Takes in what an answer, or the lack of one, says of the service and of the limit."""
        if fault is not None and fault.is_outage:
            await self.services.nobody_there(_SERVICE, fault.code)
        elif fault is None or fault.http_status is not None:
            await self.services.answered(_SERVICE)
        if fault is not None and fault.code in _OTHER_CONNECTION:
            # Whom to trust may have changed on disk: the next call makes its connections anew.
            self._connection = None
        if wait := _asked_to_wait(call, fault):
            await self.keep_pause(bucket, wait)

    async def _probe(self, organisation_id: UUID, token: str) -> None:
        """Asks whether the Provisioning API is back, if it is time to; raises TryAgain while it is not, or NotTried."""
        async with self._probing:
            if not self.services.is_open(_SERVICE):
                return
            wait = self.services.until_probe(_SERVICE, self.timeout)
            if wait is not None:
                raise NotTried(CIRCUIT_OPEN, retry_after=min(max(wait, _REST), _LONGEST_REST))
            try:
                await self._made(organisation_id, "reads", "alive", _alive, token)
            except TargetError as fault:
                if fault.is_outage:
                    # Whoever asked in vain has tried.
                    raise TryAgain(CIRCUIT_OPEN, retry_after=_REST) from None
            except NoPermit:
                self.services.return_probe(_SERVICE)
                raise


_OTHER_CONNECTION = frozenset({"server_untrusted", "server_wrong_host", "server_pin", "tls_failed"})


async def _alive(connection: Connection, token: str, hooks: CallHooks) -> bool:
    await connection.alive(token, hooks)
    return True


def _asked_to_wait(call: CallInProgress, fault: TargetError | None) -> timedelta | None:
    if isinstance(fault, SlowDown):
        return fault.retry_after or timedelta(seconds=1)
    if call.limit is None:
        return None
    return wait_for_others(
        limit=call.limit.limit,
        remaining=call.limit.remaining,
        reset=call.limit.reset,
        own=call.own,
        ago=timedelta(seconds=asyncio.get_running_loop().time() - call.left_at),
    )
