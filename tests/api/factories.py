"""Rosters, and runs with results as the engine would leave them, under the same guards of the database."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import activity_queue, batches, claims
from app.db import answers as answers_of
from app.db.batches import Outgoing
from app.db.cipher import OrganisationCipher
from app.demo.people import with_check_digit
from app.domain.envelope import compact
from app.domain.verdicts import RecordChange
from app.runtime import Runtime
from app.skolverket.published import PUBLISHED
from tests.database import epochs

Object = dict[str, Any]

_PLAIN = str.maketrans("åäö", "aao", "\ud800")


def person(given: str = "Åsa", family: str = "Exempelsson", serial: int = 980, **more: Any) -> Object:
    """Invents a pupil of whom nothing is wrong."""
    local = f"{given[:1]}{family[:1]}{serial}".lower().translate(_PLAIN)
    return {
        "id": str(uuid4()),
        "givenName": given,
        "familyName": family,
        "eduPersonPrincipalNames": [f"{local}@edu.example.se"],
        "civicNo": {"value": with_check_digit(f"20120101{serial}"), "nationality": "SE"},
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
        """Carries a stage out; `answers` has (status, item) for some ids; with `end` None its batch stays written."""
        job_id = self.jobs[position - 1]
        async with self.runtime.engine.begin() as conn:
            held = await epochs.claim(conn, job_id)
            assert held is not None
            cipher = self.runtime.cipher.of(self.organisation_id, held.own_keys)
            while (out := (await batches.write_batch(conn, cipher, PUBLISHED, held)).batch) is not None:
                self.batches.append(out.id)
                if end is not None:
                    await self._answer(conn, cipher, held, out, answers or {})
        if end is not None:
            async with self.runtime.engine.begin() as conn:
                await activity_queue.finish_job(conn, held.organisation_id, job_id, held.number, end)

    async def _answer(
        self, conn: AsyncConnection, cipher: OrganisationCipher, held: claims.Claim, out: Outgoing, given: Any
    ) -> None:
        assert await batches.call_batch(conn, cipher, PUBLISHED, held, out.id) is not None
        await answers_of.accept_batch(conn, held, out.id, 202, str(uuid4()), timedelta())
        responses, changes = [], []
        for item in json.loads(out.body)["data"]:
            status, response = given.get(item["id"], ("succeeded", {"status": "Success", "statusCode": 201}))
            responses.append({"id": item["id"], "response": response})
            received = compact(responses[-1])
            changes.append(RecordChange(UUID(item["id"]), status, received=received, codes=PUBLISHED.codes(received)))
        answer = compact({"jobId": str(uuid4()), "responses": responses})
        seen = await answers_of.apply_answer(conn, cipher, held, out.id, answer, changes, timedelta())
        assert not seen.batches
