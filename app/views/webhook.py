"""What is shown of an endpoint and of what it was told: nothing in it is personal, no secret is in it, and no text."""

from app.views import Row, Shown

_ENDPOINT = ("id", "url", "types", "enabled", "gone_at", "created_at")
_DELIVERY = ("id", "type", "data", "status", "attempts", "http_status", "failure", "created_at", "tried_at")


def show_webhook(row: Row) -> Shown:
    """Shows an endpoint."""
    return {name: row[name] for name in _ENDPOINT}


def show_delivery(row: Row) -> Shown:
    """Shows what an endpoint was told, or is to be told."""
    shown = {name: row[name] for name in _DELIVERY}
    return {**shown, "next_try_at": row["due_at"], "finished_at": row["finished_at"]}
