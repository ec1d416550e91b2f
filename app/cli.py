"""The command line: `python -m app VERB`. It reads settings, builds a runtime and calls; it decides nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy.exc
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import engine, tenants
from app.errors import Problem, Stopped
from app.logs import configure
from app.runtime import running
from app.settings import Settings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Provkedja: provisions the rosters of digital national exams to Skolverket.",
)
organisations = typer.Typer(no_args_is_help=True, help="School organisers (huvudmän), our tenants.")
keys = typer.Typer(no_args_is_help=True, help="API keys of an organisation.")
cli.add_typer(organisations, name="organisations")
cli.add_typer(keys, name="keys")

ReadyFile = Annotated[
    Path | None, typer.Option(help="Where to write {port} once the process is ready.", show_default=False)
]
Number = Annotated[str, typer.Option("--number", help="Organisation number, ten digits.")]
Of = Annotated[str, typer.Option("--organisation", help="Organisation number, ten digits.")]


def main() -> None:
    """Runs the command line; what keeps a process from starting is one sentence on stderr and exit code 1."""
    try:
        cli()
    except (Stopped, Problem) as stopped:
        said = str(stopped)
    except sqlalchemy.exc.ArgumentError:
        said = "DATABASE_URL is no address of a Postgres: give `postgresql://user:password@host:port/name`"
    except sqlalchemy.exc.ProgrammingError as refused:
        said = f"the database refused ({type(refused.orig).__name__}): is it migrated? Run `python -m app migrate`"
    except sqlalchemy.exc.OperationalError as away:
        said = (
            f"Postgres cannot be reached at DATABASE_URL ({type(away.orig).__name__}): is it up, is the address right?"
        )
    Console(stderr=True, soft_wrap=True).print(f"provkedja: {said}", style="red", markup=False, highlight=False)
    raise SystemExit(1)


@cli.command()
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8000,
    ready_file: ReadyFile = None,
) -> None:
    """Serves the REST API."""
    from app.api.serving import serve_api

    settings = _settings()
    asyncio.run(serve_api(settings, host, port, ready_file))


@cli.command()
def worker(ready_file: ReadyFile = None) -> None:
    """Carries jobs to Skolverket; run as many as you like."""
    from app.jobs.advance import Advance
    from app.jobs.worker import until_migrated, work
    from app.ready import say_ready

    settings = _settings()

    async def run() -> None:
        stop = asyncio.Event()
        for ending in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ending, stop.set)
        async with running(settings, pool=min(10 + settings.worker_jobs, 40), name="provkedja worker") as runtime:
            await until_migrated(runtime.engine, stop)
            if stop.is_set():
                return
            say_ready(ready_file)
            await work(Advance(settings, runtime.engine, runtime.cipher, runtime.doorbell), stop)

    asyncio.run(run())


@cli.command()
def simulator(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8100,
    ready_file: ReadyFile = None,
    job_delay: Annotated[float, typer.Option(help="Seconds until a batch's results are there.")] = 1.0,
    calls_per_second: Annotated[int, typer.Option(help="Sending and status calls a second.")] = 5,
    reads_per_second: Annotated[int, typer.Option(help="Reading calls a second.")] = 10,
) -> None:
    """Serves a look-alike of Skolverket, for demonstrations and tests."""
    from app.simulator.config import SimulatorConfig
    from app.simulator.serving import run

    config = SimulatorConfig(calls_per_second=calls_per_second, reads_per_second=reads_per_second, job_delay=job_delay)
    run(host, port, config, ready_file)


@cli.command()
def migrate() -> None:
    """Brings the database to this version's tables."""
    from alembic import command
    from alembic.config import Config

    settings = _settings()
    if not settings.database_url.get_secret_value():
        raise Stopped("DATABASE_URL is not set: give the address of a Postgres")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    command.upgrade(config, "head")


@cli.command()
def demo(
    persons: Annotated[int, typer.Option(help="About how many persons the roster has.")] = 2000,
) -> None:
    """Shows the main job end to end on a generated roster, and ends."""
    from app.demo.show import show

    raise SystemExit(show(Path(".local"), persons))


@cli.command()
def up(
    port: Annotated[int, typer.Option(help="The API's port; another one is taken when it is in use.")] = 8000,
) -> None:
    """Starts everything that the demo starts, and stays up until Ctrl-C (`make serve`)."""
    from app.demo.house import stay

    stay(Path(".local"), port)


@organisations.command("create")
def organisations_create(number: Number, name: Annotated[str, typer.Option(help="What people call it.")]) -> None:
    """Makes an organisation."""

    async def run() -> Any:
        async with _transaction() as conn:
            return await tenants.create_organisation(conn, number, name)

    print(asyncio.run(run()))  # noqa: T201 - what scripts read


@organisations.command("list")
def organisations_list() -> None:
    """Lists the organisations."""

    async def run() -> Any:
        async with _transaction() as conn:
            return await tenants.organisations(conn)

    table = Table("number", "name", "made")
    for row in asyncio.run(run()):
        table.add_row(row["number"], row["name"], f"{row['created_at']:%Y-%m-%d}")
    Console().print(table)


@keys.command("create")
def keys_create(
    organisation: Of,
    scopes: Annotated[str, typer.Option(help="Comma separated: provision, history, pii, protected.")] = "",
    name: Annotated[str, typer.Option(help="Who uses it.")] = "unnamed",
    admin: Annotated[bool, typer.Option("--admin", help="An admin key.")] = False,
) -> None:
    """Makes a key and shows it, this once, alone on the last line."""
    from app.security.keys import read_scopes

    try:
        wanted = read_scopes(",".join(filter(None, (scopes, "admin" if admin else ""))))
    except ValueError as wrong:
        raise Stopped(str(wrong)) from None

    async def run() -> str:
        async with _transaction() as conn:
            return (await tenants.create_key(conn, organisation, name, wanted)).text

    print(asyncio.run(run()))  # noqa: T201 - what scripts read


@keys.command("list")
def keys_list(organisation: Annotated[str | None, typer.Option(help="Only this organisation's.")] = None) -> None:
    """Lists keys, without their secrets."""

    async def run() -> Any:
        async with _transaction() as conn:
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
        async with _transaction() as conn:
            await tenants.revoke_key(conn, key)

    asyncio.run(run())


@asynccontextmanager
async def _transaction() -> AsyncIterator[AsyncConnection]:
    settings = _settings()
    if not settings.database_url.get_secret_value():
        raise Stopped("DATABASE_URL is not set: give the address of a Postgres")
    database = engine.connect(settings.sqlalchemy_url, pool=1, name="provkedja command")
    try:
        async with database.begin() as conn:
            yield conn
    finally:
        await database.dispose()


def _settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as wrong:
        said = "; ".join(f"{str(error['loc'][0]).upper()}: {error['msg']}" for error in wrong.errors())
        raise Stopped(f"settings: {said}") from None
    configure(settings.log_level)
    return settings
