"""How callers speak to the service: over HTTP, to either API, with every request for a run written down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid4

import httpx

from tests.torture.rosters import DOMAIN, Maker, Marked
from tests.torture.stack import ask, read_json
from tests.torture.witnesses import Post

_TIMEOUT = 8.0
# What traces are told by, with a value that every search finds: nothing of it may be kept, written or passed on.
_TRACED = f"spar@spar.{DOMAIN}"
_TRACE = {
    "X-Request-ID": _TRACED,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": f"prov={_TRACED}",
    "baggage": f"prov={_TRACED}",
}


@dataclass
class Organisation:
    """A caller's side of an organisation: its key, its rosters, its activities."""

    number: str
    headers: dict[str, str] = field(repr=False)
    maker: Maker = field(repr=False)
    activities: list[UUID] = field(default_factory=list)
    # Persons that it has uploaded and may have erased.
    persons: list[str] = field(default_factory=list)


@dataclass
class Callers:
    """All callers. `posts` is what they remember; `secrets` is what they have sent of persons."""

    apis: list[str]
    random: Random
    posts: list[Post] = field(default_factory=list)
    # Cancels and retries that were answered with 202, streams that were followed to their end.
    done: dict[str, int] = field(default_factory=dict)
    cancels: list[tuple[UUID, float]] = field(default_factory=list)
    # Activities that were paused: from the answer to that, until they were to go on.
    pauses: list[tuple[UUID, float, float]] = field(default_factory=list)
    foreign: list[tuple[str, int]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)
    # What persons of several rosters have; and persons by whom a leak is told, by their ids.
    repeated: set[str] = field(default_factory=set, repr=False)
    marked: dict[str, Marked] = field(default_factory=dict, repr=False)
    # Answers that no caller should see, by what was asked: 500, or a refusal where there is no reason for one.
    odd: list[str] = field(default_factory=list)

    _pausing: set[UUID] = field(default_factory=set)
    _paused: dict[UUID, Organisation] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self.http = httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT, limits=limits)

    def count(self, what: str) -> None:
        """Counts something that was done."""
        self.done[what] = self.done.get(what, 0) + 1

    def one(self) -> str:
        """Picks an API."""
        return self.random.choice(self.apis)

    async def ask(
        self,
        who: Organisation,
        method: str,
        path: str,
        *,
        api: str | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:
        """Makes one request in an organisation's name; None when no answer came."""
        given = {"Content-Type": "application/json", **_TRACE, **who.headers, **(headers or {})}
        answer = await ask(self.http, method, (api or self.one()) + path, content=content, headers=given)
        if answer is not None and answer.status_code == 500:
            self.odd.append(f"500 for {method} {path}")
        if answer is not None and DOMAIN in str(answer.headers):
            self.odd.append(f"a header of an answer to {method} has what a caller sent, or somebody's login")
        return answer

    async def put(self, who: Organisation, activity: UUID, persons: int, defects: int) -> bool:
        """Stores a new roster, again and again until it is; tells whether it was, within a minute."""
        made = await asyncio.to_thread(who.maker.make, persons, self.random.getrandbits(48), defects=defects)
        self.repeated |= self.secrets & made.secrets
        self.secrets |= made.secrets
        self.marked |= {person.id: person for person in made.marked}
        for _ in range(20):
            answer = await self.ask(who, "PUT", f"/activities/{activity}", content=made.body)
            if answer is not None and answer.status_code in (200, 201):
                self.count("rosters")
                who.persons = [*who.persons, *made.ids][-200:]
                return True
            if answer is not None and answer.status_code < 500:
                self.odd.append(f"{answer.status_code} for PUT of a roster")
                return False
            await asyncio.sleep(self.random.uniform(0.5, 1.5))
        return False

    async def post(
        self, who: Organisation, activity: UUID, policy: str, key: str | None = None, api: str | None = None
    ) -> Post:
        """Asks for a run once, and remembers it."""
        post = Post(who.number, activity, key, time.time())
        self.posts.append(post)
        headers = {"Idempotency-Key": key} if key is not None else {}
        content = f'{{"on_record_error": "{policy}"}}'.encode()
        path = f"/activities/{activity}/provision"
        answer = await self.ask(who, "POST", path, api=api, content=content, headers=headers)
        if answer is None or answer.status_code >= 500:
            return post
        post.answered, post.outcome = time.time(), "refused"
        if answer.status_code == 202:
            run = UUID(read_json(answer)["id"])
            post.outcome, post.run = "accepted", run
            if answer.headers.get("Location") != f"/runs/{run}":
                self.odd.append(f"202 with another Location than its run {run}")
        elif answer.status_code != 409:
            self.odd.append(f"{answer.status_code} for POST of a run")
        return post

    async def post_until_answered(self, who: Organisation, activity: UUID, policy: str, key: str) -> UUID | None:
        """Asks with a key, again after each answer that did not come, as callers are told to; gives the run."""
        for _ in range(25):
            post = await self.post(who, activity, policy, key)
            if post.run is not None:
                return post.run
            await asyncio.sleep(self.random.uniform(0.2, 1.0))
        return None

    async def post_doubled(self, who: Organisation, activity: UUID, policy: str, *, keyed: bool) -> list[UUID]:
        """Asks both APIs at the same time; with a key that is one run, without it may be two."""
        key = str(uuid4()) if keyed else None
        asked = await asyncio.gather(*(self.post(who, activity, policy, key, api) for api in self.apis))
        runs = {post.run for post in asked if post.run is not None}
        if key is not None and not runs and (run := await self.post_until_answered(who, activity, policy, key)):
            runs = {run}
        return sorted(runs)

    async def change(self, who: Organisation, run: UUID, what: str) -> bool:
        """Asks for a run's cancel or retry; tells whether it was accepted."""
        answer = await self.ask(who, "POST", f"/runs/{run}/{what}")
        if answer is None or answer.status_code >= 500:
            return False
        if answer.status_code not in (202, 409):
            self.odd.append(f"{answer.status_code} for {what} of run {run}")
        if answer.status_code == 202:
            self.count(what)
            if what == "cancel":
                self.cancels.append((run, time.time()))
        return answer.status_code == 202

    async def erase(self, who: Organisation) -> None:
        """Asks once for the erasure of one of the persons of some roster that was taken."""
        if not who.persons:
            return
        person = who.persons.pop(self.random.randrange(len(who.persons)))
        answer = await self.ask(who, "DELETE", f"/objects/persons/{person}/content")
        if answer is None or answer.status_code >= 500:
            return
        # Without the roster, which another has replaced, and without a run nobody knows who that was.
        if answer.status_code not in (202, 404, 409):
            self.odd.append(f"{answer.status_code} for the erasure of a person")
        self.count("erasures" if answer.status_code == 202 else "erasures refused")

    async def pause(self, who: Organisation, activity: UUID, wait: Callable[[], Awaitable[None]]) -> None:
        """Pauses an activity while `wait` goes on, and lets it go on again; one at a time does so."""
        if activity in self._pausing:
            return
        self._pausing.add(activity)
        self._paused[activity] = who
        answer = await self.ask(who, "POST", f"/activities/{activity}/pause", content=b'{"reason": "Prov"}')
        if answer is not None and answer.status_code == 200:
            since = time.time()
            await wait()
            self.count("pauses")
            self.pauses.append((activity, since, time.time()))
        await self._resume(activity)
        self._pausing.discard(activity)

    async def resume_all(self) -> None:
        """Lets everything go on that was ever paused: what had no answer may have been done later."""
        # Stories that have not ended may pause one more meanwhile.
        for activity in list(self._paused):
            await self._resume(activity)

    async def _resume(self, activity: UUID) -> None:
        for _ in range(200):
            answer = await self.ask(self._paused[activity], "POST", f"/activities/{activity}/resume")
            if answer is not None and answer.status_code == 200:
                return
            await asyncio.sleep(0.5)
        self.odd.append(f"activity {activity} could not go on")

    async def peep(self, stranger: Organisation, path: str, method: str = "GET") -> None:
        """Asks for what is another organisation's."""
        answer = await self.ask(stranger, method, path)
        if answer is not None and answer.status_code < 500:
            self.foreign.append((f"{method} {path}", answer.status_code))
