"""What the database itself refuses: triggers on runs, jobs, records and batches, and the history that they write."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    for table in ("run", "job", "record", "batch"):
        for trigger in (f"{table}_guard", f"{table}_event", f"{table}_arrival"):
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
    for function in (
        "run_guard()",
        "job_guard()",
        "record_guard()",
        "record_arrival()",
        "batch_guard()",
        "note_event()",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP FUNCTION fenced_job(uuid, bigint)")
    op.execute("DROP FUNCTION refuse(text, text)")
    op.execute("DROP FUNCTION lifecycle_allows(text, text, text)")
