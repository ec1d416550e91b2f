"""The commands that make a roster's file, and say what is wrong with one; neither needs a database."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.console import Console

from app.cli.arguments import read_organisation
from app.cli.roster_report import as_json_line, refusal_lines, report
from app.cli.start import read_settings
from app.errors import Refused, Stopped

if TYPE_CHECKING:
    from app.domain.roster import RosterObject
    from app.domain.schools import Schools
    from app.sources.json_upload import RosterReader
    from app.target import Published

commands = typer.Typer()
roster = typer.Typer(no_args_is_help=True, help="Rosters as files: one to begin with, and what is wrong with yours.")
commands.add_typer(roster, name="roster")

_DEMONSTRATIONS = "2120009812"
_ERRORS, _NOT_TAKEN = 1, 2
_PIECE = 64 * 1024


class _Language(StrEnum):
    SV = "sv"
    EN = "en"


@roster.command("generate")
def roster_generate(
    persons: Annotated[int, typer.Option(min=1, help="Pupils and staff together, at least 20 a school.")],
    schools: Annotated[
        int | None, typer.Option(min=1, help="How many schools.", show_default="five, or as many as fit")
    ] = None,
    defects: Annotated[int, typer.Option(min=0, help="How many records have something wrong with them.")] = 0,
    seed: Annotated[int, typer.Option(help="Another one gives other people; the same gives the same bytes.")] = 1,
    organisation: Annotated[
        str,
        typer.Option(
            help="Organisation number of the key that it is sent with; that of `make serve` at first.",
            callback=read_organisation,
        ),
    ] = _DEMONSTRATIONS,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write the body.", show_default="stdout")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Where to write its schools, programmes and exams: a body for the simulator's"
            " `PUT /_simulator/reference`, and for `roster check`.",
            show_default="nowhere",
        ),
    ] = None,
    planted: Annotated[
        Path | None,
        typer.Option(help="Where to list what is wrong, one JSON object a line.", show_default="stderr"),
    ] = None,
) -> None:
    """Writes the roster of an invented organisation, as a body for `PUT /activities/{id}`.

    Nobody in it exists. The simulator takes it once it knows the --reference that was written with it; up to five
    schools of the organisation that `make serve` begins with are known there already.
    """
    from app.demo.roster import DEMONSTRATION, RosterPlan, generate, json_chunks, reference_only, roster_only

    schools = schools or max(1, min(5, persons // 20))
    try:
        plan = RosterPlan(
            persons=persons,
            schools=schools,
            seed=DEMONSTRATION if organisation == _DEMONSTRATIONS else int(organisation),
            people=f"{seed} of {persons} in {schools} of {organisation}",
            defects=defects,
            organisation_number=organisation,
        )
        generated = generate(plan)
    except ValueError as impossible:
        raise Stopped(f"no such roster of {persons} persons can be made: {impossible}") from None
    body = {"display_name": "Nationella prov, påhittade", "roster": roster_only(generated)}
    _write(output, sys.stdout, json_chunks(body))
    if reference:
        _write(reference, sys.stdout, json_chunks(reference_only(generated)))
    _write(planted, sys.stderr, (f"{json.dumps(entry)}\n" for entry in generated["planted"]))


@roster.command("check")
def roster_check(
    file: Annotated[Path, typer.Argument(help="A body for `PUT /activities/{id}`; - is stdin.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One finding a line, as `GET /activities/{id}/findings` lists them.")
    ] = False,
    language: Annotated[_Language, typer.Option(help="Of the explanations.")] = _Language.SV,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="The schools, programmes and exams that there are, as `roster generate` writes them.",
            show_default="not looked at",
        ),
    ] = None,
    organisation: Annotated[
        str | None,
        typer.Option(
            help="Organisation number that the reference is looked at for.",
            callback=read_organisation,
            show_default="its huvudman, or whose all of its school units are",
        ),
    ] = None,
    eppn_domain: Annotated[
        list[str] | None,
        typer.Option(help="A domain of the organisation's logins; once for each.", show_default="any"),
    ] = None,
) -> None:
    """Says what is wrong with a roster before it is sent to anybody; no database is needed.

    Exit code 0 without errors, 1 with errors, 2 when it cannot be taken at all. No value of an object is shown. What
    only the service knows is not looked at: its other rosters, and what was sent before.
    """
    from app.domain.reading import Reading, findings_of
    from app.domain.rules.given import Given
    from app.domain.schools import NOTHING_KNOWN
    from app.runtime import published
    from app.sources.json_upload import RosterReader

    shape, reader, today = published(), RosterReader(), datetime.now(UTC).date()
    try:
        known = _reference(reference, organisation, shape) if reference else NOTHING_KNOWN
        given = Given(today, frozenset(each.lower() for each in eppn_domain or ()), known)
        reading = Reading(shape.outgoing, shape.body_form, given)
        found = findings_of(reading, _objects(file, reader, read_settings().max_roster_bytes))
    except Refused as refused:
        _print(refusal_lines(refused, as_json=as_json))
        raise SystemExit(_NOT_TAKEN) from None
    _print(map(as_json_line, found) if as_json else report(reader.counts, found, language.value))
    raise SystemExit(_ERRORS if any(each.issue.severity == "error" for each in found) else 0)


def _reference(path: Path, organisation: str | None, shape: "Published") -> "Schools":
    from app.demo.reference import read_reference

    try:
        read = read_reference(path, organisation)
    except OSError as problem:
        raise Refused(f"The reference cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        raise Refused(f"The reference cannot be used: {problem}.") from None
    return shape.schools(read.number, read.units, frozenset(), read.programmes, read.exams)


def _objects(file: Path, reader: "RosterReader", most: int) -> Iterator["RosterObject"]:
    taken = 0
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                taken += len(piece)
                if taken > most:
                    raise Refused(f"The body may have at most {most} bytes.")
                yield from reader.feed(piece)
    except OSError as problem:
        raise Refused(f"The file cannot be read: {problem.strerror}.") from None
    yield from reader.close()


def _write(path: Path | None, otherwise: TextIO, texts: Iterable[str]) -> None:
    if path is None:
        otherwise.writelines(texts)
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(texts)
    except OSError as problem:
        raise Stopped(f"the file {path} cannot be written: {problem.strerror}") from None


def _print(lines: Iterable[str]) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for line in lines:
        console.print(line)
