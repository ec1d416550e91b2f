"""What routes are given: the running parts, who calls and who is shown the answer, a connection that reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.api.intakes import Places, Timeouts
from app.api.metrics import Metrics
from app.api.problems import Forbidden, Unauthorised
from app.api.readiness import Readiness
from app.db import reads, tenants
from app.db.cipher import OrganisationCipher
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
    metrics: Metrics = field(default_factory=Metrics)
    timeout: Timeouts = field(default_factory=Timeouts)
    places: Places = field(default_factory=Places)
    intake_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


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
    handle, digest = key
    async with parts.reading.connect() as conn:
        found = await tenants.find_key(conn, handle)
    if found is None or not keys.matches(digest, found["digest"]):
        raise Unauthorised("This API key is unknown or revoked.")
    return Caller(found["id"], found["name"], found["organisation_id"], frozenset(found["scopes"]), found["salt"])


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


Provisioner = Annotated[Caller, Depends(_with("provision"))]
Reader = Annotated[Viewer, Depends(_viewing("history|provision"))]
PersonalReader = Annotated[Viewer, Depends(_viewing("history", "pii"))]


async def visible_run(conn: AsyncConnection, viewer: Viewer, run_id: UUID) -> reads.Row:
    """Gives a run that the viewer may see; raises NotFound, and Forbidden for a run of another key."""
    row = await reads.find_run(conn, viewer.organisation_id, run_id)
    return _visible(row, viewer, "There is no such run.")


async def visible_job(conn: AsyncConnection, viewer: Viewer, job_id: UUID) -> reads.Row:
    """Gives a job that the viewer may see; raises NotFound, and Forbidden for a job of another key's run."""
    row = await reads.find_job(conn, viewer.organisation_id, job_id)
    return _visible(row, viewer, "There is no such job.")


def _visible(row: reads.Row | None, viewer: Viewer, missing: str) -> reads.Row:
    if row is None:
        raise NotFound(missing)
    if not viewer.may_see_run(row["requested_by_id"]):
        raise Forbidden("This key may read the runs that it made; for others it lacks the scope history.")
    return row


async def _snapshot(parts: PartsDep) -> AsyncIterator[AsyncConnection]:
    async with parts.reading.connect() as conn:
        yield conn


# Given back before the answer goes out, however slowly that is taken.
Snapshot = Annotated[AsyncConnection, Depends(_snapshot, scope="function")]
