"""The command that says which settings are in effect, and what is wrong with them.

It shows no secret and calls nobody.
"""

import typer
from pydantic import ValidationError

from app.cli.arguments import AsJson
from app.cli.output import print_json, print_line
from app.runtime import problems
from app.settings import Settings, effective, sentences

config = typer.Typer(no_args_is_help=True, help="The settings, as the environment has them.")


@config.command("check")
def check(as_json: AsJson = False) -> None:
    """Reads all settings, says the effective ones without secrets, and what is wrong; exit code 1 if anything is."""
    try:
        settings = Settings()
    except ValidationError as wrong:
        shown, found = {}, sentences(wrong)
    else:
        shown, found = effective(settings), list(problems(settings))
    if as_json:
        print_json({"well": not found, "settings": shown or None, "problems": found})
    else:
        for name, value in shown.items():
            print_line(f"{name}={value}")
        for sentence in found:
            print_line(f"✗ {sentence}")
        if not found:
            print_line("✓ Nothing is wrong with the settings.")
    raise SystemExit(int(bool(found)))
