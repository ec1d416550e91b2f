"""What is kept of runs and callers, so that nobody asks Postgres for what has not changed. Knows no database, no clock.

Everything has the moment at which it was right, and is used for a second from it; answers to the watcher's question
renew it. What nobody has used for a while is not asked about any more, and goes; so does the least recently used one
above a bound.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

from app.api.http.answers import Polled
from app.domain.changes import Versions, is_fresh
from app.security.keys import Caller, Operator, matches

MOST_RUNS: Final = 4096
MOST_CALLERS: Final = 4096
UNUSED_AFTER: Final = 30.0

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as it was read: whose it is, which key has made it, and what is answered about it and each of its jobs."""

    run_id: UUID
    version: int
    activity_id: UUID
    organisation_id: UUID
    made_by: UUID
    answer: Polled
    # By their ids.
    jobs: Mapping[UUID, Polled]


@dataclass(slots=True)
class _Entry(Generic[_Kept]):
    kept: _Kept
    right_at: float
    used_at: float


class Recent(Generic[_Key, _Kept]):
    """At most `most` things, the least recently used one first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[_Key, _Entry[_Kept]] = OrderedDict()

    def get(self, key: _Key, now: float) -> _Kept | None:
        """Gives what was right less than a second ago."""
        entry = self._entries.get(key)
        if entry is None or not is_fresh(entry.right_at, now):
            return None
        entry.used_at = now
        self._entries.move_to_end(key)
        return entry.kept

    def put(self, key: _Key, kept: _Kept, right_at: float) -> list[_Kept]:
        """Keeps something, unless a later one is there; gives what had to go."""
        there = self._entries.pop(key, None)
        gone = [] if there is None else [there.kept]
        if there is not None and there.right_at > right_at:
            self._entries[key] = there
            return []
        self._entries[key] = _Entry(kept, right_at, right_at)
        if len(self._entries) > self._most:
            gone.append(self._entries.popitem(last=False)[1].kept)
        return gone

    def use(self, key: _Key, now: float) -> None:
        """Notes that something, if it is there, is used now."""
        if (entry := self._entries.get(key)) is not None:
            entry.used_at = now

    def renew(self, key: _Key, right_at: float) -> None:
        """Notes that something was right at a later moment than it was known to be."""
        entry = self._entries[key]
        entry.right_at = max(entry.right_at, right_at)

    def items(self) -> list[tuple[_Key, _Kept]]:
        """Gives all there is."""
        return [(key, entry.kept) for key, entry in self._entries.items()]

    def unused(self, now: float) -> list[_Key]:
        """Gives what nobody has used for a while."""
        return [key for key, entry in self._entries.items() if now - entry.used_at > UNUSED_AFTER]

    def pop(self, key: _Key) -> _Kept:
        """Takes something out."""
        return self._entries.pop(key).kept


class Memory:
    """Runs by their id or a job's, and callers by their key's handle; at most `most_runs` and `most_callers`."""

    def __init__(self, most_runs: int = MOST_RUNS, most_callers: int = MOST_CALLERS) -> None:
        # Raised by whatever becomes known to have changed.
        self.changes = 0
        self._changed_here_at = float("-inf")
        self._runs: Recent[UUID, KeptRun] = Recent(most_runs)
        self._run_of: dict[UUID, UUID] = {}
        self._callers: Recent[str, Caller | Operator] = Recent(most_callers)

    def run(self, run_id: UUID, now: float) -> KeptRun | None:
        """Gives the run with an id."""
        return self._runs.get(run_id, now)

    def run_of_job(self, job_id: UUID, now: float) -> KeptRun | None:
        """Gives the run that has the job with an id."""
        run_id = self._run_of.get(job_id)
        return None if run_id is None else self._runs.get(run_id, now)

    def keep_run(self, run: KeptRun, right_at: float) -> None:
        """Keeps a run whose reading began at `right_at`, unless this process has changed one since."""
        if right_at > self._changed_here_at:
            for gone in self._runs.put(run.run_id, run, right_at):
                self._forget_jobs(gone)
            # A run has the same jobs always, whichever reading of it is kept.
            self._run_of.update(dict.fromkeys(run.jobs, run.run_id))

    def caller(self, handle: str, digest: bytes, now: float) -> Caller | Operator | None:
        """Gives who calls with the key of a `handle` whose secret has a `digest`."""
        caller = self.caller_known_as(handle, now)
        return caller if caller is not None and matches(digest, caller.digest) else None

    def caller_known_as(self, handle: str, now: float) -> Caller | Operator | None:
        """Gives whom a handle belongs to, of which nobody has proven anything."""
        return self._callers.get(handle, now)

    def keep_caller(self, caller: Caller | Operator, right_at: float) -> None:
        """Keeps a caller whose reading began at `right_at`."""
        self._callers.put(caller.handle, caller, right_at)

    def watched(self, now: float, followed: Versions) -> Versions:
        """Gives the versions of all that somebody has used lately, and those `followed`; what nobody uses goes."""
        for run_id, _ in followed.runs:
            self._runs.use(run_id, now)
        for handle, _ in followed.keys:
            self._callers.use(handle, now)
        for run_id in self._runs.unused(now):
            self._forget_jobs(self._runs.pop(run_id))
        for handle in self._callers.unused(now):
            self._callers.pop(handle)
        runs = ((run_id, run.version) for run_id, run in self._runs.items())
        callers = ((handle, caller.version) for handle, caller in self._callers.items())
        return followed | Versions(frozenset(runs), frozenset(callers))

    def renew(self, asked: Versions, changed: Versions, right_at: float) -> None:
        """Takes what was `asked` at `right_at` for right as of then, but for what has `changed`, which goes."""
        self.changes += bool(changed)
        for run_id, run in self._runs.items():
            if (run_id, run.version) in changed.runs:
                self._forget_jobs(self._runs.pop(run_id))
            elif (run_id, run.version) in asked.runs:
                self._runs.renew(run_id, right_at)
        for handle, caller in self._callers.items():
            if (handle, caller.version) in changed.keys:
                self._callers.pop(handle)
            elif (handle, caller.version) in asked.keys:
                self._callers.renew(handle, right_at)

    def forget_runs_of(self, changed: UUID, now: float) -> None:
        """Forgets the runs of an activity or organisation that was `changed` here, and keeps none read before that."""
        self.changes += 1
        self._changed_here_at = now
        for run_id, run in self._runs.items():
            if changed in (run.activity_id, run.organisation_id):
                self._forget_jobs(self._runs.pop(run_id))

    def _forget_jobs(self, run: KeptRun) -> None:
        for job_id in run.jobs:
            self._run_of.pop(job_id, None)
