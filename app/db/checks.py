"""What a command asks of the process that calls: a check of an organisation's certificate, and what it has found."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tasks import Task

CHECK = "check_organisation"


async def ask(conn: AsyncConnection, organisation_id: UUID) -> UUID:
    """Asks for a check; gives its task. It goes by itself in ten minutes, when nobody has taken what came of it."""
    asked: UUID = await conn.scalar(
        sa.text(
            "INSERT INTO task (kind, key, organisation_id, again_at) VALUES (:kind, gen_random_uuid(), :organisation,"
            " clock_timestamp() + interval '10 minutes') RETURNING id"
        ),
        {"kind": CHECK, "organisation": organisation_id},
    )
    return asked


async def asked(conn: AsyncConnection, task: Task) -> dict[str, Any] | None:
    """Gives how the organisation of a check identifies itself; None when nobody waits for it any more."""
    found = await conn.execute(
        sa.text(
            """
            SELECT number, certificate_file, key_file, entity_id
            FROM task JOIN organisation ON organisation.id = task.organisation_id
            WHERE task.id = :task AND again_at > clock_timestamp()
            """
        ),
        {"task": task.id},
    )
    row = found.mappings().one_or_none()
    return None if row is None else dict(row)


async def note(conn: AsyncConnection, task: Task, found: Sequence[Mapping[str, str]]) -> None:
    """Keeps what a check has found."""
    await conn.execute(
        sa.text("UPDATE task SET result = CAST(:result AS jsonb) WHERE id = :task"),
        {"task": task.id, "result": json.dumps(found)},
    )


async def take(conn: AsyncConnection, task_id: UUID) -> Sequence[Mapping[str, Any]] | None:
    """Gives what a check has found, once there is something."""
    found: Sequence[Mapping[str, Any]] | None = await conn.scalar(
        sa.text("SELECT result FROM task WHERE id = :task"), {"task": task_id}
    )
    return found


async def forget(conn: AsyncConnection, task_id: UUID) -> None:
    """Takes a check away: nobody waits for it any more."""
    await conn.execute(sa.text("DELETE FROM task WHERE id = :task"), {"task": task_id})
