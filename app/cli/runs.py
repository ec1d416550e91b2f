"""The commands for runs of any organisation: they show no person, no exam by name, and keys so when asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.cli.arguments import AsJson, Id, Only, one_of, read_id, read_moment, several
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import database, note, read_settings
from app.db import history, reads, tenants
from app.db import runs as verbs
from app.db.activity_queue import WakeUp
from app.db.engine import transaction
from app.db.history import RunFilter
from app.domain.lifecycle import FINISHED_RUN, RUN
from app.domain.outcome import OUTCOMES
from app.errors import NotFound
from app.jobs.notifier import Notifier
from app.views.run import show_run
from app.views.sealed import open_run

runs = typer.Typer(no_args_is_help=True, help="Runs of all organisations: what there is, cancel and retry.")

_POLICIES: Final = ("halt", "continue")
# What may be about who is protected its organisation alone allows.
_ALLOWED: Final = ("shrinks",)

Activity = Annotated[UUID | None, typer.Option("--activity", help="Only this activity's, by its id.", parser=read_id)]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        help="Only those asked for since then: 2027-03-01, say, or 2027-03-01T08:00:00+01:00; UTC without an offset.",
        parser=read_moment,
        show_default=False,
    ),
]
Names = Annotated[
    bool,
    typer.Option("--names", help="With the names of the keys that asked for them."),
]


@runs.command("list")
def list_(
    organisation: Only = None,
    activity: Activity = None,
    status: Annotated[list[str] | None, several(RUN)] = None,
    outcome: Annotated[list[str] | None, several(OUTCOMES)] = None,
    since: Since = None,
    limit: Limit = 50,
    names: Names = False,
    as_json: AsJson = False,
) -> None:
    """Lists runs, the newest first; without an organisation those of all."""
    wanted = RunFilter(
        activity_ids=[activity] if activity else (),
        statuses=status or (),
        outcomes=outcome or (),
        created_after=since,
    )

    async def read(conn: AsyncConnection, of: UUID) -> list[Document]:
        found = await history.list_runs(conn, of, wanted, made_by=None, after=None, limit=limit)
        return [show_run(open_run(run, None), jobs) for run, jobs in found]

    columns = {
        "run": lambda one: one["id"],
        "organisation": lambda one: one["organisation"],
        "activity": lambda one: one["activity_id"],
        **({"requested by": lambda one: one["requested_by"]["name"]} if names else {}),
        "number": lambda one: one["sequence"],
        "status": lambda one: one["status"],
        "outcome": lambda one: one["outcome"],
        "stage": _stage,
        "records": lambda one: one["summary"]["en"],
        "created": lambda one: one["created_at"],
        "finished": lambda one: one["finished_at"],
    }
    print_list(asyncio.run(newest(organisation, limit, read, names=names)), columns, as_json=as_json)


@runs.command("show")
def show(run: Id, names: Names = False, as_json: AsJson = False) -> None:
    """Shows a run with its four jobs."""
    shown = asyncio.run(_read(run, names=names))
    if as_json:
        print_json(shown)
        return
    for name in ("id", "organisation", "activity_id", "sequence", "status", "outcome", "on_record_error"):
        print_line(f"{name + ':':17}{shown[name] if shown[name] is not None else ''}")
    print_line(f"{'records:':17}{shown['summary']['en']}")
    if names:
        print_line(f"{'requested by:':17}{shown['requested_by']['name']}")
    print_line("")
    print_list(shown["jobs"], JOB_COLUMNS, as_json=False)


JOB_COLUMNS: Final[Mapping[str, Callable[[Document], object]]] = {
    "job": lambda one: one["id"],
    "stage": lambda one: one["stage"],
    "status": lambda one: one["status"],
    "outcome": lambda one: one["outcome"],
    "records": lambda one: one["summary"]["en"],
    "attempt": lambda one: one["attempt"],
    "started": lambda one: one["started_at"],
    "finished": lambda one: one["finished_at"],
    "error": lambda one: one["error"] and one["error"].get("code", one["error"].get("title")),
}


@runs.command("cancel")
def cancel(run: Id, as_json: AsJson = False) -> None:
    """Lets nothing more of a run be sent; what is under way at Skolverket is followed to its answer first."""

    async def change(conn: AsyncConnection, of: UUID) -> list[WakeUp]:
        return await verbs.cancel_run(conn, of, run)

    asyncio.run(_change(run, "cancel", change))
    _say_how_it_is(run, as_json=as_json)


@runs.command("retry")
def retry(
    run: Id,
    on_record_error: Annotated[
        str | None,
        typer.Option(
            help="What a failed record means from now on: halt or continue.",
            callback=one_of(_POLICIES),
            show_default="as it was",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What is sent all the same, once for each: {', '.join(_ALLOWED)}.",
            callback=one_of(_ALLOWED),
            show_default="as it was",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lets a failed or cancelled run go on from its first unfinished stage, with what has not succeeded."""

    async def change(conn: AsyncConnection, of: UUID) -> list[WakeUp]:
        return await verbs.retry_run(conn, of, run, on_record_error, allow)

    asyncio.run(_change(run, "retry", change))
    _say_how_it_is(run, as_json=as_json)


async def newest(
    number: str | None, limit: int, read: Callable[[AsyncConnection, UUID], Awaitable[list[Document]]], *, names: bool
) -> list[Document]:
    """Reads the newest of an organisation or of each, and gives the newest of these, with the organisation's number.

    Those of one run stay in their order.
    """
    async with database() as engine:
        async with transaction(engine, "list_runs") as conn:
            only = None if number is None else (await tenants.organisations(conn, number))[0]["id"]
            await note(conn, "list_runs", only)
        async with reads.snapshots(engine).begin() as conn:
            found = [
                {"organisation": of["number"], **shown}
                for of in await tenants.organisations(conn, number)
                for shown in await read(conn, of["id"])
            ]
    found.sort(key=lambda shown: shown["created_at"], reverse=True)
    return [shown if names else without_names(shown) for shown in found[:limit]]


def without_names(shown: Document) -> Document:
    """Leaves out what organisations have called their keys, in a run and its jobs, or in a job."""
    left = {**shown}
    if "requested_by" in left:
        left["requested_by"] = {"id": shown["requested_by"]["id"]}
    if "run" in left:
        left["run"] = {**shown["run"], "requested_by": {"id": shown["run"]["requested_by"]["id"]}}
    if "jobs" in left:
        left["jobs"] = [without_names(job) for job in shown["jobs"]]
    return left


async def _read(run_id: UUID, *, names: bool) -> Document:
    async with database() as engine:
        async with transaction(engine, "show_run") as conn:
            await note(conn, "show_run", (await _owner(conn, run_id))["id"], run_id=run_id)
        async with reads.snapshots(engine).begin() as conn:
            of = await _owner(conn, run_id)
            found = await reads.find_run_with_jobs(conn, of["id"], run_id)
    if found is None:
        raise _unknown()
    run, jobs = found
    shown = {"organisation": of["number"], **show_run(open_run(run, None), jobs)}
    return shown if names else without_names(shown)


async def _change(
    run_id: UUID, name: str, change: Callable[[AsyncConnection, UUID], Awaitable[Sequence[WakeUp]]]
) -> None:
    async with _notifying() as (engine, notifier):
        async with transaction(engine, name) as conn:
            of = (await _owner(conn, run_id))["id"]
            wake_ups = await change(conn, of)
            await note(conn, f"{name}_run", of, run_id=run_id)
        await notifier.wake_up(wake_ups)


@asynccontextmanager
async def _notifying() -> AsyncIterator[tuple[AsyncEngine, Notifier]]:
    settings = read_settings()
    notifier = Notifier(settings.redis_url.get_secret_value(), settings.redis_ca_file)
    try:
        async with database() as engine:
            yield engine, notifier
    finally:
        await notifier.close()


async def _owner(conn: AsyncConnection, run_id: UUID) -> tenants.Row:
    owner = await tenants.organisation_of_run(conn, run_id)
    if owner is None:
        raise _unknown()
    return owner


def _say_how_it_is(run_id: UUID, *, as_json: bool) -> None:
    shown = asyncio.run(_read(run_id, names=False))
    if as_json:
        print_json(shown)
    elif shown["status"] not in FINISHED_RUN and shown["cancel_requested_at"] is not None:
        print_line(f"{run_id} {shown['status']}: nothing more leaves, and it ends when the answers under way are there")
    else:
        print_line(f"{run_id} {shown['status']}")


def _stage(shown: Document) -> str | None:
    """Gives the stage where a run stands: the first one that has not succeeded."""
    return next((job["stage"] for job in shown["jobs"] if job["status"] != "succeeded"), None)


def _unknown() -> NotFound:
    return NotFound("There is no such run.")
