"""The commands for API keys. A key's text is shown once, when it is made, alone on the last line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import AsJson, Expires, Of, Only, check, duration, expiry
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import note, transaction
from app.db import keys as stored
from app.db import tenants
from app.db.school_units import school_units_named
from app.security.keys import NewKey, read_narrowed_scopes, read_scopes

keys = typer.Typer(no_args_is_help=True, help="API keys of organisations, and those of operators.")

Handle = Annotated[str, typer.Argument(help="The key's handle, as `keys list` shows it.", show_default=False)]


@keys.command("create")
def create(
    organisation: Of = None,
    scopes: Annotated[
        str | None,
        typer.Option(help="Comma separated: provision, history, pii, protected, audit.", show_default=False),
    ] = None,
    school_unit: Annotated[
        list[str] | None,
        typer.Option(
            help="For one school unit alone, by its id or code; several times for several.", show_default=False
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Who uses it.")] = "unnamed",
    expires: Expires = None,
    admin: Annotated[bool, typer.Option("--admin", help="With the scope admin as well, or alone.")] = False,
    operator: Annotated[
        bool, typer.Option("--operator", help="An operator's: of no organisation, with the scope operator alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Makes a key and shows it, this once, alone on the last line."""
    until = expiry(expires)
    if operator:
        if organisation or scopes or admin or school_unit:
            raise typer.BadParameter("--operator goes with --name and --expires alone: such a key has one scope")
        wanted: tuple[str, ...] = ()
    else:
        if not organisation:
            raise typer.BadParameter("name the --organisation that the key is of, or say --operator")
        if not scopes and not admin:
            raise typer.BadParameter("name the --scopes of the key, such as provision,history,pii")
        wanted = check(
            read_narrowed_scopes if school_unit else read_scopes,
            ",".join(filter(None, (scopes, "admin" if admin else None))),
        )

    async def make(conn: AsyncConnection) -> NewKey:
        if organisation is None:
            return await tenants.create_operator_key(conn, name, until)
        units = await school_units_named(conn, school_unit) if school_unit else None
        return await tenants.create_key(conn, organisation, name, wanted, until, units)

    _print_new("create_key", make, as_json=as_json)


@keys.command("list")
def list_(organisation: Only = None, as_json: AsJson = False) -> None:
    """Lists keys, without their secrets; when one was last used is known to about five minutes."""

    async def run() -> list[Document]:
        async with transaction() as conn:
            await note(conn, "list_keys", await _id_of(conn, organisation))
            return [dict(row) for row in await stored.list_keys(conn, organisation)]

    columns = {
        "key": lambda key: key["handle"],
        "organisation": lambda key: key["organisation"] or "operators",
        "name": lambda key: key["name"],
        "scopes": lambda key: ",".join(key["scopes"]),
        "signs in at": lambda key: key["issuer"],
        "school units": lambda key: ",".join(map(str, key["school_units"])) if key["school_units"] else "all",
        "created": lambda key: key["created_at"],
        "expires": lambda key: key["expires_at"],
        "revoked": lambda key: key["revoked_at"],
        "last used": lambda key: key["used_at"],
        "counts": lambda key: key["counts"],
    }
    print_list(asyncio.run(run()), columns, as_json=as_json)


@keys.command("rotate")
def rotate(
    key: Handle,
    overlap: Annotated[str, typer.Option(help="How long the old one counts yet; 0s ends it now.")] = "24h",
    expires: Expires = None,
    as_json: AsJson = False,
) -> None:
    """Makes a key with the same name, scopes and school units, and lets the old one expire after the overlap.

    A key that has the scope provision alone reads the runs that it made: the new one reads its own.
    """
    both, until = duration(overlap), expiry(expires)

    async def make(conn: AsyncConnection) -> NewKey:
        return await stored.rotate_key(conn, key, both, until)

    _print_new("rotate_key", make, as_json=as_json, replaced=key)


@keys.command("revoke")
def revoke(key: Handle, as_json: AsJson = False) -> None:
    """Ends a key: from now on it opens nothing."""

    async def run() -> Document:
        async with transaction() as conn:
            await stored.revoke_key(conn, key)
            shown = dict(await stored.read_key(conn, key))
            await note(conn, "revoke_key", await _id_of(conn, shown["organisation"]), details={"key": key})
            return shown

    revoked = asyncio.run(run())
    if as_json:
        print_json(revoked)


def _print_new(
    action: str, make: Callable[[AsyncConnection], Awaitable[NewKey]], *, as_json: bool, **details: str
) -> None:
    """Makes a key and prints its text: alone, or as `key` with all that `keys list` shows of it."""

    async def run() -> tuple[str, Document]:
        async with transaction() as conn:
            made = await make(conn)
            shown = dict(await stored.read_key(conn, made.handle))
            details_of = {"key": made.handle, "scopes": list(shown["scopes"]), **details}
            await note(conn, action, await _id_of(conn, shown["organisation"]), details=details_of)
            return made.text, shown

    text, shown = asyncio.run(run())
    if as_json:
        print_json({"key": text, **shown})
    else:
        print_line(text)


async def _id_of(conn: AsyncConnection, number: str | None) -> UUID | None:
    """Gives the id of the organisation with a number; None for all, and for keys of none."""
    return None if number is None else (await tenants.organisations(conn, number))[0]["id"]
