"""What operators are shown over all organisations: runs under way, what is due of each, what the doctor says."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args
from uuid import UUID

from app.api.dependencies import Parts
from app.api.http import cursors
from app.catalogue import Clock, Language
from app.db import operations
from app.db.acting import EVERYBODY
from app.db.cipher import OrganisationCipher
from app.db.doctor import look
from app.db.pauses import Place, pauses_in_force, pauses_of_activity
from app.domain.diagnosis import Finding, Level, diagnose
from app.domain.retention import Retention
from app.domain.situation import Seen
from app.errors import NotFound
from app.views import Shown
from app.views.diagnosis import Diagnosed, show_found
from app.views.operations import (
    show_changed_run,
    show_latest_run,
    show_organisation,
    show_pauses,
    show_run_under_way,
)
from app.views.sealed import open_pause


async def list_organisations(
    parts: Parts, cursor: str | None, limit: int, like: str = ""
) -> tuple[list[Shown], str | None]:
    """Lists organisations by their numbers, with what is due of each and what is paused.

    `like` is how a number begins, or a part of a name.
    """
    after = cursors.read(cursor, (cursors.text,), "operated organisations")
    async with parts.statement(EVERYBODY) as conn:
        rows = await operations.list_organisations(conn, after[0] if after else "", limit + 1, like)
        rows, following = cursors.page(rows, limit, lambda row: (row["number"],), "operated organisations")
        paused = await pauses_in_force(conn, [row["id"] for row in rows])
    return [
        show_organisation(row, [each for each in paused if each["organisation_id"] == row["id"]]) for row in rows
    ], following


async def list_runs(
    parts: Parts, numbers: Collection[str], levels: Collection[str], cursor: str | None, limit: int
) -> Shown:
    """Lists runs under way with what keeps each, the worst and oldest first: of these organisations and levels.

    Gives with a page of them how many there are, at a moment some seconds ago at most; `numbers` and `levels` that are
    empty are all.
    """
    listed = ("operated runs", sorted(numbers), sorted(levels))
    after = cursors.read(cursor, (cursors.number, cursors.moment, cursors.uuid), *listed)
    made = await _diagnosed(parts)
    found = sorted((each for each in made.findings if _is_wanted(each, numbers, levels)), key=_place)
    first, following = cursors.cut(found, limit, after, _place, *listed)
    shown = await _runs(parts, made.seen, first, limit, "en")
    return {**shown, "next_cursor": following, "in_all": len(found)}


async def matching(parts: Parts, like: str) -> list[str]:
    """Gives the numbers of the organisations whose number begins so, or whose name has this in it."""
    async with parts.statement(EVERYBODY) as conn:
        return await operations.matching_numbers(conn, like)


async def overview(
    parts: Parts,
    language: Language,
    limit: int,
    clock: Clock,
    *,
    numbers: Collection[str] | None = None,
    levels: Collection[str] = (),
) -> Shown:
    """Gives what the doctor says and the runs under way, of a moment some seconds ago at most, in one language.

    Runs are those of these organisations and levels, `findings` all others: errors and warnings that are of no single
    run. `clock` writes the moments that are spoken of.
    """
    made = await _diagnosed(parts)
    seen, found = made.seen, made.findings
    asked = numbers is None or bool(numbers)
    runs = [each for each in found if asked and _is_wanted(each, numbers or (), levels)]
    findings = [each for each in found if each.level != "ok" and (each.queue is None or each.queue.run_id is None)]
    return {
        **await _runs(parts, seen, sorted(runs, key=_steady), limit, language, clock),
        "findings": [show_found(each, seen.now, language, clock) for each in findings],
        "errors": sum(each.level == "error" for each in found),
        "warnings": sum(each.level == "warning" for each in found),
    }


async def read_organisation(parts: Parts, number: str, latest: int) -> Shown:
    """Gives an organisation with its pauses and its `latest` runs, so many; raises NotFound."""
    async with parts.snapshot(EVERYBODY) as conn:
        row = await operations.read_organisation(conn, number)
        if row is None:
            raise NotFound("There is no such organisation.")
        paused = await pauses_in_force(conn, [row["id"]])
        runs = await operations.latest_runs(conn, row["id"], latest)
    return {**show_organisation(row, paused), "latest": [show_latest_run(each) for each in runs]}


async def read_run(parts: Parts, run_id: UUID) -> Shown:
    """Gives how a run stands; raises NotFound."""
    async with parts.statement(EVERYBODY) as conn:
        return await changed_run(conn, run_id)


async def _runs(
    parts: Parts, seen: Seen, found: Sequence[Finding], limit: int, language: Language, clock: Clock | None = None
) -> Shown:
    first = found[:limit]
    async with parts.statement(EVERYBODY) as conn:
        names = await operations.organisation_names(conn, {each.queue.organisation for each in first if each.queue})
        counts = await operations.job_counts(
            conn, [each.queue.job.id for each in first if each.queue and each.queue.job]
        )
    return {
        "data": [show_run_under_way(each, names, counts, seen.now, language, clock) for each in first],
        "in_all": len(found),
        "at": seen.now,
    }


async def diagnosis(parts: Parts) -> Shown:
    """Gives what the doctor says, but for the trials that take it seconds; of a moment some seconds ago at most."""
    return (await _diagnosed(parts)).shown


async def changed_run(conn: Any, run_id: UUID) -> Shown:
    """Gives how a run stands; raises NotFound."""
    row = await operations.find_run(conn, run_id)
    if row is None:
        raise NotFound("There is no such run.")
    return show_changed_run(row)


async def pauses(conn: Any, number: str | None, place: Place, cipher: OrganisationCipher | None = None) -> Shown:
    """Gives what keeps an activity, or all of an organisation; with the `number` that operators know it by.

    An organisation's own `cipher` opens its reasons, which operators are not shown.
    """
    found = await pauses_of_activity(conn, place)
    if cipher is not None:
        return show_pauses(number, place.activity_id, [open_pause(each, cipher) for each in found])
    return show_pauses(number, place.activity_id, found)


async def _diagnosed(parts: Parts) -> Diagnosed:
    return await parts.diagnosis.get(partial(_look, parts))


async def _look(parts: Parts) -> Diagnosed:
    settings = parts.runtime.settings
    async with parts.snapshot(EVERYBODY) as conn:
        seen = await look(conn)
    seen = replace(
        seen,
        redis=await parts.runtime.notifier.writable() if settings.redis_url.get_secret_value() else None,
        certificates_needed=settings.skolverket_authorisation_url.startswith("https:"),
        fault_horizon=settings.fault_horizon,
        retention=Retention(settings.retention_content, settings.retention_history),
        keys=list(parts.runtime.cipher.masters),
    )
    return Diagnosed(seen, diagnose(seen))


def _place(found: Finding) -> tuple[int, datetime, UUID]:
    """Gives the place of a run's finding among others: the worst and oldest first."""
    assert found.queue is not None and found.queue.run_id is not None  # noqa: S101, PT018 - of a run
    since = found.since or datetime.max.replace(tzinfo=UTC)
    return get_args(Level).index(found.level), since, found.queue.run_id


def _steady(found: Finding) -> tuple[int, str, UUID] | tuple[int]:
    """Keeps the worst and oldest first; runs that go on as they should keep their places, whatever they wait for."""
    queue = found.queue
    if found.level != "ok" or queue is None:
        return (0,)
    return (1, queue.organisation, queue.activity_id)


def _is_wanted(found: Finding, numbers: Collection[str], levels: Collection[str]) -> bool:
    queue = found.queue
    return (
        queue is not None
        and queue.run_id is not None
        and (not numbers or queue.organisation in numbers)
        and (not levels or found.level in levels)
    )
