"""How long contents and history are kept, and when what is due by that is late."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A worker looks every hour: what has been due for so long means that none does it.
LATE_AFTER: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long contents are kept after their last use, and history after its end."""

    content: timedelta
    history: timedelta

    def content_before(self, now: datetime) -> datetime:
        """Gives the moment: a content that was of use last before it goes."""
        return now - self.content

    def history_before(self, now: datetime) -> datetime:
        """Gives the moment: history that ended before it goes."""
        return now - self.history

    def late_since(self, oldest_end: datetime | None, now: datetime) -> datetime | None:
        """Tells since when contents should have gone; None where nothing is late.

        `oldest_end` is the end of the first run whose contents have not gone.
        """
        if oldest_end is None or oldest_end >= self.content_before(now) - LATE_AFTER:
            return None
        return oldest_end + self.content
