"""What routes are given: the running parts, who calls and who is shown the answer, a connection that reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.api.intakes import IntakePlaces, Timeouts
from app.api.memory import KeptRun
from app.api.metrics import Metrics
from app.api.problems import Forbidden, Unauthorised
from app.api.readiness import Readiness
from app.api.run_reader import RunReader
from app.db import reads
from app.db.cipher import OrganisationCipher
from app.db.loop_share import LoopShare
from app.db.places import Places
from app.errors import NotFound
from app.runtime import Runtime
from app.security import keys
from app.security.keys import Caller
from app.views.viewer import Viewer


@dataclass(frozen=True)
class Parts:
    """What one app works with; it lives on the app's state. `stopping` is set when the process is told to go."""

    runtime: Runtime
    reading: AsyncEngine
    readiness: Readiness
    runs: RunReader
    metrics: Metrics = field(default_factory=Metrics)
    timeout: Timeouts = field(default_factory=Timeouts)
    places: IntakePlaces = field(default_factory=IntakePlaces)
    plan_places: Places = field(default_factory=lambda: Places(2, 1))
    intake_share: LoopShare = field(default_factory=LoopShare)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def statement(self) -> AsyncConnection:
        """Connects for one reading statement, as a context; who needs several of one state takes a snapshot."""
        return reads.single_statements(self.runtime.engine).connect()

    def stop(self) -> None:
        """Says that the process is told to go, and wakes who waits."""
        self.stopping.set()
        self.runs.followers.wake_all()


def parts_of(request: Request) -> Parts:
    """Gives the parts of the app that serves this request."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - create_app puts them there
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]

_bearer = HTTPBearer(auto_error=False, description="An API key, `pk_…`.")


Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def caller_of(parts: PartsDep, given: Credentials) -> Caller:
    """Finds out who calls; raises Unauthorised without a key that counts."""
    key = keys.parse(given.credentials) if given is not None else None
    if key is None:
        raise Unauthorised("Give an API key as `Authorization: Bearer pk_…`.")
    caller = await parts.runs.caller(*key)
    if caller is None:
        raise Unauthorised("This API key is unknown or revoked.")
    return caller


def cipher_of(parts: PartsDep, caller: Annotated[Caller, Depends(caller_of)]) -> OrganisationCipher:
    """Gives what opens the caller's organisation's contents."""
    return parts.runtime.cipher.of(caller.organisation_id, caller.salt)


CipherDep = Annotated[OrganisationCipher, Depends(cipher_of)]


def _with(*needed: str) -> Callable[..., Caller]:
    """Makes a dependency that wants one scope of each of these; `a|b` is either."""

    def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        for scopes in needed:
            if not caller.may(*scopes.split("|")):
                raise Forbidden(f"This key lacks the scope {scopes.replace('|', ' or ')}.")
        return caller

    return check


def viewer_of(caller: Caller, parts: Parts) -> Viewer:
    """Makes the viewer that a key's answers are for; no key is narrowed to school units."""
    published = parts.runtime.target.published
    return Viewer(caller.organisation_id, caller.key_id, caller.scopes, school_units=None, published=published)


def _viewing(*needed: str) -> Callable[..., Viewer]:
    """Makes a dependency that wants these scopes as well, and gives the viewer."""

    def view(caller: Annotated[Caller, Depends(_with(*needed))], parts: PartsDep) -> Viewer:
        return viewer_of(caller, parts)

    return view


Planner = Annotated[Caller, Depends(_with("history|provision"))]
Provisioner = Annotated[Caller, Depends(_with("provision"))]
Reader = Annotated[Viewer, Depends(_viewing("history|provision"))]
HistoryReader = Annotated[Viewer, Depends(_viewing("history"))]
PersonalReader = Annotated[Viewer, Depends(_viewing("history", "pii"))]


def _unmasked(viewer: Annotated[Viewer, Depends(_viewing("history", "pii", "protected"))]) -> Viewer:
    if viewer.school_units is not None:
        raise Forbidden("This key is for single school units, and this is shown whole or not at all.")
    return viewer


# Who may see everything of everybody.
UnmaskedReader = Annotated[Viewer, Depends(_unmasked)]


async def visible_run(parts: Parts, viewer: Viewer, run_id: UUID) -> KeptRun:
    """Gives a run that the viewer may see; raises NotFound, and Forbidden for a run of another key."""
    return _visible_run(await parts.runs.run(viewer.organisation_id, run_id), viewer, "There is no such run.")


async def visible_run_of_job(parts: Parts, viewer: Viewer, job_id: UUID) -> KeptRun:
    """Gives the run of a job that the viewer may see; raises NotFound, and Forbidden for a run of another key."""
    return _visible_run(await parts.runs.run_of_job(viewer.organisation_id, job_id), viewer, "There is no such job.")


async def visible_job(conn: AsyncConnection, viewer: Viewer, job_id: UUID) -> reads.Row:
    """Gives a job that the viewer may see; raises NotFound, and Forbidden for a job of another key's run."""
    row = await reads.find_job(conn, viewer.organisation_id, job_id)
    if row is None:
        raise NotFound("There is no such job.")
    check_made_by(viewer, row["requested_by_id"])
    return row


def _visible_run(run: KeptRun | None, viewer: Viewer, missing: str) -> KeptRun:
    if run is None:
        raise NotFound(missing)
    check_made_by(viewer, run.made_by)
    return run


def check_made_by(viewer: Viewer, key_id: UUID) -> None:
    """Raises Forbidden when the viewer may not see what this key has made."""
    if not viewer.may_see_run(key_id):
        raise Forbidden("This key may read the runs that it made; for others it lacks the scope history.")


async def _snapshot(parts: PartsDep) -> AsyncIterator[AsyncConnection]:
    async with parts.reading.connect() as conn:
        yield conn


# Given back before the answer goes out, however slowly that is taken.
Snapshot = Annotated[AsyncConnection, Depends(_snapshot, scope="function")]


async def _single_statement(parts: PartsDep) -> AsyncIterator[AsyncConnection]:
    async with parts.statement() as conn:
        yield conn


SingleStatement = Annotated[AsyncConnection, Depends(_single_statement, scope="function")]
