"""What an answer's account of the limit asks of us."""

from datetime import timedelta


def wait_for_others(
    *, limit: int | None, remaining: int | None, reset: timedelta | None, own: int, ago: timedelta
) -> timedelta | None:
    """Gives how long to keep from calling when others use the same limit, by the answer to a call that left `ago`.

    `own` is how many calls of about the last second were ours when it left. Our own pace uses up nearly all of the
    limit, which is no reason to wait; when at most a fifth is left and we have not used the rest, another system behind
    the same address has. `reset` is until the limit is whole again.
    """
    if limit is None or remaining is None or reset is None:
        return None
    if remaining * 5 > limit or limit - remaining <= own:
        return None
    wait = reset - ago
    return wait if wait > timedelta() else None
