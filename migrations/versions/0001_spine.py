"""The tables of the spine."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "call_limit",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("bucket IN ('calls', 'reads')", name=op.f("ck_call_limit_bucket")),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_call_limit")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=True),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(
        op.f("ix_event_organisation_id_run_id_id"), "event", ["organisation_id", "run_id", "id"], unique=False
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("number ~ '^[0-9]{10}$'", name=op.f("ck_organisation_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("number", name=op.f("uq_organisation_number")),
    )
    op.create_table(
        "roster_item",
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("roster_id", sa.UUID(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("object_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("refs", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("sendable", sa.Boolean(), nullable=False),
        sa.Column("flaws", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("stage IN ('persons', 'duties', 'groups', 'activities')", name=op.f("ck_roster_item_stage")),
        sa.PrimaryKeyConstraint("roster_id", "stage", "object_id", name=op.f("pk_roster_item")),
    )
    op.create_index(
        "ix_roster_item_flawed",
        "roster_item",
        ["roster_id", "stage", "ordinal"],
        unique=False,
        postgresql_where=sa.text("flaws IS NOT NULL"),
    )
    op.create_index("ix_roster_item_order", "roster_item", ["roster_id", "stage", "ordinal"], unique=False)
    op.create_index(
        "ix_roster_item_protected",
        "roster_item",
        ["object_id"],
        unique=False,
        postgresql_where=sa.text("protected"),
    )
    op.create_table(
        "access_token",
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_access_token_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "environment", name=op.f("pk_access_token")),
    )
    op.create_table(
        "activity",
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("roster_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("findings_errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("findings_warnings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_activity_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_activity")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_api_key_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("handle", name=op.f("uq_api_key_handle")),
    )
    op.create_index(op.f("ix_api_key_organisation_id"), "api_key", ["organisation_id"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_idempotency_key_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("activity_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("on_record_error", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.UUID(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("roster_version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("ck_run_finished_has_its_time"),
        ),
        sa.CheckConstraint("on_record_error IN ('halt', 'continue')", name=op.f("ck_run_on_record_error")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_run_status")
        ),
        sa.CheckConstraint(
            "status NOT IN ('running', 'succeeded', 'failed') OR started_at IS NOT NULL", name=op.f("ck_run_started")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "activity_id"],
            ["activity.organisation_id", "activity.id"],
            name=op.f("fk_run_organisation_id_activity_id"),
        ),
        sa.ForeignKeyConstraint(["requested_by_id"], ["api_key.id"], name=op.f("fk_run_requested_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("id", "status", name=op.f("uq_run_id_status")),
        sa.UniqueConstraint(
            "organisation_id", "activity_id", "sequence", name=op.f("uq_run_organisation_id_activity_id_sequence")
        ),
    )
    op.create_index(
        "ix_run_queued",
        "run",
        ["organisation_id", "activity_id", "sequence"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "uq_run_one_under_way",
        "run",
        ["organisation_id", "activity_id"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("activity_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.UUID(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ring", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pending", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("warnings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "gate_run",
            sa.Text(),
            sa.Computed("CASE WHEN status IN ('queued', 'running') THEN 'running' END", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "gate_position",
            sa.SmallInteger(),
            sa.Computed(
                "CASE WHEN status IN ('queued', 'running', 'succeeded', 'failed') AND position > 1 THEN position - 1 END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column(
            "gate_status",
            sa.Text(),
            sa.Computed(
                "CASE WHEN status IN ('queued', 'running', 'succeeded', 'failed') AND position > 1 THEN 'succeeded' END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.CheckConstraint("(status IN ('queued', 'running')) = (due_at IS NOT NULL)", name=op.f("ck_job_live_is_due")),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed', 'blocked', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("ck_job_finished_has_its_time"),
        ),
        sa.CheckConstraint("lease_until IS NULL OR status = 'running'", name=op.f("ck_job_lease_only_while_running")),
        sa.CheckConstraint(
            "position = CASE stage WHEN 'persons' THEN 1 WHEN 'duties' THEN 2 WHEN 'groups' THEN 3 ELSE 4 END",
            name=op.f("ck_job_position_of_stage"),
        ),
        sa.CheckConstraint("stage IN ('persons', 'duties', 'groups', 'activities')", name=op.f("ck_job_stage")),
        sa.CheckConstraint(
            "status IN ('waiting', 'queued', 'running', 'succeeded', 'failed', 'blocked', 'cancelled')",
            name=op.f("ck_job_status"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "gate_position", "gate_status"],
            ["job.run_id", "job.position", "job.status"],
            name="fk_job_after_succeeded",
        ),
        sa.ForeignKeyConstraint(["run_id", "gate_run"], ["run.id", "run.status"], name="fk_job_live_in_running_run"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_job_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("run_id", "position", "status", name=op.f("uq_job_run_id_position_status")),
        sa.UniqueConstraint("run_id", "position", name=op.f("uq_job_run_id_position")),
    )
    op.create_index(
        "ix_job_due", "job", ["due_at"], unique=False, postgresql_where=sa.text("status IN ('queued', 'running')")
    )
    op.create_index(
        "ix_job_history",
        "job",
        ["organisation_id", "created_at", "run_id", sa.literal_column("(-position)")],
        unique=False,
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="written", nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("record_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("remote_job_id", sa.Text(), nullable=True),
        sa.Column("polls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'accepted') = (next_poll_at IS NOT NULL)", name=op.f("ck_batch_accepted_is_polled")
        ),
        sa.CheckConstraint("(status = 'written') = (called_at IS NULL)", name=op.f("ck_batch_called_has_its_time")),
        sa.CheckConstraint(
            "(status IN ('answered', 'refused', 'lost')) = (finished_at IS NOT NULL)",
            name=op.f("ck_batch_finished_has_its_time"),
        ),
        sa.CheckConstraint(
            "status IN ('written', 'called', 'accepted', 'answered', 'refused', 'lost')", name=op.f("ck_batch_status")
        ),
        sa.CheckConstraint(
            "status NOT IN ('accepted', 'answered') OR remote_job_id IS NOT NULL", name=op.f("ck_batch_accepted")
        ),
        sa.CheckConstraint("octet_length(request_sha256) = 32", name=op.f("ck_batch_sha256")),
        sa.CheckConstraint("request_bytes BETWEEN 1 AND 200000", name=op.f("ck_batch_size")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_batch_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("organisation_id", "job_id", "number", name=op.f("uq_batch_organisation_id_job_id_number")),
    )
    op.create_index(
        "ix_batch_open",
        "batch",
        ["job_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('written', 'called', 'accepted')"),
    )
    op.create_table(
        "record",
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("object_id", sa.UUID(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("refs", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("sendable", sa.Boolean(), nullable=False),
        sa.Column("remarks", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sent", sa.LargeBinary(), nullable=True),
        sa.Column("received", sa.LargeBinary(), nullable=True),
        sa.Column("batch_id", sa.UUID(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_together", sa.Integer(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'warning', 'error', 'skipped')) = (completed_at IS NOT NULL)",
            name=op.f("ck_record_final_has_its_time"),
        ),
        sa.CheckConstraint(
            "sendable OR status IN ('pending', 'error', 'skipped')", name=op.f("ck_record_broken_never_leaves")
        ),
        sa.CheckConstraint("stage IN ('persons', 'duties', 'groups', 'activities')", name=op.f("ck_record_stage")),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'succeeded', 'warning', 'error', 'skipped')", name=op.f("ck_record_status")
        ),
        sa.CheckConstraint(
            "status NOT IN ('sent', 'succeeded', 'warning') OR sent IS NOT NULL", name=op.f("ck_record_sent_is_kept")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_record_job_id")),
        sa.PrimaryKeyConstraint("job_id", "object_id", name=op.f("pk_record")),
    )
    op.create_index("ix_record_status", "record", ["run_id", "stage", "status", "ordinal"], unique=False)

    op.execute("INSERT INTO call_limit (bucket) VALUES ('calls'), ('reads')")


def downgrade() -> None:
    op.drop_index("ix_record_status", table_name="record")
    op.drop_table("record")
    op.drop_index(
        "ix_batch_open", table_name="batch", postgresql_where=sa.text("status IN ('written', 'called', 'accepted')")
    )
    op.drop_table("batch")
    op.drop_index("ix_job_history", table_name="job")
    op.drop_index("ix_job_due", table_name="job", postgresql_where=sa.text("status IN ('queued', 'running')"))
    op.drop_table("job")
    op.drop_index("uq_run_one_under_way", table_name="run", postgresql_where=sa.text("status = 'running'"))
    op.drop_index("ix_run_queued", table_name="run", postgresql_where=sa.text("status = 'queued'"))
    op.drop_table("run")
    op.drop_index(op.f("ix_idempotency_key_created_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_index(op.f("ix_api_key_organisation_id"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("activity")
    op.drop_table("access_token")
    op.drop_index("ix_roster_item_protected", table_name="roster_item", postgresql_where=sa.text("protected"))
    op.drop_index("ix_roster_item_order", table_name="roster_item")
    op.drop_index("ix_roster_item_flawed", table_name="roster_item", postgresql_where=sa.text("flaws IS NOT NULL"))
    op.drop_table("roster_item")
    op.drop_table("organisation")
    op.drop_index(op.f("ix_event_organisation_id_run_id_id"), table_name="event")
    op.drop_table("event")
    op.drop_table("call_limit")
