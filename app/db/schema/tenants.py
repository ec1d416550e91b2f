"""Who calls: organisations and their keys, and the answers that are kept for repeats."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, metadata

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    # What its keys are derived with: without it nothing of the organisation can be opened any more.
    sa.Column("salt", sa.LargeBinary, nullable=False),
    # How many rosters it has uploaded: the next one is committed as one more.
    sa.Column("last_upload", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    # Where its certificate and private key lie (never what is in them); what the federation calls it, if it is in one.
    sa.Column("certificate_file", sa.Text),
    sa.Column("key_file", sa.Text),
    sa.Column("entity_id", sa.Text),
    # The domains that its logins (EPPN) are of, in lower case; none while it has declared none.
    sa.Column("eppn_domains", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.CheckConstraint("number ~ '^[0-9]{10}$'", name="number"),
    sa.CheckConstraint("octet_length(salt) = 32", name="salt"),
    sa.CheckConstraint(
        "(certificate_file IS NULL) = (key_file IS NULL) AND (entity_id IS NULL OR certificate_file IS NOT NULL)",
        name="certificate_with_key",
    ),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("handle", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("revoked_at", Time),
    sa.Index(None, "organisation_id"),
)

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_digest", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("body", pg.JSONB, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Index(None, "created_at"),
)
