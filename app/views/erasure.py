"""How an erasure stands, as an administrator of the organisation is shown it."""

from collections.abc import Mapping
from typing import Any

from app.views import Shown


def show_erasure(row: Mapping[Any, Any]) -> Shown:
    """Shows the `row` of an erasure: whose content, when it was asked for, when it had gone."""
    return {"id": row["object_id"], "requested_at": row["requested_at"], "erased_at": row["erased_at"]}
