"""The clock of those who hold an egress and those who stand by: it goes on while the machine sleeps."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Gives the seconds since the machine started, those in which it was suspended too."""
    return time.clock_gettime(_CLOCK)
