"""The whole service under faults for some minutes; then eight promises are checked from three witnesses."""

import argparse
import asyncio
import gc
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
import redis.asyncio as redis
from rich.console import Console

from app import erasures_file
from app.domain.webhooks import EVENTS
from tests.torture import audit, database, exports, report
from tests.torture.aging import Aging
from tests.torture.agreement import (
    audited_in_vain,
    cancelled_in_vain,
    contradictions,
    erased_in_vain,
    kept_in_vain,
    paused_in_vain,
    searched_in_vain,
)
from tests.torture.anew import Anew
from tests.torture.callers import Callers, Organisation
from tests.torture.fairness import be_quiet, fair, measured
from tests.torture.faults import Injector, draw
from tests.torture.leaks import addresses, in_dump, leaks, logs, on_disk, read_keys
from tests.torture.ledger import Ledger
from tests.torture.pairs import pair
from tests.torture.promises import PROMISES
from tests.torture.public import Public
from tests.torture.receiver import Receiver
from tests.torture.rosters import Maker
from tests.torture.stack import TortureStack
from tests.torture.traffic import Traffic
from tests.torture.witnesses import Seen, Violation

_ROOM = 4 * 1024**3
_ERASED_EACH = 5


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of faults and traffic (default: a fresh one)")
    parser.add_argument("--minutes", type=float, default=1.0, help="of traffic and faults (default 1)")
    parser.add_argument("--organisations", type=int, default=6, help="whose callers call (default 6)")
    parser.add_argument("--calls-per-second", type=int, default=100, help="ours and the simulator's limit (100)")
    parser.add_argument("--faults-per-second", type=float, default=0.5, help="0 for none (0.5)")
    parser.add_argument("--kinds", default="", help="only faults in whose name this pattern is found (default: all)")
    parser.add_argument("--stories", type=int, default=None, help="callers side by side (5 an organisation)")
    parser.add_argument("--largest", type=int, default=3000, help="persons in the largest roster (3000)")
    parser.add_argument("--settle", type=float, default=300.0, help="seconds until all has ended, after the faults")
    parser.add_argument(
        "--retention",
        type=float,
        default=45.0,
        help="seconds until contents go, of every other organisation (45; 0: not)",
    )
    parser.add_argument("--sample", type=int, default=30, help="runs whose records are read through the API (30)")
    parser.add_argument(
        "--quiet-pace", type=float, default=2.0, help="calls a second as fairness is judged (2; 0: not)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs in any case")
    given = parser.parse_args()
    if given.seed is None:
        given.seed = secrets.randbelow(1_000_000)
    if given.stories is None:
        given.stories = 5 * given.organisations
    return given


class Torture:
    """One run of it."""

    def __init__(self, given: argparse.Namespace, folder: Path, say: Console) -> None:
        self.given, self.say = given, say
        self.random = Random(given.seed)
        self.stack = TortureStack(folder, Random(f"restarts {given.seed}"), given.calls_per_second)
        self.seen = Seen(calls_per_second=given.calls_per_second, reads_per_second=given.calls_per_second)
        self.figures: dict[str, object] = {}
        self.held: list[bytes] = []
        self.dumped: list[tuple[str, int]] = []
        self.receiver = Receiver()
        self._began = time.monotonic()

    async def run(self) -> dict[str, list[Violation]]:
        """Goes through all of it; gives the violations by promise."""
        given, stack = self.given, self.stack
        try:
            await stack.open()
            await self.receiver.open()
            self.tell("all are up")
            callers = Callers(stack.apis, Random(f"callers {given.seed}"))
            organisations = [await self._organisation(callers, number) for number in range(given.organisations)]
            ledger = Ledger(stack.outside, stack.simulator)
            injector = Injector(stack)
            watching = [asyncio.create_task(stack.watch()), asyncio.create_task(ledger.follow())]
            watching.append(asyncio.create_task(self._progress(callers, ledger, injector)))
            aging = Aging(stack.postgres.url, timedelta(seconds=given.retention)) if given.retention else None
            if aging is not None:
                watching.append(asyncio.create_task(aging.go_on()))
            traffic = Traffic(callers, organisations, given.stories, given.largest)
            telling = asyncio.create_task(traffic.go())
            seconds, pace = given.minutes * 60, given.faults_per_second
            schedule = draw(given.seed, seconds, pace, given.kinds) if pace else []
            began = time.monotonic()
            await injector.carry_out(schedule)
            await asyncio.sleep(max(0.0, began + given.minutes * 60 - time.monotonic()))
            await injector.end()
            traffic.closing.set()
            self.tell("the faults have ended")
            await callers.resume_all()
            await self._settle()
            await telling
            await callers.resume_all()
            # Callers may have asked for a run as they were told to end.
            await self._settle()
            # So that there are some of whom nothing may be left, however few runs let theirs be erased.
            for who in organisations:
                for _ in range(_ERASED_EACH):
                    await callers.erase(who)
            await self._quiet(callers, organisations)
            await self._settle()
            for task in watching:
                if task.done():
                    task.result()
                task.cancel()
            if aging is not None:
                await aging.pass_once()
                self.figures["runs whose contents have gone"], self.seen.kept_in_vain = await aging.left()
            await ledger.read()
            faults = await self._hear(callers, organisations, ledger, injector)
        finally:
            await stack.close()
            await self.receiver.close()
        self.figures["ends by SIGTERM"] = f"{len(stack.terms)}, the slowest {max(stack.terms, default=0):.1f} s"
        self.seen.leaks = [*self.seen.leaks, *await asyncio.to_thread(self._leaks, callers)]
        return await asyncio.to_thread(self._judge, callers, faults)

    def tell(self, what: str) -> None:
        """Prints a line of progress."""
        self.say.print(f"{time.monotonic() - self._began:6.1f} s  {what}")

    async def _organisation(self, callers: Callers, nth: int) -> Organisation:
        number = f"21200{nth:05}"
        maker = Maker(number, self.given.seed * 1000 + nth)
        headers = await self.stack.organisation(number, f"Prövokommun {nth}")
        put = await self.stack.outside.put(f"{self.stack.simulator}/_simulator/reference", json=maker.reference)
        put.raise_for_status()
        who = Organisation(number, headers, maker)
        told = json.dumps({"url": self.receiver.url, "types": list(EVENTS)}).encode()
        made = await callers.ask(who, "POST", "/webhooks", content=told)
        if made is None or made.status_code != 201:
            callers.odd.append(f"{made.status_code if made else 'no answer'} for POST of a webhook")
        return who

    async def _progress(self, callers: Callers, ledger: Ledger, injector: Injector) -> None:
        while True:
            await asyncio.sleep(10)
            with suppress(psycopg.OperationalError, redis.RedisError, OSError):
                async with redis.Redis.from_url(self.stack.valkey.url, socket_timeout=2) as client:
                    self.held.append(await read_keys(client))
                runs = ", ".join(
                    f"{name} {count}" for name, count in (await database.totals(self.stack.postgres.url)).items()
                )
                self.tell(f"runs {runs}; calls {len(ledger.calls)}; faults {len(injector.done)}")

    async def _settle(self) -> None:
        """Waits until every run has ended, for so long as that may take."""
        began = time.monotonic()
        left = -1
        while time.monotonic() < began + self.given.settle:
            with suppress(psycopg.OperationalError):
                url = self.stack.postgres.url
                if (left := await database.unfinished(url) + await database.erasing(url)) == 0:
                    break
            await asyncio.sleep(0.5)
        took = time.monotonic() - began
        ended = f"{took:.1f} s" if left == 0 else f"not after {took:.0f} s: {left} left"
        self.figures.setdefault("all had ended after", ended)
        self.tell(f"runs and erasures that have not ended: {left}")

    async def _quiet(self, callers: Callers, organisations: list[Organisation]) -> None:
        """Has a chain carried out alone and beside others, without faults."""
        if self.given.quiet_pace and len(organisations) > 1:
            await self.stack.pace(self.given.quiet_pace)
            self.seen.quiet = await be_quiet(callers, organisations, self.given.quiet_pace)
            self.tell("the quiet phase is over")

    async def _hear(
        self, callers: Callers, organisations: list[Organisation], ledger: Ledger, injector: Injector
    ) -> list[tuple[str, float]]:
        seen, stack = self.seen, self.stack
        await database.testify(stack.postgres.url, seen, stack.cipher)
        if stack.erasures_file.exists():
            lines = list(erasures_file.read(str(stack.erasures_file)))
            seen.erasure_lines = (len(lines), lines.count(None))
        self.tell("the database has been heard")
        await Public(callers, self.random, self.given.sample).testify(organisations, seen)
        self.tell("the API has been heard")
        self.figures["exports looked through"] = await exports.testify(stack, callers, organisations, seen)
        self.tell("exports have been looked through")
        async with await psycopg.AsyncConnection.connect(stack.postgres.url) as conn:
            self.dumped = await in_dump(conn, callers.secrets)
        self.tell("a dump has been looked through")
        metrics = [(await callers.http.get(address)).text for address in stack.figures]
        self.held += injector.held + [text.encode() for text in metrics]
        seen.held = await ledger.held([who.number for who in organisations])
        self.tell("the simulator has been heard")
        anew = Anew(stack, callers, organisations, seen)
        await anew.testify()
        self.figures |= anew.figures
        self.tell("processes with empty memory have been looked through")
        seen.audit_rows, seen.audit_wrong, said = await audit.testify(stack.postgres.url, stack.cipher)
        self.held.append(said.encode())
        self.figures["rows of the audit"] = seen.audit_rows
        self.tell("the audit has been heard")
        seen.calls, seen.posts, seen.cancels = ledger.calls, callers.posts, callers.cancels
        seen.pauses = callers.pauses
        seen.stops, seen.foreign = stack.stops, callers.foreign
        for what, count in sorted(callers.done.items()):
            self.figures[what] = count
        await callers.http.aclose()
        return injector.done

    def _leaks(self, callers: Callers) -> list[tuple[str, int]]:
        held = (("Valkey, /metrics and the audit", text.decode("utf-8", "replace")) for text in self.held)
        folder, secrets = self.stack.folder, callers.secrets
        stored = [*on_disk(folder / "postgres", secrets), *on_disk(folder / "valkey", secrets)]
        self.tell("what is on disk has been looked through")
        told = list(self.receiver.texts())
        self.figures["webhooks that came"] = len(told)
        if not told:
            self.seen.blind = [*self.seen.blind, "no webhook came in which something could stand"]
        places = [*logs(folder), *held, *told, addresses(self.seen.calls)]
        return [*leaks(places, secrets), *self.dumped, *stored]

    def _judge(self, callers: Callers, done: list[tuple[str, float]]) -> dict[str, list[Violation]]:
        pairs = pair(self.seen)
        if self.seen.quiet is not None:
            took, bound, used = measured(self.seen, self.seen.quiet)
            self.figures["a chain in the quiet phase"] = f"{took:.1f} s of {bound:.1f} s, {used:.0%} of the limit used"
        broken = {name: list(check(self.seen, pairs)) for name, check in PROMISES.items()}
        broken["witnesses agree"] = list(contradictions(self.seen, pairs))
        broken["fair, in a quiet phase"] = list(fair(self.seen, pairs))
        broken["what is old has gone"] = list(kept_in_vain(self.seen))
        broken["searches find what is there"] = list(searched_in_vain(self.seen))
        broken["erased is erased"] = list(erased_in_vain(self.seen))
        broken["the audit holds"] = list(audited_in_vain(self.seen))
        broken["cancelled is cancelled"] = list(cancelled_in_vain(self.seen, pairs))
        broken["paused is paused"] = list(paused_in_vain(self.seen, pairs))
        wrong = [*self.stack.ended_wrongly, *callers.odd]
        broken["processes and answers as expected"] = [Violation("expected", what, "") for what in wrong]
        if any(broken.values()):
            report.keep(self.stack.folder / "history.jsonl", self.seen)
        report.show(self.say, self.seen, pairs, report.struck(done, self.seen), broken, self.figures)
        return broken


def main() -> int:
    """Runs it in a folder of its own, which stays when a promise was broken."""
    given = read_arguments()
    say = Console(highlight=False, soft_wrap=True, width=200)
    say.print(f"seed {given.seed}, {given.minutes:g} min, {given.organisations} organisations")
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="provkedja-torture-", dir=memory if roomy else None))
    gc.set_threshold(50_000, 50, 100)
    kept = True
    try:
        broken = asyncio.run(Torture(given, folder, say).run())
        count = sum(map(len, broken.values()))
        kept = given.keep or count > 0
        say.print(f"{count} violations; seed {given.seed}" + (f"; logs in {folder}" if kept else ""))
        return 1 if count else 0
    finally:
        if kept:
            shutil.rmtree(folder / "postgres" / "data", ignore_errors=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
