"""The note that a batch leaves can be taken back by a worker that is certain that it has not left."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    before = (Path(__file__).parent / "0002_guards.sql").read_text(encoding="utf-8")
    graphs = before[before.index("CREATE FUNCTION lifecycle_allows") :].partition("$$;")[0] + "$$;"
    op.execute(graphs.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
