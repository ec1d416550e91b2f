"""Sessions of the pages go when they count no longer."""

from datetime import timedelta

from app.db.sessions import forget_ended_sessions
from app.jobs.tasks.kind import kept_tidy

KIND = kept_tidy("forget_sessions", timedelta(minutes=10), forget_ended_sessions)
