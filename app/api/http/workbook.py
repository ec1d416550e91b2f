"""Rows as an Excel workbook: one sheet, its headings frozen and with a filter; every text is a text, also a number.

A workbook is an archive of XML. It leaves as it is written, so that its rows, which are personal, are in no file here
and memory does not grow with them; one that breaks off has no end, and no program takes it for a workbook.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from app.views.delimited import writable
from app.views.export import Cell

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SCHEMA: Final = "http://schemas.openxmlformats.org"
_MAIN: Final = f"{_SCHEMA}/spreadsheetml/2006/main"
_RELATIONS: Final = f"{_SCHEMA}/package/2006/relationships"
_OFFICE: Final = f"{_SCHEMA}/officeDocument/2006/relationships"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHEET: Final = "xl/worksheets/sheet1.xml"
# All that is the same in every workbook. The second form of a cell is bold.
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_SCHEMA}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
    f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Provkedja" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
# Programs read `_x0041_` in a text as a letter by its number.
_NUMBERED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


class SheetWriter:
    """Writes a workbook row by row, and gives what is ready of it. Blocking: call it in a thread."""

    def __init__(self, headings: Sequence[Cell], widths: Sequence[int]) -> None:
        self._ready = _Pieces()
        self._book = ZipFile(self._ready, "w", ZIP_DEFLATED)
        for name, content in _PARTS.items():
            self._book.writestr(name, _HEAD + content)
        self._sheet = self._book.open(_SHEET, "w", force_zip64=True)
        self._rows, self._columns = 0, len(headings)
        columns = "".join(
            f'<col min="{place}" max="{place}" width="{width}" customWidth="1"/>'
            for place, width in enumerate(widths, start=1)
        )
        self._write(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView tabSelected="1" workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{columns}</cols><sheetData>{self._row(headings, style=1)}"
        )

    def add(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        """Writes rows; gives what is ready, which may be nothing yet."""
        self._write("".join(map(self._row, rows)))
        return self._ready.take()

    def finish(self) -> bytes:
        """Writes the end, and gives the rest."""
        last = f"{_LETTERS[self._columns - 1]}{max(self._rows, 2)}"
        self._write(f'</sheetData><autoFilter ref="A1:{last}"/></worksheet>')
        self.close()
        return self._ready.take()

    def close(self) -> None:
        """Lets go of a workbook, also one that is given up: what is not taken then is nobody's."""
        self._sheet.close()
        self._book.close()

    def _write(self, text: str) -> None:
        self._sheet.write(text.encode())

    def _row(self, cells: Sequence[Cell], style: int = 0) -> str:
        self._rows += 1
        written = "".join(
            _cell(f"{_LETTERS[place]}{self._rows}", cell, style) for place, cell in enumerate(cells) if cell is not None
        )
        return f'<row r="{self._rows}">{written}</row>'


class _Pieces:
    """Takes what is written, for whoever takes it from there; nobody goes back in it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Has nothing to do."""

    def close(self) -> None:
        """Has nothing to do."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _cell(place: str, cell: str | int, style: int) -> str:
    if not isinstance(cell, str):
        return f'<c r="{place}" s="{style}"><v>{cell}</v></c>'
    # Never as what it looks like: no formula, number or address.
    text = escape(_NUMBERED.sub("_x005F_", writable(cell)), {"\r": "&#13;"})
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
