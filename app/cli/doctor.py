"""The command that says what is stuck: it only looks, wakes nobody's job, and prints ids, numbers, codes and times."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.catalogue import in_words
from app.cli.arguments import AsJson
from app.cli.output import print_json
from app.cli.start import read_settings
from app.cli.wake_up_check import not_reached
from app.db import reads
from app.db.acting import EVERYBODY
from app.db.cipher import cipher_of
from app.db.doctor import look, progress
from app.db.engine import check, close, connect
from app.db.outages import DatabaseUnusable, outage_of
from app.domain.diagnosis import LOOK_AGAIN, Finding, claimed_in_vain, diagnose
from app.domain.retention import Retention
from app.domain.situation import ActivityQueue, Seen
from app.errors import Stopped
from app.jobs.notifier import Notifier
from app.settings import Settings
from app.views.diagnosis import headline, show_diagnosis, show_found, worded

commands = typer.Typer()

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}
# Activity queues of one kind that are shown each; of more the number must do.
_SHOWN = 20
_STUCK, _UNKNOWN = 1, 2
# What keeps all from work, and lets the doctor look all the same.
_READABLE = {"database_read_only", "database_standby"}


@commands.command()
def doctor(
    as_json: AsJson = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every activity queue, also those that go on as they should.")
    ] = False,
) -> None:
    """Says what is stuck, why, and what would free it; exit code 0 nothing is, 1 something is, 2 it cannot find out.

    It needs DATABASE_URL, and tries the wake-ups at REDIS_URL; it changes nothing.
    """
    console = Console(soft_wrap=True, highlight=False)
    try:
        settings = read_settings()
        seen = asyncio.run(_look(settings))
    except (Stopped, SQLAlchemyError, TimeoutError) as problem:
        _print_unknown(console, problem, as_json=as_json)
        raise SystemExit(_UNKNOWN) from None
    findings = diagnose(seen)
    if as_json:
        print_json(show_diagnosis(seen, findings))
    else:
        _print(console, seen, findings, everything)
    raise SystemExit(_STUCK if any(found.level == "error" for found in findings) else 0)


async def _look(settings: Settings) -> Seen:
    address, redis_url = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    outage = await _outage(address)
    notifier = Notifier(redis_url, settings.redis_ca_file)
    engine = connect(address, pool=1, name="provkedja doctor", acting=EVERYBODY)
    try:
        async with reads.snapshots(engine).begin() as conn:
            seen = await look(conn)
        redis = await notifier.writable() if redis_url else None
        async with asyncio.TaskGroup() as both:
            in_vain = both.create_task(_claimed_in_vain(engine, seen))
            unheard = both.create_task(_not_reached(engine, notifier, seen))
        return replace(
            seen,
            claimed_in_vain=in_vain.result(),
            outage=outage,
            redis=redis,
            not_reached=unheard.result(),
            certificates_needed=settings.skolverket_authorisation_url.startswith("https:"),
            fault_horizon=settings.fault_horizon,
            retention=Retention(settings.retention_content, settings.retention_history),
            keys=_keys(settings),
        )
    finally:
        await notifier.close()
        await close(engine)


async def _not_reached(engine: AsyncEngine, notifier: Notifier, seen: Seen) -> Sequence[str]:
    """Tries whether wake-ups reach who calls; what is not known in time is none."""
    with suppress(SQLAlchemyError, TimeoutError):
        async with asyncio.timeout(4 * LOOK_AGAIN.total_seconds()):
            return await not_reached(engine, notifier, seen.holders)
    return []


def _keys(settings: Settings) -> Sequence[str] | None:
    """Gives the ids of the encryption keys; where none are set nothing is said of keys."""
    keys = settings.encryption_keys.get_secret_value()
    return list(cipher_of(keys).masters) if keys else None


async def _claimed_in_vain(engine: AsyncEngine, seen: Seen) -> int:
    """Looks twice at what is under way; a look that is not done in time has seen nothing."""
    if not any(queue.job for queue in seen.queues):
        return 0
    with suppress(SQLAlchemyError, TimeoutError):
        async with asyncio.timeout(4 * LOOK_AGAIN.total_seconds()):
            looks = []
            for pause in (LOOK_AGAIN, timedelta()):
                async with reads.snapshots(engine).begin() as conn:
                    looks.append(await progress(conn))
                await asyncio.sleep(pause.total_seconds())
            return claimed_in_vain(*looks)
    return 0


async def _outage(address: str) -> str | None:
    """Gives the code of what keeps the database from work; raises DatabaseUnusable when it can't be read either."""
    try:
        await check(address, name="provkedja doctor")
    except DatabaseUnusable as unusable:
        if unusable.code not in _READABLE:
            raise
        return unusable.code
    return None


def _print_unknown(console: Console, problem: Exception, *, as_json: bool) -> None:
    """Says why nothing could be read, what that means and what would free it."""
    unusable = None if isinstance(problem, Stopped) else outage_of(problem)
    if isinstance(problem, DatabaseUnusable):
        unusable = problem
    text, now = f"Cannot find out: {unusable or problem}", datetime.now(UTC)
    found = [Finding(level="error", code=unusable.code, values=unusable.values)] if unusable else []
    if as_json:
        findings = [show_found(each, now) for each in found]
        print_json({"well": None, "headline": text, "at": None, "queues": None, "findings": findings})
        return
    console.print(f"✗ {text}", style="red", markup=False)
    for each in found:
        _, why, frees = worded(each, now)
        console.print(f"    why  {why}\n    free {frees}", style="dim", markup=False)


def _print(console: Console, seen: Seen, findings: Sequence[Finding], everything: bool) -> None:
    worst = "error" if any(f.level == "error" for f in findings) else "warning" if _doubtful(findings) else "ok"
    mark, style = _MARKS[worst]
    console.print(f"{mark} {headline(seen, findings)}", style=f"bold {style}", markup=False)
    shown, left = Counter[str](), Counter[tuple[str, str]]()
    for found in findings:
        if found.queue is not None and not everything:
            shown[found.code] += 1
            if found.level == "ok" or shown[found.code] > _SHOWN:
                left[found.level, found.code] += 1
                continue
        _print_one(console, seen.now, found)
    for (level, code), queues in left.items():
        mark, style = _MARKS[level]
        console.print(f"{mark} {'another ' if level != 'ok' else ''}{queues} × {code}", style=style, markup=False)
    if seen.queues_in_all > len(seen.queues):
        console.print(
            f"! {seen.queues_in_all - len(seen.queues)} activity queues were not looked at, those that look best."
        )
    if left:
        console.print("  --all shows them", markup=False)


def _print_one(console: Console, now: datetime, found: Finding) -> None:
    mark, style = _MARKS[found.level]
    since = f" Since {_time(found.since)} ({in_words(now - found.since)} ago)." if found.since else ""
    place = f"{_place(found.queue)}: " if found.queue else ""
    said = worded(found, now)
    what = said.what if said.what.endswith(".") else f"{said.what}."
    console.print(f"{mark} {place}{what}{since}", style=style, markup=False)
    lines = [] if found.level == "ok" else [("why", said.why), ("free", said.frees)]
    if found.queue is not None and found.queue.sequence is not None and found.queue.waiting:
        queue = found.queue
        waits = f", since {_time(queue.waiting_since)}" if queue.waiting_since else ""
        lines.append(
            ("then", f"run {queue.next_sequence} waits behind run {queue.sequence}{waits}: {queue.waiting} in all")
        )
    if found.queue is not None and found.queue.cancelling:
        lines.append(
            ("also", "its end was asked for: batches under way are followed to their answer, nothing more leaves")
        )
    for label, text in lines:
        if text:
            console.print(f"    {label:5}{text}", style="dim", markup=False)


def _place(queue: ActivityQueue) -> str:
    stage = f" {queue.job.kind}" if queue.job else ""
    run = f" run {queue.sequence}" if queue.sequence is not None else ""
    return f"{queue.organisation} {queue.activity_id}{run}{stage}"


def _doubtful(findings: Sequence[Finding]) -> bool:
    return any(found.level == "warning" for found in findings)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
