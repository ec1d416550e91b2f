"""The commands for organisations: how each is called, identifies itself, and whether its keys count."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import AsJson, Number, OnlyNumber
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import note, read_settings, transaction
from app.db import tenants
from app.db.cipher import cipher_of

organisations = typer.Typer(no_args_is_help=True, help="School organisers (huvudmän), our tenants.")


def _name(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("an organisation has a name that people know it by")
    return text.strip()


Name = Annotated[str, typer.Option(help="What people call it.", callback=_name, show_default=False)]
CertificateFile = Annotated[
    str | None,
    typer.Option("--certificate", help="PEM file: its certificate, then that of its issuer.", show_default=False),
]
KeyFile = Annotated[str | None, typer.Option("--key", help="PEM file of its private key.", show_default=False)]
EntityId = Annotated[
    str | None, typer.Option("--entity-id", help="Its entityId in the TLS federation.", show_default=False)
]

EppnDomains = Annotated[
    list[str] | None,
    typer.Option("--eppn-domain", help="A domain of its logins (EPPN), such as edu.kommun.se.", show_default=False),
]

T = TypeVar("T")

_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_SHOWN: Final = (
    *("number", "name", "entity_id", "certificate_file", "key_file", "eppn_domains", "created_at", "disabled_at"),
)
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


@organisations.command("create")
def organisations_create(
    number: Number,
    name: Name,
    certificate: CertificateFile = None,
    key: KeyFile = None,
    entity_id: EntityId = None,
    eppn_domain: EppnDomains = None,
    as_json: AsJson = False,
) -> None:
    """Makes an organisation, with keys of its own that ENCRYPTION_KEYS seal."""
    files, domains = _files(certificate, key), _domains(eppn_domain or [])

    cipher = cipher_of(read_settings().encryption_keys.get_secret_value())

    async def create(conn: AsyncConnection) -> UUID:
        return await tenants.create_organisation(conn, cipher, number, name, files, entity_id or None, domains)

    made, shown = _change(number, "create_organisation", create)
    if as_json:
        print_json({"id": made, **shown})
    else:
        print_line(str(made))


@organisations.command("set")
def organisations_set(
    number: Number,
    certificate: CertificateFile = None,
    key: KeyFile = None,
    entity_id: EntityId = None,
    without_certificate: Annotated[
        bool, typer.Option("--without-certificate", help="It has neither a certificate nor an entityId any more.")
    ] = False,
    eppn_domain: EppnDomains = None,
    as_json: AsJson = False,
) -> None:
    """Changes how an organisation identifies itself to Skolverket, and its logins' domains; what is not named stays.

    The domains that are given replace those before; one that is empty ends them all.
    """
    files = _files(certificate, key)
    domains = None if eppn_domain is None else _domains(eppn_domain)
    if files is None and entity_id is None and domains is None and not without_certificate:
        raise typer.BadParameter(
            "say what to set: --certificate with --key, --entity-id, --eppn-domain or --without-certificate"
        )
    if without_certificate and (files or entity_id):
        raise typer.BadParameter("--without-certificate goes with no other option than --number and --eppn-domain")

    async def change(conn: AsyncConnection) -> None:
        if without_certificate:
            await tenants.drop_certificate(conn, number)
        else:
            await tenants.set_certificate(conn, number, files, entity_id)
        if domains is not None:
            await tenants.set_eppn_domains(conn, number, domains)

    _print_if(as_json, _change(number, "set_organisation", change)[1])


@organisations.command("rename")
def rename(number: Number, name: Name, as_json: AsJson = False) -> None:
    """Changes what people call an organisation."""

    async def change(conn: AsyncConnection) -> None:
        await tenants.rename_organisation(conn, number, name)

    _print_if(as_json, _change(number, "rename_organisation", change)[1])


@organisations.command("disable")
def disable(number: Number, as_json: AsJson = False) -> None:
    """Lets the organisation's keys open nothing any more; the runs that it has asked for go to their end."""
    _set_disabled(number, disabled=True, as_json=as_json)


@organisations.command("enable")
def enable(number: Number, as_json: AsJson = False) -> None:
    """Lets the organisation's keys open again what they opened before."""
    _set_disabled(number, disabled=False, as_json=as_json)


@organisations.command("list")
def list_(as_json: AsJson = False) -> None:
    """Lists the organisations, how each identifies itself to Skolverket, and the domains of its logins."""
    columns = {
        "number": lambda one: one["number"],
        "name": lambda one: one["name"],
        "entityId": lambda one: one["entity_id"],
        "certificate": lambda one: one["certificate_file"],
        "key": lambda one: one["key_file"],
        "EPPN domains": lambda one: one["eppn_domains"],
        "created": lambda one: one["created_at"],
        "disabled": lambda one: one["disabled_at"],
    }

    async def run() -> list[Document]:
        async with transaction() as conn:
            await note(conn, "list_organisations")
            return [_shown(row) for row in await tenants.organisations(conn)]

    print_list(asyncio.run(run()), columns, as_json=as_json)


@organisations.command("check")
def organisations_check(number: OnlyNumber = None, as_json: AsJson = False) -> None:
    """Says whether certificate, key, number and address fit together, and tries a token; exit code 1 if any don't.

    Where a worker calls Skolverket, it does so for the command, with the files that it has itself.
    """
    from app.cli.check import checked

    documents: list[Document] = []

    async def run() -> None:
        async for row, findings in checked(read_settings(), number):
            well = not any(found.level == "error" for found in findings)
            each = {"number": row["number"], "name": row["name"], "well": well, "findings": [*map(asdict, findings)]}
            documents.append(each)
            if not as_json:
                # Each as soon as it is there: a check of many takes its time.
                _print_check(each)

    asyncio.run(run())
    if as_json:
        print_json(documents)
    raise SystemExit(int(not all(each["well"] for each in documents)))


def _print_check(checked: Document) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{checked['number']} {checked['name']}", style="bold", markup=False)
    for found in checked["findings"]:
        mark, style = _MARKS[found["level"]]
        console.print(f"  {mark} {found['text']}", style=style, markup=False)


def _set_disabled(number: str, *, disabled: bool, as_json: bool) -> None:
    async def change(conn: AsyncConnection) -> None:
        await tenants.set_disabled(conn, number, disabled=disabled)

    action = "disable_organisation" if disabled else "enable_organisation"
    _print_if(as_json, _change(number, action, change)[1])


def _change(number: str, action: str, change: Callable[[AsyncConnection], Awaitable[T]]) -> tuple[T, Document]:
    """Carries a change of an organisation out; gives what the `change` gave, and how the organisation is then."""

    async def run() -> tuple[T, Document]:
        async with transaction() as conn:
            given = await change(conn)
            [row] = await tenants.organisations(conn, number)
            await note(conn, action, row["id"])
            return given, _shown(row)

    return asyncio.run(run())


def _print_if(as_json: bool, shown: Document) -> None:
    """Prints what a change has made of a thing for programs; people know what they have asked for."""
    if as_json:
        print_json(shown)


def _shown(row: tenants.Row) -> Document:
    return {name: row[name] for name in _SHOWN}


def _files(certificate: str | None, key: str | None) -> tenants.CertificateFiles | None:
    if bool(certificate) != bool(key):
        raise typer.BadParameter("--certificate and --key go together")
    return tenants.CertificateFiles(certificate, key) if certificate and key else None


def _domains(given: list[str]) -> list[str]:
    named = sorted({each.strip().removeprefix("@").lower() for each in given} - {""})
    for domain in named:
        if not _DOMAIN.fullmatch(domain):
            raise typer.BadParameter(
                f"{domain!r} is no domain: name what stands behind the @ of logins, as edu.kommun.se"
            )
    return named
