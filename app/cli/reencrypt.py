"""The command that has what an older key sealed be sealed anew, by the workers, and says how far that is."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import AsJson
from app.cli.output import print_json, print_line
from app.cli.start import database, note, read_settings
from app.db import tasks
from app.db.cipher import cipher_of
from app.db.sealed import SealedWith, sealed_with
from app.errors import Stopped
from app.jobs.tasks.seal_anew import SEAL_ANEW

commands = typer.Typer()

# Of a key with more values no more are counted.
_MOST = 1_000_000
_LOOK_EVERY = 1.0


@commands.command()
def reencrypt(
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is done, with a line whenever it has come on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Has workers seal anew, with the first of ENCRYPTION_KEYS, what an older key has sealed, and says what is left.

    Workers do it beside everything else, those whose first key is the same; asked again meanwhile it goes on. Exit code
    0 when nothing is left for an older key, or when it goes on; 1 when something is left after --wait.
    """
    first = cipher_of(read_settings().encryption_keys.get_secret_value()).current

    async def run() -> tuple[Sequence[SealedWith], bool]:
        async with database() as engine:
            async with engine.begin() as conn:
                counted = await sealed_with(conn, _MOST)
                await note(conn, "reencrypt", details={"first": first})
                if _left(counted, first) or _several(counted):
                    await _begin(conn, first)
            last = counted
            while True:
                async with engine.begin() as conn:
                    counted, goes_on = await sealed_with(conn, _MOST), await tasks.is_there(conn, SEAL_ANEW, first)
                if not wait or not goes_on:
                    return counted, goes_on
                if not as_json and counted != last:
                    _print(counted, first)
                last = counted
                await asyncio.sleep(_LOOK_EVERY)

    counted, goes_on = asyncio.run(run())
    if as_json:
        keys = [{"setting": each.keys, "id": each.key, "values": each.values} for each in counted]
        print_json({"first": first, "goes_on": goes_on, "left": _left(counted, first), "keys": keys})
    else:
        _print(counted, first)
    if goes_on:
        if not as_json:
            print_line("workers seal it anew; --wait follows them")
    elif wait and _left(counted, first):
        raise Stopped("what is left does not open with any of the keys: the workers' log says how much it is")


async def _begin(conn: AsyncConnection, first: str) -> None:
    """Makes the task, in place of one that meant another key."""
    await tasks.drop_others(conn, SEAL_ANEW, first)
    await tasks.add(conn, SEAL_ANEW, first)


def _left(counted: Sequence[SealedWith], first: str) -> int:
    return sum(each.values for each in counted if each.keys == "encryption" and each.key != first)


def _several(counted: Sequence[SealedWith]) -> bool:
    """Tells whether tokens are sealed with several keys: which of them is the first the workers alone know."""
    return sum(each.keys == "token" for each in counted) > 1


def _print(counted: Sequence[SealedWith], first: str) -> None:
    left = _left(counted, first)
    of = ", ".join(f"{each.key}: {each.values}" for each in counted if each.keys == "encryption")
    print_line(f"{left} values are left for older keys ({of})" if left else f"all is sealed with {first}")
