"""HTTP as it arrives: what is turned away before it is a request, how much of it is read, how long is waited for it.

Uvicorn has a time-out for connections that are idle between two requests, and none for one that never sends its first,
sends its headers byte by byte, or never reads its answer. What it answers itself is plain text; here it is a problem.
"""

import asyncio
import resource
import sys
from typing import Any, Final

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app.api.http.policies import NO_PAGE
from app.api.http.problems import Busy, HeadersTooLarge, HeadersTooSlow, MalformedRequest, problem
from app.api.http.request_forms import MOST_HEADER_BYTES
from app.api.http.request_ids import begin_request, end_request
from app.errors import Problem
from app.own_certificate import OwnCertificate

# In seconds: until a request's headers are in, counted from its first byte, or from the connection's beginning.
HEADERS_WITHIN: Final = 10.0
# A connection on which nothing is asked for is closed after so many seconds.
IDLE: Final = 5
# And one that takes nothing of an answer.
TAKEN_WITHIN: Final = 60.0
# So much of a head is given to the parser at once: it measures what is incomplete only.
_PIECE: Final = 4096
# What comes after a refusal is thrown away for so long: closing at once would reset the connection before it is read.
_LINGER: Final = 2.0
# Of the files that the process may open: for Postgres, Redis and what else it reads.
_OTHER_FILES: Final = 200

_log = structlog.stdlib.get_logger(__name__)


class Connection(H11Protocol):
    """One connection of a client."""

    headers_within, taken_within = HEADERS_WITHIN, TAKEN_WITHIN
    _head_due: asyncio.TimerHandle | None = None
    _taking_due: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request; with too many connections open says so and closes."""
        super().connection_made(transport)
        if len(self.connections) > _most_connections():
            self._turn_away(Busy, "Too many connections are open at the moment.")
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Takes what has come in."""
        while data and not self._refused:
            whole = self.conn.their_state is not h11.IDLE
            piece, data = (data, b"") if whole else (data[:_PIECE], data[_PIECE:])
            super().data_received(piece)
        if not self._refused:
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        super().connection_lost(exc)
        for timer in (self._head_due, self._taking_due):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """Gives a client that takes nothing more of its answer a while to go on."""
        super().pause_writing()
        self._taking_due = self.loop.call_later(self.taken_within, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on with the answer."""
        super().resume_writing()
        if self._taking_due is not None:
            self._taking_due.cancel()
            self._taking_due = None

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser has just refused."""
        too_large = getattr(sys.exception(), "error_status_hint", 400) == 431
        self._turn_away(HeadersTooLarge if too_large else MalformedRequest)

    def _watch_head(self) -> None:
        """Lets time run while a request's headers are coming in, and only then."""
        if self.conn.their_state is not h11.IDLE:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None
        elif self._head_due is None and (self.cycle is None or self.conn.trailing_data[0]):
            self._head_due = self.loop.call_later(self.headers_within, self._head_too_slow)

    def _head_too_slow(self) -> None:
        if self.conn.trailing_data[0]:
            self._turn_away(HeadersTooSlow)
        else:
            self.transport.close()

    def _turn_away(self, cause: type[Problem], detail: str | None = None) -> None:
        """Answers with a problem where no answer has begun, and takes nothing more."""
        self._refused = True
        begun = self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if begun:
            self.transport.close()
            return
        note = begin_request()
        answer = problem(cause, detail, headers={"Connection": "close", **NO_PAGE})
        _log.info("request turned away", status=answer.status_code, cause=cause.slug)
        end_request()
        headers = [*answer.raw_headers, (b"x-request-id", note.id.encode())]
        reason = STATUS_PHRASES[answer.status_code]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)


def configured(app: Any, certificate: OwnCertificate | None = None, **more: Any) -> uvicorn.Config:
    """Makes what a server of `app` goes by, over TLS with a certificate; `more` are further settings of uvicorn's."""
    if certificate is not None:
        more["ssl_context_factory"] = lambda _config, _default: certificate.context()
    return uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=IDLE,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        **more,
    )


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(files - _OTHER_FILES, files // 2)
