"""What callers have put: activities and the objects of their rosters."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, kind_of_object, metadata

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    # The items of the roster that counts; those of an older one are deleted when it is replaced.
    sa.Column("roster_id", UUID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("counts", pg.JSONB, nullable=False),
    sa.Column("findings_errors", sa.Integer, nullable=False, server_default="0"),
    sa.Column("findings_warnings", sa.Integer, nullable=False, server_default="0"),
    # The lane's memory: how many runs it has taken.
    sa.Column("last_sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("updated_at", Time, nullable=False, server_default=NOW),
    sa.Index("ix_activity_newest", "organisation_id", "created_at", "id"),
)

roster_item = sa.Table(
    "roster_item",
    metadata,
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("roster_id", UUID, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("words", pg.ARRAY(sa.BigInteger), nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("sendable", sa.Boolean, nullable=False),
    sa.Column("flaws", pg.JSONB),
    kind_of_object(),
    sa.Index("ix_roster_item_order", "roster_id", "stage", "ordinal"),
    sa.Index(
        "ix_roster_item_flawed",
        "roster_id",
        "stage",
        "ordinal",
        postgresql_where=sa.text("flaws IS NOT NULL"),
    ),
    sa.Index("ix_roster_item_protected", "object_id", postgresql_where=sa.text("protected")),
)
