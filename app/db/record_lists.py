"""Lists of a job's records: narrowed, sorted and counted. Scoped to one organisation first of all.

Which records a page has is found in an index alone: `ix_record_status` has what lists are narrowed by beside a job's
records of each status in their order, `ix_record_codes` the same of those of which something was said.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.results import BESIDE, HIDDEN, RECORD_COLUMNS, Row
from app.db.units import is_within

# From what somebody has to mend to what has nothing to it.
STATUSES: Final = ("error", "warning", "skipped", "pending", "sent", "succeeded", "unchanged")
_RANK: Final = "array_position(ARRAY[{}], {{}}.status)".format(", ".join(f"'{each}'" for each in STATUSES))
_LAST: Final = 2**31 - 1
# A job's own counts, by the status that they are of.
_COUNTS: Final = ", ".join(
    f"'{each}', here.{ {'error': 'errors', 'warning': 'warnings'}.get(each, each) }" for each in STATUSES
)

NO_OTHERS: Final[Mapping[str, str]] = {}

By = Literal["order", "status", "completed_at"]


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a list of records is narrowed to, each to one of several; nothing given means all."""

    statuses: Sequence[str] = ()
    codes: Sequence[str] = ()
    roles: Sequence[str] = ()
    school_units: Sequence[UUID] = ()
    school_years: Sequence[int] = ()
    # Whose objects alone are shown to who asks; nothing that is asked for.
    of_units: Sequence[UUID] = ()

    @property
    def by_school(self) -> bool:
        """Tells whether who is found shows where somebody goes to school."""
        return bool(self.school_units or self.school_years or self.of_units)

    def conditions(self, one: str, *, but: str = "") -> str:
        """Writes the conditions for the record `one`, those for `but` left out, each with AND ahead of it."""
        written = {
            "statuses": f"{one}.status = ANY (CAST(:statuses AS text[]))",
            "codes": f"{one}.codes IS NOT NULL AND {one}.codes ?| CAST(:codes AS text[])",
            "roles": f"{one}.role = ANY (CAST(:roles AS text[]))",
            "school_units": f"{one}.school_unit = ANY (CAST(:school_units AS uuid[]))",
            "school_years": f"{one}.school_year = ANY (CAST(:school_years AS smallint[]))",
            "of_units": is_within(one),
        }
        return "".join(f" AND {each}" for name, each in written.items() if name != but and name in self.values)

    @property
    def values(self) -> Mapping[str, Any]:
        """Gives what the conditions compare with."""
        given = {name: list(getattr(self, name)) for name in self.__slots__}
        return {name: values for name, values in given.items() if values}


EVERYTHING: Final = RecordFilter()


@dataclass(frozen=True, slots=True)
class RecordOrder:
    """By what a list is sorted: the roster's order, the status (errors first), when it was completed (open ones last).

    What is alike stands in the roster's order; descending is the very reverse.
    """

    by: By = "order"
    descending: bool = False

    def key(self, row: Row) -> tuple[Any, ...]:
        """Gives a row's place in the list, as a cursor keeps it."""
        first = {"order": (), "status": (STATUSES.index(row["status"]) + 1,), "completed_at": (row["completed_at"],)}
        return (*first[self.by], row["ordinal"])

    def sorting(self, one: str) -> str:
        """Writes what `one` is sorted by."""
        return ", ".join(f"{each}{' DESC' if self.descending else ''}" for each in self._keys(one))

    def columns(self, one: str) -> str:
        """Writes what `one` is sorted by as columns, for a statement around it that sorts by `sorted_columns`."""
        return ", ".join(f"{each} AS key_{number}" for number, each in enumerate(self._keys(one)))

    def sorted_columns(self, one: str) -> str:
        """Writes these columns of `one` as what is sorted by."""
        keys = range(len(self._keys(one)))
        return ", ".join(f"{one}.key_{number}{' DESC' if self.descending else ''}" for number in keys)

    def behind(self, one: str, after: tuple[Any, ...] | None) -> str:
        """Writes the condition that `one` comes behind the place `after`, with AND ahead of it."""
        if after is None:
            return ""
        sign, names = "<" if self.descending else ">", [":after", ":after_ordinal"]
        if self.by == "completed_at":
            names[0] = "CAST(CAST(:after AS text) AS timestamptz)"
        if self.by == "order":
            del names[0]
        return f" AND ({', '.join(self._keys(one))}) {sign} ({', '.join(names)})"

    def place(self, after: tuple[Any, ...] | None) -> Mapping[str, Any]:
        """Gives the values of the condition for a place."""
        if after is None:
            return {}
        if self.by == "order":
            return {"after_ordinal": after[0]}
        first = after[0]
        if self.by == "completed_at":
            first = first.isoformat() if isinstance(first, datetime) else "infinity"
        return {"after": first, "after_ordinal": after[1]}

    def bounds(self, statuses: Sequence[str], after: tuple[Any, ...] | None) -> list[tuple[str, int]]:
        """Gives the statuses of which there are records behind a place, each with the ordinal behind which they are.

        Only for what is sorted by the roster's order or by status.
        """
        first, ordinal = (_LAST if self.descending else -1), None if after is None else after[-1]
        listed = [each for each in STATUSES if each in statuses or not statuses]
        if ordinal is None:
            return [(each, first) for each in listed]
        if self.by == "order":
            return [(each, ordinal) for each in listed]
        assert after is not None  # noqa: S101 - it has an ordinal
        rank = after[0] - 1
        ahead = STATUSES[rank + 1 :] if not self.descending else STATUSES[:rank]
        here = [(each, ordinal) for each in listed if each == STATUSES[rank]]
        return here + [(each, first) for each in listed if each in ahead]

    def _keys(self, one: str) -> list[str]:
        first = {
            "order": [],
            "status": [_RANK.format(one)],
            "completed_at": [f"coalesce({one}.completed_at, 'infinity')"],
        }
        return [*first[self.by], f"{one}.ordinal"]


async def list_records(
    conn: AsyncConnection,
    organisation_id: UUID,
    job_id: UUID,
    wanted: RecordFilter,
    order: RecordOrder,
    *,
    after: tuple[Any, ...] | None,
    limit: int,
    protected: bool,
    counted: bool = False,
    instead: Mapping[str, str] = NO_OTHERS,
) -> tuple[Sequence[Row], Mapping[str, Any] | None]:
    """Lists a job's records with one to spare, and where `counted` how many there are by status and by code.

    Without `protected` nobody who is protected is found by their school. A status is counted over all that fits but for
    the statuses asked for, a code over all that fits but for the codes; a code as the one it is shown as `instead`, a
    record once.
    """
    hides = wanted.by_school and not protected
    counts = _counts(wanted, hides=hides) if counted else "NULL"
    query = sa.text(
        f"""
        WITH here AS MATERIALIZED (
            SELECT * FROM job WHERE id = :job AND (organisation_id = :organisation) IS TRUE
        ), picked AS MATERIALIZED ({_picked(wanted, order, after, hides=hides)})
        SELECT counted.counts, listed.* FROM (SELECT {counts} AS counts) counted LEFT JOIN (
            SELECT picked.place, detail.* FROM picked CROSS JOIN LATERAL (
                {RECORD_COLUMNS} FROM (
                    SELECT * FROM record WHERE record.job_id = :job
                        AND record.object_id BETWEEN picked.object_id AND picked.object_id OFFSET 0
                ) one {BESIDE}
            ) detail
        ) listed ON true
        ORDER BY listed.place
        """  # noqa: S608 - constants of ours
    )
    given = {"organisation": organisation_id, "job": job_id, "limit": limit + 1, **wanted.values, **order.place(after)}
    if counted:
        given["instead"] = json.dumps(dict(instead))
    if order.by != "completed_at":
        bounds = order.bounds(wanted.statuses, after)
        given |= {"among": [each for each, _ in bounds], "bounds": [bound for _, bound in bounds]}
    rows = (await conn.execute(query, given)).mappings().all()
    return [row for row in rows if row["object_id"] is not None], rows[0]["counts"]


def _picked(wanted: RecordFilter, order: RecordOrder, after: tuple[Any, ...] | None, *, hides: bool) -> str:
    """Writes the statement that picks the records of a page."""
    beside, seen = (HIDDEN, " AND NOT protection.hidden") if hides else ("", "")
    if order.by == "completed_at":
        return f"""
            SELECT row_number() OVER (ORDER BY {order.sorting("one")}) AS place, one.object_id FROM (
                SELECT one.object_id, one.ordinal, one.completed_at FROM here CROSS JOIN LATERAL (
                    SELECT one.object_id, one.ordinal, one.completed_at FROM record one {beside}
                    WHERE one.run_id = here.run_id AND one.kind = here.kind {wanted.conditions("one")}
                        {order.behind("one", after)} {seen}
                    OFFSET 0
                ) one
                ORDER BY {order.sorting("one")} LIMIT :limit
            ) one
        """  # noqa: S608 - constants of ours
    # Each status has its records in their order: as many of each as are asked for, and the first of all these.
    direction, sign = ("DESC", "<") if order.descending else ("", ">")
    return f"""
        SELECT row_number() OVER (ORDER BY {order.sorting("one")}) AS place, one.object_id FROM (
            SELECT one.object_id, one.ordinal, among.status
            FROM here CROSS JOIN unnest(CAST(:among AS text[]), CAST(:bounds AS integer[])) AS among (status, bound)
            CROSS JOIN LATERAL (
                SELECT one.object_id, one.ordinal FROM record one {beside}
                WHERE one.run_id = here.run_id AND one.kind = here.kind AND one.status = among.status
                    AND one.ordinal {sign} among.bound {wanted.conditions("one", but="statuses")} {seen}
                ORDER BY one.ordinal {direction} LIMIT :limit
            ) one
            ORDER BY {order.sorting("one").replace("one.status", "among.status")} LIMIT :limit
        ) one
    """  # noqa: S608 - constants of ours


def _counts(wanted: RecordFilter, *, hides: bool) -> str:
    """Writes the expression that counts a job's records by status and by code."""
    by_status = f"""
        SELECT jsonb_object_agg(status, number) FROM (
            SELECT one.status, count(*) AS number
            FROM {_narrowed("one.status", wanted.conditions("one", but="statuses"), hides=hides)} GROUP BY one.status
        ) counted
    """  # noqa: S608 - constants of ours
    if wanted.values.keys() <= {"statuses"}:
        by_status = f"SELECT jsonb_build_object({_COUNTS}) FROM here"  # noqa: S608 - constants of ours
    said = f"AND one.codes IS NOT NULL {wanted.conditions('one', but='codes')}"
    return f"""
        jsonb_build_object('status', ({by_status}), 'code', (
            SELECT jsonb_object_agg(code, number) FROM (
                SELECT each.code, count(*) AS number FROM {_narrowed("one.codes", said, hides=hides)}
                CROSS JOIN LATERAL (
                    SELECT DISTINCT coalesce(CAST(:instead AS jsonb) ->> said.code, said.code) AS code
                    FROM jsonb_array_elements_text(one.codes) AS said (code)
                ) each
                GROUP BY each.code
            ) counted
        ))
    """  # noqa: S608 - constants of ours


def _narrowed(column: str, conditions: str, *, hides: bool) -> str:
    """Writes a job's records that fit, with this column, as the rows of `one`."""
    return f"""
        here CROSS JOIN LATERAL (
            SELECT {column} FROM record one {HIDDEN if hides else ""}
            WHERE one.run_id = here.run_id AND one.kind = here.kind {conditions}
                {"AND NOT protection.hidden" if hides else ""}
            OFFSET 0
        ) one
    """  # noqa: S608 - constants of ours
