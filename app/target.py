"""The port: what a target is to which rosters are carried, and by what there is to do about it a call of it may fail.

It imports the domain and nothing else of ours. What implements it is known to the composition root alone.

TargetError
├── TryAgain      a passing fault: later
│   └── SlowDown  too many calls: everybody, later
├── TokenRefused  the bearer token: a new one, then once more
└── Refusal       this request will never be taken as it is
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from app.domain.batching import BodyForm
from app.domain.intents import Accepted
from app.domain.kinds import Kind
from app.domain.outgoing import Outgoing
from app.domain.roster import Reference
from app.domain.schools import Schools
from app.domain.verdicts import ItemResult

# Nobody took the call, or nobody said so: signs that the service is away, as http_5xx is.
OUTAGES = frozenset({"no_connection", "connection_lost", "timeout"})


class TargetError(Exception):
    """A call came to nothing; `code` is ours, `http_status` and `answer` are what came, if anything did.

    Its text is the code alone, never what was sent or answered.
    """

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
        return self.code in OUTAGES or self.code.startswith("http_5")


class TryAgain(TargetError):
    """A passing fault: 5xx, no connection, no answer in time, an answer that can't be read."""


class SlowDown(TryAgain):
    """Too many calls (429)."""


class TokenRefused(TargetError):
    """The token isn't taken."""


class Refusal(TargetError):
    """The request as such is refused; `blamed` are the objects that the refusal names, with what it says of each."""

    def __init__(
        self, code: str, *, http_status: int, answer: bytes = b"", blamed: Mapping[UUID, bytes] | None = None
    ) -> None:
        super().__init__(code, http_status=http_status, answer=answer)
        self.blamed = blamed or {}


# Limits


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls a second the target takes of us: sending and status calls, and reading calls."""

    calls_per_second: float
    reads_per_second: float


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer says of the limit of calls: how many a period has, how many are left, how long it lasts."""

    limit: int | None
    remaining: int | None
    reset: timedelta | None


class CallHooks(Protocol):
    """What the caller of one call is told while it is made."""

    async def leave(self) -> float:
        """Returns when the call may leave: its connection stands, and the request is about to be written.

        Gives for how many seconds what is written may stay unacknowledged; then the connection is given up.
        """

    def gone(self) -> None:
        """Hears that the request has been written."""

    def woken(self, limit: RateLimit) -> None:
        """Hears what the answer says of the limit, errors included."""


# What is published


# What a message of the target's objects to: how a value is written, the value, that there is none, what it refers to,
# that it is another object's already, that it could be better, a limit, a right, or a fault of the target's own.
MessageType = Literal["format", "value", "missing", "reference", "taken", "weak", "limit", "rights", "fault"]


@dataclass(frozen=True, slots=True)
class Message:
    """What the target says of an object: its own code and words, what it objects to and where in the object.

    `attribute` is a JSON pointer into the object as it went out; it has names and places alone. `about` is another
    object that the message speaks of, by its kind and id.
    """

    severity: Literal["error", "warning"]
    code: str
    type: MessageType | None
    text: str | None = field(repr=False)
    attribute: str | None
    about: Reference | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What is published of one place in an object or an answer, and so says nothing about a person.

    `named` are the properties of an object that stands there, `each` is what a list has there. A value is shown where
    `shows` says so, and else it is none that needs no masking, also one of another type than the published. What stands
    in a place of `whereabouts` tells where somebody goes to school or works, and with whom. A `reference` is one in a
    list that names somebody. What is `unsaid` tells by being there. What `identifies` is an id, in one spelling alone.
    """

    named: Mapping[str, "Place"] = field(default_factory=dict)
    each: "Place | None" = None
    shows: Callable[[Any], bool] | None = None
    whereabouts: bool = False
    reference: bool = False
    unsaid: bool = False
    identifies: bool = False


@dataclass(frozen=True, slots=True)
class Harmless:
    """What needs no masking: of `objects` of each kind, the bodies of sending calls (`requests`) of each, the answer
    about a batch, and the `result` that it has of one object.
    """

    objects: Mapping[str, Place]
    requests: Mapping[str, Place]
    answer: Place
    result: Place


class Published(Protocol):
    """What the target has published of its objects, calls and answers; pure."""

    @property
    def body_form(self) -> BodyForm:
        """Gives the form of a sending call's body, and the most bytes that it may have."""

    @property
    def harmless(self) -> Harmless:
        """Gives which names and values need no masking, by where they stand."""

    @property
    def request_items(self) -> str:
        """Gives the name of the list in which a sending call has its objects."""

    @property
    def answer_items(self) -> str:
        """Gives the name of the list in which an answer about a batch speaks of each object."""

    @property
    def specimens(self) -> Sequence[bytes]:
        """Gives what answers about an object look like, the newest last: they are stored compressed against these.

        One that has been given is given for ever, in its place: without it nothing opens that was compressed so.
        """

    def outgoing(self, kind: str, item: dict[str, Any], today: date) -> Outgoing:
        """Makes what leaves of an object of a kind on a day, and says what is wrong with it or left out."""

    def sendable(self, item: dict[str, Any]) -> dict[str, Any]:
        """Gives an object as the target has it without the fields that it sets itself, in the same key order."""

    def schools(
        self,
        number: str,
        units: Iterable[dict[str, Any]] | None,
        others: Set[str],
        programmes: Iterable[dict[str, Any]] | None,
        exams: Iterable[dict[str, Any]] | None,
    ) -> Schools:
        """Reads what came of the open data (`OpenItem.raw`) into what rules need for the organisation with `number`.

        `units` are its own school units, `others` the ids of other organisations'; None is what has not been read yet.
        Whatever the documents are, it raises nothing.
        """

    def messages(self, received: Any, kind: str, item: Any) -> Iterator[Message]:
        """Finds what the target says in what was `received` about one object of a `kind`, which went out as `item`.

        Whatever these are, it raises nothing.
        """

    def codes(self, received: bytes) -> Sequence[str]:
        """Gives the codes of the messages in what was `received` about one object; none when it can't be read."""


# Calls


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer about a batch: the bytes that came, and what they say of each object, once each."""

    raw: bytes = field(repr=False)
    results: Sequence[ItemResult]


class Connection(Protocol):
    """The calls of one step, for one organisation whose bearer token they carry.

    Every method raises TryAgain, SlowDown or TokenRefused for what has nothing to do with its request, and Refusal
    where its request is to blame.
    """

    async def submit(self, kind: Kind, body: bytes, token: str, hooks: CallHooks | None = None) -> Accepted:
        """Sends a batch to be created or updated; the very bytes given."""

    async def poll(self, kind: Kind, remote_job_id: str, token: str, hooks: CallHooks | None = None) -> Answer:
        """Asks what has become of a batch."""

    async def look_up(
        self, kind: Kind, ids: Sequence[UUID], token: str, hooks: CallHooks | None = None
    ) -> Mapping[UUID, dict[str, Any]]:
        """Asks which of these objects the target has, and gives each as it has it."""

    async def alive(self, token: str, hooks: CallHooks | None = None) -> None:
        """Returns when the service is there."""


# Tokens


@dataclass(frozen=True, slots=True)
class Credentials:
    """An organisation's number and the names of its files: never what is in them. All else is optional."""

    number: str
    certificate_file: str | None = None
    key_file: str | None = None
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the end that it names itself."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CredentialFinding:
    """One thing that is in order, may become a trouble, or keeps the organisation from its token."""

    level: Literal["ok", "warning", "error"]
    code: str
    text: str


# Open data


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An organisation, school unit, programme or exam: its id, what people call it by, and all that came."""

    id: UUID
    code: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenOrganisation:
    """An organisation with its school units."""

    item: OpenItem
    school_units: Sequence[OpenItem]


class OpenData(Protocol):
    """Who may take part in exams, where, in what: public, without a token. Raises as `Connection` does."""

    async def organisation(self, number: str, hooks: CallHooks | None = None) -> OpenOrganisation | None:
        """Reads an organisation by its number; None when there is none."""

    async def programmes(self, hooks: CallHooks | None = None) -> Sequence[OpenItem]:
        """Lists all programmes."""

    async def exams(self, hooks: CallHooks | None = None) -> Sequence[OpenItem]:
        """Lists all exams, to which an organisation's own activities refer as their parent."""


class Target(Protocol):
    """A service to which rosters are carried. Limits, retries and history are the caller's."""

    @property
    def environment(self) -> str:
        """Gives the name of what tokens are for; those of another one are not taken."""

    @property
    def user_agent(self) -> str:
        """Gives how we call ourselves in every call."""

    @property
    def limits(self) -> Limits:
        """Gives how many calls a second may be made."""

    @property
    def published(self) -> Published:
        """Gives what is published of objects, calls and answers."""

    def connected(self, within: float) -> AbstractAsyncContextManager[Connection]:
        """Opens the connections of one step, each call of which may take `within` seconds; raises TryAgain."""

    def open_data(self, within: float) -> AbstractAsyncContextManager[OpenData]:
        """Opens the connection for open data in the same way."""

    async def fetch_token(self, credentials: Credentials, within: float) -> Token:
        """Asks for an organisation's token; raises TryAgain alone, for a refusal may be mended on the other side."""

    async def check_credentials(self, credentials: Credentials, within: float) -> Sequence[CredentialFinding]:
        """Says whether an organisation's files, number and addresses fit together, and tries a token.

        The token is thrown away; neither it nor anything of the key is in what is said.
        """
