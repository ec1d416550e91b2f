"""What a kind of task is: how often it is due, how long it may wait, and what is done when it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tasks
from app.db.tasks import Task

Store = Callable[[AsyncConnection], Awaitable[None]]


class Later(Exception):
    """A task can be neither done nor has it failed: it is due again after `again_in`."""

    def __init__(self, again_in: timedelta) -> None:
        super().__init__()
        self.again_in = again_in


class Failed(Exception):
    """A task has failed for a reason that has a code of its own; it is tried again as any other."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class TaskKind:
    """One kind of task.

    `do` does what calls for no transaction, and gives what is stored in the one in which the task is done. `add` makes
    the tasks that there have to be. Done once, a task is due after `every`, or goes where that is None; none waits for
    longer than `longest`.
    """

    name: str
    longest: timedelta
    every: timedelta | None
    do: Callable[[Task], Awaitable[Store]]
    add: Store | None = None


def kept_tidy(name: str, every: timedelta, store: Store) -> TaskKind:
    """Makes a kind of which there is one task, that consists of one transaction."""

    async def do(_: Task) -> Store:
        return store

    async def add(conn: AsyncConnection) -> None:
        await tasks.add(conn, name)

    return TaskKind(name, 2 * every, every, do, add)
