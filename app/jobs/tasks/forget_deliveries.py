"""What endpoints were told goes after 30 days."""

from datetime import timedelta

from app.db.deliveries import forget_old_deliveries
from app.jobs.tasks.kind import kept_tidy

KIND = kept_tidy("forget_deliveries", timedelta(minutes=10), forget_old_deliveries)
