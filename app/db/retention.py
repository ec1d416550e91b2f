"""Retention: what is old enough goes, the oldest first, in slices that are committed each by themselves.

`sql/expire_content.sql` and `sql/forget_history.sql` say what goes and what stays. Whatever is interrupted goes on
where it stopped: what has gone is not found again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


class Old(NamedTuple):
    """A row that may go: when it ended, which it is and whose; in this order they are gone over."""

    at: datetime
    id: UUID
    organisation_id: UUID


def _list(table: str, at: str, condition: str = "true") -> str:
    """Writes a list by an index on when rows of a table ended (`at`) and their ids."""
    return f"""
        SELECT {at} AS at, id, organisation_id FROM {table}
        WHERE {at} IS NOT NULL AND {condition} AND {at} < :before AND ({at}, id) > (:at, :id)
        ORDER BY {at}, id LIMIT :most
    """  # noqa: S608 - constants of ours


_UNEXPIRED: Final = _list("run", "finished_at", "content_expired_at IS NULL")
_FINISHED: Final = _list("run", "finished_at")
_ROSTERS: Final = _list("roster", "created_at")
_PAUSES: Final = _list("pause", "ended_at")
# Old statistics know of few old rows, and would have all of them read and sorted for each page.
_IN_ORDER: Final = sa.text("SELECT set_config('enable_sort', :sort, true)")
_LISTED: Final = "SELECT organisation_id, digest FROM last_listed WHERE at < :before ORDER BY at LIMIT :most"
# What plans say goes with the plans: they are forecasts, and no history.
_PLAN_ITEMS: Final = """
    DELETE FROM plan_item WHERE ctid = ANY (ARRAY(
        SELECT item.place FROM (
            SELECT id FROM plan WHERE created_at < :before ORDER BY created_at LIMIT 10
        ) old CROSS JOIN LATERAL (
            SELECT ctid AS place FROM plan_item WHERE plan_id BETWEEN old.id AND old.id LIMIT :most
        ) item LIMIT :most
    ))
"""
_PLANS: Final = """
    DELETE FROM plan WHERE ctid = ANY (ARRAY(
        SELECT old.place FROM (
            SELECT ctid AS place, id FROM plan WHERE created_at < :before ORDER BY created_at LIMIT 10
        ) old LEFT JOIN LATERAL (
            SELECT true AS there FROM plan_item WHERE plan_id BETWEEN old.id AND old.id LIMIT 1
        ) item ON true WHERE item.there IS NULL
    ))
"""


async def runs_with_content(conn: AsyncConnection, before: datetime, after: Old | None, most: int) -> Sequence[Old]:
    """Lists runs that ended before `before` and still have contents: the oldest first, those behind `after`."""
    return await _page(conn, _UNEXPIRED, before, after, most)


async def old_runs(conn: AsyncConnection, before: datetime, after: Old | None, most: int) -> Sequence[Old]:
    """Lists runs that ended before `before`, as above."""
    return await _page(conn, _FINISHED, before, after, most)


async def old_rosters(conn: AsyncConnection, before: datetime, after: Old | None, most: int) -> Sequence[Old]:
    """Lists rosters that were uploaded before `before`, as above; current ones too."""
    return await _page(conn, _ROSTERS, before, after, most)


async def old_pauses(conn: AsyncConnection, before: datetime, after: Old | None, most: int) -> Sequence[Old]:
    """Lists pauses that ended before `before`, as above."""
    return await _page(conn, _PAUSES, before, after, most)


async def expire_run(conn: AsyncConnection, run: Old, before: datetime, most: int) -> bool:
    """Takes from a run what it has, of at most so many records; False once nothing more is to be done."""
    return await _slice(conn, "expire_run(:organisation, :id, :before, :most)", run, before, most)


async def expire_listed(conn: AsyncConnection, before: datetime, most: int) -> bool:
    """Deletes contents that no current roster has had since `before`, of so many at most; False when there are none."""
    found = defaultdict[UUID, list[bytes]](list)
    for row in await conn.execute(_with_limit(_LISTED, most), {"before": before}):
        found[row.organisation_id].append(bytes(row.digest))
    for organisation_id in sorted(found):
        given = {"organisation": organisation_id, "digests": found[organisation_id], "before": before}
        expire = "SELECT expire_listed(:organisation, CAST(:digests AS bytea[]), :before)"
        await conn.execute(sa.text(expire), given)
    return bool(found)


async def expire_pauses(conn: AsyncConnection, pauses: Sequence[Old], before: datetime) -> None:
    """Deletes why organisations made these pauses, where they ended before `before`."""
    await _of_each(conn, "expire_pauses(:organisation, CAST(:ids AS uuid[]), :before)", pauses, before)


async def forget_plans(conn: AsyncConnection, before: datetime, most: int) -> bool:
    """Deletes plans that were made before `before`, of so many items at most; False when there are none."""
    items = await conn.execute(sa.text(_PLAN_ITEMS), {"before": before, "most": most})
    return bool(items.rowcount or (await conn.execute(sa.text(_PLANS), {"before": before})).rowcount)


async def forget_run(conn: AsyncConnection, run: Old, before: datetime, most: int) -> bool:
    """Deletes of a run at most so many records, or the rest of it; False where it stays, or has gone."""
    return await _slice(conn, "forget_run(:organisation, :id, :before, :most)", run, before, most)


async def forget_rosters(conn: AsyncConnection, rosters: Sequence[Old], before: datetime) -> None:
    """Deletes those of these rosters that were replaced before `before`."""
    await _of_each(conn, "forget_rosters(:organisation, CAST(:ids AS uuid[]), :before)", rosters, before)


async def forget_pauses(conn: AsyncConnection, pauses: Sequence[Old], before: datetime) -> None:
    """Deletes those of these pauses that ended before `before`."""
    await _of_each(conn, "forget_pauses(:organisation, CAST(:ids AS uuid[]), :before)", pauses, before)


async def _page(conn: AsyncConnection, query: str, before: datetime, after: Old | None, most: int) -> Sequence[Old]:
    at, after_id = ("-infinity", UUID(int=0)) if after is None else (after.at, after.id)
    await conn.execute(_IN_ORDER, {"sort": "off"})
    rows = (await conn.execute(_with_limit(query, most), {"before": before, "at": at, "id": after_id})).all()
    await conn.execute(_IN_ORDER, {"sort": "on"})
    return [Old(*row) for row in rows]


def _with_limit(query: str, most: int) -> sa.TextClause:
    # Of one that it does not know, a planner expects a tenth of all rows.
    return sa.text(query).bindparams(sa.bindparam("most", most, literal_execute=True))


async def _slice(conn: AsyncConnection, call: str, old: Old, before: datetime, most: int) -> bool:
    given = {"organisation": old.organisation_id, "id": old.id, "before": before, "most": most}
    return bool(await conn.scalar(sa.text(f"SELECT {call}"), given))


async def _of_each(conn: AsyncConnection, call: str, old: Sequence[Old], before: datetime) -> None:
    found = defaultdict[UUID, list[UUID]](list)
    for each in old:
        found[each.organisation_id].append(each.id)
    for organisation_id in sorted(found):
        given: dict[str, Any] = {"organisation": organisation_id, "ids": found[organisation_id], "before": before}
        await conn.execute(sa.text(f"SELECT {call}"), given)
