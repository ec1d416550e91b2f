"""The command line: `python -m app VERB`. It reads settings, builds a runtime and calls; it decides nothing."""

import sqlalchemy.exc
import typer
from rich.console import Console

from app.cli import processes, tenants
from app.errors import Problem, Stopped

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Provkedja: provisions the rosters of digital national exams to Skolverket.",
)
cli.add_typer(processes.commands)
cli.add_typer(tenants.commands)


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
