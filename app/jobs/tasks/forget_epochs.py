"""Epochs go when they have ended a day ago."""

from datetime import timedelta

from app.db.egress import forget_past_epochs
from app.jobs.tasks.kind import kept_tidy

KIND = kept_tidy("forget_epochs", timedelta(minutes=1), forget_past_epochs)
