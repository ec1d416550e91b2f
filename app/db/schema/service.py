"""What workers know together: limits, tokens, circuits, answer times, open data, each other."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, kind_of_object, metadata, one_of

call_limit = sa.Table(
    "call_limit",
    metadata,
    # When the next call of this kind may leave, over all workers.
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("next_at", Time, nullable=False, server_default=NOW),
    # The slots of the last moments: what of Skolverket's own count is ours.
    sa.Column("recent", pg.ARRAY(Time), nullable=False, server_default="{}"),
    one_of("bucket", "calls", "reads"),
)

call_turn = sa.Table(
    "call_turn",
    metadata,
    # When an organisation last asked for a slot, and when it last got one.
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("asked_at", Time, nullable=False),
    sa.Column("granted_at", Time, nullable=False),
    one_of("bucket", "calls", "reads"),
)

access_token = sa.Table(
    "access_token",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("token", sa.LargeBinary),
    sa.Column("expires_at", Time),
    # Raised by every new token, so that the refusal of an old one ends no other.
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    # When one that was refused was last given up for a new one.
    sa.Column("renewed_at", Time),
    # One worker fetches; the others wait for it, and share what it met.
    sa.Column("fetching_until", Time),
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.CheckConstraint("(token IS NULL) = (expires_at IS NULL)", name="token_has_its_end"),
)

circuit = sa.Table(
    "circuit",
    metadata,
    # Failures of a service since its last sign of life, over all workers; open, nothing but a probe goes there.
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failing_since", Time),
    sa.Column("code", sa.Text),
    sa.Column("opened_at", Time),
    sa.Column("probe_at", Time),
    one_of("service", "provisioning", "authorisation"),
    sa.CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="failing_since"),
    sa.CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name="probed_while_open"),
)

answer_time = sa.Table(
    "answer_time",
    metadata,
    # How long Skolverket usually takes with a batch, learned from the earlier ones.
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("usual", sa.Interval, nullable=False),
    kind_of_object(),
)

reference_item = sa.Table(
    "reference_item",
    metadata,
    # Skolverket's open data as it came: public, and the same for all organisations.
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("payload", pg.JSONB, nullable=False),
    sa.Column("fetched_at", Time, nullable=False, server_default=NOW),
    one_of("kind", "organisation", "school_unit", "programme", "exam"),
    sa.Index(None, "kind", "code"),
)

reference_refresh = sa.Table(
    "reference_refresh",
    metadata,
    # What is kept fresh: `programmes`, `exams`, or an organisation's number.
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("due_at", Time, nullable=False, server_default=NOW),
    sa.Column("refreshed_at", Time),
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.Index(None, "due_at"),
)

worker = sa.Table(
    "worker",
    metadata,
    # One row a process: when it was last heard of, and what it has met. Those of the past are added up in one.
    sa.Column("id", UUID, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started_at", Time, nullable=False, server_default=NOW),
    sa.Column("seen_at", Time, nullable=False, server_default=NOW),
    sa.Column("ended_at", Time),
    # Steps that are being made now.
    sa.Column("in_hand", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
    # Claims over a lease that had run out, and claims of its own that somebody else took over.
    sa.Column("reaped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("wake_ups", sa.BigInteger, nullable=False, server_default="0"),
    # From a wake-up to the claim that followed: how many took up to each of some bounds, and all seconds together.
    sa.Column("woken", pg.ARRAY(sa.BigInteger), nullable=False, server_default="{}"),
    sa.Column("wake_seconds", sa.Double, nullable=False, server_default="0"),
)
