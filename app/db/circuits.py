"""Circuits: what all workers know together of whether Skolverket's services are there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.circuit import next_probe, opens
from app.domain.conclusion import CIRCUIT_OPEN


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a service, for operators."""

    service: str
    failures: int
    failing_since: datetime | None
    opened_at: datetime | None
    probe_at: datetime | None
    code: str | None


async def circuits(conn: AsyncConnection) -> list[Circuit]:
    """Lists the services."""
    rows = await conn.execute(
        sa.text("SELECT service, failures, failing_since, opened_at, probe_at, code FROM circuit ORDER BY service")
    )
    return [Circuit(**row) for row in rows.mappings()]


async def is_open(conn: AsyncConnection, service: str) -> bool:
    """Tells whether a service is left alone, but for probes."""
    opened = await conn.scalar(
        sa.text("SELECT opened_at IS NOT NULL FROM circuit WHERE service = :service"), {"service": service}
    )
    return bool(opened)


async def until_probe(conn: AsyncConnection, service: str, random: Random, timeout: timedelta) -> timedelta | None:
    """Gives how long a service is left alone; None when it may be called, by everybody or by this caller as a probe.

    A probe that says nothing for `timeout` counts as having failed.
    """
    row = await _locked(conn, service)
    if row.opened_at is None:
        return None
    if row.probe_at > row.now:
        wait: timedelta = row.probe_at - row.now
        return wait
    await conn.execute(
        sa.text("UPDATE circuit SET probe_at = clock_timestamp() + :wait WHERE service = :service"),
        {"service": service, "wait": max(timeout, next_probe(row.now - row.opened_at, random))},
    )
    return None


async def return_probe(conn: AsyncConnection, service: str) -> None:
    """Gives a probe back that came to nothing for reasons of the caller's own: somebody else may try at once."""
    await conn.execute(
        sa.text(
            "UPDATE circuit SET probe_at = least(probe_at, clock_timestamp())"
            " WHERE service = :service AND opened_at IS NOT NULL"
        ),
        {"service": service},
    )


async def note_outage(conn: AsyncConnection, service: str, code: str, random: Random) -> bool:
    """Counts a call that found nobody there; tells whether that opened the circuit."""
    row = await _locked(conn, service)
    opening = row.opened_at is None and opens(row.failures + 1, row.now - (row.failing_since or row.now))
    open_for = row.now - row.opened_at if row.opened_at else timedelta()
    await conn.execute(
        sa.text(
            """
            UPDATE circuit SET failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()),
                code = :code, opened_at = CASE WHEN :open THEN coalesce(opened_at, clock_timestamp()) END,
                probe_at = CASE WHEN :open THEN clock_timestamp() + :wait END
            WHERE service = :service
            """
        ),
        {
            "service": service,
            "code": code,
            "open": opening or row.opened_at is not None,
            "wait": next_probe(open_for, random),
        },
    )
    return opening


async def note_answer(conn: AsyncConnection, service: str) -> bool:
    """Notes that a service is there; tells whether that closed its circuit. Jobs that waited for it go on at once."""
    closed = await conn.scalar(
        sa.text(
            """
            UPDATE circuit SET failures = 0, failing_since = NULL, opened_at = NULL, probe_at = NULL
            FROM (SELECT service, opened_at FROM circuit WHERE service = :service AND failures > 0 FOR UPDATE) before
            WHERE circuit.service = before.service RETURNING before.opened_at IS NOT NULL
            """
        ),
        {"service": service},
    )
    if not closed:
        return False
    await conn.execute(
        sa.text(
            """
            UPDATE job SET due_at = clock_timestamp(), notified_at = NULL, fence = claim
            WHERE id = ANY (ARRAY(
                SELECT id FROM job WHERE status = 'running' AND lease_until IS NULL AND due_at > clock_timestamp()
                    AND error ->> 'code' = :waiting
                FOR NO KEY UPDATE SKIP LOCKED
            ))
            """
        ),
        {"waiting": CIRCUIT_OPEN},
    )
    return True


async def _locked(conn: AsyncConnection, service: str) -> sa.Row[Any]:
    return (
        await conn.execute(
            sa.text(
                "SELECT failures, failing_since, opened_at, probe_at, clock_timestamp() AS now FROM circuit"
                " WHERE service = :service FOR UPDATE"
            ),
            {"service": service},
        )
    ).one()
