"""Many rows in one statement, into tables with policies: a COPY goes into none of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_rows(
    conn: AsyncConnection, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]
) -> None:
    """Inserts `rows` into a table; `columns` are its names and types in their order, a json value is given as text."""
    if not rows:
        return
    values = {
        name: [_as_text(each) for each in column] if type_.endswith("[]") else list(column)
        for (name, type_), column in zip(columns.items(), zip(*rows, strict=True), strict=True)
    }
    await conn.execute(_insert(table, tuple(columns.items())), values)


@cache
def _insert(table: str, columns: tuple[tuple[str, str], ...]) -> sa.TextClause:
    # An array a column; unnest takes an array of arrays apart to the last, so that such a column's values go as text.
    given = ", ".join(f"CAST(:{name} AS {'text' if type_.endswith('[]') else type_}[])" for name, type_ in columns)
    names = ", ".join(name for name, _ in columns)
    shown = ", ".join(f"CAST({name} AS {type_})" for name, type_ in columns)
    return sa.text(f"INSERT INTO {table} ({names}) SELECT {shown} FROM unnest({given}) AS each ({names})")  # noqa: S608 - names of ours


def _as_text(values: Iterable[Any] | None) -> str | None:
    """Writes an array as Postgres reads it."""
    if values is None:
        return None
    quoted = (str(each).replace("\\", "\\\\").replace('"', '\\"') for each in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"
