"""Changes of records' states, as the database's functions read them."""

import json
from collections.abc import Sequence
from typing import Any

from app.domain.issues import stored
from app.domain.verdicts import RecordChange


def changes_json(changes: Sequence[RecordChange]) -> str:
    """Writes changes as JSON."""
    return json.dumps([_described(change) for change in changes])


def _described(change: RecordChange) -> dict[str, Any]:
    described: dict[str, Any] = {"id": str(change.object_id), "status": change.status, "faulty": change.faulty}
    if change.sent is not None:
        described["sent"] = f"\\x{change.sent.hex()}"
    if change.received is not None:
        described["received"] = f"\\x{change.received.hex()}"
    if change.codes:
        described["codes"] = change.codes
    if change.issues:
        described["issues"] = stored(change.issues)
    if change.again_in is not None:
        described["again_in"] = f"{change.again_in.total_seconds():.6f} s"
    if change.cause is not None:
        described["cause"] = change.cause
    if change.max_together is not None:
        described["max_together"] = change.max_together
    return described
