"""Places at which tests have a process die, so that they can look at what it leaves.

Every transaction and every call to Skolverket that a job's step makes has its points: `before_commit:` and
`after_commit:` with the transaction's name, `before_call:`, `during_call:` and `after_call:` with the call's. Nothing
of the service watches them, and no setting does: what happens there is the tests' to say, before a process starts.
"""

from collections.abc import Callable

_watcher: Callable[[str], object] | None = None


def watch(watcher: Callable[[str], object]) -> None:
    """Has `watcher` called with the name of each point that this process passes from now on."""
    global _watcher
    _watcher = watcher


def passing(point: str) -> None:
    """Says that a point is passed, by its name, to whoever watches."""
    if _watcher is not None:
        _watcher(point)
