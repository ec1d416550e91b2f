"""`docs/operate/command-line.md` has every verb, and its examples are taken as they stand there; what has `--json`."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from app.cli import cli
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "operate" / "command-line.md").read_text(encoding="utf-8")
COMMANDS: Any = typer.main.get_command(cli)
EXAMPLES = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
# What takes no `--json`, and why.
WITHOUT_JSON = {
    ("serve",): "until it is stopped: its log is JSON lines, and its ready file is JSON",
    ("worker",): "as serve",
    ("simulator",): "as serve",
    ("up",): "until it is stopped, for people",
    ("demo",): "a show for people",
    ("roster", "generate"): "what it writes is JSON",
}


def verbs(group: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Lists what a group has, however deep."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, *names, name)
        else:
            yield *names, name


def parsed(arguments: list[str]) -> tuple[str, ...]:
    """Reads a command's arguments, which its callbacks judge, without carrying it out; gives its verb."""
    command, names = COMMANDS, list[str]()
    while hasattr(command, "commands"):
        names.append(arguments[len(names)])
        command = command.commands[names[-1]]
    command.make_context(names[-1], arguments[len(names) :])
    return tuple(names)


@pytest.mark.parametrize("arguments", EXAMPLES, ids=" ".join)
def test_each_example_is_taken(arguments: list[str]) -> None:
    assert parsed(arguments)


def test_every_verb_is_there() -> None:
    """With an example; those of the demonstration are named."""
    assert {*verbs(COMMANDS)} - {parsed(each) for each in EXAMPLES} == {("demo",), ("up",)}
    assert "run `demo` and `up`" in PAGE


def test_every_verb_takes_json() -> None:
    """But for those that are named, with the reason."""
    without = set()
    for names in verbs(COMMANDS):
        command = COMMANDS
        for name in names:
            command = command.commands[name]
        if not any("--json" in option.opts for option in command.params):
            without.add(names)
    assert without == set(WITHOUT_JSON)
