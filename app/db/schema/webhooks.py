"""Whom callers want told of what happens, and what is to be told."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, metadata, one_of

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("types", pg.ARRAY(sa.Text), nullable=False),
    # What it is called, sealed; None for nothing.
    sa.Column("description_sealed", sa.LargeBinary),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default="true"),
    # When it said that it has gone, and was disabled for that.
    sa.Column("gone_at", Time),
    # Sealed; and the secret before, which signs as well until then.
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("secret_before", sa.LargeBinary),
    sa.Column("secret_before_until", Time),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.CheckConstraint(
        "types <@ ARRAY['run.succeeded', 'run.failed', 'run.cancelled', 'job.failed'] AND cardinality(types) > 0",
        name="types",
    ),
    sa.CheckConstraint("gone_at IS NULL OR NOT enabled", name="gone_is_disabled"),
    sa.CheckConstraint("(secret_before IS NULL) = (secret_before_until IS NULL)", name="secret_before_has_its_end"),
    sa.Index("ix_webhook_organisation", "organisation_id", "created_at", "id"),
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    # One thing that an endpoint is told: ids and what became of them. Written by a trigger in the transaction of the
    # change itself.
    sa.Column("id", UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("webhook_id", UUID, sa.ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", pg.JSONB, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    # Tries since it was made or replayed.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", Time, server_default=NOW),
    # Raised by each claim, and repeated by what is written under it; after a time it is somebody else's.
    sa.Column("claim", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("leased_until", Time),
    # The last try, and what was answered or kept it from an answer.
    sa.Column("tried_at", Time),
    sa.Column("http_status", sa.SmallInteger),
    sa.Column("failure", sa.Text),
    sa.Column("finished_at", Time),
    one_of("status", "pending", "delivered", "failed"),
    sa.CheckConstraint("(status = 'pending') = (due_at IS NOT NULL)", name="pending_is_due"),
    sa.CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name="finished_has_its_time"),
    sa.CheckConstraint("leased_until IS NULL OR status = 'pending'", name="leased_while_pending"),
    sa.Index("ix_webhook_delivery_due", "webhook_id", "due_at", postgresql_where=sa.text("status = 'pending'")),
    sa.Index("ix_webhook_delivery_newest", "webhook_id", "created_at", "id"),
    sa.Index("ix_webhook_delivery_created", "created_at"),
)
