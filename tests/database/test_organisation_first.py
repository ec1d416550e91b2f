"""Every verb takes an organisation first and acts for it alone, so that row-level security can be laid under it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import activity_queue, answers, batches, claims, content, repairs, runs, tasks
from app.db.functions import all_functions
from app.db.verbs import LeaseLost
from app.domain.kinds import Kind
from app.domain.repair import LastAccepted
from app.domain.verdicts import RecordChange
from app.errors import NotFound
from app.skolverket.published import PUBLISHED
from tests.database.epochs import begin_epoch
from tests.database.factories import MINUTE, Run, Tenant

_SOURCES: Final = [path.read_text(encoding="utf-8") for path in Path(str(files("app"))).rglob("*.py")]
# Jobs, tasks, epochs and the audit are of any organisation.
_OF_ANY: Final = {
    *("claim_jobs", "take_egress", "end_epoch", "close_epoch", "claim_tasks", "finish_task", "sealed_with"),
    "cut_audit",
}
_UNDER_A_CLAIM: Final = sorted(
    {verb for source in _SOURCES for verb in re.findall(r"\b(\w+)\(:organisation, :job, :claim", source)}
)


def test_every_verb_takes_the_organisation_first() -> None:
    """Whatever function of the database is called with values begins with it, but for those that are for any."""
    known = {name for sql in all_functions() for name in re.findall(r"CREATE OR REPLACE FUNCTION (\w+)", sql)}
    calls = [call for source in _SOURCES for call in re.findall(r"\b([a-z_]+)\(\s*(?:CAST\()?:(\w+)", source)]
    assert len(_UNDER_A_CLAIM) > 20
    assert {name for name, first in calls if name in known and first != "organisation"} == _OF_ANY


@pytest.mark.parametrize("verb", _UNDER_A_CLAIM)
async def test_a_claim_is_one_of_the_organisation_whose_job_it_is(tenant: Tenant, verb: str) -> None:
    """Called for another organisation with the claim of this one, a verb says that the lease is lost."""
    other = await Tenant.make(tenant.engine)
    held = await tenant.claim((await tenant.new_run()).jobs[0])
    given = {"of_organisation": other.organisation_id, "of_job": held.job_id, "of_claim": held.number}
    given["of_batch"] = await tenant.accepted(held)
    names = await tenant.value("SELECT proargnames FROM pg_proc WHERE proname = :verb", verb=verb)
    values = ", ".join(f"{name} => {f':{name}' if name in given else 'NULL'}" for name in names)
    before = await tenant.dump()
    with pytest.raises(DBAPIError) as refused:
        await tenant.do(f"SELECT {verb}({values})", **{name: given[name] for name in names if name in given})
    assert getattr(refused.value.orig, "sqlstate", None) == "LEASE"
    assert await tenant.dump() == before


async def _accept(conn: AsyncConnection, other: Tenant, run: Run) -> None:
    await runs.accept_run(
        conn,
        organisation_id=other.organisation_id,
        activity_id=run.activity_id,
        on_record_error="halt",
        key_id=other.key_id,
        key_name="annan",
        most_waiting=10,
    )


async def _cancel(conn: AsyncConnection, other: Tenant, run: Run) -> None:
    await runs.cancel_run(conn, other.organisation_id, run.id)


async def _retry(conn: AsyncConnection, other: Tenant, run: Run) -> None:
    await runs.retry_run(conn, other.organisation_id, run.id, None)


async def _forget(conn: AsyncConnection, other: Tenant, run: Run) -> None:
    await content.forget_contents(conn, other.cipher, [sha256(b"unused").digest()])


@pytest.mark.parametrize("verb", [_accept, _cancel, _retry, _forget])
@pytest.mark.parametrize("state", ["running", "cancelled"])
async def test_what_is_asked_for_another_organisation_changes_nothing(
    tenant: Tenant, verb: Callable[[AsyncConnection, Tenant, Run], Awaitable[None]], state: str
) -> None:
    other = await Tenant.make(tenant.engine)
    run = await tenant.new_run()
    if state == "cancelled":
        await run.cancel()
    await tenant.do(
        "INSERT INTO content (organisation_id, digest, kind, object_id, sealed)"
        " VALUES (:organisation, sha256('unused'), 'persons', gen_random_uuid(), 'x')",
        organisation=tenant.organisation_id,
    )
    before = await tenant.dump()
    with suppress(NotFound):
        async with tenant.engine.begin() as conn:
            await verb(conn, other, run)
    assert await tenant.dump() == before


async def test_a_repair_is_one_of_its_organisation(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    run = await tenant.new_run()
    batch_id = await tenant.called(await tenant.claim(run.jobs[0]))
    async with tenant.engine.begin() as conn:
        await repairs.ask(conn, other.organisation_id, batch_id)
    assert await tenant.value("SELECT count(*) FROM task") == 0
    async with tenant.engine.begin() as conn:
        await repairs.ask(conn, tenant.organisation_id, batch_id)
        [task] = await tasks.claim_for_epoch(conn, await begin_epoch(conn), {repairs.REPAIR: 100 * MINUTE}, 1)
        sent = [LastAccepted(uuid4(), b"", None, protected=False)]
        assert not await repairs.call(conn, replace(task, organisation_id=other.organisation_id), Kind.PERSONS, sent)
        assert await repairs.call(conn, task, Kind.PERSONS, sent)


_GUARDED: Final = (
    "activity",
    "at_target",
    "batch",
    "content",
    "eppn",
    "event",
    "finding",
    "job",
    "object",
    "record",
    "roster",
    "roster_item",
    "run",
    "task",
)


@pytest.fixture
async def role(tenant: Tenant) -> AsyncIterator[str]:
    """A role for which a policy leaves the rows of the organisation for which a transaction acts."""
    name = f"role_{uuid4().hex}"
    await tenant.do(f"CREATE ROLE {name}")
    await tenant.do(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    await tenant.do(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")
    for table in _GUARDED:
        await tenant.do(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        await tenant.do(
            f"CREATE POLICY of_one ON {table} TO {name}"
            " USING (organisation_id = nullif(current_setting('provkedja.organisation', true), '')::uuid)"
        )
    yield name
    await tenant.do(f"DROP OWNED BY {name}")
    await tenant.do(f"DROP ROLE {name}")


@asynccontextmanager
async def guarded(tenant: Tenant, role: str) -> AsyncIterator[AsyncConnection]:
    """Begins a transaction that sees no row before it acts for an organisation."""
    async with tenant.engine.begin() as conn:
        await conn.execute(sa.text(f"SET LOCAL ROLE {role}"))
        assert await conn.scalar(sa.text("SELECT count(*) FROM activity")) == 0
        yield conn


async def test_a_job_is_done_under_row_level_security(tenant: Tenant, role: str) -> None:
    """Who sees nothing but what the verbs set sends a job's records and ends it; for another organisation nothing."""
    other = await Tenant.make(tenant.engine)
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    with pytest.raises(LeaseLost):
        async with guarded(tenant, role) as conn:
            await claims.load_snapshot(conn, replace(held, organisation_id=other.organisation_id))
    async with guarded(tenant, role) as conn:
        # What a batch is made of is read before it is written.
        await claims.hold(conn, held)
        batch = (await batches.write_batch(conn, tenant.cipher, PUBLISHED, held)).batch
        assert batch is not None
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, batch.id) == batch
    async with guarded(tenant, role) as conn:
        await answers.accept_batch(conn, held, batch.id, 202, "7", MINUTE)
    changes = [RecordChange(each, "succeeded", received=b"{}") for each in map(UUID, await run.objects(1))]
    async with guarded(tenant, role) as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch.id, b"{}", changes, MINUTE)
    async with guarded(tenant, role) as conn:
        await activity_queue.finish_job(conn, held.organisation_id, held.job_id, held.number, "succeeded")
    assert await run.statuses() == ["succeeded", "queued", "waiting", "waiting"]
    assert await tenant.value("SELECT count(*) FROM object WHERE accepted_job_id = :job", job=held.job_id) == 2


async def test_runs_begin_and_end_under_row_level_security(tenant: Tenant, role: str) -> None:
    other = await Tenant.make(tenant.engine)
    ahead = await tenant.new_run()
    async with guarded(tenant, role) as conn:
        await _accept(conn, tenant, ahead)
    [row] = await tenant.rows("SELECT id FROM run WHERE status = 'queued'")
    assert await tenant.value("SELECT count(*) FROM record WHERE run_id = :run", run=row["id"]) == 5
    run = replace(ahead, id=row["id"])
    await ahead.cancel()
    for verb, state in ((_cancel, "cancelled"), (_retry, "running")):
        with pytest.raises(NotFound):
            async with guarded(tenant, role) as conn:
                await verb(conn, other, run)
        async with guarded(tenant, role) as conn:
            await verb(conn, tenant, run)
        assert await run.status() == state
