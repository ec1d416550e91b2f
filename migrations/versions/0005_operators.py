"""What operators want to know of workers: which there are, and what they have met. And two guards more."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0005"
down_revision = "0004"

_GUARDED = ("run", "job", "record", "batch")
_KEPT = ("run", "job", "event")
_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "worker",
        sa.Column("id", sa.UUID, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", _Time, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("seen_at", _Time, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("ended_at", _Time),
        sa.Column("in_hand", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("reaped", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rings", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("heard", pg.ARRAY(sa.BigInteger), nullable=False, server_default="{}"),
        sa.Column("heard_seconds", sa.Double, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
    )
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for table in _GUARDED:
        op.execute(f"DROP TRIGGER {table}_isolation ON {table}")
    for table in _KEPT:
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
    op.execute("DROP FUNCTION isolation_guard()")
    op.execute("DROP FUNCTION history_guard()")
    op.drop_table("worker")
