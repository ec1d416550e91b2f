"""When a task is due again; times are lengths from now."""

from datetime import timedelta

# A failure is followed by another try after so long, and by later ones after twice as long each time.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)


def next_wait(
    every: timedelta, luck: float, *, failed: bool, waited: timedelta | None = None, asked: timedelta | None = None
) -> timedelta:
    """Decides how long after a try a task is due again.

    After a success `every`, a tenth more or less; after a failure sooner: twice as long as `waited` before it, and at
    least as long as the target `asked` for. `luck`, from 0 to 1, keeps workers and tasks apart.
    """
    if not failed:
        return every * (0.9 + 0.2 * luck)
    wait = min(max(_FIRST_WAIT, 2 * (waited or timedelta())), _LONGEST_WAIT, every)
    return max(wait * (0.8 + 0.4 * luck), asked or timedelta())
