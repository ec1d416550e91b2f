"""Outages that last, one at a time: runs are begun before, during and after each, and every one has to end by itself.

    python -m tests.torture.outages [--only read_only|half_open|full|clock_back|clock_forward|redis_lies] [--keep]

Two APIs and three workers, with callers that ask until they are answered. What of ours ends by itself is started anew,
as a supervisor does, and nothing else is done. Prints for each outage how long it took until all had ended, how they
ended, what the doctor said meanwhile and which processes ended. Ends with 1 when a run did not succeed. `full` mounts a
tmpfs, which takes root; the clock takes libfaketime (Debian: libfaketime).
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
from rich.console import Console

from app.local.postgres import Postgres
from tests.torture import database
from tests.torture.callers import Callers, Organisation
from tests.torture.faults import make_read_only
from tests.torture.rosters import Maker
from tests.torture.stack import TortureStack, read_json
from tests.torture.witnesses import FINISHED_RUN

_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_HOURS = 3 * 3600
_ORGANISATIONS, _QUEUES, _PERSONS = 4, 3, 150
_BEFORE, _AFTER, _DOCTOR_EVERY = 8.0, 10.0, 6.0
# A job may wait for five minutes after a clock that was wrong.
_ENDED_WITHIN = 420.0


class WithItsOwnClock(Postgres):
    """A cluster whose clock is set by `turn`, while the clocks by which it waits go on."""

    def turn(self, seconds: int) -> None:
        """Sets its clock so far from everybody's."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.folder / "clock").write_text(f"{seconds:+d}")

    def _command(self) -> tuple[list[str], bytes]:
        command, given = super()._command()
        if not (self.folder / "clock").exists():
            self.turn(0)
        clock = {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in clock.items()), *command], given


class OnASmallDisk(Postgres):
    """A cluster whose tables lie on a disk of some hundred megabytes, and its log of writes elsewhere."""

    def start(self) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not self.folder.is_mount():
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(self.folder)], check=True)
        super().start()
        if not (self.data / "pg_wal").is_symlink():
            self.stop()
            elsewhere = self.folder.parent / "wal"
            shutil.copytree(self.data / "pg_wal", elsewhere)
            for each in (elsewhere, *elsewhere.rglob("*")):
                shutil.chown(each, self.data.stat().st_uid, self.data.stat().st_gid)
                each.chmod(0o700 if each.is_dir() else 0o600)
            shutil.rmtree(self.data / "pg_wal")
            (self.data / "pg_wal").symlink_to(elsewhere)
            super().start()

    def fill(self) -> None:
        """Leaves no room on it; to be called again for what has become free meanwhile."""
        with contextlib.suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(64 * 1024))

    def clear(self) -> None:
        """Gives the room back."""
        (self.folder / "ballast").unlink()

    def unmount(self) -> None:
        """Takes the disk away."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


@dataclass
class Seen:
    """What was seen of one outage."""

    runs: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    accepted_during: int = 0
    went_on_after: float | None = None
    ended_after: float | None = None
    wrongly: list[str] = field(default_factory=list)
    # What the workers had to warn of.
    logged: Counter[str] = field(default_factory=Counter)

    @property
    def well(self) -> bool:
        """Tells whether every run has succeeded by itself."""
        return self.ended_after is not None and set(self.runs) == {"succeeded"}


@asynccontextmanager
async def read_only(stack: TortureStack) -> AsyncIterator[float]:
    """Postgres only reads for 45 s."""
    await make_read_only(stack.postgres.url, "on")
    yield 45
    await make_read_only(stack.postgres.url, "off")


@asynccontextmanager
async def half_open(stack: TortureStack) -> AsyncIterator[float]:
    """All that is said to Postgres is taken and passed on by nobody, for 25 s."""
    stack.way.fall_silent()
    yield 25
    stack.way.speak()


@asynccontextmanager
async def full(stack: TortureStack) -> AsyncIterator[float]:
    """Postgres's disk is full for two minutes."""
    server = stack.postgres
    assert isinstance(server, OnASmallDisk)

    async def keep_full() -> None:
        while True:
            await asyncio.to_thread(server.fill)
            await asyncio.sleep(0.2)

    filling = asyncio.create_task(keep_full())
    yield 120
    filling.cancel()
    await asyncio.to_thread(server.clear)


def clock(seconds: int) -> Callable[[TortureStack], Any]:
    """Postgres's clock is set, and stays so."""

    @asynccontextmanager
    async def turned(stack: TortureStack) -> AsyncIterator[float]:
        server = stack.postgres
        assert isinstance(server, WithItsOwnClock)
        server.turn(seconds)
        yield 30

    return turned


@asynccontextmanager
async def redis_lies(stack: TortureStack) -> AsyncIterator[float]:
    """Whatever Redis is told is answered with +OK, for 30 s; connections that stood before are cut."""
    stack.proxy.lying = True
    stack.proxy.cut()
    yield 30
    stack.proxy.lying = False
    stack.proxy.cut()


OUTAGES: dict[str, tuple[Callable[[TortureStack], Any], type[Postgres]]] = {
    "read_only": (read_only, Postgres),
    "half_open": (half_open, Postgres),
    "full": (full, OnASmallDisk),
    "clock_back": (clock(-_HOURS), WithItsOwnClock),
    "clock_forward": (clock(_HOURS), WithItsOwnClock),
    "redis_lies": (redis_lies, Postgres),
}


async def suffer(name: str, folder: Path) -> Seen:
    """Goes through one outage, from the first start to the last end."""
    outage, server = OUTAGES[name]
    stack, seen = TortureStack(folder, Random(1), 20, server), Seen()
    try:
        await stack.open()
        callers = Callers(stack.apis, Random(2))
        organisations = [await _organisation(stack, nth) for nth in range(_ORGANISATIONS)]
        watching = asyncio.create_task(stack.watch())
        closing, striking = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as queues:
            for who in organisations:
                for _ in range(_QUEUES):
                    queues.create_task(_keep_busy(callers, who, closing, striking, seen))
            await asyncio.sleep(_BEFORE)
            async with outage(stack) as seconds:
                striking.set()
                await _hear_the_doctor(stack, seconds, seen)
            striking.clear()
            over, ended = time.monotonic(), await _finished(stack.postgres.url)
            while seen.went_on_after is None and time.monotonic() < over + _ENDED_WITHIN:
                if await _finished(stack.postgres.url) > ended:
                    seen.went_on_after = time.monotonic() - over
                await asyncio.sleep(0.1)
            await asyncio.sleep(_AFTER)
            closing.set()
        while time.monotonic() < over + _ENDED_WITHIN:
            with suppress(psycopg.OperationalError):
                if await database.unfinished(stack.postgres.url) == 0:
                    seen.ended_after = time.monotonic() - over
                    break
            await asyncio.sleep(0.5)
        watching.cancel()
        await callers.http.aclose()
        seen.runs, seen.problems = await _ends(stack.postgres.url)
        seen.problems.update(callers.odd)
    finally:
        await stack.close()
        if isinstance(stack.postgres, OnASmallDisk):
            stack.postgres.unmount()
    seen.wrongly = stack.ended_wrongly
    return seen


def _warned(folder: Path) -> Iterator[str]:
    """Gives the events that the workers' logs warn of."""
    for log in folder.glob("worker-*.log"):
        for line in log.read_text(encoding="utf-8").splitlines():
            told = json.loads(line) if line.startswith("{") else {"event": "no log line", "level": "error"}
            if told["level"] in ("warning", "error"):
                yield told["event"].splitlines()[0]


async def _organisation(stack: TortureStack, nth: int) -> Organisation:
    number = f"21200{nth:05}"
    maker = Maker(number, 1000 + nth)
    headers = await stack.organisation(number, f"Prövokommun {nth}")
    put = await stack.outside.put(f"{stack.simulator}/_simulator/reference", json=maker.reference)
    put.raise_for_status()
    return Organisation(number, headers, maker)


async def _keep_busy(
    callers: Callers, who: Organisation, closing: asyncio.Event, striking: asyncio.Event, seen: Seen
) -> None:
    """Has one activity provisioned again and again, as long as it is not closed."""
    activity = uuid4()
    while not closing.is_set() and not await callers.put(who, activity, _PERSONS, 0):
        pass
    while not closing.is_set():
        key, run = str(uuid4()), None
        while run is None and not closing.is_set():
            run = (await callers.post(who, activity, "halt", key)).run
            if run is None:
                await asyncio.sleep(1)
        seen.accepted_during += run is not None and striking.is_set()
        while run is not None and not closing.is_set():
            if await _status(callers, who, run) in FINISHED_RUN:
                break
            await asyncio.sleep(1)


async def _status(callers: Callers, who: Organisation, run: UUID) -> str | None:
    answer = await callers.ask(who, "GET", f"/runs/{run}")
    return read_json(answer)["status"] if answer is not None and answer.status_code == 200 else None


async def _hear_the_doctor(stack: TortureStack, seconds: float, seen: Seen) -> None:
    """Asks it again and again for so long, and keeps what it finds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                told = json.loads(await stack.doctor())
                seen.findings.update({f"{each['code']} ({each['level']})" for each in told["findings"]})
                await asyncio.sleep(_DOCTOR_EVERY)


async def _finished(url: str) -> int:
    """Counts the jobs that have come to their end; none while nobody can be asked."""
    with suppress(psycopg.OperationalError):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            row = await (await conn.execute("SELECT count(*) FROM job WHERE finished_at IS NOT NULL")).fetchone()
            return int(row[0]) if row else 0
    return 0


async def _ends(url: str) -> tuple[Counter[str], Counter[str]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        runs = await (await conn.execute("SELECT status, count(*) FROM run GROUP BY status")).fetchall()
        errors = await (
            await conn.execute(
                "SELECT 'job: ' || (error ->> 'code'), count(*) FROM job WHERE status = 'failed' GROUP BY 1"
                " UNION ALL SELECT 'batch: ' || error, count(*) FROM batch WHERE error IS NOT NULL GROUP BY 1"
            )
        ).fetchall()
    return Counter(dict(runs)), Counter(dict(errors))


def _show(say: Console, name: str, seen: Seen) -> None:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(f"{what} {count}" for what, count in sorted(counts.items())) or "-"

    ended = "NOT" if seen.ended_after is None else f"{seen.ended_after:.0f} s"
    went_on = "NOT" if seen.went_on_after is None else f"{seen.went_on_after:.0f} s"
    verdict = "ok    " if seen.well else "BROKEN"
    say.print(f"{verdict} {name}: went on {went_on} after its end, all ended {ended}; runs: {listed(seen.runs)}")
    say.print(f"       accepted meanwhile {seen.accepted_during}; faults: {listed(seen.problems)}")
    say.print(f"       the doctor: {listed(seen.findings)}")
    say.print(f"       the workers: {listed(seen.logged)}")
    say.print(f"       processes: {'; '.join(seen.wrongly) or 'none ended'}")


def main() -> int:
    """Goes through the outages, each with servers of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.outages", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=list(OUTAGES))
    parser.add_argument("--keep", action="store_true", help="keep the folders with the logs in any case")
    given = parser.parse_args()
    say, well = Console(highlight=False, soft_wrap=True, width=200), True
    for name in [given.only] if given.only else list(OUTAGES):
        if name.startswith("clock") and not _FAKETIME.exists():
            say.print(f"left out {name}: there is no {_FAKETIME}")
            continue
        if name == "full" and os.geteuid() != 0:
            say.print("left out full: mounting a tmpfs takes root")
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"provkedja-{name}-"))
        seen = asyncio.run(suffer(name, folder))
        seen.logged.update(_warned(folder))
        _show(say, name, seen)
        well &= seen.well
        if seen.well and not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say.print(f"       logs in {folder}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
