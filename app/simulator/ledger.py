"""The list of every call to the imitated services, for tests to read; calls to `/_simulator` are not in it."""

from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import count

from app.simulator.messages import Json

# Ten hours at full pace: a simulator that stays up for days must not grow for ever.
_KEPT = 500_000


@dataclass(slots=True)
class Call:
    """One call; status and answered_at stay None while it is under way, status for good when nothing was answered."""

    number: int
    time: float  # epoch seconds when the head of the request had come
    monotonic: float
    method: str
    path: str
    query: str
    answered_at: float | None = None
    organisation: str | None = None
    status: int | None = None
    bytes: int = 0
    sha256: str | None = None  # of the request's body
    resource: str | None = None
    object_ids: list[str] = field(default_factory=list)
    job_id: str | None = None
    # Attributes that were sent and are not published for that kind, such as `enrolments[].startDate`.
    not_kept: list[str] = field(default_factory=list)
    # Why the answer may be wrong: a fault's action, "mark" for marked objects, "client_gone" for half a request.
    planted: str | None = None


class Ledger:
    """Calls by number, rising from 1 in the order in which they came."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._numbers = count(1)

    def open(self, time: float, monotonic: float, method: str, path: str, query: str) -> Call:
        """Writes down a call that has just come; what is known later is set on the entry itself."""
        call = Call(next(self._numbers), time, monotonic, method, path, query)
        self._calls.append(call)
        return call

    def since(self, number: int) -> list[Json]:
        """Lists the calls after a number."""
        return [asdict(call) for call in self._calls if call.number > number]
