"""How exports leave: as CSV, JSON lines or an Excel workbook, piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from typing import Annotated, Final, Literal

from anyio import to_thread
from fastapi import Query

from app.api.http.answers import to_json
from app.api.http.streams import Streamed
from app.api.http.workbook import SheetWriter
from app.views import Shown, delimited
from app.views.export import Column, cells, headings

Form = Literal["csv", "jsonl", "xlsx"]
Slices = AsyncGenerator[list[Shown]]
Lang = Annotated[Literal["sv", "en"], Query(description="The language of headings and words.")]

MEDIA_TYPES: Final[dict[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# So many rows are made ready before others have their turn.
_AT_ONCE = 20


async def export(
    form: Form, name: str, columns: Sequence[Column], slices: Slices, language: Literal["sv", "en"]
) -> Streamed:
    """Answers with a file of this `name`, which says nothing about a person; raises what the first slice raises."""
    rows = _few(await anext(slices, []), slices)
    pieces = {
        "csv": lambda: _csv(columns, rows, language),
        "jsonl": lambda: _jsonl(rows),
        "xlsx": lambda: _xlsx(columns, rows, language),
    }[form]()
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Streamed(pieces, source=slices, headers=headers, media_type=MEDIA_TYPES[form])


async def _csv(columns: Sequence[Column], rows: Slices, language: Literal["sv", "en"]) -> AsyncGenerator[bytes]:
    yield delimited.BEGINNING + delimited.row(headings(columns, language))
    async with aclosing(rows):
        async for few in rows:
            yield b"".join(delimited.row(cells(columns, each, language)) for each in few)


async def _jsonl(rows: Slices) -> AsyncGenerator[bytes]:
    async with aclosing(rows):
        async for few in rows:
            yield b"".join(to_json(each) + b"\n" for each in few)


async def _xlsx(columns: Sequence[Column], rows: Slices, language: Literal["sv", "en"]) -> AsyncGenerator[bytes]:
    # Threads that whoever has gone waits for: the sheet is closed behind the last of them.
    with closing(SheetWriter(headings(columns, language), [column.width for column in columns])) as sheet:
        async with aclosing(rows):
            async for few in rows:
                yield await to_thread.run_sync(sheet.add, [cells(columns, each, language) for each in few])
        yield await to_thread.run_sync(sheet.finish)


async def _few(first: list[Shown], others: Slices) -> Slices:
    """Cuts slices small, and lets others have their turn between two."""
    async with aclosing(others):
        given = first
        while given:
            for place in range(0, len(given), _AT_ONCE):
                yield given[place : place + _AT_ONCE]
                await asyncio.sleep(0)
            given = await anext(others, [])
