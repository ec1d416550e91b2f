"""Reads everything of a list, slice by slice: no connection is held while somebody takes what was read.

Who it is for is asked anew before each slice, so that nothing more is read for a key, or a session, that has ended.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final
from uuid import UUID

from app.api.dependencies import AskAgain, Parts
from app.api.http.problems import TooManyExports
from app.api.reading.records import RecordQuery, read_records
from app.api.reading.runs import list_runs
from app.db.cipher import OrganisationCipher
from app.db.history import RunFilter
from app.views import Shown

_SLICE: Final = 200


async def record_slices(
    parts: Parts, cipher: OrganisationCipher, ask: AskAgain, job_id: UUID, query: RecordQuery
) -> AsyncGenerator[list[Shown]]:
    """Gives a job's records, whatever the limit of `query`; raises TooManyExports when no place becomes free in time.

    What changes its place in the list meanwhile may be in it twice, or not at all: the roster's order never changes.
    """
    async with _place(parts, (await ask()).organisation_id):
        query = replace(query, limit=_SLICE)
        while True:
            viewer = replace(await ask(), via="export")
            # Its row of the audit is written before the slice leaves.
            page = await read_records(parts, cipher, viewer, job_id, query, counted=False)
            yield page.records
            if page.next_cursor is None:
                return
            query = replace(query, cursor=page.next_cursor)


async def run_slices(parts: Parts, ask: AskAgain, wanted: RunFilter) -> AsyncGenerator[list[Shown]]:
    """Gives runs, the newest first; raises TooManyExports when no place becomes free in time."""
    async with _place(parts, (await ask()).organisation_id):
        cursor = None
        while True:
            shown, cursor = await list_runs(parts, await ask(), wanted, cursor, _SLICE)
            yield list(shown)
            if cursor is None:
                return


@asynccontextmanager
async def _place(parts: Parts, organisation_id: UUID) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        try:
            await held.enter_async_context(parts.export_places.take(organisation_id, parts.timeout.place))
        except TimeoutError:
            raise TooManyExports("Too many exports are being made at the moment.") from None
        yield
