"""Indexes for each way in which callers narrow their lists, and no statistics of keys, which grow old.

Indexes are made beside those who write, each by itself: one that was left half made is made anew.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_INDEXES = {
    "ix_job_history_status": ("job", "organisation_id, status, created_at, run_id, (-position)"),
    "ix_job_history_activity": ("job", "organisation_id, activity_id, created_at, run_id, (-position)"),
    "ix_run_made_by": ("run", "organisation_id, requested_by_id, created_at, id"),
    "ix_activity_newest": ("activity", "organisation_id, created_at, id"),
}
# Statistics from before an organisation came say that it has one row, so that any index that begins with its id looks
# as good as the primary key. Without any, the planner takes each key to be one of two hundred, and two to be better.
_KEYS = {
    "activity": ("organisation_id",),
    "run": ("organisation_id", "activity_id", "requested_by_id", "status"),
    "job": ("organisation_id", "activity_id", "run_id", "status"),
    "record": ("organisation_id", "job_id", "run_id", "object_id", "batch_id"),
    "batch": ("organisation_id", "job_id"),
    "holding": ("organisation_id", "job_id", "object_id"),
    "roster_item": ("organisation_id", "roster_id", "object_id"),
    "event": ("organisation_id", "run_id", "job_id"),
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for the transactions that were there before, and holds up nobody meanwhile.
        op.execute("SET lock_timeout = 0")
        for name, (table, key) in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({key})")
        op.execute("SET lock_timeout = '2s'")
    _collect(0)
    for table, columns in _KEYS.items():
        for column in columns:
            op.execute(
                f"""
                DO $$ BEGIN
                    -- Postgres 18 and later; before, old figures stay until the table is made anew.
                    IF to_regprocedure('pg_clear_attribute_stats(text, text, text, boolean)') IS NOT NULL THEN
                        PERFORM pg_clear_attribute_stats(current_schema(), '{table}', '{column}', false);
                    END IF;
                END $$
                """
            )


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    _collect(-1)


def _collect(target: int) -> None:
    for table, columns in _KEYS.items():
        changes = ", ".join(f"ALTER COLUMN {column} SET STATISTICS {target}" for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
