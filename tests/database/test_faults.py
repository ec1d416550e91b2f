"""Who ends for a fault of ours: the record that it is about, after ten rests in a row; nobody for the database's."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.db import batches, claims, runs
from app.db.cipher import DIGEST_KEY_PLACE, KeyUnknown
from app.db.engine import statement
from app.db.faults import OurFault, Unusable, fault_of
from app.skolverket.published import PUBLISHED
from tests.database.epochs import begin_epoch
from tests.database.factories import Run, Tenant, pupil

Doing = Callable[[claims.Claim], Coroutine[Any, Any, object]]
WHOLE = "UPDATE content SET sealed = sealed || '\\x00' WHERE object_id = :id"
GONE = "DELETE FROM content WHERE object_id = :id"


async def spoil(tenant: Tenant, statement: str, object_id: str) -> None:
    """Damages or deletes what is stored of an object, as only a fault does."""
    async with tenant.engine.begin() as conn:
        await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await conn.exec_driver_sql(statement.replace(":id", f"'{object_id}'"))


async def rest(tenant: Tenant, held: claims.Claim, fault: OurFault) -> dict[str, Any]:
    """Lays a job down, and has it due again; gives how it rested, with the seconds."""
    async with tenant.engine.begin() as conn:
        await claims.rest(conn, held, fault)
    [row] = await tenant.rows(
        "SELECT rests, internal_rests, rest_code, extract(epoch FROM due_at - clock_timestamp()) AS wait FROM job"
        " WHERE id = :job",
        job=held.job_id,
    )
    await tenant.do("UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job", job=held.job_id)
    return row


async def try_again_and_again(tenant: Tenant, run: Run, do: Doing, times: int) -> None:
    """Claims a job so many times and does what raises, as the worker does."""
    for _ in range(times):
        held = await tenant.claim(run.jobs[0])
        with pytest.raises((Unusable, KeyUnknown)) as raised:
            await do(held)
        await rest(tenant, held, fault_of(raised.value))


async def statuses(tenant: Tenant, run: Run) -> list[str]:
    rows = await tenant.rows("SELECT status FROM record WHERE job_id = :job ORDER BY ordinal", job=run.jobs[0])
    return [row["status"] for row in rows]


@pytest.fixture
async def three(tenant: Tenant) -> Run:
    """A run with three persons."""
    return await tenant.new_run({"persons": [pupil(), pupil(), pupil()]})


@pytest.mark.parametrize("how", [GONE, WHOLE], ids=["is missing", "does not open"])
async def test_a_record_whose_content_is_of_no_use_ends_and_the_others_go_on(
    tenant: Tenant, three: Run, how: str
) -> None:
    """At the tenth rest in a row, and not before."""
    await spoil(tenant, how, (await three.objects(1))[1])
    await try_again_and_again(tenant, three, tenant.write, 9)
    assert await statuses(tenant, three) == ["pending"] * 3
    await try_again_and_again(tenant, three, tenant.write, 1)
    assert await statuses(tenant, three) == ["pending", "error", "pending"]
    issues = await tenant.value("SELECT issues FROM record WHERE status = 'error'")
    assert [each["code"] for each in issues] == ["internal"]
    row = (await tenant.rows("SELECT rests, rest_code FROM job WHERE id = :job", job=three.jobs[0]))[0]
    assert tuple(row.values()) == (0, None)
    await tenant.play(three.jobs[0])
    assert await statuses(tenant, three) == ["succeeded", "error", "succeeded"]


@pytest.mark.parametrize("how", [GONE, WHOLE], ids=["is missing", "does not open"])
async def test_what_was_lost_after_the_batch_was_written(tenant: Tenant, three: Run, how: str) -> None:
    """The batch goes, its records are as if they had never been taken, and the one is named."""
    held = await tenant.claim(three.jobs[0])
    out = await tenant.written(held)
    guilty = (await three.objects(1))[2]
    await spoil(tenant, how, guilty)
    async with statement(tenant.engine, "test") as conn:
        with pytest.raises(Unusable) as raised:
            await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id)
    fault = replace(fault_of(raised.value), batch=out.id)
    assert fault.records == (UUID(guilty),)
    await rest(tenant, held, fault)
    assert await statuses(tenant, three) == ["pending"] * 3
    assert await tenant.value("SELECT count(*) FROM batch") == 0


async def test_a_batch_that_would_leave_otherwise_than_written_is_written_anew(tenant: Tenant, three: Run) -> None:
    held = await tenant.claim(three.jobs[0])
    out = await tenant.written(held)
    other = replace(tenant.cipher, sealed_digest_key=tenant.cipher.seal(b"another", DIGEST_KEY_PLACE))
    async with statement(tenant.engine, "test") as conn:
        with pytest.raises(Unusable) as raised:
            await batches.call_batch(conn, other, PUBLISHED, held, out.id)
    assert fault_of(raised.value) == OurFault(batch=out.id)
    await rest(tenant, held, fault_of(raised.value))
    assert await tenant.value("SELECT count(*) FROM batch") == 0
    await tenant.play(three.jobs[0])
    assert await statuses(tenant, three) == ["succeeded"] * 3


async def test_records_of_a_batch_that_goes_wrong_each_time_it_is_written_end(tenant: Tenant, three: Run) -> None:
    for _ in range(10):
        held = await tenant.claim(three.jobs[0])
        await rest(tenant, held, OurFault(batch=(await tenant.written(held)).id))
    assert await statuses(tenant, three) == ["error"] * 3


async def test_an_answer_that_cannot_be_taken_in_ends_the_records_of_its_batch(tenant: Tenant, three: Run) -> None:
    held = await tenant.claim(three.jobs[0])
    batch_id = await tenant.accepted(held)
    for _ in range(10):
        assert await statuses(tenant, three) == ["sent"] * 3
        await rest(tenant, held, OurFault(batch=batch_id))
        held = await tenant.claim(three.jobs[0])
    assert await statuses(tenant, three) == ["error"] * 3
    assert await tenant.value("SELECT error FROM batch WHERE id = :batch", batch=batch_id) == "internal"


@pytest.mark.parametrize("code", ["key_unknown", "database_full", "database_read_only", "not_migrated"])
async def test_what_all_meet_never_counts(tenant: Tenant, three: Run, code: str) -> None:
    """Neither towards the ten nor as the end of anything."""
    named = tuple(UUID(each) for each in await three.objects(1))
    for _ in range(12):
        await rest(tenant, await tenant.claim(three.jobs[0]), OurFault(code, named))
    for _ in range(9):
        rested = await rest(tenant, await tenant.claim(three.jobs[0]), OurFault(records=named))
    assert (rested["internal_rests"], rested["rests"], rested["rest_code"]) == (9, 21, "internal")
    assert await statuses(tenant, three) == ["pending"] * 3


@pytest.mark.parametrize(("code", "longest"), [("database_full", 10), ("key_unknown", 300), ("internal", 300)])
async def test_the_longest_rest(tenant: Tenant, three: Run, code: str, longest: int) -> None:
    """What passes for all at once goes on within seconds of it."""
    waits = [round((await rest(tenant, await tenant.claim(three.jobs[0]), OurFault(code)))["wait"]) for _ in range(12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == longest


async def test_a_key_that_is_gone_is_named(tenant: Tenant, three: Run) -> None:
    await tenant.do("UPDATE content SET sealed = '\\x026b39' || substr(sealed, 4)")
    await try_again_and_again(tenant, three, tenant.write, 1)
    assert await tenant.value("SELECT rest_code FROM job WHERE id = :job", job=three.jobs[0]) == "key_unknown"


async def test_a_wrong_key_of_the_same_id_blames_no_record(tenant: Tenant, three: Run) -> None:
    """Nothing opens with it, so that it is the key: also when only some contents are looked at."""
    wrong = {key_id: AESGCM(bytes(32)) for key_id in tenant.cipher.keys}
    stranger = replace(tenant.cipher, keys=wrong, proven=set())

    async def write(held: claims.Claim) -> None:
        async with tenant.engine.connect() as conn:
            await batches.write_batch(conn, stranger, PUBLISHED, held)

    await try_again_and_again(tenant, three, write, 11)
    assert await statuses(tenant, three) == ["pending"] * 3
    await tenant.play(three.jobs[0])
    assert await statuses(tenant, three) == ["succeeded"] * 3


async def test_a_job_whose_steps_only_break_can_be_cancelled(tenant: Tenant, three: Run) -> None:
    """When nobody knows what is to blame, with a batch that is out: at the tenth rest in a row."""
    held = await tenant.claim(three.jobs[0])
    await tenant.accepted(held)
    await three.cancel()
    for _ in range(9):
        await rest(tenant, held, OurFault())
        assert await three.status() == "running"
        held = await tenant.claim(three.jobs[0])
    async with tenant.engine.begin() as conn:
        await claims.rest(conn, held, OurFault())
    assert (await three.status(), await three.statuses()) == ("cancelled", ["cancelled"] * 4)
    assert await statuses(tenant, three) == ["pending"] * 3


UNREADABLE = {
    "what Postgres refuses": "RAISE EXCEPTION 'unreadable';",
    "what nobody here can read": "RETURN '{}'::jsonb;",
}


async def _make_unreadable(tenant: Tenant, job_id: UUID, how: str) -> None:
    snapshot = await tenant.value("SELECT pg_get_functiondef('job_snapshot'::regproc)")
    guard = f"BEGIN\n    IF of_job = '{job_id}' THEN {how} END IF;\n    SELECT * INTO one"
    spoilt = snapshot.replace("BEGIN\n    SELECT * INTO one", guard)
    assert spoilt != snapshot
    async with tenant.engine.begin() as conn:
        await conn.exec_driver_sql(spoilt.replace("%", "%%"))


@pytest.mark.parametrize("how", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_job_that_cannot_be_read_rests_and_can_be_cancelled_at_once(tenant: Tenant, how: str) -> None:
    """With a batch that is out; all others go on meanwhile."""
    run, other = await tenant.new_run(), await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.accepted(held)
    await rest(tenant, held, OurFault())
    await _make_unreadable(tenant, run.jobs[0], how)
    async with tenant.engine.begin() as conn:
        epoch = await begin_epoch(conn)
        assert [each.job_id for each in await claims.claim_jobs(conn, epoch, 9)] == [other.jobs[0]]
    row = (await tenant.rows("SELECT status, rests, rest_code FROM job WHERE id = :job", job=run.jobs[0]))[0]
    assert tuple(row.values()) == ("running", 2, "internal")
    await run.cancel()
    async with tenant.engine.begin() as conn:
        assert await claims.claim_jobs(conn, epoch, 9) == []
    assert (await run.status(), await run.statuses()) == ("cancelled", ["cancelled"] * 4)
    assert await tenant.value("SELECT count(*) FROM record WHERE status = 'sent'") == 0


@pytest.mark.parametrize("how", UNREADABLE.values(), ids=UNREADABLE)
async def test_who_claims_what_cannot_be_read_waits_for_nobody_who_may_want_it(tenant: Tenant, how: str) -> None:
    """Everybody locks the activity before the job. A claim has the job first: it leaves the end to the next one."""
    run = await tenant.new_run()
    held = await tenant.claim(run.jobs[0])
    await tenant.accepted(held)
    await run.cancel()
    await rest(tenant, held, OurFault())
    await _make_unreadable(tenant, held.job_id, how)
    await tenant.do("UPDATE job SET due_at = clock_timestamp(), fence = claim WHERE id = :job", job=held.job_id)
    async with tenant.engine.begin() as cancelling:
        await cancelling.execute(
            sa.text("SELECT FROM activity WHERE id = :activity FOR NO KEY UPDATE"), {"activity": run.activity_id}
        )
        async with tenant.engine.begin() as conn:
            # Whoever waited would wait for the test itself.
            await conn.exec_driver_sql("SET LOCAL statement_timeout = '10s'")
            assert await claims.claim_jobs(conn, await begin_epoch(conn), 9) == []
        await runs.cancel_run(cancelling, tenant.organisation_id, run.id)
    assert await run.status() == "running"
    async with tenant.engine.begin() as conn:
        assert await claims.claim_jobs(conn, await begin_epoch(conn), 9) == []
    assert await run.status() == "cancelled"
