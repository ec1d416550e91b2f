"""What routes are given: the running parts, the caller and what the key allows, a connection that reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.api.intakes import Patience, Places
from app.api.metrics import Metrics
from app.api.problems import Forbidden, Unauthorised
from app.db import reads, tenants
from app.errors import NotFound
from app.runtime import Runtime
from app.security import keys
from app.security.keys import Caller


@dataclass(frozen=True)
class Parts:
    """What one app works with; it lives on the app's state. `stopping` is set when the process is told to go."""

    runtime: Runtime
    reading: AsyncEngine
    metrics: Metrics = field(default_factory=Metrics)
    patience: Patience = field(default_factory=Patience)
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
    return Caller(found["id"], found["name"], found["organisation_id"], frozenset(found["scopes"]))


def _with(*needed: str) -> Callable[..., Caller]:
    """Makes a dependency that wants one scope of each of these; `a|b` is either."""

    def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        for scopes in needed:
            if not caller.may(*scopes.split("|")):
                raise Forbidden(f"This key lacks the scope {scopes.replace('|', ' or ')}.")
        return caller

    return check


Provisioner = Annotated[Caller, Depends(_with("provision"))]
Reader = Annotated[Caller, Depends(_with("history|provision"))]
PersonalReader = Annotated[Caller, Depends(_with("history", "pii"))]


def only_own(caller: Caller) -> UUID | None:
    """Gives the key whose runs alone may be listed, or None for a key that may read all."""
    return None if caller.may("history") else caller.key_id


async def visible_run(conn: AsyncConnection, caller: Caller, run_id: UUID) -> reads.Row:
    """Gives a run that the caller may read; raises NotFound, and Forbidden for a run of another key."""
    row = await reads.find_run(conn, caller.organisation_id, run_id)
    return _visible(row, caller, "There is no such run.")


async def visible_job(conn: AsyncConnection, caller: Caller, job_id: UUID) -> reads.Row:
    """Gives a job that the caller may read; raises NotFound, and Forbidden for a job of another key's run."""
    row = await reads.find_job(conn, caller.organisation_id, job_id)
    return _visible(row, caller, "There is no such job.")


def _visible(row: reads.Row | None, caller: Caller, missing: str) -> reads.Row:
    if row is None:
        raise NotFound(missing)
    if not caller.may("history") and row["requested_by_id"] != caller.key_id:
        raise Forbidden("This key may read the runs that it made; for others it lacks the scope history.")
    return row


async def _snapshot(parts: PartsDep) -> AsyncIterator[AsyncConnection]:
    async with parts.reading.connect() as conn:
        yield conn


# Given back before the answer goes out, however slowly that is taken.
Snapshot = Annotated[AsyncConnection, Depends(_snapshot, scope="function")]
