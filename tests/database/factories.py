"""Rows that could really exist: organisations, rosters, runs, jobs, records and batches in any state.

Every state is reached by the service's own functions, under the database's guards; nothing is written past them.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import activity_queue, answers, batches, pauses, runs, tenants
from app.db.cipher import Cipher, OrganisationCipher, cipher_of, new_key
from app.db.claims import Claim
from app.db.engine import connect
from app.db.intake import store_roster
from app.db.loop_share import LoopShare
from app.db.records import changes_json
from app.domain.open_work import JobSnapshot
from app.domain.plan import OF_PERSONS
from app.domain.retention import Retention
from app.domain.verdicts import RecordChange
from app.skolverket.published import PUBLISHED
from app.sources.json_upload import JsonUpload
from tests.database import epochs
from tests.database.drain import drain

Object = dict[str, Any]

MINUTE = timedelta(minutes=1)
KEPT = Retention(content=timedelta(days=365), history=timedelta(days=1095))
HOUR = timedelta(hours=1)

_serials = count(1)


@cache
def the_cipher() -> Cipher:
    """Gives keys made for these tests."""
    return cipher_of(f"k1:{new_key()}")


def engine_of(url: str, pool: int = 6) -> AsyncEngine:
    """Makes an engine for a test's database; the test disposes of it."""
    return connect(url, pool=pool, name="tests")


def pupil(**more: Any) -> Object:
    """Invents a pupil."""
    return {
        "id": str(uuid4()),
        "givenName": "Åsa",
        "familyName": "Exempelsson",
        "eduPersonPrincipalNames": [f"elev{next(_serials)}@edu.example.se"],
        "civicNo": {"value": "201203049810", "nationality": "SE"},
        "enrolments": [{"enroledAt": {"id": str(uuid4())}, "schoolType": "GR", "schoolYear": 6}],
        **more,
    }


def duty(person: Object, **more: Any) -> Object:
    """Gives a person a duty."""
    unit = {"id": str(uuid4())}
    return {"id": str(uuid4()), "person": {"id": person["id"]}, "dutyAt": unit, "dutyRole": "Lärare", **more}


def group(*members: Object, **more: Any) -> Object:
    """Makes a class."""
    return {
        "id": str(uuid4()),
        "displayName": "6A",
        "groupType": "Klass",
        "schoolType": "GR",
        "organisation": {"id": str(uuid4())},
        "groupMemberships": [{"person": {"id": member["id"]}} for member in members],
        **more,
    }


def exam(groups: Sequence[Object], duties: Sequence[Object] = (), **more: Any) -> Object:
    """Makes an activity of groups and the duties of its teachers."""
    return {
        "id": str(uuid4()),
        "displayName": "Matematik 6A",
        "activityType": "Undervisning",
        "groups": [{"id": each["id"]} for each in groups],
        "teachers": [{"duty": {"id": each["id"]}} for each in duties],
        "organisation": {"id": str(uuid4())},
        "parentActivity": {"id": str(uuid4())},
        **more,
    }


def small_roster() -> dict[str, list[Object]]:
    """Invents two persons, and one object of each other kind."""
    first, second = pupil(), pupil()
    teaching, its_class = duty(second), group(first)
    return {"persons": [first, second], "duties": [teaching], "groups": [its_class], "activities": [exam([its_class])]}


def is_open(seen: JobSnapshot, batch_id: UUID) -> bool:
    """Tells whether a batch is among those without their final answer."""
    return batch_id in {each.id for each in seen.batches}


async def change_records(conn: AsyncConnection, held: Claim, changes: Sequence[RecordChange]) -> None:
    """Changes records without a batch."""
    said = sa.text("SELECT change_records(:job, :claim, NULL, CAST(:changes AS jsonb), NULL)")
    await conn.execute(said, {"job": held.job_id, "claim": held.number, "changes": changes_json(changes)})


@dataclass(frozen=True)
class Tenant:
    """An organisation with a key, and what its runs go through; verdicts are record states by object id."""

    engine: AsyncEngine
    organisation_id: UUID
    number: str
    key_id: UUID
    cipher: OrganisationCipher

    @classmethod
    async def make(cls, engine: AsyncEngine) -> "Tenant":
        """Registers an organisation and a key of it."""
        number = f"21200{next(_serials):05d}"
        async with engine.begin() as conn:
            organisation_id = await tenants.create_organisation(conn, the_cipher(), number, "Exempelkommun")
            key = await tenants.create_key(conn, number, "testnyckel", ("provision", "history"))
            found = await tenants.find_key(conn, key.handle)
        assert found is not None
        return cls(engine, organisation_id, number, found["id"], the_cipher().of(organisation_id, found["own_keys"]))

    async def store(
        self, roster: Mapping[str, Sequence[Object]] | None = None, activity_id: UUID | None = None
    ) -> UUID:
        """Stores a roster as an activity, a new one unless its id is given."""
        activity_id = activity_id or uuid4()
        # One without any list is refused.
        given = small_roster() if roster is None else {"persons": [], **roster}
        body = json.dumps({"display_name": "Prov", "roster": given}).encode()

        async def chunks() -> AsyncIterator[bytes]:
            yield body

        await store_roster(
            self.engine,
            self.cipher,
            PUBLISHED,
            activity_id,
            JsonUpload(chunks()),
            stored_by=self.key_id,
            made_by=None,
            if_match=lambda _: True,
            share=LoopShare(),
            most_bytes=2**40,
        )
        return activity_id

    async def accept(
        self,
        activity_id: UUID,
        policy: str = "halt",
        allow: Sequence[str] = (),
        stop_at_errors: Mapping[str, int] | None = None,
    ) -> "Run":
        """Provisions an activity."""
        async with self.engine.begin() as conn:
            accepted = await runs.accept_run(
                conn,
                organisation_id=self.organisation_id,
                activity_id=activity_id,
                on_record_error=policy,
                key_id=self.key_id,
                key_name="testnyckel",
                most_waiting=1000,
                allow=allow,
                stop_at_errors=stop_at_errors,
            )
        rows = await self.rows("SELECT id FROM job WHERE run_id = :run ORDER BY position", run=accepted.run_id)
        return Run(self, activity_id, accepted.run_id, tuple(row["id"] for row in rows), tuple(accepted.wake_ups))

    async def new_run(self, roster: Mapping[str, Sequence[Object]] | None = None, policy: str = "halt") -> "Run":
        """Stores a new activity and provisions it."""
        return await self.accept(await self.store(roster), policy)

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Reads rows by name."""
        async with self.engine.connect() as conn:
            return [dict(row) for row in (await conn.execute(sa.text(query), values)).mappings()]

    async def value(self, query: str, **values: Any) -> Any:
        """Reads one value."""
        async with self.engine.connect() as conn:
            return await conn.scalar(sa.text(query), values)

    async def dump(self) -> dict[str, list[Any]]:
        """Reads everything that the engine writes, to compare two moments."""
        return {
            # Who only looked has counted that too.
            table: await self.rows(f"SELECT to_jsonb({table}) - 'changes' AS row FROM {table} ORDER BY {table}::text")
            for table in ("run", "job", "record", "batch", "event", "activity", "content", "object")
        }

    async def do(self, statement: str, **values: Any) -> None:
        """Carries out one statement."""
        async with self.engine.begin() as conn:
            await conn.execute(sa.text(statement), values)

    async def claim(self, job_id: UUID | None = None) -> Claim:
        """Claims a job that is there to be claimed."""
        async with self.engine.begin() as conn:
            held = await epochs.claim(conn, job_id)
        assert held is not None
        return held

    async def die(self, held: Claim) -> None:
        """Has the process die that holds a job, and somebody else notice."""
        async with self.engine.begin() as conn:
            await epochs.die(conn, held.job_id)

    async def write(self, held: Claim) -> batches.Outgoing | None:
        """Writes down a batch."""
        async with self.engine.begin() as conn:
            return (await batches.write_batch(conn, self.cipher, PUBLISHED, held)).batch

    async def written(self, held: Claim) -> batches.Outgoing:
        """Writes down a batch where there is something to send."""
        out = await self.write(held)
        assert out is not None
        return out

    async def called(self, held: Claim) -> UUID:
        """Lets a batch leave."""
        out = await self.written(held)
        async with self.engine.begin() as conn:
            assert await batches.call_batch(conn, self.cipher, PUBLISHED, held, out.id) == out
        return out.id

    async def accepted(self, held: Claim) -> UUID:
        """Has a batch taken by Skolverket."""
        batch_id = await self.called(held)
        async with self.engine.begin() as conn:
            await answers.accept_batch(conn, held, batch_id, 202, str(uuid4()), timedelta())
        return batch_id

    async def answer(self, held: Claim, batch_id: UUID, verdicts: Mapping[str, str] | None = None) -> bool:
        """Has Skolverket answer a batch: `succeeded` for all but those with a verdict of their own.

        Tells whether the batch is still waited for.
        """
        ids = await self.value("SELECT record_ids FROM batch WHERE id = :batch", batch=batch_id)
        changes = [
            RecordChange(
                each,
                (verdicts or {}).get(str(each), "succeeded"),
                received=b"{}",
            )
            for each in ids
        ]
        async with self.engine.begin() as conn:
            seen = await answers.apply_answer(conn, self.cipher, held, batch_id, b"{}", changes, timedelta())
        return is_open(seen, batch_id)

    async def note_accepted(self, held: Claim) -> None:
        """Has Skolverket answer a call of a job."""
        await self.do("SELECT note_accepted(:job, :claim)", job=held.job_id, claim=held.number)

    async def finish(self, held: Claim, status: str = "succeeded") -> list[activity_queue.WakeUp]:
        """Ends a job."""
        async with self.engine.begin() as conn:
            return (await activity_queue.finish_job(conn, held.organisation_id, held.job_id, held.number, status))[0]

    async def pause(
        self, activity_id: UUID | None = None, *, by: pauses.By = "operator", reason: str = "Underhåll"
    ) -> list[activity_queue.WakeUp]:
        """Pauses an activity, or all of them."""
        async with self.engine.begin() as conn:
            place = pauses.Place(self.organisation_id, activity_id)
            cipher = None if by == "operator" else self.cipher
            return await pauses.pause(conn, place, cipher=cipher, who="testnyckel", reason=reason)

    async def resume(
        self, activity_id: UUID | None = None, *, by: pauses.By = "operator"
    ) -> list[activity_queue.WakeUp]:
        """Ends a pause."""
        async with self.engine.begin() as conn:
            return await pauses.resume(conn, pauses.Place(self.organisation_id, activity_id), by=by, who="testnyckel")

    async def play(self, job_id: UUID, verdicts: Mapping[str, str] | None = None) -> list[activity_queue.WakeUp]:
        """Has a job carried from its claim to its end."""
        return await drain(self.engine, self.cipher, job_id, verdicts)


@dataclass(frozen=True)
class Run:
    """A run that was accepted, with its four jobs in order."""

    tenant: Tenant
    activity_id: UUID
    id: UUID
    jobs: tuple[UUID, ...]
    wake_ups: tuple[activity_queue.WakeUp, ...]

    async def objects(self, position: int) -> list[str]:
        """Lists the object ids of a job, in their order."""
        rows = await self.tenant.rows(
            "SELECT object_id FROM record WHERE job_id = :job ORDER BY ordinal", job=self.jobs[position - 1]
        )
        return [str(row["object_id"]) for row in rows]

    async def cancel(self) -> list[activity_queue.WakeUp]:
        """Asks for the run's end."""
        async with self.tenant.engine.begin() as conn:
            return await runs.cancel_run(conn, self.tenant.organisation_id, self.id)

    async def retry(
        self,
        policy: str | None = None,
        allow: Sequence[str] | None = None,
        *,
        taken_back: Sequence[str] = OF_PERSONS,
    ) -> list[activity_queue.WakeUp]:
        """Lets the run go on."""
        async with self.tenant.engine.begin() as conn:
            of = self.tenant.organisation_id
            return await runs.retry_run(conn, of, self.id, policy, allow, taken_back=taken_back)

    async def status(self) -> str:
        """Reads the run's state."""
        return str(await self.tenant.value("SELECT status FROM run WHERE id = :run", run=self.id))

    async def statuses(self) -> list[str]:
        """Reads its jobs' states."""
        rows = await self.tenant.rows("SELECT status FROM job WHERE run_id = :run ORDER BY position", run=self.id)
        return [row["status"] for row in rows]


async def make_run(tenant: Tenant, state: str) -> Run:
    """Makes a run in a state, in an activity queue of its own."""
    run = await tenant.new_run()
    match state:
        case "queued":
            return await tenant.accept(run.activity_id)
        case "running":
            pass
        case "held":
            await tenant.pause(run.activity_id)
        case "succeeded":
            for job_id in run.jobs:
                await tenant.play(job_id)
        case "failed":
            await tenant.play(run.jobs[0], {(await run.objects(1))[0]: "error"})
        case "cancelled":
            await run.cancel()
    assert await run.status() == state
    return run


async def make_job(tenant: Tenant, state: str) -> UUID:
    """Makes a job in a state, in an activity queue of its own."""
    run = await make_run(
        tenant,
        {"failed": "failed", "blocked": "failed", "cancelled": "cancelled", "held": "held"}.get(state, "running"),
    )
    job_id = run.jobs[1 if state in {"waiting", "blocked"} else 0]
    if state == "running":
        await tenant.claim(job_id)
    if state == "succeeded":
        await tenant.play(job_id)
    assert await tenant.value("SELECT status FROM job WHERE id = :job", job=job_id) == state
    return job_id


async def make_batch(tenant: Tenant, state: str) -> tuple[Claim, UUID]:
    """Makes a batch in a state, and gives the claim that still holds its job."""
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    match state:
        case "written":
            batch_id = (await tenant.written(held)).id
        case "called" | "refused" | "lost":
            batch_id = await tenant.called(held)
        case _:
            batch_id = await tenant.accepted(held)
    async with tenant.engine.begin() as conn:
        if state == "refused":
            await answers.requeue_batch(conn, tenant.cipher, held, batch_id, 503, b"[]", timedelta())
        if state == "lost":
            await answers.mark_lost(conn, held, batch_id, "timeout", timedelta())
    if state == "answered":
        await tenant.answer(held, batch_id)
    assert await tenant.value("SELECT status FROM batch WHERE id = :batch", batch=batch_id) == state
    return held, batch_id


async def make_record(tenant: Tenant, state: str) -> tuple[Claim, UUID]:
    """Makes a record in a state, and gives the claim that holds its job."""
    run = await tenant.new_run(policy="continue")
    job_id = run.jobs[0]
    if state == "skipped":
        await tenant.play(job_id, {(await run.objects(1))[1]: "error"})
        job_id = run.jobs[1]
    held = await tenant.claim(job_id)
    object_id = (await run.objects(held.kind.position))[0]
    match state:
        case "pending":
            pass
        case "sent":
            await tenant.called(held)
        case "unchanged":
            async with tenant.engine.begin() as conn:
                await change_records(conn, held, [RecordChange(UUID(object_id), "unchanged")])
        case "skipped":
            assert await tenant.write(held) is None
        case _:
            await tenant.answer(held, await tenant.accepted(held), {object_id: state})
    found = await tenant.value(
        "SELECT status FROM record WHERE job_id = :job AND object_id = :id", job=job_id, id=object_id
    )
    assert found == state
    return held, UUID(object_id)
