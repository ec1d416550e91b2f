"""Who follows an event stream: by a key in the header, or by a ticket in the address."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from app.api.dependencies import (
    Credentials,
    Parts,
    PartsDep,
    caller_of,
    check_scopes,
    check_whole,
    count_request,
    viewer_of,
)
from app.api.handed_out import HandedOut
from app.api.http.problems import InvalidTicket
from app.security import tickets
from app.security.keys import Caller
from app.security.tickets import Ticket
from app.views.viewer import Viewer

_REFUSED: Final = "This ticket has expired, or was never one: get another one by POST /events/tickets."
_TICKET: Final = HandedOut(b"event ticket")


@dataclass(frozen=True, slots=True)
class Following:
    """One who follows: `ask` gives who it is now, and raises Unauthorised once the key counts no more."""

    parts: Parts
    ask: Callable[[], Awaitable[Caller]]

    async def viewer(self) -> tuple[Caller, Viewer]:
        """Finds out who is shown what comes next; raises Forbidden when the key has lost its scopes."""
        caller = await self.ask()
        check_scopes(caller, "history|provision")
        check_whole(caller)
        return caller, viewer_of(caller, self.parts)


async def following_of(
    request: Request,
    parts: PartsDep,
    given: Credentials,
    ticket: Annotated[
        str | None,
        Query(description="From `POST /events/tickets`, for those who can send no header. Good for a minute."),
    ] = None,
) -> Following:
    """Finds out who wants to follow; the header counts where both are given."""
    if given is not None or not ticket:
        return Following(parts, lambda: caller_of(request, parts, given))
    opened = _open(parts, ticket)

    async def ask() -> Caller:
        caller = await parts.runs.caller_known_as(opened.handle)
        if not isinstance(caller, Caller):
            raise InvalidTicket("The key of this ticket is revoked or expired, or its organisation is disabled.")
        count_request(parts, caller)
        return replace(caller, scopes=caller.scopes & opened.scopes)

    return Following(parts, ask)


FollowingDep = Annotated[Following, Depends(following_of)]


def new_ticket(parts: Parts, caller: Caller) -> tuple[str, int]:
    """Makes a ticket for who calls; gives it and when it ends."""
    ticket = Ticket.until(caller.handle, caller.scopes, time.time())
    return tickets.PREFIX + _TICKET.seal(parts, tickets.to_bytes(ticket)), ticket.expires_at


def _open(parts: Parts, text: str) -> Ticket:
    opened = _TICKET.open(parts, text.removeprefix(tickets.PREFIX))
    ticket = None if opened is None else tickets.of_bytes(opened)
    if ticket is None or not ticket.is_good(time.time()):
        raise InvalidTicket(_REFUSED)
    return ticket
