"""Rosters, and runs with results as the engine would leave them, under the same guards of the database."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import lane
from app.runtime import Runtime

Object = dict[str, Any]


def person(given: str = "Åsa", family: str = "Exempelsson", serial: int = 980, **more: Any) -> Object:
    """Invents a pupil."""
    local = f"{given[:3]}{family[:3]}{serial}".lower().replace("å", "a").replace("ö", "o")
    return {
        "id": str(uuid4()),
        "givenName": given,
        "familyName": family,
        "eduPersonPrincipalNames": [f"{local}@edu.example.se"],
        "civicNo": {"value": f"20120101{serial}1", "nationality": "SE"},
        "enrolments": [{"enroledAt": {"id": str(uuid4())}, "schoolType": "GR", "schoolYear": 6}],
        **more,
    }


def staff(given: str = "Östen", family: str = "Lärarsson", serial: int = 990, **more: Any) -> Object:
    """Invents a teacher."""
    made = person(given, family, serial, **more)
    made.pop("enrolments")
    made["emails"] = [{"value": f"larare{serial}@example.se", "type": "Skola personal"}]
    return made


def duty(of: Object) -> Object:
    """Gives somebody a duty."""
    return {
        "id": str(uuid4()),
        "person": {"id": of["id"]},
        "dutyAt": {"id": str(uuid4())},
        "dutyRole": "Lärare",
    }


def body(persons: list[Object] = (), duties: list[Object] = (), **roster: list[Object]) -> Object:  # type: ignore[assignment]
    """Makes the body of a PUT."""
    return {"display_name": "Prov", "roster": {"persons": list(persons), "duties": list(duties), **roster}}


async def put(client: httpx.AsyncClient, content: Object, activity_id: UUID | None = None) -> UUID:
    """Stores an activity."""
    activity_id = activity_id or uuid4()
    answer = await client.put(f"/activities/{activity_id}", json=content)
    assert answer.status_code in {200, 201}, answer.text
    return activity_id


@dataclass
class Played:
    """A run under way, whose stages are played one by one."""

    runtime: Runtime
    organisation_id: UUID
    run_id: UUID
    jobs: list[UUID] = field(default_factory=list)
    batches: list[UUID] = field(default_factory=list)

    @classmethod
    async def of(cls, runtime: Runtime, organisation_id: UUID, run_id: UUID) -> "Played":
        async with runtime.engine.connect() as conn:
            jobs = await conn.scalars(
                sa.text("SELECT id FROM job WHERE run_id = :run ORDER BY position"), {"run": run_id}
            )
            return cls(runtime, organisation_id, run_id, list(jobs.all()))

    async def stage(
        self, position: int, answers: dict[str, tuple[str, Object]] | None = None, *, end: str | None = "succeeded"
    ) -> None:
        """Carries a stage out: one batch with all its records; `answers` has (status, item) for some object ids."""
        job_id = self.jobs[position - 1]
        async with self.runtime.engine.begin() as conn:
            claim = await _claim(conn, job_id)
            records = (
                await conn.execute(
                    sa.text("SELECT object_id, stage, payload FROM record WHERE job_id = :job ORDER BY ordinal"),
                    {"job": job_id},
                )
            ).all()
            if records:
                await self._send(conn, job_id, claim, records, answers or {}, finish=end is not None)
        if end is not None:
            async with self.runtime.engine.begin() as conn:
                assert await lane.finish_job(conn, job_id, claim, end) is not None

    async def _send(
        self, conn: AsyncConnection, job_id: UUID, claim: int, records: Any, answers: Any, *, finish: bool
    ) -> None:
        cipher, organisation_id = self.runtime.cipher, self.organisation_id
        items = [json.loads(cipher.open(row.payload, organisation_id, row.stage, row.object_id)) for row in records]
        request = json.dumps({"data": items}, ensure_ascii=False).encode()
        batch_id = uuid4()
        self.batches.append(batch_id)
        await conn.execute(
            sa.text(
                "INSERT INTO batch (id, organisation_id, job_id, number, fence, record_ids, request, request_bytes,"
                " request_sha256) VALUES (:id, :organisation, :job, 1, :claim, :ids, :request, :size, :sha)"
            ),
            {
                "id": batch_id,
                "organisation": organisation_id,
                "job": job_id,
                "claim": claim,
                "ids": [row.object_id for row in records],
                "request": cipher.seal(request, organisation_id, "batch", batch_id, "request"),
                "size": len(request),
                "sha": hashlib.sha256(request).digest(),
            },
        )
        for row, item in zip(records, items, strict=True):
            sent = cipher.seal(json.dumps(item).encode(), organisation_id, row.stage, row.object_id, "sent")
            await conn.execute(
                sa.text(
                    "UPDATE record SET status = 'sent', fence = :claim, sent = :sent, attempts = attempts + 1"
                    " WHERE job_id = :job AND object_id = :id"
                ),
                {"claim": claim, "sent": sent, "job": job_id, "id": row.object_id},
            )
        if not finish:
            return
        responses = []
        for row in records:
            status, item = answers.get(str(row.object_id), ("succeeded", {"status": "Success", "statusCode": 201}))
            responses.append({"id": str(row.object_id), "response": item})
            received = cipher.seal(
                json.dumps(responses[-1]).encode(), organisation_id, row.stage, row.object_id, "received"
            )
            await conn.execute(
                sa.text(
                    "UPDATE record SET status = :status, fence = :claim, received = :received,"
                    " completed_at = clock_timestamp() WHERE job_id = :job AND object_id = :id"
                ),
                {"status": status, "claim": claim, "received": received, "job": job_id, "id": row.object_id},
            )
        answer = json.dumps({"jobId": str(uuid4()), "responses": responses}).encode()
        given = {"id": batch_id, "claim": claim}
        for change in (
            "status = 'called', called_at = clock_timestamp()",
            "status = 'accepted', remote_job_id = 'remote', http_status = 202, next_poll_at = clock_timestamp()",
        ):
            await conn.execute(sa.text(f"UPDATE batch SET {change}, fence = :claim WHERE id = :id"), given)
        await conn.execute(
            sa.text(
                "UPDATE batch SET status = 'answered', next_poll_at = NULL, answered_at = clock_timestamp(),"
                " finished_at = clock_timestamp(), answer = :answer, fence = :claim WHERE id = :id"
            ),
            {**given, "answer": cipher.seal(answer, organisation_id, "batch", batch_id, "answer")},
        )


async def _claim(conn: AsyncConnection, job_id: UUID) -> int:
    claim = await conn.scalar(
        sa.text(
            "UPDATE job SET status = 'running', claim = claim + 1, fence = claim,"
            " lease_until = clock_timestamp() + interval '1 hour', started_at = clock_timestamp()"
            " WHERE id = :job RETURNING claim"
        ),
        {"job": job_id},
    )
    assert claim is not None
    return int(claim)
