"""What a key of single school units reads: runs by their records of those units, and answers that name nobody else."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag

from app.api.dependencies import Parts, cipher_of
from app.api.http.answers import Polled
from app.api.http.cursors import Key
from app.api.http.problems import BadRequest
from app.api.polling.memory import KeptRun
from app.db.cipher import KeyUnknown, OrganisationCipher
from app.db.units import counts_within, objects_within
from app.domain.lifecycle import FINISHED_JOB, FINISHED_RUN
from app.domain.outcome import Counts
from app.errors import NotFound
from app.views import Shown
from app.views.narrowed import ids_in, narrow_run, sieve
from app.views.viewer import Viewer

_CURSOR: Final = b"cursor"
# In bytes: a place of four digits makes a cursor no longer than one of a single digit.
_PADDED_TO: Final = 128


async def own_run(parts: Parts, viewer: Viewer, run_id: UUID) -> Polled:
    """Gives what a narrowed viewer is answered of a run; raises NotFound for one without an object of theirs."""
    kept = await parts.runs.run(cipher_of(parts, viewer), run_id)
    shown = await _own(parts, viewer, kept, "There is no such run.")
    return Polled.of(shown, finished=shown["status"] in FINISHED_RUN)


async def own_job(parts: Parts, viewer: Viewer, job_id: UUID) -> Polled:
    """Gives what a narrowed viewer is answered of a job; raises NotFound for one of a run that they have nothing in."""
    shown = await own_run_of_job(parts, viewer, job_id)
    [job] = [each for each in shown["jobs"] if each["id"] == str(job_id)]
    return Polled.of(job, finished=job["status"] in FINISHED_JOB)


async def own_run_of_job(parts: Parts, viewer: Viewer, job_id: UUID) -> Shown:
    """Gives the run of a job as a narrowed viewer is shown it; raises NotFound."""
    kept = await parts.runs.run_of_job(cipher_of(parts, viewer), job_id)
    return await _own(parts, viewer, kept, "There is no such job.")


async def own_counts(parts: Parts, viewer: Viewer, run_ids: Collection[UUID]) -> Mapping[UUID, Mapping[UUID, Counts]]:
    """Counts the records of a narrowed viewer's units by run and by job; runs without any are left out."""
    async with parts.statement(viewer.organisation_id) as conn:
        return await counts_within(
            conn, viewer.organisation_id, viewer.units, run_ids, protected=viewer.may_see_protected
        )


async def own_of_list(
    parts: Parts,
    viewer: Viewer,
    read: Callable[[Key | None], Awaitable[list[Shown]]],
    key: Callable[[Shown], Key],
    narrow: Callable[[Shown, Mapping[UUID, Counts]], Shown],
    of_run: str,
    outcomes: Collection[str],
    after: Key | None,
    limit: int,
) -> list[Shown]:
    """Reads a list of runs or jobs on until there are `limit` and one to spare that a narrowed viewer has something in.

    `read` gives what comes behind a key, with one to spare; `of_run` names what has the run's id; of `outcomes`, by the
    viewer's own records, are those that are wanted, all without any.
    """
    found: list[Shown] = []
    while len(found) <= limit:
        rows = await read(after)
        counts = await own_counts(parts, viewer, list({each[of_run] for each in rows}))
        own = (narrow(each, counts[each[of_run]]) for each in rows if each[of_run] in counts)
        found += [each for each in own if not outcomes or each["outcome"] in outcomes]
        if len(rows) <= limit:
            break
        after = key(rows[-1])
    return found[: limit + 1]


async def only_own(parts: Parts, viewer: Viewer, shown: Sequence[Shown], own: Iterable[UUID] = ()) -> list[Shown]:
    """Gives what is `shown` without a name of an object that is not the viewer's; `own` are known to be.

    That is a statement more, for a viewer who is narrowed to school units.
    """
    if viewer.school_units is None:
        return list(shown)
    known = {*own, *viewer.units}
    async with parts.statement(viewer.organisation_id) as conn:
        known |= await objects_within(
            conn, viewer.organisation_id, viewer.units, ids_in(shown) - known, protected=viewer.may_see_protected
        )
    return [sieve(each, known) for each in shown]


def opened_cursor(cipher: OrganisationCipher, viewer: Viewer, cursor: str | None) -> str | None:
    """Reads a cursor as `sealed_cursor` makes it; raises BadRequest for any other that a narrowed viewer gives."""
    if viewer.school_units is None or not cursor:
        return cursor
    try:
        sealed = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return cipher.open(sealed, _CURSOR).decode().rstrip(" ")
    except (ValueError, IndexError, binascii.Error, InvalidTag, KeyUnknown):
        raise BadRequest(
            "query cursor: This is no cursor of ours. Use the `next_cursor` of a page, or begin without one."
        ) from None


def sealed_cursor(cipher: OrganisationCipher, viewer: Viewer, cursor: str | None) -> str | None:
    """Makes a cursor that a narrowed viewer can't read, nor tell by its length what is in it.

    The place in a list counts the objects of all units.
    """
    if viewer.school_units is None or cursor is None:
        return cursor
    # In base64 there is no space.
    padded = cursor.encode().ljust(-(-len(cursor) // _PADDED_TO) * _PADDED_TO)
    return base64.urlsafe_b64encode(cipher.seal(padded, _CURSOR)).rstrip(b"=").decode("ascii")


async def _own(parts: Parts, viewer: Viewer, kept: KeptRun | None, missing: str) -> Shown:
    if kept is None:
        raise NotFound(missing)
    counts = (await own_counts(parts, viewer, [kept.run_id])).get(kept.run_id)
    if counts is None:
        raise NotFound(missing)
    return narrow_run(json.loads(kept.answer.body), counts)
