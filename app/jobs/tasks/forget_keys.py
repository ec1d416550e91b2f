"""Answers that are kept for repeats go when they are a day old."""

from datetime import timedelta

from app.db.idempotency import forget_old_keys
from app.jobs.tasks.kind import kept_tidy

KIND = kept_tidy("forget_keys", timedelta(minutes=1), forget_old_keys)
