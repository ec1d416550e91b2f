"""The command that lists jobs of any organisation."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.arguments import AsJson, Only, read_id, several
from app.cli.output import Document, print_list
from app.cli.runs import JOB_COLUMNS, Activity, Limit, Names, Since, newest
from app.db import history
from app.db.history import JobFilter
from app.domain.kinds import Kind
from app.domain.lifecycle import JOB
from app.domain.outcome import OUTCOMES
from app.views.job import show_job
from app.views.run import run_of
from app.views.sealed import open_run

jobs = typer.Typer(no_args_is_help=True, help="Jobs of all organisations.")


@jobs.command("list")
def list_(
    organisation: Only = None,
    activity: Activity = None,
    run: Annotated[
        UUID | None,
        typer.Option("--run", help="Only this run's, by its id.", parser=read_id, show_default=False),
    ] = None,
    stage: Annotated[list[str] | None, several([kind.value for kind in Kind])] = None,
    status: Annotated[list[str] | None, several(JOB)] = None,
    outcome: Annotated[list[str] | None, several(OUTCOMES)] = None,
    since: Since = None,
    limit: Limit = 50,
    names: Names = False,
    as_json: AsJson = False,
) -> None:
    """Lists jobs, the newest run's first; without an organisation those of all."""
    wanted = JobFilter(
        activity_ids=[activity] if activity else (),
        run_ids=[run] if run else (),
        kinds=stage or (),
        statuses=status or (),
        outcomes=outcome or (),
        created_after=since,
    )

    async def read(conn: AsyncConnection, of: UUID) -> list[Document]:
        found = await history.list_jobs(conn, of, wanted, made_by=None, after=None, limit=limit)
        return [show_job(row, open_run(run_of(row), None)) for row in found]

    columns = {
        "job": JOB_COLUMNS["job"],
        "run": lambda one: one["run_id"],
        "organisation": lambda one: one["organisation"],
        "activity": lambda one: one["activity_id"],
        **({"requested by": lambda one: one["run"]["requested_by"]["name"]} if names else {}),
        **{name: of for name, of in JOB_COLUMNS.items() if name != "job"},
    }
    print_list(asyncio.run(newest(organisation, limit, read, names=names)), columns, as_json=as_json)
