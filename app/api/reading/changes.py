"""The log of changes of an organisation's runs and jobs, as a viewer is shown it; nothing in it is personal."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from uuid import UUID

from app.api.dependencies import Parts, cipher_of
from app.api.http.answers import to_json
from app.api.reading.change_cursors import LogPlace
from app.db import changes
from app.db.acting import EVERYBODY
from app.db.cipher import OrganisationCipher
from app.db.reads import RunWithJobs
from app.domain.change_log import OLDEST, Change
from app.errors import CursorGone
from app.views import Shown
from app.views.job import show_job
from app.views.run import show_run
from app.views.sealed import open_run
from app.views.viewer import Viewer


@dataclass(frozen=True)
class ShownChange:
    """A run or a job as GET gives it, and where it stands; None for what is part of a snapshot."""

    type: Literal["run", "job"]
    shown: Shown
    at: LogPlace | None

    @cached_property
    def body(self) -> str:
        """Gives it as GET answers it."""
        return to_json(self.shown).decode("ascii")


@dataclass(frozen=True, slots=True)
class ShownChanges:
    """Changes in their order, where to go on, and whether more is there already."""

    changes: list[ShownChange]
    following: LogPlace
    more: bool


async def changes_after(parts: Parts, viewer: Viewer, after: LogPlace | None, limit: int) -> ShownChanges:
    """Gives what has changed behind a place, or from the oldest, in one round trip; raises CursorGone."""
    cipher, made_by = cipher_of(parts, viewer), viewer.runs_made_by

    async def read() -> ShownChanges:
        return await _read(parts, cipher, made_by, after, limit)

    # Streams that have come equally far wait for one reading.
    return await parts.log_reads.read((viewer.organisation_id, made_by, after, limit), read)


async def newest(parts: Parts) -> LogPlace:
    """Gives the place behind all that is settled."""
    async with parts.statement(EVERYBODY) as conn:
        return LogPlace.of(*await changes.head(conn))


async def under_way(parts: Parts, viewer: Viewer) -> ShownChanges:
    """Gives the runs under way, and where what comes after them begins."""
    cipher, made_by = cipher_of(parts, viewer), viewer.runs_made_by

    async def read() -> ShownChanges:
        return await _read_under_way(parts, cipher, made_by)

    # Streams that a restart has ended all come again at once.
    return await parts.log_reads.read((viewer.organisation_id, made_by), read)


async def _read_under_way(parts: Parts, cipher: OrganisationCipher, made_by: UUID | None) -> ShownChanges:
    async with parts.statement(cipher.organisation_id) as conn:
        found = await changes.read_under_way(conn, cipher.organisation_id, made_by=made_by)
    runs = [ShownChange("run", show_run(open_run(run, cipher), jobs), None) for run, jobs in found.runs]
    return ShownChanges(runs, LogPlace.of(found.identity, found.place), more=False)


async def _read(
    parts: Parts, cipher: OrganisationCipher, made_by: UUID | None, after: LogPlace | None, limit: int
) -> ShownChanges:
    place = OLDEST if after is None else after.place
    async with parts.statement(cipher.organisation_id) as conn:
        log = await changes.read_changes(conn, cipher.organisation_id, made_by=made_by, after=place, limit=limit)
    following = LogPlace.of(log.identity, log.page.following)
    # Behind all that is settled: of a time that was undone, as by a disk that was put back as it had been.
    if after is not None and (after.log != following.log or after.place > log.end):
        raise CursorGone(
            "This cursor is from before the database was restored, or from another one: begin anew without `after`."
        )
    return ShownChanges(
        [_show(change, LogPlace(following.log, change.place), cipher) for change in log.page.changes],
        following,
        log.page.more,
    )


def _show(change: Change[RunWithJobs], at: LogPlace, cipher: OrganisationCipher) -> ShownChange:
    run, jobs = open_run(change.run[0], cipher), change.run[1]
    if change.part == 0:
        return ShownChange("run", show_run(run, jobs), at)
    return ShownChange("job", show_job(jobs[change.part - 1], run), at)
