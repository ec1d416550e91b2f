"""What has been asked to be erased, and what has been: the rows stay as long as their organisation."""

import sqlalchemy as sa

from app.db.schema.columns import NOW, UUID, Time, metadata, one_of

erasure = sa.Table(
    "erasure",
    metadata,
    # A person whose content goes, or the organisation itself under its own id; history has the id anyway.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    # The handle of the key, or the command line.
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", Time, nullable=False, server_default=NOW),
    # When its line was written into the file of erasures, known before only where that names it already.
    sa.Column("logged_at", Time),
    # None while a worker has it before it.
    sa.Column("erased_at", Time),
    one_of("kind", "persons", "organisation"),
    # What is still to be done.
    sa.Index("ix_erasure_open", "requested_at", postgresql_where=sa.text("erased_at IS NULL")),
    sa.CheckConstraint("erased_at IS NULL OR logged_at IS NOT NULL", name="logged_before_it_counts"),
)
