"""The commands for organisations, their keys, and what is known of Skolverket's open data."""

import asyncio
import re
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.cli.start import read_settings, transaction
from app.db import tenants
from app.errors import Stopped

commands = typer.Typer()
organisations = typer.Typer(no_args_is_help=True, help="School organisers (huvudmän), our tenants.")
keys = typer.Typer(no_args_is_help=True, help="API keys of an organisation.")
commands.add_typer(organisations, name="organisations")
commands.add_typer(keys, name="keys")

Number = Annotated[str, typer.Option("--number", help="Organisation number, ten digits.")]
Of = Annotated[str, typer.Option("--organisation", help="Organisation number, ten digits.")]
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

_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


@organisations.command("create")
def organisations_create(
    number: Number,
    name: Annotated[str, typer.Option(help="What people call it.")],
    certificate: CertificateFile = None,
    key: KeyFile = None,
    entity_id: EntityId = None,
    eppn_domain: EppnDomains = None,
) -> None:
    """Makes an organisation."""
    files, domains = _files(certificate, key), _domains(eppn_domain or [])

    async def run() -> Any:
        async with transaction() as conn:
            return await tenants.create_organisation(conn, number, name, files, entity_id or None, domains)

    print(asyncio.run(run()))  # noqa: T201 - what scripts read


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
) -> None:
    """Changes how an organisation identifies itself to Skolverket, and its logins' domains; what is not named stays.

    The domains that are given replace those before; one that is empty ends them all.
    """
    files = _files(certificate, key)
    domains = None if eppn_domain is None else _domains(eppn_domain)
    if without_certificate and (files or entity_id):
        raise Stopped("--without-certificate goes with no other option than --number and --eppn-domain")

    async def run() -> None:
        async with transaction() as conn:
            if without_certificate:
                await tenants.drop_certificate(conn, number)
            else:
                await tenants.set_certificate(conn, number, files, entity_id)
            if domains is not None:
                await tenants.set_eppn_domains(conn, number, domains)

    asyncio.run(run())


@organisations.command("list")
def organisations_list() -> None:
    """Lists the organisations, how each identifies itself to Skolverket, and the domains of its logins."""
    table = Table("number", "name", "entityId", "certificate", "key", "EPPN domains", "made")
    for row in asyncio.run(_organisations()):
        shown = (row[column] or "" for column in ("entity_id", "certificate_file", "key_file"))
        domains = ", ".join(row["eppn_domains"])
        table.add_row(row["number"], row["name"], *shown, domains, f"{row['created_at']:%Y-%m-%d}")
    Console().print(table)


@organisations.command("check")
def organisations_check(
    number: Annotated[str | None, typer.Option(help="Only this organisation.", show_default=False)] = None,
) -> None:
    """Says whether certificate, key, number and address fit together, and tries a token; exit code 1 if any don't.

    Where a worker calls Skolverket, it does so for the command, with the files that it has itself.
    """
    from app.cli.check import checked

    console, failed = Console(soft_wrap=True, highlight=False), False

    async def run() -> None:
        nonlocal failed
        async for row, findings in checked(read_settings(), number):
            console.print(f"{row['number']} {row['name']}", style="bold", markup=False)
            for found in findings:
                mark, style = _MARKS[found.level]
                console.print(f"  {mark} {found.text}", style=style, markup=False)
                failed = failed or found.level == "error"

    asyncio.run(run())
    raise SystemExit(int(failed))


async def _organisations(number: str | None = None) -> Any:
    async with transaction() as conn:
        return await tenants.organisations(conn, number)


def _files(certificate: str | None, key: str | None) -> tenants.CertificateFiles | None:
    if bool(certificate) != bool(key):
        raise Stopped("--certificate and --key go together")
    return tenants.CertificateFiles(certificate, key) if certificate and key else None


def _domains(given: list[str]) -> list[str]:
    named = sorted({each.strip().removeprefix("@").lower() for each in given} - {""})
    for domain in named:
        if not _DOMAIN.fullmatch(domain):
            raise Stopped(f"{domain!r} is no domain: name what stands behind the @ of logins, such as edu.kommun.se")
    return named


@keys.command("create")
def keys_create(
    organisation: Of,
    scopes: Annotated[str, typer.Option(help="Comma separated: provision, history, pii, protected.")],
    name: Annotated[str, typer.Option(help="Who uses it.")] = "unnamed",
) -> None:
    """Makes a key and shows it, this once, alone on the last line."""
    from app.security.keys import read_scopes

    try:
        wanted = read_scopes(scopes)
    except ValueError as wrong:
        raise Stopped(str(wrong)) from None

    async def run() -> str:
        async with transaction() as conn:
            return (await tenants.create_key(conn, organisation, name, wanted)).text

    print(asyncio.run(run()))  # noqa: T201 - what scripts read


@keys.command("list")
def keys_list(organisation: Annotated[str | None, typer.Option(help="Only this organisation's.")] = None) -> None:
    """Lists keys, without their secrets."""

    async def run() -> Any:
        async with transaction() as conn:
            return await tenants.keys(conn, organisation)

    table = Table("key", "organisation", "name", "scopes", "made", "revoked")
    for row in asyncio.run(run()):
        made, revoked = (f"{row[at]:%Y-%m-%d}" if row[at] else "" for at in ("created_at", "revoked_at"))
        table.add_row(row["handle"], row["number"], row["name"], ",".join(row["scopes"]), made, revoked)
    Console().print(table)


@keys.command("revoke")
def keys_revoke(key: Annotated[str, typer.Argument(help="The key's handle, as `keys list` shows it.")]) -> None:
    """Ends a key: from now on it opens nothing."""

    async def run() -> None:
        async with transaction() as conn:
            await tenants.revoke_key(conn, key)

    asyncio.run(run())


@commands.command("open-data")
def open_data(
    organisation: Annotated[str | None, typer.Option(help="Only this organisation's number.")] = None,
) -> None:
    """Shows what is cached of Skolverket's open data, how old it is, and what failed last."""
    from app.db import reference

    async def run() -> Any:
        async with transaction() as conn:
            return await reference.freshness(conn, organisation)

    table = Table("subject", "items", "read (UTC)", "next (UTC)", "last failure (UTC)")
    for row in asyncio.run(run()):
        is_list = row["subject"] in (reference.PROGRAMMES, reference.EXAMS)
        items = str(row["items"]) if is_list else f"{row['items']} school units" if row["known"] else "none known"
        read, due, failed = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if (at := row[name]) else "" for name in _TIMES)
        table.add_row(row["subject"], items if read else "", read or "never", due, f"{failed} {row['failure'] or ''}")
    Console().print(table)


_TIMES = ("refreshed_at", "due_at", "failed_at")
