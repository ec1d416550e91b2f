"""Ends a process whose work stands still: a loop that neither ends nor fails is begun anew by a supervisor.

Before it does, it says what stood still, as far as that can be said: where the event loop goes on, something is waited
for that does not come, and no job is to blame; where it stands, the step that it stands in is.
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from uuid import UUID

# The exit code by which operators tell this end from others.
STANDS_STILL = 75
_TICK = 1.0
# What is said last may take so long (s).
_LAST_WORD = 5.0
# Tells whether the process died of itself, and of which job's step.
LastWord = Callable[[bool, UUID | None], None]


class Watchdog:
    """Watches that a loop comes round; it lives in a thread, since the event loop may be what stands still.

    A round that ended with an error has come round too. Time in which the whole process was stopped does not count.
    """

    def __init__(self, within: float = 60.0) -> None:
        self._within = within
        self._still_for = 0.0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turned_at = 0.0
        # Says what ends the process, before it does.
        self.last_word: LastWord | None = None

    def came_round(self) -> None:
        """Hears that the loop has come round."""
        with self._lock:
            self._still_for = 0.0

    def start(self) -> None:
        """Begins to watch, for as long as the process lives; to be called in the loop."""
        self._loop = asyncio.get_running_loop()
        self._turn()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _turn(self) -> None:
        """Notes that the event loop goes on, again and again."""
        assert self._loop is not None  # noqa: S101 - it has been started
        self._turned_at = time.monotonic()
        self._loop.call_later(_TICK, self._turn)

    def _end(self) -> None:
        faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
        if self.last_word is not None and self._loop is not None:
            stands = time.monotonic() - self._turned_at > self._within / 2
            guilty = job_of(asyncio.current_task(self._loop)) if stands else None
            saying = threading.Thread(target=self.last_word, args=(stands, guilty), name="last word", daemon=True)
            saying.start()
            saying.join(_LAST_WORD)
        os._exit(STANDS_STILL)

    def _watch(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            with self._lock:
                self._still_for += min(now - last, 2 * _TICK)
                ends = self._still_for > self._within
            last = now
            if ends:
                self._end()


def name_of_step(job_id: UUID) -> str:
    """Gives the name that the tasks of a job's step have."""
    return f"job {job_id}"


def job_of(task: "asyncio.Task[object] | None") -> UUID | None:
    """Gives the job whose step a task belongs to; None when it is something else's."""
    kind, _, job_id = (task.get_name() if task is not None else "").partition(" ")
    return UUID(job_id) if kind == "job" else None
