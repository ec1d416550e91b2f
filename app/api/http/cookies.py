"""Cookies: for this very host and over https alone, out of reach of scripts and of other sites' forms."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from app.api.dependencies import parts_of

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of this `name`, which over https is given to nobody but this very host (`__Host-`)."""

    name: str

    def of(self, request: Request) -> str | None:
        """Gives what the browser has."""
        return request.cookies.get(self._name(on_loopback=_is_on_loopback(request)))

    def give(self, request: Request, answer: Response, value: str, *, good_for: int | None = None) -> None:
        """Has the browser keep a value, for so many seconds or until it is closed."""
        on_loopback = _is_on_loopback(request)
        answer.set_cookie(
            self._name(on_loopback=on_loopback),
            value,
            max_age=good_for,
            httponly=True,
            samesite="lax",
            secure=not on_loopback,
            path="/",
        )

    def remove(self, request: Request, answer: Response) -> None:
        """Has the browser forget it."""
        on_loopback = _is_on_loopback(request)
        name = self._name(on_loopback=on_loopback)
        answer.delete_cookie(name, httponly=True, samesite="lax", secure=not on_loopback, path="/")

    def _name(self, *, on_loopback: bool) -> str:
        return self.name if on_loopback else f"__Host-{self.name}"


# Of who is signed in to the pages.
SESSION: Final = Cookie("provkedja")


def _is_on_loopback(request: Request) -> bool:
    """Tells whether the browser is on this very machine, where there is no https to ask for.

    A proxy may name this machine in the request's host, whomever it forwards: an operator says whether there is none.
    """
    may_be = parts_of(request).runtime.settings.sign_in_over_http
    return may_be and request.url.scheme == "http" and request.url.hostname in _LOOPBACK
