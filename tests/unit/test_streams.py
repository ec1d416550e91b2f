"""That a streamed answer leaves nothing behind: its rows are given back, whoever has gone."""

import zipfile
from collections.abc import AsyncGenerator
from io import BytesIO

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api.http.exports import Form, export
from app.api.http.head import HeadAsGet
from app.api.http.workbook import SheetWriter
from app.views import Shown
from app.views.export import Column

COLUMNS = [Column("column_id", 20, lambda shown, _: shown["id"])]
SCOPE = {"type": "http", "method": "GET", "headers": [], "asgi": {"version": "3.0", "spec_version": "2.4"}}


class Rows:
    """Rows that know whether they are still wanted."""

    def __init__(self) -> None:
        self.held = False

    async def slices(self) -> AsyncGenerator[list[Shown]]:
        self.held = True
        try:
            while True:
                yield [{"id": "1"}]
        finally:
            self.held = False


async def never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_rows_are_given_back_when_nobody_reads_on(form: Form) -> None:
    rows = Rows()

    async def broken(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    answer = await export(form, "runs", COLUMNS, rows.slices(), "sv")
    assert rows.held
    with pytest.raises(ClientDisconnect):
        await answer(SCOPE, never, broken)
    assert not rows.held


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
async def test_head_makes_nothing_of_an_export(form: Form) -> None:
    """Its rows have no end: a workbook of them would never be finished."""
    rows, sent = Rows(), list[Message]()

    async def keep(message: Message) -> None:
        sent.append(message)

    app = HeadAsGet(await export(form, "runs", COLUMNS, rows.slices(), "sv"))
    with anyio.fail_after(5), pytest.raises(ClientDisconnect):
        await app({**SCOPE, "method": "HEAD"}, never, keep)
    assert [each["type"] for each in sent] == ["http.response.start"]
    assert not rows.held


async def test_a_workbook_leaves_while_its_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no end, and nothing of them waits in a file; what has left is no workbook that a program opens."""
    rows, left, closed = Rows(), bytearray(), list[bool]()
    close = SheetWriter.close
    monkeypatch.setattr(SheetWriter, "close", lambda sheet: closed.append(close(sheet) is None))

    async def keep(message: Message) -> None:
        left.extend(message.get("body", b""))
        if len(left) > 20_000:
            raise OSError

    answer = await export("xlsx", "runs", COLUMNS, rows.slices(), "sv")
    with anyio.fail_after(20), pytest.raises(ClientDisconnect):
        await answer(SCOPE, never, keep)
    assert not rows.held
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(BytesIO(left))
    assert closed == [True]
