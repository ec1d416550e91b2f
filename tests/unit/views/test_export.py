"""Exports: what their cells say, and that no program takes a cell for more than its text."""

import zipfile
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest

from app.api.http.workbook import SheetWriter
from app.views import delimited
from app.views.export import RECORD_COLUMNS, RUN_COLUMNS, Cell, cells, civic_no, headings
from app.views.record import show_record
from tests.unit.views.rows import NORTH, PUPIL, record, viewer


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        (None, ""),
        (6, "6"),
        (-1, "-1"),
        ("Åsa Öberg", "Åsa Öberg"),
        ("", ""),
        ("***", "***"),
        # What would be a formula.
        ("=1+1", "'=1+1"),
        ("+46", "'+46"),
        ("-Åsa", "'-Åsa"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", '"\'\t=1"'),
        ("\r=1", '"\'\r=1"'),
        ("\nÅsa", '"\'\nÅsa"'),
        (" =1", "' =1"),
        (" Åsa ", '" Åsa "'),
        ("\u00a0=1", "'\u00a0=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20A", "'\uff20A"),
        ('=cmd|"/c calc";A1', '"\'=cmd|""/c calc"";A1"'),
        ("\0=1", "\ufffd=1"),
        # What would be a number or a date.
        ("201201019807", "'201201019807"),
        ("007", "'007"),
        ("7-9", "'7-9"),
        ("1/2", "'1/2"),
        ("2026-11-23", "'2026-11-23"),
        ("08:00", "'08:00"),
        ("1e5", "'1e5"),
        ("12,5", '"\'12,5"'),
        ("20120101-9807", "20120101-9807"),
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"),
        ("7A", "7A"),
        # What would break the row.
        ("a;b", '"a;b"'),
        ('Åsa "Åsis" Öberg', '"Åsa ""Åsis"" Öberg"'),
        ("a\nb", '"a\nb"'),
        ("a\r\nb", '"a\r\nb"'),
        # What has no form in UTF-8, or in the XML of a workbook.
        ("\ud800a", "\ufffda"),
        ("a\x08\x1f\ufffe", "a\ufffd\ufffd\ufffd"),
        ("å" * 40_000, "å" * 32_767),
    ],
)
def test_a_cell_of_csv_is_its_text_and_nothing_else(cell: Cell, written: str) -> None:
    assert delimited.row([cell, "x"]).decode() == f"{written};x\r\n"


def test_a_csv_begins_with_a_byte_order_mark() -> None:
    assert delimited.BEGINNING == b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("201201019807", "20120101-9807"),
        ("***", "***"),
        (None, None),
        ("1201019807", "1201019807"),
        ("x" * 12, "x" * 12),
    ],
)
def test_a_personnummer_is_written_with_its_hyphen(given: str | None, written: str | None) -> None:
    assert civic_no(given) == written


def test_a_record_has_the_cells_that_the_list_shows() -> None:
    row = {**record(), "school_unit_name": "Norra skolan"}
    shown = cells(RECORD_COLUMNS, show_record(row, viewer("pii")), "sv")
    assert shown[:8] == [
        "Fel",
        "Åsa Exempelsson",
        "Elev",
        "20120101-9807",
        "q7x1@edu.example.se",
        6,
        "GR",
        "Norra skolan",
    ]
    assert shown[9] == "2010"
    assert str(shown[10]).startswith("2010: Fel värde för Åsa")
    assert shown[12:] == [str(PUPIL), str(NORTH)]


def test_what_is_masked_in_a_list_is_masked_in_an_export() -> None:
    shown = show_record(record(hidden=True), viewer("pii"))
    row = cells(RECORD_COLUMNS, shown, "en")
    assert (row[0], row[1], row[3], row[4], row[5], row[7]) == ("Error", "***", "***", "***", None, None)
    assert "Åsa" not in str(row)


def test_every_column_has_a_heading_of_its_own_in_both_languages() -> None:
    for columns in (RECORD_COLUMNS, RUN_COLUMNS):
        for language in ("sv", "en"):
            assert len(set(headings(columns, language))) == len(columns)


def _sheet(rows: list[list[Cell]]) -> dict[str, Any]:
    sheet = SheetWriter(["Namn", "Personnummer"], [20, 16])
    book = zipfile.ZipFile(BytesIO(sheet.add(rows) + sheet.finish()))
    assert book.testzip() is None
    for part in book.namelist():
        ElementTree.fromstring(book.read(part))  # noqa: S314 - made here
    root = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - made here
    name = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    found = {
        each.attrib["r"]: (each.get("t"), "".join(each.itertext()))
        for each in root.iterfind(".//x:sheetData//x:c", name)
    }
    pane, narrowed = root.find(".//x:pane", name), root.find(".//x:autoFilter", name)
    assert pane is not None
    assert narrowed is not None
    assert root.find(".//x:f", name) is None
    return {**found, "pane": pane.attrib["state"], "filter": narrowed.attrib["ref"]}


def test_a_workbook_has_texts_as_texts_and_its_headings_frozen_and_with_a_filter() -> None:
    rows: list[list[Cell]] = [["=1+1", "201201019807"], ["\ud800\x08", None], ["http://x.example", 6]]
    sheet = _sheet(rows)
    assert (sheet["pane"], sheet["filter"]) == ("frozen", "A1:B4")
    assert (sheet["A1"], sheet["B1"]) == (("inlineStr", "Namn"), ("inlineStr", "Personnummer"))
    assert (sheet["A2"], sheet["B2"]) == (("inlineStr", "=1+1"), ("inlineStr", "201201019807"))
    assert sheet["A3"] == ("inlineStr", "\ufffd\ufffd")
    assert (sheet["A4"], sheet["B4"]) == (("inlineStr", "http://x.example"), (None, "6"))


def test_a_workbook_without_rows_has_its_headings() -> None:
    assert _sheet([])["filter"] == "A1:B2"


def test_a_text_in_a_workbook_stays_as_it_is() -> None:
    """Programs read a letter's number between `_x` and `_` as that letter."""
    sheet = _sheet([[" <b> & ", "a\rb\n"], ["_x0041_", "_x_"]])
    assert (sheet["A2"], sheet["B2"]) == (("inlineStr", " <b> & "), ("inlineStr", "a\rb\n"))
    assert (sheet["A3"], sheet["B3"]) == (("inlineStr", "_x005F_x0041_"), ("inlineStr", "_x_"))
