"""What the connector to Skolverket has to remember: certificates, whose turn a token is, circuits, what is held there."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

_Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("organisation", sa.Column("certificate_file", sa.Text))
    op.add_column("organisation", sa.Column("key_file", sa.Text))
    op.add_column("organisation", sa.Column("entity_id", sa.Text))
    op.create_check_constraint(
        op.f("ck_organisation_certificate_with_key"),
        "organisation",
        "(certificate_file IS NULL) = (key_file IS NULL) AND (entity_id IS NULL OR certificate_file IS NOT NULL)",
    )

    op.alter_column("access_token", "token", nullable=True)
    op.alter_column("access_token", "expires_at", nullable=True)
    op.add_column("access_token", sa.Column("version", sa.Integer, nullable=False, server_default="0"))
    op.add_column("access_token", sa.Column("renewed_at", _Time))
    op.add_column("access_token", sa.Column("fetching_until", _Time))
    op.add_column("access_token", sa.Column("failed_at", _Time))
    op.add_column("access_token", sa.Column("failure", sa.Text))
    op.create_check_constraint(
        op.f("ck_access_token_token_has_its_end"), "access_token", "(token IS NULL) = (expires_at IS NULL)"
    )

    op.create_table(
        "circuit",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failing_since", _Time),
        sa.Column("code", sa.Text),
        sa.Column("opened_at", _Time),
        sa.Column("probe_at", _Time),
        sa.PrimaryKeyConstraint("service", name=op.f("pk_circuit")),
        sa.CheckConstraint("service IN ('provisioning', 'authorisation')", name=op.f("ck_circuit_service")),
        sa.CheckConstraint("(failures = 0) = (failing_since IS NULL)", name=op.f("ck_circuit_failing_since")),
        sa.CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name=op.f("ck_circuit_probed_while_open")),
    )
    op.execute("INSERT INTO circuit (service) VALUES ('provisioning'), ('authorisation')")

    op.create_table(
        "answer_time",
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("usual", sa.Interval, nullable=False),
        sa.PrimaryKeyConstraint("stage", name=op.f("pk_answer_time")),
        sa.CheckConstraint("stage IN ('persons', 'duties', 'groups', 'activities')", name=op.f("ck_answer_time_stage")),
    )

    op.create_table(
        "holding",
        sa.Column("organisation_id", sa.UUID, nullable=False),
        sa.Column("job_id", sa.UUID, nullable=False),
        sa.Column("object_id", sa.UUID, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("asked_at", _Time, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.PrimaryKeyConstraint("job_id", "object_id", name=op.f("pk_holding")),
        sa.ForeignKeyConstraint(
            ["job_id", "object_id"],
            ["record.job_id", "record.object_id"],
            name=op.f("fk_holding_job_id_object_id"),
        ),
    )

    op.create_table(
        "reference_item",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("id", sa.UUID, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("payload", pg.JSONB, nullable=False),
        sa.Column("fetched_at", _Time, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_reference_item")),
        sa.CheckConstraint(
            "kind IN ('organisation', 'school_unit', 'programme', 'exam')", name=op.f("ck_reference_item_kind")
        ),
    )
    op.create_index(op.f("ix_reference_item_kind_code"), "reference_item", ["kind", "code"])
    op.create_table(
        "reference_refresh",
        # `programmes`, `exams`, or an organisation's number.
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("due_at", _Time, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("refreshed_at", _Time),
        sa.Column("failed_at", _Time),
        sa.Column("failure", sa.Text),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_reference_refresh")),
    )
    op.create_index(op.f("ix_reference_refresh_due_at"), "reference_refresh", ["due_at"])

    op.add_column("call_limit", sa.Column("recent", pg.ARRAY(_Time), nullable=False, server_default="{}"))
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION take_slot(text, uuid, interval, interval, interval, interval)")
    op.drop_column("call_limit", "recent")
    for table in ("reference_refresh", "reference_item", "holding", "answer_time", "circuit"):
        op.drop_table(table)
    op.execute("DELETE FROM access_token")
    op.drop_constraint(op.f("ck_access_token_token_has_its_end"), "access_token")
    for column in ("version", "renewed_at", "fetching_until", "failed_at", "failure"):
        op.drop_column("access_token", column)
    op.alter_column("access_token", "token", nullable=False)
    op.alter_column("access_token", "expires_at", nullable=False)
    op.drop_constraint(op.f("ck_organisation_certificate_with_key"), "organisation")
    for column in ("certificate_file", "key_file", "entity_id"):
        op.drop_column("organisation", column)
