"""The command that shows what is known of Skolverket's open data."""

import asyncio
from typing import Any

import typer

from app.cli.arguments import AsJson, Only
from app.cli.output import Document, print_list
from app.cli.start import note, transaction
from app.db import reference, tenants

commands = typer.Typer()


@commands.command("open-data")
def open_data(organisation: Only = None, as_json: AsJson = False) -> None:
    """Shows what is cached of Skolverket's open data, how old it is, and what failed last."""

    async def run() -> list[Document]:
        async with transaction() as conn:
            only = None if organisation is None else (await tenants.organisations(conn, organisation))[0]["id"]
            await note(conn, "list_open_data", only)
            return [_shown(row) for row in await reference.freshness(conn, organisation)]

    columns = {
        "subject": lambda one: one["subject"],
        "items": _items,
        "read": lambda one: one["refreshed_at"] or "never",
        "next": lambda one: one["due_at"],
        "last failure": lambda one: one["failed_at"],
        "code": lambda one: one["failure"],
    }
    print_list(asyncio.run(run()), columns, as_json=as_json)


def _items(one: Document) -> object:
    """Gives how many there are; of an organisation that Skolverket does not know there are no school units."""
    is_list = one["subject"] in (reference.PROGRAMMES, reference.EXAMS)
    return (one["items"] if is_list or one["known"] else "none known") if one["refreshed_at"] else None


def _shown(row: Any) -> Document:
    return {name: row[name] for name in ("subject", "items", "known", "refreshed_at", "due_at", "failed_at", "failure")}
