"""The commands for webhooks of any organisation: no secret is shown, and nothing personal is in them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import AsJson, Id, Only, read_id, read_organisation
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import note, transaction
from app.db import deliveries, tenants
from app.db import webhooks as stored
from app.views.webhook import show_delivery, show_webhook

webhooks = typer.Typer(no_args_is_help=True, help="Webhooks: who is told of what, what became of it, send again.")

T = TypeVar("T")
_Organisation = Annotated[
    str,
    typer.Option("--organisation", help="Organisation number.", callback=read_organisation, show_default=False),
]
_Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]


@webhooks.command("list")
def list_(organisation: Only = None, as_json: AsJson = False) -> None:
    """Lists webhooks; without an organisation those of all."""

    async def run() -> list[Document]:
        async with transaction() as conn:
            await note(conn, "list_webhooks")
            return [
                {"organisation": of["number"], **show_webhook(row)}
                for of in await tenants.organisations(conn, organisation)
                for row in await stored.list_webhooks(conn, of["id"])
            ]

    columns = {
        "webhook": lambda one: one["id"],
        "organisation": lambda one: one["organisation"],
        "url": lambda one: one["url"],
        "types": lambda one: one["types"],
        "enabled": lambda one: one["enabled"],
        "gone": lambda one: one["gone_at"],
        "created": lambda one: one["created_at"],
    }
    print_list(asyncio.run(run()), columns, as_json=as_json)


@webhooks.command("deliveries")
def list_deliveries(webhook: Id, organisation: _Organisation, limit: _Limit = 50, as_json: AsJson = False) -> None:
    """Lists what a webhook was told in the last 30 days, and what became of it."""

    async def read(conn: AsyncConnection, of: UUID) -> list[Document]:
        rows = await deliveries.list_deliveries(conn, of, webhook, after=None, limit=limit)
        return [show_delivery(row) for row in rows[:limit]]

    columns = {
        "delivery": lambda one: one["id"],
        "type": lambda one: one["type"],
        "status": lambda one: one["status"],
        "attempts": lambda one: one["attempts"],
        "answered": lambda one: one["http_status"],
        "failure": lambda one: one["failure"],
        "created": lambda one: one["created_at"],
        "tried": lambda one: one["tried_at"],
        "next try": lambda one: one["next_try_at"],
    }
    print_list(_for(organisation, "list_deliveries", webhook, read), columns, as_json=as_json)


@webhooks.command("replay")
def replay(
    webhook: Id,
    delivery: Annotated[UUID, typer.Argument(help="Its delivery's id.", parser=read_id, show_default=False)],
    organisation: _Organisation,
    as_json: AsJson = False,
) -> None:
    """Sends a delivery again, at once and with all of its tries, whatever became of it."""

    async def change(conn: AsyncConnection, of: UUID) -> Document:
        return show_delivery(await deliveries.replay(conn, of, webhook, delivery))

    shown = _for(organisation, "replay_delivery", webhook, change)
    if as_json:
        print_json(shown)
    else:
        print_line(f"{delivery} is sent again")


@webhooks.command("disable")
def disable(webhook: Id, organisation: _Organisation, as_json: AsJson = False) -> None:
    """Lets nothing more be sent to a webhook, until its organisation enables it again."""

    async def change(conn: AsyncConnection, of: UUID) -> Document:
        return show_webhook(await stored.change_webhook(conn, of, webhook, {"enabled": False}))

    shown = _for(organisation, "disable_webhook", webhook, change)
    if as_json:
        print_json({"organisation": organisation, **shown})
    else:
        print_line(f"{webhook} is disabled")


def _for(organisation: str, action: str, webhook: UUID, act: Callable[[AsyncConnection, UUID], Awaitable[T]]) -> T:
    """Acts for the organisation with this number, in one transaction."""

    async def run() -> T:
        async with transaction() as conn:
            [of] = await tenants.organisations(conn, organisation)
            await note(conn, action, of["id"], details={"webhook": str(webhook)})
            return await act(conn, of["id"])

    return asyncio.run(run())
