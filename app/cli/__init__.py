"""The command line: `python -m app VERB`. It reads settings, builds a runtime and calls; it decides nothing.

A slip is one sentence on stderr: exit code 2 for an argument that is not as it should be, 1 for what could not be done.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app import __version__
from app.cli import (
    audit,
    config,
    doctor,
    erasures,
    jobs,
    keys,
    open_data,
    organisations,
    pauses,
    privacy,
    processes,
    reencrypt,
    rosters,
    runs,
    sign_in,
    webhooks,
)
from app.cli.output import print_line
from app.errors import Problem, Stopped

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Provkedja: provisions the rosters of digital national exams to Skolverket.",
)
for module in (processes, open_data, rosters, doctor, pauses, reencrypt, erasures):
    cli.add_typer(module.commands)
for name, group in (
    ("organisations", organisations.organisations),
    ("keys", keys.keys),
    ("sign-in", sign_in.sign_in),
    ("runs", runs.runs),
    ("jobs", jobs.jobs),
    ("webhooks", webhooks.webhooks),
    ("config", config.config),
    ("privacy", privacy.privacy),
    ("audit", audit.audit),
):
    cli.add_typer(group, name=name)

_FAILED = 1
# What only a checkout has: .dockerignore keeps it out of the image that serves.
_OF_A_CHECKOUT = ("app.demo", "app.local", "app.simulator")


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"provkedja {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="The version, and no more.")
    ] = False,
) -> None:
    """Takes what stands before the verb."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends with its exit code; what went wrong is one sentence on stderr."""
    try:
        code = cli(arguments, standalone_mode=False)
    except Exception as problem:
        found = _sentence_of(problem)
        if found is None:
            raise
        sentence, code = found
    else:
        raise SystemExit(code if isinstance(code, int) else 0)
    if sentence:  # otherwise help was asked for by saying nothing, and stands there
        _say(sentence)
    raise SystemExit(code)


def _say(sentence: str) -> None:
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"provkedja: {_as_sentence(sentence)}", style="red", markup=False)


def _as_sentence(text: str) -> str:
    """Begins with a capital, unless a name stands there, and ends with a full stop, unless a list or a log does."""
    first, *_ = text.split(maxsplit=1)
    begun = text[0].upper() + text[1:] if first.rstrip(":,").isalpha() else text
    return begun if "\n" in begun or begun[-1] in ".!?…" else f"{begun}."


def _sentence_of(problem: Exception) -> tuple[str, int] | None:
    """Gives what is said of a problem, and the exit code; None for what nobody has foreseen."""
    # Imported when something went wrong: the simulator, for one, starts in a third of the time without them.
    from sqlalchemy import exc

    match problem:
        case typer.TyperException():
            return _slip(problem)
        case Stopped() | Problem():
            return str(problem), _FAILED
        case ModuleNotFoundError(name=str(name)) if name.startswith(_OF_A_CHECKOUT):
            return f"this is not part of this installation, which has no {name}: use a checkout (`make setup`)", _FAILED
        case exc.DBAPIError() | exc.TimeoutError():
            from app.db.outages import outage_of

            unusable = outage_of(problem)
            advice = " Run `python -m app migrate`." if unusable.code == "not_migrated" else ""
            return f"{unusable}{advice}", _FAILED
    return None


def _slip(problem: typer.TyperException) -> tuple[str, int]:
    """Says what is wrong with the arguments, and where help is."""
    context = getattr(problem, "ctx", None)
    if isinstance(problem, typer.BadParameter) and isinstance(problem.__cause__, ValidationError):
        problem.message = _of_the_form(problem.__cause__.errors()[0])
    said = " ".join(problem.format_message().split()).removeprefix("Invalid value: ")
    if context is None or not said:
        return said, getattr(problem, "exit_code", _FAILED)
    return f"{said.rstrip('.')} (see `{context.command_path} --help`)", getattr(problem, "exit_code", _FAILED)


def _of_the_form(error: Mapping[str, Any]) -> str:
    """Says what pydantic found in an argument, in the API's words where there are some; those never repeat it."""
    from app.api.http.refusals import refusal

    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    text = refusal(error)[1]
    return text[0].lower() + text[1:]
