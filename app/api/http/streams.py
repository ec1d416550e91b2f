"""Answers that leave piece by piece."""

from collections.abc import AsyncGenerator
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.errors import Problem

_log = structlog.stdlib.get_logger(__name__)


class Streamed(StreamingResponse):
    """Answers with what `pieces` gives, and ends it with the answer, also when nobody reads on.

    Where `pieces` raises a Problem it is broken off: nobody takes it for whole. At the end it ends `source`, which
    `pieces` draws on: who has not begun to give pieces cannot end it.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes | str], *, source: AsyncGenerator[Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(pieces, **kwargs)
        self._drawn_on = [pieces] if source is None else [pieces, source]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Problem as problem:
            # The status has left. Returning without an end makes the server close the connection.
            _log.warning("an answer is broken off", cause=problem.slug)
        finally:
            for each in self._drawn_on:
                await each.aclose()
