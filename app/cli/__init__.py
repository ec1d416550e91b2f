"""The command line: `python -m app VERB`. It reads settings, builds a runtime and calls; it decides nothing."""

import typer

from app.cli import doctor, processes, rosters, tenants
from app.errors import Problem, Stopped

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Provkedja: provisions the rosters of digital national exams to Skolverket.",
)
cli.add_typer(processes.commands)
cli.add_typer(tenants.commands)
cli.add_typer(rosters.commands)
cli.add_typer(doctor.commands)


def main() -> None:
    """Runs the command line; what keeps a process from starting is one sentence on stderr and exit code 1."""
    try:
        cli()
    except Exception as problem:
        said = _said_of(problem)
        if said is None:
            raise
    else:
        return
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(f"provkedja: {said}", style="red", markup=False, highlight=False)
    raise SystemExit(1)


def _said_of(problem: Exception) -> str | None:
    # Imported when something went wrong: the simulator, for one, starts in a third of the time without them.
    from sqlalchemy import exc

    match problem:
        case Stopped() | Problem():
            return str(problem)
        case exc.DBAPIError() | exc.TimeoutError():
            from app.db.outages import outage_of

            unusable = outage_of(problem)
            return f"{unusable} Run `python -m app migrate`." if unusable.code == "not_migrated" else str(unusable)
    return None
