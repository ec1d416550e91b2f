"""The commands for what claims of an OpenID provider are worth: who signs in there may what its rows say."""

import asyncio
from typing import Annotated, Any

import typer

from app.cli.arguments import FORM, AsJson, Id, Only, check, read_organisation
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import note, read_settings, transaction
from app.db import subjects, tenants
from app.db.school_units import school_units_named
from app.errors import Stopped
from app.security.keys import read_narrowed_scopes, read_scopes
from app.security.rights import OF_ONE_PERSON

sign_in = typer.Typer(no_args_is_help=True, help="What people may who sign in at an OpenID provider.")

_COLUMNS = {
    "mapping": lambda row: row["id"],
    "organisation": lambda row: row["organisation"],
    "claim": lambda row: row["claim"],
    "value": lambda row: row["value"],
    "scopes": lambda row: ",".join(row["scopes"]),
    "school units": lambda row: ",".join(map(str, row["school_units"])) if row["school_units"] else "all",
    "issuer": lambda row: row["issuer"],
    "created": lambda row: row["created_at"],
}


def _claim(text: str) -> str:
    if text in OF_ONE_PERSON:
        raise typer.BadParameter("that is one person's: map a claim that names a role or a group")
    return _some(text)


def _some(text: str) -> str:
    if not 0 < len(text) <= 256 or not text.isprintable():
        raise typer.BadParameter("it has 1 to 256 characters that can be read")
    return text


@sign_in.command("map")
def map_(
    organisation: Annotated[
        str, typer.Option("--organisation", help=FORM, callback=read_organisation, show_default=False)
    ],
    claim: Annotated[
        str, typer.Option(help="The claim's name, such as groups or roles.", callback=_claim, show_default=False)
    ],
    value: Annotated[str, typer.Option(help="Its value, or one of its values.", callback=_some, show_default=False)],
    scopes: Annotated[
        str, typer.Option(help="Comma separated: provision, history, pii, protected, admin.", show_default=False)
    ],
    school_unit: Annotated[
        list[str] | None,
        typer.Option(
            help="For one school unit alone, by its id or code; several times for several.", show_default=False
        ),
    ] = None,
    issuer: Annotated[str | None, typer.Option(help="Whose claim it is.", show_default="OIDC_ISSUER")] = None,
    as_json: AsJson = False,
) -> None:
    """Says what a claim's value is worth; whoever signs in with several has what all of them say."""
    wanted = check(read_narrowed_scopes if school_unit else read_scopes, scopes)
    by = issuer or read_settings().oidc_issuer
    if not by:
        raise Stopped("OIDC_ISSUER is not set: say whose claim it is with --issuer")

    async def run() -> Document:
        async with transaction() as conn:
            units = await school_units_named(conn, school_unit) if school_unit else None
            made = dict(await subjects.map_claim(conn, organisation, by, claim, value, wanted, units))
            of = (await tenants.organisations(conn, organisation))[0]["id"]
            await note(conn, "map_claim", of, details={"mapping": str(made["id"]), "scopes": list(wanted)})
            return made

    made = asyncio.run(run())
    if as_json:
        print_json(made)
    else:
        print_line(str(made["id"]))


@sign_in.command("list")
def list_(organisation: Only = None, as_json: AsJson = False) -> None:
    """Lists what claims are worth; who has signed in with them is in `keys list`."""

    async def run() -> list[Document]:
        async with transaction() as conn:
            only = None if organisation is None else (await tenants.organisations(conn, organisation))[0]["id"]
            await note(conn, "list_mappings", only)
            return [dict(row) for row in await subjects.list_mappings(conn, organisation)]

    print_list(asyncio.run(run()), _COLUMNS, as_json=as_json)


@sign_in.command("unmap")
def unmap(mapping: Id, as_json: AsJson = False) -> None:
    """Deletes a mapping: who has signed in by it is signed out within a second."""

    async def run() -> None:
        async with transaction() as conn:
            await subjects.unmap(conn, mapping)
            await note(conn, "unmap_claim", details={"mapping": str(mapping)})

    asyncio.run(run())
    if as_json:
        gone: dict[str, Any] = {"mapping": mapping}
        print_json(gone)
