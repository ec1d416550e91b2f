"""Workers that have long been gone are added up in one row."""

from datetime import timedelta

from app.db.workers import add_up_the_past
from app.jobs.tasks.kind import kept_tidy

KIND = kept_tidy("forget_workers", timedelta(minutes=1), add_up_the_past)
