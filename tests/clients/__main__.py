"""`python -m tests.clients`: all of it, some minutes. With `--short` one client and a minute of fuzzing, as in CI."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.demo.roster import RosterPlan, generate, reference_only, roster_only
from app.local.local_stack import LocalStack, local_stack
from app.server.app import described_app
from tests.clients import generated
from tests.clients.tools import HERE, Failed, Tools

_PERSONS = 60
_FUZZING_SECONDS = {True: 60, False: 600}


def main() -> None:
    """Runs the steps one after the other, and ends with 1 at the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one client, and a minute of fuzzing")
    short = parser.parse_args().short
    try:
        _all(short)
    except Failed as failed:
        sys.exit(f"contract: {failed}")


def _all(short: bool) -> None:
    with _step("tools"):
        tools = Tools.install(node=not short)
    description = tools.folder / "openapi.json"
    description.write_text(json.dumps(described_app().openapi(), ensure_ascii=False, indent=1), encoding="utf-8")
    if not short:
        _without_service(tools, description)
    with _step("openapi-python-client"):
        generated.python_client(tools, description)
    with _up(tools) as (up, roster):
        with _step("the generated Python client drives a run"):
            generated.run_python_example(tools, up, roster)
        if not short and tools.has_node:
            with _step("the generated TypeScript client drives a run"):
                generated.run_typescript_example(tools, up, roster)
        # Last: it finds what the examples have left, and nothing follows on what it leaves itself.
        with _step("schemathesis"):
            fuzz(tools, up, _FUZZING_SECONDS[short])


def _without_service(tools: Tools, description: Path) -> None:
    steps: list[tuple[str, bool, str, Callable[[Tools, Path], None]]] = [
        ("redocly", tools.has_node, "node", lint_with_redocly),
        ("spectral", tools.has_node, "node", lint_with_spectral),
        ("openapi-typescript", tools.has_node, "node", generated.typescript_types),
        ("openapi-generator", tools.has_java and tools.has_node, "java and node", generated.typescript_fetch),
    ]
    for name, can, needed, step in steps:
        if not can:
            print(f"── {name}: left out, there is no {needed} here")  # noqa: T201
            continue
        with _step(name):
            step(tools, description)


def lint_with_redocly(tools: Tools, description: Path) -> None:
    """Fails for what redocly calls an error or a warning."""
    tools.node("redocly", "lint", description, "--config", HERE / "redocly.yaml", "--max-problems", "50")


def lint_with_spectral(tools: Tools, description: Path) -> None:
    """Fails for what spectral calls an error, a warning or worth a hint."""
    tools.node("spectral", "lint", description, "--ruleset", HERE / "spectral.yaml", "--fail-severity", "hint")


def fuzz(tools: Tools, up: LocalStack, seconds: int) -> None:
    """Has schemathesis ask whatever the description lets it think of, for so long.

    With all checks but two: that of keys that do not count tries so many from one address that they are answered with
    429, and tests/api/access_table.py has each route without a key and with a wrong one.
    """
    tools.python(
        "schemathesis",
        *("--config-file", HERE / "schemathesis.toml", "run", f"{up.api}/openapi.json", "--workers", "1"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-time", seconds, "--no-color"),
        *("--exclude-checks", "allow_header_conformance,ignored_auth"),
        folder=tools.folder,
        env={"PROVKEDJA_KEY": up.key},
    )


@contextmanager
def _up(tools: Tools) -> Iterator[tuple[LocalStack, Path]]:
    """Lends a service with its look-alike of Skolverket, and a roster that this knows the schools of."""
    made = generate(RosterPlan(persons=_PERSONS, schools=2))
    roster = tools.folder / "roster.json"
    roster.write_text(json.dumps({"display_name": "Nationella prov, påhittade", "roster": roster_only(made)}))
    # It is one key, and asks as fast as it can.
    os.environ |= {"REQUESTS_PER_SECOND_PER_KEY": "1e6", "REQUESTS_PER_SECOND_PER_ORGANISATION": "1e6"}
    with tempfile.TemporaryDirectory() as folder, local_stack(Path(folder), reference_only(made), join=False) as up:
        yield up, roster


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"── {name}: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
