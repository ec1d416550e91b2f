"""Batches that this process has written down and that have not left: for the call their bytes are not read again."""

from dataclasses import dataclass, field
from uuid import UUID

from app.db.batches import Outgoing

# Some hundred and fifty of the largest batches; what is beyond that is read when it leaves.
_MOST_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class Bodies:
    """The batches of all steps in progress, `most` bytes of them: the oldest make room for the latest."""

    most: int = _MOST_BYTES
    _kept: dict[UUID, Outgoing] = field(default_factory=dict)
    _bytes: int = 0

    def keep(self, batch: Outgoing) -> None:
        """Keeps a batch until it is taken."""
        self._kept[batch.id] = batch
        self._bytes += len(batch.body)
        while self._bytes > self.most:
            self.take(next(iter(self._kept)))

    def take(self, batch_id: UUID) -> Outgoing | None:
        """Gives a batch and keeps it no longer; None when it is not here."""
        batch = self._kept.pop(batch_id, None)
        if batch is not None:
            self._bytes -= len(batch.body)
        return batch
