"""What routes are given: the running parts, who calls and who is shown the answer, a connection that reads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.api.admissions import Admissions
from app.api.auditing import Refusals
from app.api.bearer_tokens import BearerTokens
from app.api.briefly_kept import BrieflyKept
from app.api.http.problems import Busy, Forbidden, InvalidKey, MadeByAnotherKey, PartialKey, Unauthorised
from app.api.http.request_ids import note_key, under_way
from app.api.intakes import IntakePlaces, Timeouts
from app.api.kept_while_same import KeptWhileSame
from app.api.limits.key_handles import KeyHandles
from app.api.limits.limits import Limits, too_many_failures
from app.api.metrics import Metrics
from app.api.polling.memory import KeptRun
from app.api.polling.run_reader import RunReader
from app.api.polling.shared_reads import SharedReads
from app.api.readiness import Readiness
from app.db import reads
from app.db.acting import Everybody, on_behalf_of
from app.db.cipher import OrganisationCipher
from app.db.engine import transaction
from app.db.loop_share import LoopShare
from app.db.places import Places
from app.domain.audit import Via
from app.domain.plan import OF_PERSONS
from app.errors import NotFound
from app.oidc.provider import Provider
from app.oidc.tokens import looks_like_token
from app.runtime import Runtime
from app.security import keys
from app.security.keys import Caller, Operator
from app.views.diagnosis import Diagnosed
from app.views.viewer import Viewer

# The doctor reads all that is under way: not for every page of every operator. A page that is looked at is loaded anew
# every ten seconds, by when it is always read again.
_DIAGNOSIS_SECONDS: Final = (5.0, 3.0)
# In seconds, until a statement has its place.
_PLACE_WITHIN: Final = 20.0
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True)
class Parts:
    """What one app works with; it lives on the app's state. `stopping` is set when the process is told to go."""

    runtime: Runtime
    reading: AsyncEngine
    readiness: Readiness
    runs: RunReader
    limits: Limits
    handles: KeyHandles
    refusals: Refusals
    # Of an OpenID provider, where there is one; tokens where the API takes them.
    admissions: Admissions | None = None
    tokens: BearerTokens | None = None
    metrics: Metrics = field(default_factory=Metrics)
    timeout: Timeouts = field(default_factory=Timeouts)
    places: IntakePlaces = field(default_factory=IntakePlaces)
    plan_places: Places = field(default_factory=lambda: Places(2, 1))
    export_places: Places = field(default_factory=lambda: Places(3, 2))
    intake_share: LoopShare = field(default_factory=LoopShare)
    # Of logs of changes, for all streams that have come equally far.
    log_reads: SharedReads = field(default_factory=SharedReads)
    # What the doctor has seen and found, for all operators.
    diagnosis: BrieflyKept[Diagnosed] = field(default_factory=lambda: BrieflyKept(*_DIAGNOSIS_SECONDS))
    # How exams stand, for all who look at one: of so many objects in all. What changes without a run, the service finds
    # out minutes later itself.
    exams: KeptWhileSame[object] = field(default_factory=lambda: KeptWhileSame(60_000, 10.0))
    # For codes that are taken to the provider, by the address that they come from: each is a connection.
    redemptions: Places = field(default_factory=lambda: Places(16, 4))
    # For requests of one key until their answers begin, or they take long.
    beginning: Places = field(default_factory=lambda: Places(1_000, 1))
    # For statements of one key: never all connections that there are.
    statement_places: Places = field(default_factory=lambda: Places(16, 8))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def provider(self) -> Provider | None:
        """Gives where people sign in; None where nobody does but with a key."""
        return None if self.admissions is None else self.admissions.provider

    @asynccontextmanager
    async def statement(self, of: UUID | Everybody) -> AsyncIterator[AsyncConnection]:
        """Connects for one reading statement on behalf `of` an organisation, as a context.

        Who needs several of one state takes a snapshot.
        """
        async with self.call(of) as conn:
            on_behalf_of(conn, of)
            yield conn

    @asynccontextmanager
    async def call(self, of: UUID | Everybody) -> AsyncIterator[AsyncConnection]:
        """Connects for one call of a function that says itself that it is on behalf `of` an organisation."""
        async with self._place(of), reads.single_statements(self.runtime.engine).connect() as conn:
            yield conn

    @asynccontextmanager
    async def snapshot(self, of: UUID | Everybody) -> AsyncIterator[AsyncConnection]:
        """Connects for reads of one state on behalf `of` an organisation, as a context; nothing can be written."""
        async with self._place(of), self.reading.connect() as conn:
            on_behalf_of(conn, of)
            yield conn

    @asynccontextmanager
    async def transaction(self, name: str, of: UUID | Everybody) -> AsyncIterator[AsyncConnection]:
        """Begins a transaction of this `name` on behalf `of` an organisation, as a context; it commits at its end."""
        async with self._place(of), transaction(self.runtime.engine, name, of=of) as conn:
            yield conn

    @asynccontextmanager
    async def _place(self, of: UUID | Everybody) -> AsyncIterator[None]:
        """Holds the place of a request's statements among those of its key: one, however many it has at once.

        Raises Busy when none came in time.
        """
        note = under_way()
        if note is not None and note.places:
            yield
            return
        key = note.key_id if note is not None else None
        async with AsyncExitStack() as held:
            whose = key or (of if isinstance(of, UUID) else _NOBODY)
            try:
                await held.enter_async_context(self.statement_places.take(whose, _PLACE_WITHIN))
            except TimeoutError:
                raise Busy("Too much is being read and written at the moment; nothing of this was done.") from None
            if note is None:
                yield
                return
            note.places += 1
            try:
                yield
            finally:
                note.places -= 1

    def stop(self) -> None:
        """Says that the process is told to go, and wakes who waits."""
        self.stopping.set()
        self.runs.followers.wake_all()


def parts_of(request: Request) -> Parts:
    """Gives the parts of the app that serves this request."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - create_app puts them there
    return parts


# Dependencies are coroutines, as short as they are: any other is handed to a thread, and waits for its turn there.
async def _parts(request: Request) -> Parts:
    return parts_of(request)


PartsDep = Annotated[Parts, Depends(_parts)]

_bearer = HTTPBearer(
    auto_error=False,
    description="An API key, `pk_…`, or an access token of the OpenID provider that operators have named.",
)


Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def key_of(request: Request, parts: PartsDep, given: Credentials) -> Caller | Operator:
    """Finds out who calls; raises Unauthorised without a key, and InvalidKey for one that does not count.

    And TooManyRequests for who asks for more than it may, TooManyFailures as `known_key` and `known_token` do.
    """
    if given is None:
        raise Unauthorised("Give an API key as `Authorization: Bearer pk_…`.")
    known = known_token if looks_like_token(given.credentials) else known_key
    caller = await known(request, parts, given.credentials)
    if caller is None:
        raise InvalidKey("This API key is unknown, revoked or expired, or its organisation is disabled.")
    count_request(parts, caller)
    return caller


async def known_key(request: Request, parts: Parts, text: str) -> Caller | Operator | None:
    """Gives who has a key with this text, None if it does not count.

    Raises TooManyFailures instead where many from the same address did not: then it is not looked up unless there is a
    key of its handle. So no address keeps a key that counts from another behind the same proxy.
    """
    key = keys.parse(text)
    if key is not None and (known := parts.runs.remembered_caller(*key)):
        return known
    client = request.client.host if request.client else ""
    wait = parts.limits.wait_after_failures(client)
    if wait and (key is None or not await parts.handles.has(key[0])):
        raise too_many_failures(wait)
    caller = await parts.runs.caller(*key) if key is not None else None
    if caller is None:
        if wait:
            raise too_many_failures(wait)
        parts.limits.note_failure(client)
        await parts.refusals.unknown_key(None if key is None else key[0])
    return caller


async def known_token(request: Request, parts: Parts, text: str) -> Caller | Operator | None:
    """Gives who has an access token with this text, None if it does not count.

    One that is good counts whatever has come from its address before: to verify a signature takes less than the rest
    of a request. Raises TooManyFailures for one that is not, after many from there; and for one that is good, where
    many of the same subject opened nothing. Busy where it can't be verified at the moment.
    """
    if parts.tokens is None:
        return await known_key(request, parts, text)
    if known := await parts.tokens.remembered(text):
        return known
    claims = await parts.tokens.verify(text)
    if claims is None:
        client = request.client.host if request.client else ""
        if wait := parts.limits.wait_after_failures(client):
            raise too_many_failures(wait)
        parts.limits.note_failure(client)
    else:
        subject = str(claims["sub"])
        if wait := parts.limits.wait_after_refused_tokens(subject):
            raise too_many_failures(wait)
        if caller := await parts.tokens.admit(text, claims):
            return caller
        parts.limits.note_refused_token(subject)
    await parts.refusals.unknown_key(None)
    return None


def count_request(parts: Parts, caller: Caller | Operator, cost: float = 1.0) -> None:
    """Notes who asks, and counts the request once, however often it is asked again who does; raises TooManyRequests."""
    organisation_id = caller.organisation_id if isinstance(caller, Caller) else None
    note_key(caller.handle, caller.key_id, organisation_id)
    note = under_way()
    if note is not None and note.rate_limit is None:
        note.rate_limit = parts.limits.count(caller.key_id, organisation_id, cost)


def remembered_caller(parts: Parts, authorization: Sequence[str]) -> Caller | Operator | None:
    """Gives whose key or token the headers `authorization` have, if that is known without asking anybody."""
    if len(authorization) != 1:
        return None
    # As the framework reads it where routes ask: whatever is taken there is known here.
    scheme, text = get_authorization_scheme_param(authorization[0])
    if scheme.lower() != "bearer":
        return None
    if parts.tokens is not None and looks_like_token(text):
        return parts.tokens.remembered_at_once(text)
    key = keys.parse(text)
    return parts.runs.remembered_caller(*key) if key is not None else None


async def caller_of(request: Request, parts: PartsDep, given: Credentials) -> Caller:
    """Finds out who calls for an organisation; raises Forbidden for an operator, who sees nothing of one."""
    key = await key_of(request, parts, given)
    if isinstance(key, Operator):
        raise Forbidden("This key is an operator's: it lacks the scopes that a key of an organisation may have.")
    return key


CallerDep = Annotated[Caller, Depends(caller_of)]


def check_whole(caller: Caller) -> None:
    """Raises PartialKey for a caller who is narrowed to school units: what is asked for is not."""
    if caller.school_units is not None:
        raise PartialKey("This key is for single school units, and this is shown whole or not at all.")


async def operator_of(request: Request, parts: PartsDep, given: Credentials) -> Operator:
    """Finds out which operator calls; raises Forbidden for a key of an organisation."""
    key = await key_of(request, parts, given)
    if not isinstance(key, Operator):
        raise Forbidden("This key lacks the scope operator.")
    return key


OperatorDep = Annotated[Operator, Depends(operator_of)]


def cipher_of(parts: Parts, who: Caller | Viewer) -> OrganisationCipher:
    """Gives what opens the contents of the organisation of `who`."""
    return parts.runtime.cipher.of(who.organisation_id, who.own_keys)


async def _cipher(parts: PartsDep, caller: Annotated[Caller, Depends(caller_of)]) -> OrganisationCipher:
    return cipher_of(parts, caller)


CipherDep = Annotated[OrganisationCipher, Depends(_cipher)]


def _with(*needed: str) -> Callable[..., Awaitable[Caller]]:
    """Makes a dependency that wants one scope of each of these, `a|b` is either, and no key of single school units."""

    async def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        check_scopes(caller, *needed)
        check_whole(caller)
        return caller

    return check


def _narrowed_with(*needed: str) -> Callable[..., Awaitable[Caller]]:
    """Makes a dependency as `_with` does, for routes that show a key of single school units what is theirs."""

    async def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        check_scopes(caller, *needed)
        return caller

    return check


def check_scopes(caller: Caller, *needed: str) -> None:
    """Raises Forbidden unless the caller has one scope of each of these; `a|b` is either."""
    for scopes in needed:
        if not caller.may(*scopes.split("|")):
            raise Forbidden(f"This key lacks the scope {scopes.replace('|', ' or ')}.")


def not_theirs_to_allow(viewer: Viewer) -> Sequence[str]:
    """Gives what a viewer may not allow, nor have done by a run for which somebody else has allowed it."""
    return () if viewer.may_see_protected else OF_PERSONS


def check_allowed(viewer: Viewer, allow: Collection[str] | None) -> None:
    """Raises Forbidden where one who may not see protected persons would allow what could be about their protection.

    With it they could send them unmarked, and be shown them then.
    """
    if not set(not_theirs_to_allow(viewer)).isdisjoint(allow or ()):
        raise Forbidden(f"Only a key with the scope protected may allow {' and '.join(OF_PERSONS)}.")


def viewer_of(caller: Caller, parts: Parts, via: Via = "api") -> Viewer:
    """Makes the viewer that a key's answers are for, by the API or `via` pages."""
    return Viewer(
        caller.organisation_id,
        caller.key_id,
        caller.scopes,
        caller.school_units,
        parts.runtime.target.published,
        caller.own_keys,
        caller.handle,
        via,
    )


def _viewing(check: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Viewer]]:
    """Makes a dependency that checks the caller too, and gives the viewer."""

    async def view(caller: Annotated[Caller, Depends(check)], parts: PartsDep) -> Viewer:
        return viewer_of(caller, parts)

    return view


Planner = Annotated[Caller, Depends(_with("history|provision"))]
Provisioner = Annotated[Caller, Depends(_with("provision"))]
# A pause keeps other keys' runs too.
Pauser = Annotated[Caller, Depends(_with("admin|provision", "admin|history"))]
Reader = Annotated[Viewer, Depends(_viewing(_with("history|provision")))]
HistoryReader = Annotated[Viewer, Depends(_viewing(_with("history")))]
Administrator = Annotated[Viewer, Depends(_viewing(_with("admin")))]
Auditor = Annotated[Viewer, Depends(_viewing(_with("audit")))]
PersonalReader = Annotated[Viewer, Depends(_viewing(_with("history", "pii")))]
# Of those who read, a key of single school units too. Whatever takes one of these shows it nothing of other units: its
# row in the table of tests/api says so.
NarrowedReader = Annotated[Viewer, Depends(_viewing(_narrowed_with("history|provision")))]
NarrowedHistoryReader = Annotated[Viewer, Depends(_viewing(_narrowed_with("history")))]
NarrowedPersonalReader = Annotated[Viewer, Depends(_viewing(_narrowed_with("history", "pii")))]


# Finds out anew who is shown what is read next; raises a Problem once the key, or the session, counts no more.
AskAgain = Callable[[], Awaitable[Viewer]]


async def _ask_again(request: Request, parts: PartsDep, given: Credentials) -> AskAgain:
    async def ask() -> Viewer:
        caller = await caller_of(request, parts, given)
        check_scopes(caller, "history|provision")
        # For routes of a NarrowedReader alone.
        return viewer_of(caller, parts)

    return ask


# Of who reads for longer than a moment.
AskReaderAgain = Annotated[AskAgain, Depends(_ask_again)]


# Who may see everything of everybody.
UnmaskedReader = Annotated[Viewer, Depends(_viewing(_with("history", "pii", "protected")))]


async def visible_run(parts: Parts, viewer: Viewer, run_id: UUID) -> KeptRun:
    """Gives a run that the viewer may see; raises NotFound, and Forbidden for a run of another key."""
    return _visible_run(await parts.runs.run(cipher_of(parts, viewer), run_id), viewer, "There is no such run.")


async def visible_run_of_job(parts: Parts, viewer: Viewer, job_id: UUID) -> KeptRun:
    """Gives the run of a job that the viewer may see; raises NotFound, and Forbidden for a run of another key."""
    return _visible_run(await parts.runs.run_of_job(cipher_of(parts, viewer), job_id), viewer, "There is no such job.")


async def visible_job(conn: AsyncConnection, viewer: Viewer, job_id: UUID) -> reads.Row:
    """Gives a job that the viewer may see; raises NotFound, and Forbidden for a job of another key's run."""
    row = await reads.find_job(conn, viewer.organisation_id, job_id)
    if row is None:
        raise NotFound("There is no such job.")
    check_made_by(viewer, row["requested_by_id"])
    return row


def _visible_run(run: KeptRun | None, viewer: Viewer, missing: str) -> KeptRun:
    if run is None:
        raise NotFound(missing)
    check_made_by(viewer, run.made_by)
    if viewer.school_units is not None:
        # What is read of a run here is of all of it.
        raise PartialKey("This key is for single school units, and this is shown whole or not at all.")
    return run


def check_made_by(viewer: Viewer, key_id: UUID) -> None:
    """Raises Forbidden when the viewer may not see what this key has made."""
    if not viewer.may_see_run(key_id):
        raise MadeByAnotherKey("This key may read the runs that it made; for others it lacks the scope history.")


def check_school_filters(viewer: Viewer, *, by_school: bool) -> None:
    """Raises Forbidden for a list `by_school` where the viewer is shown of nobody where they go: it would tell."""
    if by_school and not viewer.may_see_names:
        raise Forbidden("This key lacks the scope pii, without which nothing is found by a school, a year or a group.")
