"""What the holder of an egress knows of the target's services, written down for operators; nothing is decided by it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.circuit import Circuit


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What is known of a service, by whichever egress sees it worst."""

    service: str
    failures: int
    failing_since: datetime | None
    opened_at: datetime | None
    probe_at: datetime | None
    code: str | None


async def service_states(conn: AsyncConnection) -> list[ServiceState]:
    """Lists the services, as those egresses know them that somebody holds: one of which nothing is known is there."""
    rows = await conn.execute(
        sa.text(
            """
            SELECT DISTINCT ON (service) service, coalesce(failures, 0) AS failures, failing_since, opened_at,
                probe_at, code
            FROM (VALUES ('authorisation'), ('provisioning')) AS known (service) LEFT JOIN LATERAL (
                SELECT failures, failing_since, opened_at, probe_at, code FROM circuit
                WHERE circuit.service = known.service
                    AND EXISTS (SELECT FROM epoch WHERE epoch.egress = circuit.egress AND state <> 'ended')
            ) seen ON true
            ORDER BY service, opened_at NULLS LAST, failures DESC
            """
        )
    )
    return [ServiceState(**row) for row in rows.mappings()]


async def note_circuit(conn: AsyncConnection, egress: str, service: str, circuit: Circuit, now: float) -> None:
    """Writes down how an egress's `circuit` stands at `now` of its holder's clock."""

    def ago(at: float | None) -> float | None:
        return None if at is None else now - at

    await conn.execute(
        sa.text(
            """
            INSERT INTO circuit AS kept (egress, service, failures, failing_since, code, opened_at, probe_at)
            VALUES (:egress, :service, :failures, clock_timestamp() - make_interval(secs => :failing), :code,
                clock_timestamp() - make_interval(secs => :opened), clock_timestamp() - make_interval(secs => :probe))
            ON CONFLICT (egress, service) DO UPDATE SET failures = excluded.failures,
                failing_since = excluded.failing_since, code = coalesce(excluded.code, kept.code),
                opened_at = excluded.opened_at, probe_at = excluded.probe_at
            """
        ).bindparams(*(sa.bindparam(name, type_=sa.Double) for name in ("failing", "opened", "probe"))),
        {
            "egress": egress,
            "service": service,
            "failures": circuit.failures,
            "failing": ago(circuit.failing_since),
            "code": circuit.code,
            "opened": ago(circuit.opened_at),
            "probe": ago(circuit.probe_at),
        },
    )
