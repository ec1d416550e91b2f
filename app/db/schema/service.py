"""What workers know together: who may call, tokens, circuits, answer times, open data, tasks, each other."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, kind_of_object, metadata, one_of

egress = sa.Table(
    "egress",
    metadata,
    # An address from which the target is called, and until when it has asked to be left alone.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("calls_paused_until", Time),
    sa.Column("reads_paused_until", Time),
)

epoch = sa.Table(
    "epoch",
    metadata,
    # One process's time with an egress. It holds the right to call, then leaves: its calls come to their end. While its
    # beat moves, its claims are its own.
    sa.Column("id", UUID, primary_key=True),
    sa.Column("egress", sa.Text, sa.ForeignKey("egress.name"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("worker", UUID, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="holds"),
    sa.Column("beat", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("began_at", Time, nullable=False, server_default=NOW),
    sa.Column("ended_at", Time),
    sa.UniqueConstraint("egress", "number"),
    one_of("state", "holds", "leaves", "ended"),
    sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_has_its_time"),
    # Two processes never have one address.
    sa.Index("uq_epoch_holds", "egress", unique=True, postgresql_where=sa.text("state = 'holds'")),
    sa.Index("ix_epoch_going_on", "egress", postgresql_where=sa.text("state <> 'ended'")),
)

access_token = sa.Table(
    "access_token",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("token", sa.LargeBinary),
    sa.Column("expires_at", Time),
    # The last try that got none, for operators.
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.CheckConstraint("(token IS NULL) = (expires_at IS NULL)", name="token_has_its_end"),
)

circuit = sa.Table(
    "circuit",
    metadata,
    # What an egress's holder knows of a service, for operators: it decides by its own memory. Failures since the last
    # sign of life; open, nothing but a probe goes there.
    sa.Column("egress", sa.Text, primary_key=True),
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
    sa.Column("kind", sa.Text, primary_key=True),
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
    # When it was first seen as it is.
    sa.Column("fetched_at", Time, nullable=False, server_default=NOW),
    one_of("kind", "organisation", "school_unit", "programme", "exam"),
    sa.Index(None, "kind", "code"),
)

task = sa.Table(
    "task",
    metadata,
    # Work that is not a job. One that calls is claimed by an epoch, one that stays inside for a time; `claim` is raised
    # by each claim, and every write repeats it.
    sa.Column("id", UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id")),
    sa.Column("due_at", Time, nullable=False, server_default=NOW),
    # Not before this job has ended; and once more then, when it is done before.
    sa.Column("after_job", UUID, sa.ForeignKey("job.id")),
    sa.Column("again_at", Time),
    sa.Column("claim", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("holder", UUID, sa.ForeignKey("epoch.id")),
    sa.Column("leased_until", Time),
    # Objects of a call that it has made, and whose answer is not known.
    sa.Column("under_way", pg.ARRAY(UUID)),
    # Failures in a row, and the last one; when it was done last.
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.Column("done_at", Time),
    # The epoch whose death is the last failure, until it says that it lives; and the last failure before that.
    sa.Column("accused_by", UUID),
    sa.Column("failed_before_at", Time),
    sa.Column("failure_before", sa.Text),
    # What came of it, for whoever asked for it and waits.
    sa.Column("result", pg.JSONB),
    sa.Column("made_at", Time, nullable=False, server_default=NOW),
    sa.UniqueConstraint("kind", "key"),
    sa.CheckConstraint("holder IS NULL OR leased_until IS NULL", name="one_lease"),
    sa.CheckConstraint("(failed_at IS NULL) = (failure IS NULL)", name="failure_has_its_time"),
    sa.Index("ix_task_due", "kind", "due_at"),
    sa.Index("ix_task_leased", "leased_until", postgresql_where=sa.text("leased_until IS NOT NULL")),
    # For whoever deletes a job.
    sa.Index("ix_task_after", "after_job", postgresql_where=sa.text("after_job IS NOT NULL")),
    sa.Index("ix_task_accused", "accused_by", postgresql_where=sa.text("accused_by IS NOT NULL")),
    sa.Index("ix_task_held", "holder", postgresql_where=sa.text("holder IS NOT NULL")),
    sa.Index("ix_task_under_way", "organisation_id", postgresql_where=sa.text("under_way IS NOT NULL")),
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
    sa.Column("in_progress", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
    # Claims of what a lost worker had in hand, and claims of its own that somebody else took over.
    sa.Column("reaped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("wake_ups", sa.BigInteger, nullable=False, server_default="0"),
)
