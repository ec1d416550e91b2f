"""The commands that pause an organisation, or one activity of it, and let it go on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import FORM, AsJson, read_id, read_organisation
from app.cli.output import Document, print_json, print_line
from app.cli.start import database, note, read_settings
from app.db import pauses, tenants
from app.db.activity_queue import WakeUp
from app.db.engine import transaction
from app.jobs.notifier import Notifier
from app.views.operations import show_pauses

commands = typer.Typer()

_WHO = "command line"

Of = Annotated[
    str,
    typer.Option(
        "--organisation",
        help=FORM,
        callback=read_organisation,
        show_default=False,
    ),
]
Activity = Annotated[
    UUID | None, typer.Option("--activity", help="Only this activity of it, by its id.", parser=read_id)
]
_Change = Callable[[AsyncConnection, pauses.Place], Awaitable[list[WakeUp]]]


@commands.command()
def pause(
    organisation: Of,
    reason: Annotated[
        str, typer.Option(help="Why, in a line that callers are shown: no name and nothing of a person.")
    ],
    activity: Activity = None,
    as_json: AsJson = False,
) -> None:
    """Lets nothing new of an organisation, or of one activity, leave; what is out is followed to its answer."""
    line = " ".join(reason.split())
    if not 1 <= len(line) <= pauses.MOST_REASON:
        raise typer.BadParameter(f"a --reason has 1 to {pauses.MOST_REASON} characters")

    async def change(conn: AsyncConnection, place: pauses.Place) -> list[WakeUp]:
        return await pauses.pause(conn, place, cipher=None, who=_WHO, reason=line)

    _print(asyncio.run(_set(organisation, activity, "pause", change)), as_json=as_json)


@commands.command()
def resume(organisation: Of, activity: Activity = None, as_json: AsJson = False) -> None:
    """Lets an organisation, or one activity of it, go on; a pause that the organisation has made of it ends too."""

    async def change(conn: AsyncConnection, place: pauses.Place) -> list[WakeUp]:
        return await pauses.resume(conn, place, by="operator", who=_WHO)

    _print(asyncio.run(_set(organisation, activity, "resume", change)), as_json=as_json)


async def _set(number: str, activity_id: UUID | None, name: str, change: _Change) -> Document:
    """Carries a change out and wakes whoever holds an egress; gives what keeps the place now."""
    settings = read_settings()
    notifier = Notifier(settings.redis_url.get_secret_value(), settings.redis_ca_file)
    try:
        async with database() as engine:
            async with transaction(engine, name) as conn:
                [of] = await tenants.organisations(conn, number)
                place = pauses.Place(of["id"], activity_id)
                wake_ups = await change(conn, place)
                await note(conn, name, of["id"], activity_id=activity_id)
                left = await pauses.pauses_of_activity(conn, place)
            await notifier.wake_up(wake_ups)
    finally:
        await notifier.close()
    return show_pauses(number, activity_id, left)


def _print(shown: Document, *, as_json: bool) -> None:
    """Prints what keeps a place: in a line, or as the API shows it to operators."""
    if as_json:
        print_json(shown)
        return
    what = " ".join(str(part) for part in (shown["organisation"], shown["activity_id"]) if part is not None)
    keeps = (
        f"; {'all of it' if each['activity_id'] is None else 'this activity'} by the {each['by']}"
        f" since {each['since'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        for each in shown["pauses"]
    )
    print_line(f"{what}: {'paused' if shown['paused'] else 'goes on'}{''.join(keeps)}")
