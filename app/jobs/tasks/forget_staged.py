"""Rows of rosters whose process died while they arrived go when they are an hour old."""

from datetime import timedelta

from app.db.staging import forget_staged
from app.jobs.tasks.kind import kept_tidy

# The table is read whole, which is nothing to do often.
KIND = kept_tidy("forget_staged", timedelta(hours=1), forget_staged)
