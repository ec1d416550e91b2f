"""What is done to the processes, and when: a schedule drawn from a seed, and who carries it out."""

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, LiteralString

import psycopg
import redis.asyncio as redis

from tests.torture.leaks import read_keys
from tests.torture.stack import TortureStack

Rule = dict[str, Any]
# How long a worker stands still, at least (s): until another one has taken over.
_STILL = 12.0
_STAGES = ("persons", "duties", "groups", "activities")
# How often each comes, relative to the others. Tokens seldom: a second refusal within a minute is not met with another
# token, and keeps the organisation's jobs waiting until the minute is over.
WEIGHTS: Mapping[str, int] = {
    "worker SIGKILL": 12,
    "worker SIGTERM": 9,
    "worker SIGSTOP": 6,
    "holder SIGSTOP": 3,
    "api SIGKILL": 4,
    "api SIGTERM": 3,
    "api SIGSTOP": 3,
    "valkey FLUSHALL": 4,
    "valkey SIGKILL": 3,
    "valkey silent": 3,
    "valkey cut": 4,
    "valkey lies": 3,
    "postgres SIGQUIT": 3,
    "postgres terminate": 5,
    "postgres terminate_one": 4,
    "postgres read_only": 3,
    "postgres slow": 4,
    "postgres silent": 3,
    "simulator status 429": 3,
    "simulator status 500": 3,
    "simulator status 502": 2,
    "simulator status 503": 3,
    "simulator status 403": 1,
    "simulator cut_before": 4,
    "simulator cut_after": 5,
    "simulator hang": 3,
    "simulator delay": 4,
    "simulator wrong_json": 3,
    "simulator not_json": 3,
    "simulator truncate": 3,
    "simulator extra_fields": 2,
    "simulator low_limit": 2,
    "simulator revoke_tokens": 1,
    "simulator forget_jobs": 3,
    "simulator temporary_error": 3,
    "simulator unlisted_error": 2,
    "simulator unlisted_status": 2,
    "simulator stay_pending": 3,
    "simulator answer_lacks": 3,
    "simulator answer_foreign": 2,
    "simulator answer_contradicts": 2,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault: seconds after the beginning, its kind, how long or much, and who of several is struck (0 to 1)."""

    at: float
    kind: str
    measure: float
    whom: float


def draw(seed: int, seconds: float, per_second: float, kinds: str = "") -> list[Planned]:
    """Draws the schedule, of those kinds that the pattern is found in; the same arguments give the same one.

    Each kind comes once before others may come twice. Raises ValueError when no kind is left.
    """
    random = Random(f"faults {seed}")
    count = max(1, round(seconds * per_second))
    weights = {kind: weight for kind, weight in WEIGHTS.items() if re.search(kinds, kind)}
    if not weights:
        raise ValueError(f"no kind of fault has {kinds} in its name")
    first = random.sample(list(weights), len(weights))
    drawn = (first + random.choices(list(weights), list(weights.values()), k=count))[:count]
    random.shuffle(drawn)
    times = sorted(random.uniform(0, seconds) for _ in drawn)
    return [Planned(at, kind, random.random(), random.random()) for at, kind in zip(times, drawn, strict=True)]


def rule_of(kind: str, measure: float, whom: float) -> Rule:
    """Words a fault of the simulator's: how often it strikes, how long, and which calls."""
    action, _, status = kind.removeprefix("simulator ").partition(" ")
    rule: Rule = {"action": action, "times": 1 + int(measure * measure * 6), "for": 4 + 4 * measure}
    if whom > 0.4:
        rule["match"] = {"path": f"/{_STAGES[int(whom * 97) % 4]}/bulk"}
    match action:
        case "status":
            rule |= {"status": int(status), "reset": round(0.3 + measure, 2)}
            if status == "403":
                rule |= {"entry": "5002" if whom > 0.5 else "5099", "times": 1}
        case "hang":
            rule |= {"times": 1 + int(measure * 2), "taken": whom * 10 % 1 > 0.5}
        case "delay":
            rule |= {"seconds": round(0.2 + 4 * measure, 2), "before": whom * 10 % 1 > 0.5}
        case "revoke_tokens" | "forget_jobs" | "unlisted_error" | "unlisted_status":
            rule |= {"times": 1}
        case "temporary_error" | "answer_lacks" | "answer_foreign" | "answer_contradicts":
            rule |= {"times": 1 + int(measure * 2)}
        case "stay_pending":
            rule |= {"times": 1, "seconds": round(1 + 6 * measure, 2)}
        case "low_limit":
            rule |= {"reset": round(0.3 + measure, 2)}
    return rule


@dataclass
class Injector:
    """Carries faults out. `done` has what was: kind and time; those of the simulator count when they strike a call."""

    stack: TortureStack
    done: list[tuple[str, float]] = field(default_factory=list)
    _servers: asyncio.Lock = field(default_factory=asyncio.Lock)
    _strikes: list[asyncio.Task[None]] = field(default_factory=list)
    # What Valkey was found to hold, to be searched for what must not be there.
    held: list[bytes] = field(default_factory=list)

    async def carry_out(self, schedule: Sequence[Planned]) -> None:
        """Goes through the schedule; one fault does not wait for another, except at the same server."""
        began = time.monotonic()
        for planned in schedule:
            await asyncio.sleep(max(0.0, began + planned.at - time.monotonic()))
            self._strikes.append(asyncio.create_task(self._strike(planned)))

    async def end(self) -> None:
        """Returns when all faults have ended: nobody stands still, everybody speaks, Skolverket is well."""
        await asyncio.gather(*self._strikes)
        await self.stack.outside.put(f"{self.stack.simulator}/_simulator/faults", json=[])

    async def _strike(self, planned: Planned) -> None:
        whose, _, what = planned.kind.partition(" ")
        if whose == "simulator":
            await self._order(planned)
        elif whose in ("worker", "api"):
            await self._signal(whose, what, planned)
        elif whose == "holder":
            await self._stop_the_holder(planned)
        else:
            doing: Mapping[str, Callable[[float], Awaitable[None]]] = {
                "valkey FLUSHALL": self._flush,
                "valkey SIGKILL": self._kill_valkey,
                "valkey silent": self._silence,
                "valkey cut": self._cut,
                "valkey lies": self._lie,
                "postgres SIGQUIT": self._quit_postgres,
                "postgres terminate": self._terminate,
                "postgres terminate_one": self._terminate_one,
                "postgres read_only": self._read_only,
                "postgres slow": self._slow_down,
                "postgres silent": self._half_open,
            }
            async with self._servers:
                self._note(planned.kind)
                await doing[planned.kind](planned.measure)

    def _note(self, kind: str) -> None:
        self.done.append((kind, time.time()))

    async def _signal(self, whose: str, what: str, planned: Planned) -> None:
        if not (free := self.stack.named(whose)):
            return
        chosen = free[int(planned.whom * len(free))]
        self._note(planned.kind)
        if what == "SIGSTOP":
            await self.stack.hold_still(chosen, _STILL * (1 + planned.measure / 2))
        else:
            self.stack.end(chosen, signal.Signals[what])

    async def _stop_the_holder(self, planned: Planned) -> None:
        """Stops the worker that calls: another one takes over, and it wakes up with calls in its hand."""
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(self.stack.postgres.url, autocommit=True) as conn:
                rows = await (await conn.execute("SELECT worker FROM epoch WHERE state = 'holds'")).fetchall()
            ids = {str(worker) for (worker,) in rows}
            for each in self.stack.named("worker"):
                if any(worker in each.child.log.read_text("utf-8") for worker in ids):
                    self._note(planned.kind)
                    await self.stack.hold_still(each, _STILL * (1 + planned.measure / 2))
                    return

    async def _order(self, planned: Planned) -> None:
        """Orders a fault of the simulator's, in the place of the one before."""
        rule = rule_of(planned.kind, planned.measure, planned.whom)
        (await self.stack.outside.put(f"{self.stack.simulator}/_simulator/faults", json=[rule])).raise_for_status()
        self._note(planned.kind)

    async def _flush(self, _: float) -> None:
        with suppress(redis.RedisError, OSError):
            async with redis.Redis.from_url(self.stack.valkey.url) as client:
                self.held.append(await read_keys(client))
                await client.flushall()

    async def _kill_valkey(self, measure: float) -> None:
        await self.stack.servers(self.stack.valkey.stop, signal.SIGKILL)
        await asyncio.sleep(3 * measure)
        await self.stack.servers(self.stack.valkey.start)

    async def _silence(self, measure: float) -> None:
        self.stack.proxy.fall_silent()
        await asyncio.sleep(1 + 7 * measure)
        self.stack.proxy.speak()

    async def _cut(self, _: float) -> None:
        self.stack.proxy.cut()

    async def _quit_postgres(self, measure: float) -> None:
        port = self.stack.postgres.port
        await self.stack.servers(self.stack.postgres.stop, signal.SIGQUIT)
        await asyncio.sleep(2 * measure)
        await self.stack.servers(self.stack.postgres.start)
        assert self.stack.postgres.port == port, "Postgres came back on another port"

    async def _lie(self, measure: float) -> None:
        self.stack.proxy.lying = True
        await asyncio.sleep(1 + 7 * measure)
        self.stack.proxy.lying = False

    async def _terminate(self, measure: float) -> None:
        await self._on_postgres(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'provkedja%%' AND random() < %s",
            0.2 + 0.8 * measure,
        )

    async def _terminate_one(self, _: float) -> None:
        await self._on_postgres(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'provkedja%%'"
            " ORDER BY state <> 'active', random() LIMIT 1"
        )

    async def _read_only(self, measure: float) -> None:
        await make_read_only(self.stack.postgres.url, "on")
        await asyncio.sleep(1 + 6 * measure)
        await make_read_only(self.stack.postgres.url, "off")

    async def _slow_down(self, measure: float) -> None:
        self.stack.way.delay = (0.02 + 0.48 * measure) / 2
        await asyncio.sleep(3 + 5 * measure)
        self.stack.way.delay = 0.0

    async def _half_open(self, measure: float) -> None:
        self.stack.way.fall_silent()
        await asyncio.sleep(1 + 7 * measure)
        self.stack.way.speak()

    async def _on_postgres(self, statement: LiteralString, *values: float) -> None:
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(self.stack.postgres.url, autocommit=True) as conn:
                await conn.execute(statement, values)


async def make_read_only(url: str, mode: Literal["on", "off"]) -> None:
    """Has Postgres refuse whatever writes, in sessions that stand too, or take it again."""
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, options="-c default_transaction_read_only=off"
    ) as conn:
        await conn.execute(f"ALTER SYSTEM SET default_transaction_read_only = {mode}")
        await conn.execute("SELECT pg_reload_conf()")
