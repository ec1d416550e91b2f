"""What is held of one organisation, counted by kind and age: numbers and times alone, no id and no name of anybody.

Every statement finds its rows by an index that begins with the organisation, or by the runs and rosters that are its
own: how much others have does not matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.sealed import SEALED
from app.domain.ages import AGES, OLDER
from app.domain.retention import Retention

# Whatever has a place in a current roster, in a run or at Skolverket: what it is, and since when it has been there.
_PLACES: Final = """
    SELECT item.kind, item.object_id, true AS current, item.protected, roster.created_at AS at
    FROM activity
    JOIN roster ON roster.organisation_id = activity.organisation_id AND roster.id = activity.roster_id
    JOIN roster_item item ON item.roster_id = activity.roster_id
    WHERE activity.organisation_id = :of AND activity.deleted_at IS NULL
    UNION ALL
    SELECT record.kind, record.object_id, false, record.protected, run.created_at
    FROM run JOIN record ON record.run_id = run.id WHERE run.organisation_id = :of
    UNION ALL
    SELECT kind, id, false, marking > 0, accepted_at FROM object WHERE organisation_id = :of
    UNION ALL
    SELECT kind, object_id, false, true, marked_at FROM protected_object WHERE organisation_id = :of
"""
# One that has no content is known by its id alone: it has been erased, or what was kept of it has been put away.
_OBJECTS: Final = f"""
    WITH known AS (
        SELECT kind, object_id, bool_or(current) AS current, bool_or(protected) AS protected, max(at) AS at
        FROM ({_PLACES}) place GROUP BY kind, object_id
    ), kept AS (
        SELECT DISTINCT kind, object_id FROM content WHERE organisation_id = :of AND kind <> 'batch'
    )
    SELECT kind, {{counts}}, count(*) FILTER (WHERE kept.object_id IS NULL) AS by_id_alone FROM known
    FULL JOIN (SELECT kind, object_id FROM kept) kept USING (kind, object_id) GROUP BY kind
"""  # noqa: S608 - our own text
_PLACED, _REFERS = "role IS NOT NULL OR school_year IS NOT NULL OR school_unit IS NOT NULL", "cardinality(refs) > 0"
_CURRENT: Final = """
    activity JOIN roster ON roster.organisation_id = activity.organisation_id AND roster.id = activity.roster_id
"""
_OF_KEYS: Final = "api_key JOIN {table} ON {table}.api_key_id = api_key.id WHERE api_key.organisation_id = :of"
_RECORDS: Final = "run JOIN record ON record.run_id = run.id WHERE run.organisation_id = :of"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a kind: where they are, and what says since when; of whatever they have no such thing it is None."""

    source: str
    at: str = "created_at"
    protected: str | None = None
    current: str | None = None
    # Whether a row says where somebody belongs, and whether it refers to others.
    placed: str | None = None
    refers: str | None = None


_ROWS: Final = {
    "exams": _Rows("activity WHERE organisation_id = :of", current="deleted_at IS NULL"),
    "rosters": _Rows(
        """
        roster JOIN activity ON activity.organisation_id = roster.organisation_id AND activity.id = roster.activity_id
        WHERE roster.organisation_id = :of
        """,
        at="roster.created_at",
        current="activity.roster_id = roster.id AND activity.deleted_at IS NULL",
    ),
    "roster items": _Rows(
        f"{_CURRENT} JOIN roster_item ON roster_item.roster_id = roster.id WHERE activity.organisation_id = :of",
        at="roster.created_at",
        protected="protected",
        current="true",
        placed=_PLACED,
        refers=_REFERS,
    ),
    "protected objects": _Rows("protected_object WHERE organisation_id = :of", at="marked_at", protected="true"),
    "findings": _Rows(
        f"{_CURRENT} JOIN finding ON finding.roster_id = roster.id WHERE activity.organisation_id = :of",
        at="roster.created_at",
        current="true",
    ),
    "plans": _Rows("plan WHERE organisation_id = :of"),
    "plan items": _Rows(
        "plan JOIN plan_item ON plan_item.plan_id = plan.id WHERE plan.organisation_id = :of", protected="protected"
    ),
    "runs": _Rows("run WHERE organisation_id = :of"),
    "jobs": _Rows("job WHERE organisation_id = :of"),
    "records": _Rows(_RECORDS, at="run.created_at", protected="protected", placed=_PLACED, refers=_REFERS),
    "answers": _Rows(
        f"{_RECORDS} AND received IS NOT NULL",
        at="greatest(completed_at, run.created_at)",
        protected="protected",
    ),
    "batches": _Rows("batch WHERE organisation_id = :of"),
    "batch answers": _Rows(
        "batch WHERE organisation_id = :of AND answer IS NOT NULL", at="greatest(finished_at, created_at)"
    ),
    "events": _Rows("event WHERE organisation_id = :of", at="at"),
    "pauses": _Rows("pause WHERE organisation_id = :of", at="since"),
    "keys": _Rows("api_key WHERE organisation_id = :of AND subject IS NULL"),
    # Of people and systems that an OpenID provider knows, and what their groups are worth.
    "accounts": _Rows("api_key WHERE organisation_id = :of AND subject IS NOT NULL"),
    "sign-in mappings": _Rows("sign_in_mapping WHERE organisation_id = :of"),
    "sessions": _Rows(_OF_KEYS.format(table="session"), at="session.created_at"),
    "idempotency answers": _Rows(_OF_KEYS.format(table="idempotency_key"), at="idempotency_key.created_at"),
    "webhooks": _Rows("webhook WHERE organisation_id = :of"),
    "webhook deliveries": _Rows(
        "webhook JOIN webhook_delivery ON webhook_delivery.webhook_id = webhook.id WHERE webhook.organisation_id = :of",
        at="webhook_delivery.created_at",
    ),
    "rows of the audit": _Rows("audit WHERE organisation_id = :of", at="at"),
    "erasures": _Rows("erasure WHERE organisation_id = :of", at="requested_at"),
    "tasks": _Rows("task WHERE organisation_id = :of", at="made_at"),
    "tokens": _Rows("access_token WHERE organisation_id = :of", at="expires_at"),
}
_ERASURES: Final = """
    SELECT kind, count(*) AS asked_for, count(erased_at) AS done, min(requested_at) AS first_asked_for_at,
        max(erased_at) AS last_done_at
    FROM erasure WHERE organisation_id = :of GROUP BY kind ORDER BY kind DESC
"""
# What a worker has not come to yet, of what goes by its age; a run that an activity sent last stays all the same.
_PAST: Final = """
    SELECT
        (SELECT count(*) FROM run WHERE organisation_id = :of AND finished_at < now() - CAST(:content AS interval)
            AND content_expired_at IS NULL) AS runs_with_contents,
        (SELECT count(*) FROM last_listed WHERE organisation_id = :of AND at < now() - CAST(:content AS interval))
            AS contents_in_no_roster,
        (SELECT count(*) FROM run WHERE organisation_id = :of AND finished_at < now() - CAST(:history AS interval))
            AS runs
"""
_IN_CLEAR: Final = """
    SELECT (SELECT count(*) FROM webhook WHERE organisation_id = :of) AS webhook_addresses,
        (SELECT count(*) FROM api_key WHERE organisation_id = :of AND subject IS NULL) AS key_names,
        (SELECT count(*) FROM pause WHERE organisation_id = :of AND reason IS NOT NULL) AS operators_reasons,
        (SELECT cardinality(eppn_domains) FROM organisation WHERE id = :of) AS login_domains
"""
OBJECTS: Final = ("persons", "duties", "groups", "activities")


async def count_held(conn: AsyncConnection, of: UUID) -> list[dict[str, Any]]:
    """Counts what is held of an organisation, by kind, in a transaction that acts for it.

    Each kind has how many there are, of those how many are of protected persons and how many a current roster has
    (None where neither can be), the oldest and the newest time, and `ages` with how many are of each.
    """
    rows = await conn.execute(sa.text(_OBJECTS.format(counts=_counts("kept.object_id IS NOT NULL"))), _given(of))
    found = {row["kind"]: dict(row) for row in rows.mappings()}
    # What is of a protected person is known by the person: nothing else is marked itself.
    kinds = [
        _kind(name, found[name] if name == "persons" else {**found[name], "protected": None})
        for name in OBJECTS
        if name in found
    ]
    for name, each in _ROWS.items():
        has = {flag: getattr(each, flag) for flag in ("protected", "current", "placed", "refers")}
        flags = ", ".join(f"{says or 'CAST(NULL AS boolean)'} AS {flag}" for flag, says in has.items())
        query = (
            f"SELECT {_counts('true')}, count(*) FILTER (WHERE placed) AS placed,"  # noqa: S608 - our own text
            f" count(*) FILTER (WHERE refers) AS refers FROM (SELECT {each.at} AS at, {flags} FROM {each.source}) each"
        )
        counted = (await conn.execute(sa.text(query), _given(of))).mappings().one()
        kinds.append(_kind(name, {**counted, **{flag: None for flag, says in has.items() if says is None}}))
    return kinds


async def count_erasures(conn: AsyncConnection, of: UUID) -> list[dict[str, Any]]:
    """Counts the erasures of persons, and of the organisation: how many were asked for, and how many are done."""
    return [dict(row) for row in (await conn.execute(sa.text(_ERASURES), {"of": of})).mappings()]


async def count_past(conn: AsyncConnection, of: UUID, retention: Retention) -> dict[str, int]:
    """Counts what is older than `retention` and still there: runs with contents, contents, runs as history."""
    given = {"of": of, "content": retention.content, "history": retention.history}
    return dict((await conn.execute(sa.text(_PAST), given)).mappings().one())


async def count_in_clear(conn: AsyncConnection, of: UUID) -> dict[str, int]:
    """Counts what stands in clear of an organisation beside what is counted with its rows."""
    return dict((await conn.execute(sa.text(_IN_CLEAR), {"of": of})).mappings().one())


async def count_sealed(conn: AsyncConnection, of: UUID) -> list[dict[str, Any]]:
    """Counts what each key seals of an organisation: by the setting that has the key, and the key's id."""
    parts = (
        f"SELECT '{each.keys}' AS setting, {each.key} AS key FROM {each.table}"  # noqa: S608 - our own text
        f" WHERE {each.of} = :of AND {each.column} IS NOT NULL"
        for each in SEALED
    )
    query = "SELECT setting, key, count(*) FROM ({}) each GROUP BY setting, key ORDER BY setting, key"
    rows = await conn.execute(sa.text(query.format(" UNION ALL ".join(parts))), {"of": of})
    return [
        {"setting": setting, "id": bytes(key).decode("ascii", "replace"), "values": values}
        for setting, key, values in rows
    ]


def _given(of: UUID) -> dict[str, Any]:
    return {"of": of, **{f"age{place}": age for place, age in enumerate(AGES.values())}}


def _counts(held: str) -> str:
    """Writes the counts of rows that are `held`, by age too; each row has `at`, `protected` and `current`."""
    bounds = [f"now() - CAST(:age{place} AS interval)" for place in range(len(AGES))]
    conditions = [f"at >= {bound}" for bound in bounds]
    by_age = [
        " AND ".join((condition, *(f"at < {newer}" for newer in bounds[:place])))
        for place, condition in enumerate(conditions)
    ]
    by_age.append(f"at < {bounds[-1]}")
    return ", ".join(
        (
            f"count(*) FILTER (WHERE {held}) AS held",
            f"count(*) FILTER (WHERE {held} AND protected) AS protected",
            f"count(*) FILTER (WHERE {held} AND current) AS current",
            f"min(at) FILTER (WHERE {held}) AS oldest, max(at) FILTER (WHERE {held}) AS newest",
            *(f"count(*) FILTER (WHERE {held} AND {each}) AS age{place}" for place, each in enumerate(by_age)),
        )
    )


def _kind(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": name,
        "held": row["held"],
        "protected": row["protected"],
        "in_current_roster": row["current"],
        "oldest": row["oldest"],
        "newest": row["newest"],
        "ages": {age: row[f"age{place}"] for place, age in enumerate((*AGES, OLDER))},
        **{key: row[key] for key in ("by_id_alone", "placed", "refers") if row.get(key)},
    }
