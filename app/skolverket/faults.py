"""What can go wrong in a call, by what there is to do about it; texts carry codes, never what was sent or answered.

SkolverketError
├── TryAgain      a passing fault: later
│   └── SlowDown  too many calls: everybody, later
├── TokenRefused  the bearer token: a new one, then once more
└── Refusal       this request will never be taken as it is
"""

from datetime import timedelta

# Nobody took the call, or nobody said so: signs that the service is away, as http_5xx is.
_OUTAGES = frozenset({"no_connection", "connection_lost", "timeout"})


class SkolverketError(Exception):
    """A call came to nothing; `code` is ours, `http_status` and `answer` are what came, if anything did."""

    def __init__(
        self,
        code: str,
        *,
        http_status: int | None = None,
        answer: bytes = b"",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.http_status = http_status
        self.answer = answer
        self.retry_after = retry_after

    @property
    def is_outage(self) -> bool:
        """Tells whether the service seems to be away; limits, refusals, unreadable answers and certificates don't."""
        return self.code in _OUTAGES or self.code.startswith("http_5")


class TryAgain(SkolverketError):
    """A passing fault: 5xx, no connection, no answer in time, an answer that can't be read."""


class SlowDown(TryAgain):
    """Too many calls (429)."""


class TokenRefused(SkolverketError):
    """The token isn't taken: 401, or a 403 that says so or nothing that can be read."""


class Refusal(SkolverketError):
    """The request as such is refused (400, 404, 413 and other 4xx)."""
