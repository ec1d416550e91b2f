"""The commands that start processes, or bring the database to this version."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from app import __version__
from app.cli.arguments import AsJson
from app.cli.output import print_json, print_line
from app.cli.start import read_settings
from app.db.access import check_roles, grant_again
from app.db.changes import place_changes_anew
from app.db.engine import check, close, connect
from app.db.outages import outage_of
from app.db.schema import metadata
from app.errors import Stopped
from app.runtime import check_for_calls, running, token_cipher

commands = typer.Typer()

_HEALTH_SECONDS = 4.0
# Of a worker: what it does with Postgres takes milliseconds, however many steps wait for calls. Each connection first
# makes plans of its own for every function, so that more of them cost more than they bring.
_CONNECTIONS = 8

ReadyFile = Annotated[
    Path | None, typer.Option(help="Where to write {port} once the process is ready.", show_default=False)
]


def _says(*names: str) -> str:
    """Names environment variables that a command goes by, for the end of its help."""
    listed = ", ".join(name.upper() for name in names)
    return f"Settings (environment; docs/operate/settings.md says what each means): {listed}."


# What both go by.
_BOTH = (
    *("database_url", "database_url_file", "database_prepare", "redis_url", "redis_url_file", "redis_ca_file"),
    *("plain_to_servers", "encryption_keys", "encryption_keys_file"),
    *("skolverket_provisioning_url", "skolverket_open_data_url", "skolverket_authorisation_url"),
    *("webhooks_to_loopback", "retention_content", "retention_history", "metrics_port", "metrics_host", "log_level"),
    *("tls_certificate_file", "tls_key_file"),
)
_OF_SERVE = (
    *("cors_origins", "trusted_proxies", "sign_in_over_http", "sign_in_with_keys"),
    *("oidc_issuer", "oidc_provider_name", "oidc_client_id", "oidc_client_secret", "oidc_client_secret_file"),
    *("oidc_pages_url", "oidc_scope", "oidc_algorithms", "oidc_ca_file", "oidc_api_audience", "oidc_step_up_acr"),
    "oidc_step_up_minutes",
    *("requests_per_second_per_key", "requests_per_second_per_organisation", "max_streams_per_key"),
    *("max_roster_bytes", "max_organisation_bytes", "max_organisation_waiting_runs"),
)
_OF_WORKER = (
    *("egress", "worker_jobs", "skolverket_calls_per_second", "skolverket_reads_per_second", "skolverket_timeout"),
    *("token_keys", "token_keys_file", "skolverket_ca_file"),
    *("skolverket_authorisation_pins", "certificate_folder", "fault_horizon", "open_data_refresh"),
    "erasures_file",
)


@commands.command(epilog=_says(*_BOTH, *_OF_SERVE))
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8000,
    ready_file: ReadyFile = None,
) -> None:
    """Serves the REST API, until SIGTERM or Ctrl-C; requests that have begun are finished.

    It needs DATABASE_URL, ENCRYPTION_KEYS and Skolverket's three addresses, and wakes workers at REDIS_URL;
    MAX_ROSTER_BYTES and MAX_ORGANISATION_BYTES bound what it takes. `config check` says what is in effect.
    """
    from app.server.serving import serve_api

    settings = read_settings()
    _outlive_the_terminal()
    asyncio.run(serve_api(settings, host, port, ready_file))


@commands.command(epilog=_says(*_BOTH, *_OF_WORKER))
def worker(ready_file: ReadyFile = None) -> None:
    """Carries jobs to Skolverket, until SIGTERM or Ctrl-C; run as many as you like.

    It needs DATABASE_URL, ENCRYPTION_KEYS and Skolverket's three addresses, and is woken at REDIS_URL. One
    worker of each EGRESS calls, and the others stand by; SKOLVERKET_CALLS_PER_SECOND and SKOLVERKET_READS_PER_SECOND
    are its limits, FAULT_HORIZON is for how long it tries again. `config check` says what is in effect.
    """
    from app.build import log_start, register_process
    from app.jobs.egress import Egress
    from app.jobs.meters import PORT, served
    from app.jobs.worker import end_in_time, until_usable, work
    from app.own_certificate import own_certificate
    from app.ready import say_ready

    settings = read_settings()
    check_for_calls(settings)
    token_keys, certificate = token_cipher(settings), own_certificate(settings)
    _outlive_the_terminal()

    async def run() -> None:
        stop = asyncio.Event()

        def told_to_end() -> None:
            stop.set()
            end_in_time()

        for ending in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ending, told_to_end)
        async with running(settings, pool=_CONNECTIONS, name="provkedja worker", idle_limit=10) as runtime:
            log_start("worker", settings)
            await runtime.notifier.check()
            await until_usable(settings.database_url.get_secret_value(), runtime.engine, stop)
            if stop.is_set():
                return
            egress = Egress(
                settings, runtime.engine, runtime.checks, runtime.cipher, runtime.target, stop, token_keys=token_keys
            )
            register_process(egress.meters.registry, settings.build_commit)
            port = PORT if settings.metrics_port is None else settings.metrics_port
            with served(egress.meters, settings.metrics_host, port, certificate) as metrics_port:
                say_ready(ready_file, metrics_port=metrics_port, worker=str(egress.worker))
                await work(egress)

    asyncio.run(run())


@commands.command()
def health(
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Only the worker that was started with this ready file.", show_default="any worker"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Says whether a worker is at work, for health checks; exit code 0 if one was heard of within ten seconds.

    It needs DATABASE_URL.
    """
    from app.db.workers import worker_alive

    settings = read_settings()
    worker = _worker_of(ready_file) if ready_file else None

    async def run() -> bool:
        database = connect(settings.database_url.get_secret_value(), pool=1, name="provkedja health")
        try:
            async with asyncio.timeout(_HEALTH_SECONDS), database.connect() as conn:
                return await worker_alive(conn, worker)
        except TimeoutError as problem:
            raise outage_of(problem) from None
        finally:
            await close(database)

    at_work = asyncio.run(run())
    if as_json:
        print_json({"at_work": at_work, "worker": worker})
    if not at_work:
        raise Stopped(
            "no worker has been heard of lately" if worker is None else "this worker has not been heard of lately"
        )
    if not as_json:
        print_line("at work")


def _worker_of(ready_file: Path) -> UUID:
    try:
        return UUID(json.loads(ready_file.read_text(encoding="utf-8"))["worker"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Stopped("the worker of this ready file has not begun its work") from None


@commands.command()
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
    """Serves a look-alike of Skolverket, for demonstrations and tests; no setting matters, and all is in memory."""
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


@commands.command()
def migrate(as_json: AsJson = False) -> None:
    """Brings the database of DATABASE_URL to this version's tables; what is there already stays as it is.

    It is run as the role that owns the tables, and lets in those of the API and the workers.
    """
    from alembic import command
    from alembic.config import Config

    address = read_settings().database_url.get_secret_value()
    asyncio.run(check(address))
    check_roles(address)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    command.upgrade(config, "head")
    granted, placed = grant_again(address, metadata), place_changes_anew(address)
    if as_json:
        print_json({"version": __version__, "changes_placed_anew": placed, "granted_again": granted})
    elif placed:
        print_line("This database was loaded from a dump: its runs and jobs have places among the changes again.")


@commands.command()
def demo(
    persons: Annotated[int, typer.Option(min=20, help="About how many persons the roster has.")] = 2000,
) -> None:
    """Shows the main job end to end on a generated roster, and ends.

    It starts a Postgres and a Valkey of its own under .local/, unless DATABASE_URL or REDIS_URL name others.
    """
    from app.demo.show import show

    raise SystemExit(show(Path(".local"), persons))


@commands.command()
def up(
    port: Annotated[
        int | None,
        typer.Option(
            help="The API's port; another one is taken when it is in use.",
            show_default="that of the last time, or 8000",
        ),
    ] = None,
) -> None:
    """Starts everything that the demo starts, and stays up until Ctrl-C (`make serve`).

    Postgres and Valkey are its own, unless DATABASE_URL or REDIS_URL name others; the settings for commands stand in
    .local/env.
    """
    from app.demo.roster import reference_only
    from app.demo.show import PERSONS, invent
    from app.local.local_stack import run_until_stopped

    run_until_stopped(Path(".local"), reference_only(invent(PERSONS)), port)


def _outlive_the_terminal() -> None:
    # A service that somebody started by hand goes on when the terminal is closed; SIGTERM and Ctrl-C end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
