"""The door to the target: no call leaves without its slot, its lease and its token, and while nobody is there, none."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.crash_points import passing
from app.db.circuits import is_open, note_answer, note_outage, until_probe
from app.db.engine import statement, transaction
from app.db.limits import Granted, delay_slots, hold_back, slot_spacing, take_slot
from app.domain.conclusion import CIRCUIT_OPEN
from app.domain.limits import wait_for_others
from app.jobs.bearer import Bearer
from app.jobs.deadline import NoTime
from app.target import CallHooks, Connection, Limits, RateLimit, SlowDown, TargetError, TokenRefused, TryAgain

T = TypeVar("T")
Bucket = Literal["calls", "reads"]
Name = Literal["send", "poll", "look_up", "alive"]


class Note(Protocol):
    """Writes down that a call leaves now, or with `again` looks whether it still may; when it says no, it does not."""

    async def __call__(self, conn: AsyncConnection, *, again: bool) -> bool: ...


_SERVICE = "provisioning"
# So late may a call be without a sixth within a second; a later one makes all that come after it wait. Slots are given
# away less than half a second ahead, so that the fifth after it is not among them: beyond that the slot is let go.
_TOLERANCE, _TOO_LATE = 0.01, 0.4
# What is written down right before a call takes about so long; it begins before the slot does.
_LEAD = 0.03
# And making the others wait about so long.
_WORD = 0.003
# A call needs at least so much of the step's time.
_LEAST_NEED = 2.0
# Nobody is held back longer by one answer.
_LONGEST_HOLD = timedelta(seconds=30)
# While the circuit is open, a job looks so often whether it still is.
_REST, _LONGEST_REST = timedelta(seconds=2), timedelta(seconds=10)

log = structlog.get_logger(__name__)


class Withheld(Exception):
    """What is noted before a call says that it must not leave."""


class Queues:
    """What the calls of one process share: a queue for each organisation and kind, whose head asks for a slot."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()
        # How long the slowest of the last calls took, in seconds; it fades.
        self.slowest: float | None = None

    def of(self, organisation_id: UUID, bucket: Bucket) -> asyncio.Lock:
        """Gives the organisation's queue, for as long as somebody stands in it."""
        lock = self._locks.get((organisation_id, bucket))
        if lock is None:
            lock = self._locks[organisation_id, bucket] = asyncio.Lock()
        return lock

    def took(self, seconds: float) -> None:
        """Learns from a call that has ended."""
        self.slowest = max(seconds, 0.95 * (self.slowest or 0.0))


@dataclass(frozen=True, slots=True)
class Slot:
    """Leave to make one call: of which kind, since when by the local clock, how many of the last second are ours."""

    name: Name
    bucket: Bucket
    began: float
    own: int
    note: Note | None


@dataclass(slots=True)
class CallInProgress:
    """One call on its way: the slot in which it leaves, and what its answer says of the limit.

    `depart` returns when a call may leave in its slot.
    """

    slot: Slot
    depart: Callable[[Slot], Awaitable[None]]
    # Whether its connection stands and it has not left yet.
    waits: bool = False
    limit: RateLimit | None = None

    async def leave(self) -> None:
        """Returns when the call may leave."""
        self.waits = True
        await self.depart(self.slot)
        self.waits = False
        passing(f"before_call:{self.slot.name}")

    def gone(self) -> None:
        """Passes the point at which the request has been written."""
        passing(f"during_call:{self.slot.name}")

    def woken(self, limit: RateLimit) -> None:
        """Keeps what the answer says of the limit."""
        self.limit = limit


# Makes a call with a token, and tells the hooks how far it is.
MakeCall = Callable[[str, CallHooks], Awaitable[T]]


@dataclass(slots=True)
class Calls:
    """The calls of one step, for one organisation."""

    engine: AsyncEngine
    limits: Limits
    bearer: Bearer
    connection: Connection
    queues: Queues
    # How many have left.
    made: int = 0
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def time_left(self) -> bool:
        """Tells whether another call may begin."""
        return self.bearer.deadline.allows(self._need)

    async def sending(
        self,
        name: Name,
        call: MakeCall[T],
        note: Note,
        granted: Callable[[], None] | None = None,
    ) -> T | None:
        """Makes one sending or status call, within the shared limit; a token that is refused is renewed once.

        `note` writes down that the call leaves now, when its slot is about to begin; when it says no, then or when it
        is asked again since the call leaves later or once more, None is given. `granted` is told that the call has got
        its slot, so that the next one may ask for its own. Raises NoTime, and what `call` and `note` raise.
        """
        try:
            return await self._through(name, "calls", call, note, granted)
        except Withheld:
            return None

    async def reading(self, name: Name, call: MakeCall[T]) -> T:
        """Makes one reading call in the same way."""
        return await self._through(name, "reads", call)

    async def _through(
        self,
        name: Name,
        bucket: Bucket,
        call: MakeCall[T],
        note: Note | None = None,
        granted: Callable[[], None] | None = None,
    ) -> T:
        token = await self.bearer.token()
        slot = await self._begun(name, bucket, note, granted)
        try:
            return await self._made(slot, call, token.value)
        except TokenRefused as refused:
            refusal = refused
        # When the call can't leave again, what was answered to it is still the refusal.
        try:
            try:
                token = await self.bearer.renewed(token, refusal)
                slot = await self._begun(name, bucket, note, again=True)
            except TryAgain as fault:
                raise TryAgain(fault.code, http_status=refusal.http_status, answer=refusal.answer) from None
            return await self._made(slot, call, token.value)
        except TokenRefused as again:
            raise TryAgain(again.code, http_status=again.http_status, answer=again.answer) from None
        except (NoTime, Withheld):
            raise TryAgain(refusal.code, http_status=refusal.http_status, answer=refusal.answer) from None

    async def _made(self, slot: Slot, call: MakeCall[T], token: str) -> T:
        self.made += 1
        progress, began = CallInProgress(slot, self._depart), time.monotonic()
        try:
            # A call that begins late in a step has less time: what is written of it must be within the lease.
            async with asyncio.timeout(max(0.0, self.bearer.deadline.left)):
                answer = await call(token, progress)
            passing(f"after_call:{slot.name}")
        except (TimeoutError, TargetError) as met:
            fault = met if isinstance(met, TargetError) else TryAgain("timeout")
            if progress.waits:
                # It stood at the door, and says nothing of the service.
                raise NoTime from None
            await self._learn(progress, fault)
            raise fault from None
        finally:
            self.queues.took(time.monotonic() - began)
        await self._learn(progress)
        return answer

    @property
    def _need(self) -> float:
        """Gives the seconds that must be left of the step for another call: plenty, by what calls have taken so far."""
        timeout = self.bearer.timeout
        slowest = self.queues.slowest
        return timeout if slowest is None else min(timeout, max(_LEAST_NEED, 3 * slowest))

    async def _depart(self, slot: Slot) -> None:
        """Lets a call go when its `slot` has begun; those that come after wait for as much as it is late.

        It is late when the connection had to be made first, or the machine is busy. However late, it takes the place of
        one call among those that come after: they wait for one slot at most. One that is too late takes another slot:
        some that come after have theirs already.
        """
        bucket, began, note, allowed = slot.bucket, slot.began, slot.note, _TOLERANCE
        # How long telling the others may take: more each time, or a slow database would never be ahead of it.
        word, told = _WORD, 0.0
        spacing = slot_spacing(self._per_second(bucket)).total_seconds()
        while (late := time.monotonic() - began) > allowed:
            if late > _TOO_LATE:
                asked, answered, granted = await self._taken(bucket, heedless=True)
                await asyncio.sleep(max(0.0, answered + granted.wait - time.monotonic()))
                await self._ask_again(note)
                began, allowed, told = asked + granted.wait, _TOLERANCE, 0.0
            elif told >= spacing:
                break
            else:
                more, word = min(late - allowed + word, spacing - told), 3 * word
                async with statement(self.engine, "delay_slots") as conn:
                    await delay_slots(conn, bucket, timedelta(seconds=more))
                allowed, told = allowed + more, told + more

    def _asked_to_wait(self, call: CallInProgress, fault: TargetError | None) -> timedelta | None:
        if isinstance(fault, SlowDown):
            return fault.retry_after or timedelta(seconds=1)
        if call.limit is None:
            return None
        return wait_for_others(
            limit=call.limit.limit,
            remaining=call.limit.remaining,
            reset=call.limit.reset,
            own=call.slot.own,
            ago=timedelta(seconds=time.monotonic() - call.slot.began),
        )

    async def _learn(self, call: CallInProgress, fault: TargetError | None = None) -> None:
        """Lets all workers know what an answer, or the lack of one, says of the service."""
        async with transaction(self.engine, "learn_of_service") as conn:
            if fault is not None and fault.is_outage:
                if await note_outage(conn, _SERVICE, fault.code, self.bearer.random):
                    log.error("circuit opens: nobody is there", service=_SERVICE, code=fault.code)
            elif await note_answer(conn, _SERVICE):
                log.info("circuit closes", service=_SERVICE)
        if wait := self._asked_to_wait(call, fault):
            async with statement(self.engine, "hold_back") as conn:
                await hold_back(conn, call.slot.bucket, min(wait, _LONGEST_HOLD))

    async def _ask_again(self, note: Note | None) -> None:
        if note is not None:
            async with transaction(self.engine, "look_again") as conn:
                if not await note(conn, again=True):
                    raise Withheld

    def _per_second(self, bucket: Bucket) -> float:
        return self.limits.calls_per_second if bucket == "calls" else self.limits.reads_per_second

    async def _begun(
        self,
        name: Name,
        bucket: Bucket,
        note: Note | None = None,
        granted: Callable[[], None] | None = None,
        *,
        again: bool = False,
    ) -> Slot:
        """Returns when a slot has begun; raises Withheld when `note` said no."""
        asked, answered, slot = await self._taken(bucket)
        if granted is not None:
            granted()
        # The database counted from some moment between both: never begin before it, and doubt the rest.
        begins = answered + slot.wait
        await asyncio.sleep(max(0.0, begins - _LEAD - time.monotonic()))
        self.bearer.deadline.allow(self._need)
        if note is not None:
            async with transaction(self.engine, "mark_called") as conn:
                if not await note(conn, again=again):
                    raise Withheld
        await asyncio.sleep(max(0.0, begins - time.monotonic()))
        return Slot(name, bucket, asked + slot.wait, slot.own, note)

    async def _taken(self, bucket: Bucket, *, heedless: bool = False) -> tuple[float, float, Granted]:
        """Takes a slot in turn: when it was asked for and granted by the local clock, and the slot.

        Whoever is heedless takes it although nobody is there: a probe, and a call that is under way already.
        """
        per_second = self._per_second(bucket)
        pause = min(0.25, slot_spacing(per_second).total_seconds() / 2)
        while True:
            async with self.queues.of(self.bearer.organisation_id, bucket):
                while True:
                    # What was noted as leaving leaves, although the process is told to end.
                    self.bearer.deadline.allow(self._need, begun=heedless)
                    asked = time.monotonic()
                    async with statement(self.engine, "slot") as conn:
                        away = not heedless and await is_open(conn, _SERVICE)
                        granted = (
                            None if away else await take_slot(conn, bucket, per_second, self.bearer.organisation_id)
                        )
                    if away:
                        break
                    if granted is not None:
                        return asked, time.monotonic(), granted
                    await asyncio.sleep(pause)
            await self._probe()

    async def _probe(self) -> None:
        """Asks whether the Provisioning API is back, if it is time to; raises TryAgain while it is not."""
        async with self._probing:
            async with transaction(self.engine, "probe") as conn:
                if not await is_open(conn, _SERVICE):
                    return
                wait = await until_probe(conn, _SERVICE, self.bearer.random, timedelta(seconds=self.bearer.timeout))
            if wait is None:
                try:
                    await self._alive()
                except TargetError as fault:
                    if fault.is_outage:
                        wait = _REST
        if wait is not None:
            raise TryAgain(CIRCUIT_OPEN, retry_after=min(max(wait, _REST), _LONGEST_REST))

    async def _alive(self) -> None:
        token = await self.bearer.token()
        _, answered, granted = await self._taken("reads", heedless=True)
        begins = answered + granted.wait
        await asyncio.sleep(max(0.0, begins - time.monotonic()))
        await self._made(Slot("alive", "reads", begins, granted.own, None), self.connection.alive, token.value)
