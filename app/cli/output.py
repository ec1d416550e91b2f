"""What commands print: a table for people at a terminal, lines with tabs in a pipe, one JSON document for programs.

Nothing is ever cut, and in a pipe there are no colours. Where a table does not fit the terminal each cell has a line,
so that an id stays in one piece.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Document = Mapping[str, Any]
# What stands in each column, by its heading.
Columns = Mapping[str, Callable[[Document], object]]


def print_list(documents: Sequence[Document], columns: Columns, *, as_json: bool) -> None:
    """Prints a list: as JSON the documents in an array, else a row for each."""
    if as_json:
        print_json(documents)
        return
    rows = [[_text(of(document)) for of in columns.values()] for document in documents]
    if not sys.stdout.isatty():
        for row in ([*columns], *rows):
            print_line("\t".join(" ".join(cell.split()) for cell in row))
        return
    console = Console(highlight=False)
    if _width([[*columns], *rows]) > console.width:
        _print_apart(columns, rows)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Gives how wide the table of these rows is: each column with a space on both sides, and lines between them."""
    return sum(max(map(cell_len, column)) + 3 for column in zip(*rows, strict=True)) + 1


def _print_apart(columns: Columns, rows: Sequence[Sequence[str]]) -> None:
    """Prints a line for each cell with something in it, and an empty one behind each row."""
    widest = max(map(cell_len, columns))
    for row in rows:
        for heading, cell in zip(columns, row, strict=True):
            if cell:
                print_line(f"{heading:{widest}}  {' '.join(cell.split())}")
        print_line("")


def print_json(document: object) -> None:
    """Prints one JSON document; times are RFC 3339 in UTC."""
    print_line(json.dumps(document, indent=2, ensure_ascii=False, default=_text))


def print_line(text: str) -> None:
    """Prints a line for people and scripts."""
    print(text)  # noqa: T201 - what commands are for


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case UUID() | str() | int() | float():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(_text, value))
    raise TypeError(f"a {type(value).__name__} is not shown")
