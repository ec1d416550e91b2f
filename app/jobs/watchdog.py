"""Ends a process whose work stands still: a loop that neither ends nor fails is begun anew by a supervisor."""

import faulthandler
import os
import sys
import threading
import time

# The exit code by which operators tell this end from others.
STANDS_STILL = 75
_TICK = 1.0


class Watchdog:
    """Watches that a loop comes round; it lives in a thread, since the event loop may be what stands still.

    A round that ended with an error has come round too. Time in which the whole process was stopped does not count.
    """

    def __init__(self, within: float = 60.0) -> None:
        self._within = within
        self._still_for = 0.0
        self._lock = threading.Lock()

    def came_round(self) -> None:
        """Hears that the loop has come round."""
        with self._lock:
            self._still_for = 0.0

    def start(self) -> None:
        """Begins to watch, for as long as the process lives."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

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
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
                os._exit(STANDS_STILL)
