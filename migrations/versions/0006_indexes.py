"""Indexes for each way in which callers narrow their lists.

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


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for the transactions that were there before, and holds up nobody meanwhile.
        op.execute("SET lock_timeout = 0")
        for name, (table, key) in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({key})")
        op.execute("SET lock_timeout = '2s'")


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
