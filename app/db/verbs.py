"""Verbs: the functions of `app/db/sql` that act for an organisation, each called in one round trip."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.open_work import JobSnapshot, OpenBatch
from app.domain.outcome import Counts

# What `hold_job` ends a statement with.
_LEASE_LOST = "LEASE"


class LeaseLost(Exception):
    """Somebody else holds the job now, or it has ended: what this claim would write is dropped."""


@cache
def _called(function: str) -> sa.TextClause:
    # Made once: to read a text for its parameters takes as long as a short round trip.
    return sa.text(f"SELECT {function}")


async def call_verb(conn: AsyncConnection, function: str, values: Mapping[str, Any]) -> Any:
    """Calls a `function`, written with its parameters, and gives its result; raises LeaseLost as the function says."""
    try:
        return await conn.scalar(_called(function), values)
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) == _LEASE_LOST:
            raise LeaseLost from None
        raise


def snapshot_of(given: Mapping[str, Any]) -> JobSnapshot:
    """Reads what `job_snapshot` gives."""
    row = dict(given)
    counts = row.pop("counts")
    for name in ("now", "last_accepted_at", "next_ready_at", "look_up_at"):
        row[name] = _time(row[name])
    for name in ("tried_for", "usual_answer", "suspect_for"):
        row[name] = None if row[name] is None else timedelta(seconds=row[name])
    return JobSnapshot(
        **row | {"batches": [OpenBatch(UUID(each), status, _time(at)) for each, status, at in row["batches"]]},
        counts=Counts(**{each.name: counts[each.name] for each in fields(Counts)}),
    )


def _time(given: str | None) -> datetime | None:
    return None if given is None else datetime.fromisoformat(given)
