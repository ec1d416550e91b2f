"""Slots for calls go round the organisations that wait for one."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "call_turn",
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.UUID, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("bucket IN ('calls', 'reads')", name=op.f("ck_call_turn_bucket")),
        sa.PrimaryKeyConstraint("bucket", "organisation_id", name=op.f("pk_call_turn")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_call_turn_organisation_id")),
    )
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION take_slot(text, uuid, interval, interval, interval)")
    op.drop_table("call_turn")
