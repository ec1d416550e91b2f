"""The command that has a person's content or a whole organisation erased, by the workers, and does erasures again."""

import asyncio
import sys
from collections.abc import Collection
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.cli.arguments import AsJson, Of
from app.cli.output import print_json, print_line
from app.cli.start import database, note, read_settings
from app.db import audit, erasures, tasks, tenants
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher, OrganisationCipher, cipher_of
from app.db.engine import transaction
from app.db.persons import persons_with
from app.db.replayed import ask_again
from app.domain.erasing import ORGANISATION, PERSONS
from app.domain.roster import uuid_of
from app.errors import NotFound, Stopped
from app.settings import Settings

commands = typer.Typer()

_BY = "the command line"
_LOOK_EVERY = 0.5


@commands.command()
def erase(
    organisation: Of = None,
    person: Annotated[
        str | None,
        typer.Option(
            help="Whose content goes: an id, or `-` to be asked for an id or a personnummer, which others would see "
            "among the arguments of processes.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole organisation: its keys are destroyed.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Erase again what ERASURES_FILE names and this database still has.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until the workers have done it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Has workers erase what is kept of a person, or a whole organisation; or again, after a backup was restored.

    It takes ERASURES_FILE, the file in which workers write each erasure. Refused while a run that has the person, or
    any run of the organisation, is queued, running or held. Exit code 0 when it is asked for, with --wait when it is
    done.
    """
    settings = read_settings()
    if not settings.erasures_file:
        raise Stopped("ERASURES_FILE is not set: without it nothing is erased, since a restored backup would undo it")
    if everything + replay + (person is not None) != 1 or replay == (organisation is not None):
        raise typer.BadParameter("name the --organisation with either --person or --all, or say --replay alone")
    cipher = cipher_of(settings.encryption_keys.get_secret_value())
    if replay:
        shown = asyncio.run(_replay(settings, cipher, wait=wait))
    else:
        assert organisation is not None  # noqa: S101 - checked above
        whose = None if everything else asked_person(person or "")
        shown = asyncio.run(_erase(cipher, organisation, whose, wait=wait))
    if as_json:
        print_json(shown)
        return
    print_line("\n".join(f"{name} {value}" for name, value in shown.items()))


def asked_person(person: str) -> str:
    """Gives the id or the number, asked for where `-` stands; from a pipe it is the first line."""
    if person != "-":
        return person
    return typer.prompt("Id or personnummer", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()


async def _erase(cipher: Cipher, number: str, whose: str | None, *, wait: bool) -> dict[str, Any]:
    async with database() as engine:
        async with engine.begin() as conn:
            of = (await tenants.organisations(conn, number))[0]["id"]
            own = await tenants.own_keys(conn, of)
        async with transaction(engine, "ask_for_erasure", of=of) as conn:
            if whose is None:
                kind, row = ORGANISATION, await erasures.ask_for_organisation(conn, of, _BY)
                await note(conn, "ask_for_erasure", of)
            else:
                object_id = await find_person(conn, cipher.of(of, own), whose)
                kind, row = PERSONS, await erasures.ask_for_person(conn, of, object_id, _BY)
                known_by = audit.digest_of(cipher.of(of, own), object_id)
                await note(conn, "ask_for_erasure", of, objects=[known_by])
        if wait:
            await _until_done(engine, [f"{of} {kind} {row['object_id']}"])
        async with transaction(engine, "find_erasure", of=of) as conn:
            return dict(await erasures.find(conn, of, kind, row["object_id"]))


async def find_person(conn: AsyncConnection, cipher: OrganisationCipher, whose: str) -> UUID:
    """Finds the person with an id, or the one with a personnummer; raises NotFound, Stopped where there are several."""
    if object_id := uuid_of(whose):
        return object_id
    found = await persons_with(conn, cipher, whose)
    if not found:
        raise NotFound("There is no such person: nothing that is kept has that personnummer.")
    if len(found) > 1:
        raise Stopped(f"{len(found)} persons have that personnummer; name one by its id: {', '.join(map(str, found))}")
    return found[0]


async def _replay(settings: Settings, cipher: Cipher, *, wait: bool) -> dict[str, Any]:
    async with database() as engine:
        try:
            replayed = await ask_again(engine, cipher, settings.erasures_file)
        except OSError:
            raise Stopped("ERASURES_FILE: the file cannot be read") from None
        async with transaction(engine, "replayed_erasures", of=EVERYBODY) as conn:
            await note(conn, "replay_erasures", details={"again": len(replayed.tasks)})
        if wait:
            await _until_done(engine, replayed.tasks)
    if replayed.unread:
        raise Stopped(f"{replayed.unread} lines of the file cannot be read; the others have been asked for again")
    return {"lines": replayed.lines, "asked_for_again": len(replayed.tasks)}


async def _until_done(engine: AsyncEngine, keys: Collection[str]) -> None:
    while True:
        async with engine.begin() as conn:
            left = [key for key in keys if await tasks.is_there(conn, erasures.ERASE, key)]
        if not left:
            return
        await asyncio.sleep(_LOOK_EVERY)
