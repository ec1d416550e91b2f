"""Errors that cross a module's border, each with the HTTP status that a caller gets for it.

Problem
├── NotFound            404
├── Conflict            409
│   ├── ContentErased   409, of a type of its own
│   └── RosterShrinks   409, of a type of its own
├── PreconditionFailed  412
└── Refused             422, with pointers into the body
Stopped                 the configuration keeps a process from starting (command line)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus


class Problem(Exception):
    """Something that a caller is told as problem+json; its detail never repeats a value of the request."""

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    # What kind of problem it is, where its status does not say that.
    title: str | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(Problem):
    """There is no such thing in the caller's organisation."""

    status = HTTPStatus.NOT_FOUND


class Conflict(Problem):
    """The thing is in a state that does not allow this."""

    status = HTTPStatus.CONFLICT


class ContentErased(Conflict):
    """What would have to be sent is kept no longer."""

    title = "Content Erased"


class RosterShrinks(Conflict):
    """The roster is empty after one that was sent with objects, and nobody has allowed that."""

    title = "Roster Shrinks"


class PreconditionFailed(Problem):
    """The thing has changed since the caller read it."""

    status = HTTPStatus.PRECONDITION_FAILED


@dataclass(frozen=True, slots=True)
class BodyError:
    """One place in a request's body that is wrong: a JSON pointer, a code, a sentence without the value."""

    pointer: str
    code: str
    detail: str


class Refused(Problem):
    """The body cannot be taken as it is."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, detail: str, errors: Sequence[BodyError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class Stopped(Exception):
    """A process cannot start; the sentence says what to set or to do."""
