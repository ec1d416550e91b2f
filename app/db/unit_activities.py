"""What of activities is of some school units: how many objects, and what was found in those. One organisation's."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.findings import names_somebody
from app.db.reads import Row
from app.db.units import is_told

# Findings that count objects are of no object, and so of no unit. Each OFFSET keeps this a look by the roster's key.
_WITHIN: Final = f"""
    SELECT wanted.id, counted.counts, found.by_code, found.errors, found.warnings,
        coalesce(stored.at, of_roster.created_at) AS updated_at
    FROM unnest(CAST(:activities AS uuid[])) AS wanted (id) CROSS JOIN LATERAL (
        SELECT roster_id, created_at FROM activity
        WHERE activity.organisation_id = :organisation AND activity.id = wanted.id AND deleted_at IS NULL OFFSET 0
    ) of_roster CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(kind, number) AS counts, max(upload) AS upload FROM (
            SELECT listed.kind, count(*) AS number, max(listed.upload) AS upload FROM roster_item listed
            WHERE listed.roster_id BETWEEN of_roster.roster_id AND of_roster.roster_id AND {is_told("listed")}
            GROUP BY listed.kind
        ) kinds
    ) counted LEFT JOIN LATERAL (
        -- a roster that was replaced long ago is known no more
        SELECT roster.created_at AS at FROM roster
        WHERE roster.organisation_id = :organisation AND roster.upload = counted.upload OFFSET 0
    ) stored ON true CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(code, number) AS by_code,
            coalesce(sum(number) FILTER (WHERE severity = 'error'), 0)::integer AS errors,
            coalesce(sum(number) FILTER (WHERE severity = 'warning'), 0)::integer AS warnings
        FROM (
            SELECT finding.code, finding.severity, count(*) AS number FROM finding CROSS JOIN LATERAL (
                SELECT FROM (
                    SELECT * FROM roster_item WHERE object_id BETWEEN finding.object_id AND finding.object_id OFFSET 0
                ) listed
                WHERE listed.roster_id = finding.roster_id AND listed.kind = finding.kind AND {is_told("listed")}
                OFFSET 0
            ) its
            WHERE finding.roster_id BETWEEN of_roster.roster_id AND of_roster.roster_id
                AND {names_somebody("finding")}
            GROUP BY finding.code, finding.severity
        ) codes
    ) found
    WHERE counted.counts IS NOT NULL
"""  # noqa: S608 - constants of ours


async def activities_within(
    conn: AsyncConnection,
    organisation_id: UUID,
    units: Collection[UUID],
    activity_ids: Collection[UUID],
    *,
    protected: bool,
) -> Mapping[UUID, Row]:
    """Gives of these activities counts by kind and by_code, errors and warnings of the `units`' objects in the roster.

    `updated_at` is when the latest upload came with which one of them is new or another. An activity whose roster has
    none of them is not there.
    """
    given: dict[str, Any] = {
        "organisation": organisation_id,
        "of_units": list(units),
        "activities": list(activity_ids),
        "protected": protected,
    }
    return {row["id"]: row for row in (await conn.execute(sa.text(_WITHIN), given)).mappings()}
