"""The command line: `python -m app VERB`. It reads settings, builds a runtime and calls; it decides nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
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
CertificateFile = Annotated[
    str | None,
    typer.Option("--certificate", help="PEM file: its certificate, then that of its issuer.", show_default=False),
]
KeyFile = Annotated[str | None, typer.Option("--key", help="PEM file of its private key.", show_default=False)]
EntityId = Annotated[
    str | None, typer.Option("--entity-id", help="Its entityId in the TLS federation.", show_default=False)
]

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


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
    answer_delay: Annotated[float, typer.Option(help="Seconds that every answer takes.")] = 0.0,
    handover_delay: Annotated[float, typer.Option(help="Seconds until provisioningStatus turns true.")] = 2.0,
    token_lifetime: Annotated[float, typer.Option(help="Seconds that a token is valid.")] = 36_000.0,
    invented_after: Annotated[
        float | None,
        typer.Option(help="Seconds until a person with an invented number is removed.", show_default="never"),
    ] = None,
    calls_per_second: Annotated[int, typer.Option(help="Sending and status calls a second.")] = 5,
    reads_per_second: Annotated[int, typer.Option(help="Reading calls a second.")] = 10,
    tls: Annotated[
        Path | None,
        typer.Option(
            help="Serve https, and know clients by certificate: folder of server.pem/.key, clients.pem, members.json.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="File to append every exchange to, bodies included: for invented data only.", show_default=False
        ),
    ] = None,
) -> None:
    """Serves a look-alike of Skolverket, for demonstrations and tests."""
    from app.simulator.config import SimulatorConfig
    from app.simulator.members import UnusableFolder
    from app.simulator.serving import run

    config = SimulatorConfig(
        calls_per_second=calls_per_second,
        reads_per_second=reads_per_second,
        job_delay=job_delay,
        job_jitter=job_delay / 10,
        answer_delay=answer_delay,
        handover_delay=handover_delay,
        token_lifetime=token_lifetime,
        invented_after=invented_after,
    )
    try:
        run(host, port, config, ready_file, tls=tls, record=record)
    except UnusableFolder as error:
        raise Stopped(str(error)) from None
    except OSError as error:
        raise Stopped(f"the simulator cannot write its record or ready file ({type(error).__name__})") from None


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
def organisations_create(
    number: Number,
    name: Annotated[str, typer.Option(help="What people call it.")],
    certificate: CertificateFile = None,
    key: KeyFile = None,
    entity_id: EntityId = None,
) -> None:
    """Makes an organisation."""
    files = _files(certificate, key)

    async def run() -> Any:
        async with _transaction() as conn:
            return await tenants.create_organisation(conn, number, name, files, entity_id or None)

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
) -> None:
    """Changes how an organisation identifies itself to Skolverket; what is not named stays."""
    files = _files(certificate, key)
    if without_certificate and (files or entity_id):
        raise Stopped("--without-certificate goes with no other option than --number")

    async def run() -> None:
        async with _transaction() as conn:
            if without_certificate:
                await tenants.drop_certificate(conn, number)
            else:
                await tenants.set_certificate(conn, number, files, entity_id)

    asyncio.run(run())


@organisations.command("list")
def organisations_list() -> None:
    """Lists the organisations and how each identifies itself to Skolverket."""
    table = Table("number", "name", "entityId", "certificate", "key", "made")
    for row in asyncio.run(_organisations()):
        shown = (row[column] or "" for column in ("entity_id", "certificate_file", "key_file"))
        table.add_row(row["number"], row["name"], *shown, f"{row['created_at']:%Y-%m-%d}")
    Console().print(table)


@organisations.command("check")
def organisations_check(
    number: Annotated[str | None, typer.Option(help="Only this organisation.", show_default=False)] = None,
) -> None:
    """Says whether certificate, key, number and address fit together, and tries a token; exit code 1 if any don't."""
    from app.jobs.identity import check_organisation

    settings, console, failed = _settings(), Console(soft_wrap=True, highlight=False), False
    for row in asyncio.run(_organisations(number)):
        console.print(f"{row['number']} {row['name']}", style="bold", markup=False)
        for found in asyncio.run(check_organisation(settings, row)):
            mark, style = _MARKS[found.level]
            console.print(f"  {mark} {found.text}", style=style, markup=False)
            failed = failed or found.level == "error"
    raise SystemExit(int(failed))


async def _organisations(number: str | None = None) -> Any:
    async with _transaction() as conn:
        return await tenants.organisations(conn, number)


def _files(certificate: str | None, key: str | None) -> tenants.CertificateFiles | None:
    if bool(certificate) != bool(key):
        raise Stopped("--certificate and --key go together")
    return tenants.CertificateFiles(certificate, key) if certificate and key else None


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


@cli.command("open-data")
def open_data(
    organisation: Annotated[str | None, typer.Option(help="Only this organisation's number.")] = None,
) -> None:
    """Shows what is cached of Skolverket's open data, how old it is, and what failed last."""
    from app.db import reference

    async def run() -> Any:
        async with _transaction() as conn:
            return await reference.freshness(conn, organisation)

    table = Table("subject", "items", "read (UTC)", "next (UTC)", "last failure (UTC)")
    for row in asyncio.run(run()):
        is_list = row["subject"] in (reference.PROGRAMMES, reference.EXAMS)
        items = str(row["items"]) if is_list else f"{row['items']} school units" if row["known"] else "none known"
        read, due, failed = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if (at := row[name]) else "" for name in _TIMES)
        table.add_row(row["subject"], items if read else "", read or "never", due, f"{failed} {row['failure'] or ''}")
    Console().print(table)


_TIMES = ("refreshed_at", "due_at", "failed_at")


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
