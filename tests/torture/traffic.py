"""What callers do: rosters, runs, cancels, retries, looks; many stories side by side, until told to end."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.torture.callers import Callers, Organisation
from tests.torture.rosters import draw_size
from tests.torture.stack import read_json
from tests.torture.witnesses import FINISHED_RUN

_LONGEST_WATCH = 90.0


@dataclass
class Traffic:
    """So many stories at a time, one after another; that is what bounds the runs under way."""

    callers: Callers
    organisations: list[Organisation]
    side_by_side: int
    largest: int
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.random = self.callers.random

    async def go(self) -> None:
        """Tells stories until told to close, and ends those that have begun."""
        async with asyncio.TaskGroup() as stories:
            for _ in range(self.side_by_side):
                stories.create_task(self._tell())

    async def _tell(self) -> None:
        while not self.closing.is_set():
            await self._story(self.random.choices(self.organisations, self._shares())[0])

    def _shares(self) -> list[int]:
        """Gives the first organisation as many runs as all others together: whoever has few must not wait for it."""
        return [max(1, len(self.organisations) - 1), *(1 for _ in self.organisations[1:])]

    async def _story(self, who: Organisation) -> None:
        random, callers = self.random, self.callers
        if who.activities and random.random() < 0.3:
            activity = random.choice(who.activities)
            if random.random() < 0.3:
                await callers.put(who, activity, draw_size(random, self.largest), 0)
        else:
            activity = uuid4()
            defects = random.choice((0, 0, 0, 2, 6))
            if not await callers.put(who, activity, draw_size(random, self.largest), defects):
                return
            who.activities.append(activity)
        runs = await self._ask_for_runs(who, activity)
        if runs and random.random() < 0.08:
            await self._peep(who, activity, runs[0])
        for run in runs:
            if random.random() < 0.12:
                await self._pause(random.expovariate(0.7))
                await callers.change(who, run, "cancel")
        if random.random() < 0.1:
            await callers.pause(who, activity, lambda: self._pause(random.uniform(0.5, 8)))
        if random.random() < 0.3:
            await callers.erase(who)
        for run in runs:
            status = await self._until_finished(who, run)
            again = status in ("failed", "cancelled") and random.random() < 0.6
            if again and await callers.change(who, run, "retry"):
                await self._until_finished(who, run)
        if random.random() < 0.5:
            await callers.erase(who)

    async def _ask_for_runs(self, who: Organisation, activity: UUID) -> list[UUID]:
        random, callers = self.random, self.callers
        policy = random.choice(("halt", "continue"))
        match random.choices(("keyed", "keyed twice", "bare", "bare twice", "some"), (35, 15, 20, 10, 20))[0]:
            case "keyed":
                run = await callers.post_until_answered(who, activity, policy, str(uuid4()))
                return [run] if run else []
            case "keyed twice":
                return await callers.post_doubled(who, activity, policy, keyed=True)
            case "bare twice":
                return await callers.post_doubled(who, activity, policy, keyed=False)
            case "bare":
                post = await callers.post(who, activity, policy)
                return [post.run] if post.run else []
            case _:
                posts = [await callers.post(who, activity, policy) for _ in range(random.randint(2, 3))]
                return [post.run for post in posts if post.run]

    async def _until_finished(self, who: Organisation, run: UUID) -> str | None:
        """Polls until the run has ended, now and then by its stream; gives its state, None when that took too long."""
        if self.random.random() < 0.08:
            return await self._follow(who, run)
        tag, deadline = "", time.monotonic() + _LONGEST_WATCH
        status: str | None = None
        while time.monotonic() < deadline and not self.closing.is_set():
            answer = await self.callers.ask(who, "GET", f"/runs/{run}", headers={"If-None-Match": tag} if tag else {})
            if answer is not None and answer.status_code == 200:
                tag = answer.headers["ETag"]
                shown = read_json(answer)
                status = shown["status"]
                self._look(who, shown)
            elif answer is not None and answer.status_code not in (304, 503):
                self.callers.odd.append(f"{answer.status_code} for GET of run {run}")
            if status in FINISHED_RUN:
                return status
            await self._pause(self.random.uniform(0.5, 1.5))
        return None

    def _look(self, who: Organisation, shown: dict[str, Any]) -> None:
        """Holds what is shown against itself: no stage is ahead of the one before it."""
        live = [job["status"] not in ("waiting", "blocked", "cancelled") for job in shown["jobs"]]
        for job, before, is_live in zip(shown["jobs"][1:], shown["jobs"], live[1:], strict=False):
            if is_live and before["status"] != "succeeded":
                self.callers.odd.append(f"job {job['id']} was shown {job['status']} behind a {before['status']} one")

    async def _follow(self, who: Organisation, run: UUID) -> str | None:
        status = None
        url = f"{self.callers.one()}/runs/{run}/events"
        try:
            async with (
                asyncio.timeout(_LONGEST_WATCH),
                self.callers.http.stream("GET", url, headers=who.headers, timeout=20) as answer,
            ):
                event = ""
                async for line in answer.aiter_lines():
                    if line.startswith("event:"):
                        event = line.removeprefix("event:").strip()
                    # Behind the run's last state comes one that says that this is all.
                    if line.startswith("data:") and event == "run":
                        status = httpx.Response(200, content=line.removeprefix("data:")).json()["status"]
                    if self.closing.is_set():
                        break
                self.callers.count("streams")
        except (httpx.TransportError, httpx.StreamError, TimeoutError):
            pass
        return status

    async def _peep(self, who: Organisation, activity: UUID, run: UUID) -> None:
        strangers = [other for other in self.organisations if other is not who]
        answer = await self.callers.ask(who, "GET", f"/runs/{run}")
        if not strangers or answer is None or answer.status_code != 200:
            return
        job = self.random.choice(read_json(answer)["jobs"])["id"]
        paths = [f"/activities/{activity}", f"/activities/{activity}/roster", f"/activities/{activity}/runs"]
        paths += [f"/runs/{run}", f"/runs/{run}/events", f"/jobs/{job}", f"/jobs/{job}/records", f"/jobs/{job}/batches"]
        stranger = self.random.choice(strangers)
        for path in paths:
            await self.callers.peep(stranger, path)
        for path in (f"/runs/{run}/cancel", f"/runs/{run}/retry", f"/activities/{activity}/provision"):
            await self.callers.peep(stranger, path, "POST")

    async def _pause(self, seconds: float) -> None:
        """Waits, unless told to close meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return
