"""Where a statement forgets whose rows it is to read, the database gives those of the caller's organisation alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.polling.run_reader import RunReader
from app.db import reads
from tests.api.conftest import Service
from tests.api.guards import ALL_SCOPES, fill, routes

_CONDITION = re.compile(
    r"(\()?(\w+\.)?organisation_id = (%\(\w+\)s(::UUID)?|\w+\.organisation_id)(?(1)\))( IS TRUE)?", re.IGNORECASE
)


@contextmanager
def forgetful(engine: AsyncEngine) -> Iterator[list[str]]:
    """Takes the organisation's condition out of every statement of an engine; gives those that had one."""
    changed: list[str] = []

    def forget(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> tuple[str, Any]:
        without = _CONDITION.sub("true", statement)
        if without != statement:
            changed.append(statement)
        return without, parameters

    sa.event.listen(engine.sync_engine, "before_cursor_execute", forget, retval=True)
    try:
        yield changed
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", forget)


async def leaks(service: Service, client: httpx.AsyncClient, ids: dict[str, str]) -> tuple[set[str], set[str]]:
    """Asks every route that reads with another organisation's ids; gives those that answer with one, and all.

    Rows of another organisation whose texts do not open, so that the answer is none, have been read as well.
    """
    ours = {value for name, value in ids.items() if name not in {"code", "slug"}}
    found, asked = set(), set()
    for method, path in routes(service):
        if method != "GET" or path.endswith("/events") or path == "/events":
            continue
        asked.add(path)
        try:
            answer = await client.get(fill(path, ids))
        except httpx.RemoteProtocolError:  # an export breaks off where it meets what its key does not open
            continue
        if answer.status_code == 500 or (answer.status_code == 200 and any(each in answer.text for each in ours)):
            found.add(path)
    return found, asked


async def test_no_forgotten_condition_gives_anything_of_another_organisation(
    service: Service, ids: dict[str, str]
) -> None:
    client = await service.client(*ALL_SCOPES, organisation=1)
    with forgetful(service.served.engine) as changed:
        found, asked = await leaks(service, client, ids)
    assert found == set()
    assert len(asked) > 25
    assert len(changed) > 25


async def test_without_policies_forgotten_conditions_would_be_noticed(service: Service, ids: dict[str, str]) -> None:
    """The same requests of the same service, over connections that no policy hinders."""
    own = service.app.state.parts
    runtime = service.runtime
    service.app.state.parts = replace(
        own, runtime=runtime, reading=reads.snapshots(runtime.engine), runs=RunReader(runtime.engine, "")
    )
    try:
        client = await service.client(*ALL_SCOPES, organisation=1)
        with forgetful(runtime.engine):
            found, _ = await leaks(service, client, ids)
    finally:
        service.app.state.parts = own
    assert len(found) > 10, found
