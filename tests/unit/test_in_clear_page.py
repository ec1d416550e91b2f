"""`docs/in-clear.md` has every column of an organisation's rows that says something and is not sealed, and no other."""

import re
from collections import Counter

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema import metadata
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "in-clear.md").read_text(encoding="utf-8")
# What says something in clear; what is left are times, counts and versions, and bytes, which
# `test_sealing_anew.py` knows one by one as sealed or as digests.
SAYING = (sa.Text, sa.Uuid, sa.ARRAY, pg.JSONB, sa.Boolean, sa.SmallInteger)
ROW = re.compile(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \| (.+) \|$", re.MULTILINE)


def listed() -> list[tuple[str, str]]:
    return [(table, column) for table, columns, _ in ROW.findall(PAGE) for column in re.findall(r"`(\w+)`", columns)]


def test_every_column_in_clear_is_on_the_page_once() -> None:
    """With the tables of the schema as they are now; a column that is new tomorrow is missing here."""
    there = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        if "organisation_id" in table.c or table.name == "organisation"
        for column in table.c
        if isinstance(column.type, SAYING)
    }
    assert {place for place, times in Counter(listed()).items() if times > 1} == set()
    assert set(listed()) == there


def test_each_has_a_reason() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(PAGE)), "a row of another form is read by nobody"
    assert all(reason.strip() for *_, reason in ROW.findall(PAGE))
