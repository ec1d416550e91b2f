"""The tables, and the functions and guards over them."""

import re
from pathlib import Path

from alembic import op

from app.db.access import access_statements, role_statements
from app.db.functions import all_functions
from app.db.schema import metadata

revision = "0001"
down_revision = None

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(_TABLES.read_text(encoding="utf-8"))
    for statement in all_functions():
        op.execute(statement)
    for statement in (*role_statements(), *access_statements(metadata)):
        op.execute(statement)


def downgrade() -> None:
    tables = re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", _TABLES.read_text(encoding="utf-8"), re.MULTILINE)
    op.execute(f"DROP TABLE {', '.join(tables)} CASCADE")
    functions = {name for sql in all_functions() for name in re.findall(r"CREATE OR REPLACE FUNCTION (\w+)\(", sql)}
    for name in sorted(functions):
        # One that gives rows of a table has gone with it.
        op.execute(f"DROP FUNCTION IF EXISTS {name}")
