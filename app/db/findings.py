"""When rosters are looked at again: a task for each, which finds again what is wrong with it."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# The kind of the tasks; their keys are the ids of rosters.
FINDINGS = "findings"


async def look_again(conn: AsyncConnection, organisation_id: UUID | None = None) -> None:
    """Has the rosters of an organisation, or of all of them, looked at again; one that is under way begins anew.

    What is looked at has to have been changed before, in this transaction or another: an upload that has begun and is
    not in yet compares what it has looked at, and is waited for.
    """
    one = organisation_id is not None
    values = {"organisation": organisation_id, "kind": FINDINGS}
    lock = f"SELECT FROM organisation {'WHERE id = :organisation' if one else ''} ORDER BY id FOR NO KEY UPDATE"
    await conn.execute(sa.text(lock), values)
    await conn.execute(
        sa.text(
            f"""
            INSERT INTO task (kind, key, organisation_id)
            SELECT :kind, roster_id::text, organisation_id FROM activity
            {"WHERE organisation_id = :organisation" if one else ""} ORDER BY roster_id
            ON CONFLICT (kind, key) DO UPDATE
            SET claim = next_claim(task.claim), leased_until = NULL, due_at = clock_timestamp()
            """  # noqa: S608 - our own text
        ),
        values,
    )
