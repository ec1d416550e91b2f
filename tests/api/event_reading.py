"""How tests read event streams: as a browser does, by lines over a real socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Event:
    """An event as it came; `last_id` is the id from which one goes on behind it."""

    name: str
    data: dict[str, Any]
    last_id: str | None

    @property
    def known_by(self) -> tuple[str, str, int]:
        """Gives what tells one change from another."""
        return self.name, self.data["id"], self.data["version"]


@asynccontextmanager
async def events(
    client: httpx.AsyncClient, path: str, *, last_id: str | None = None, **query: str
) -> AsyncIterator[AsyncIterator[Event]]:
    """Opens a stream; it is cut off where the block ends."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.stream("GET", path, headers=headers, params=query) as stream:
        assert stream.status_code == 200, await stream.aread()
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield _events(stream, last_id)


async def _events(stream: httpx.Response, last_id: str | None) -> AsyncIterator[Event]:
    name = data = None
    async for line in stream.aiter_lines():
        field, _, value = line.partition(": ")
        match field:
            case "event":
                name = value
            case "data":
                data = json.loads(value)
            case "id":
                last_id = value
            case "" if not value and name is not None and data is not None:
                yield Event(name, data, last_id)
                name = data = None
