"""Uploads, runs, deletions, pauses side by side: none takes from another what that needs, and none waits for ever."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.db import given, runs, tasks
from app.db.activities import delete_activity
from app.db.intake import store_roster
from app.db.loop_share import LoopShare
from app.jobs.tasks.findings import SecondLook
from app.skolverket.published import PUBLISHED
from app.sources.json_upload import JsonUpload
from tests.database import epochs
from tests.database.factories import Run, Tenant, pupil, the_cipher

_OUTGOING = """
    SELECT content.digest IS NOT NULL AS there FROM record
    LEFT JOIN content ON content.organisation_id = record.organisation_id AND content.digest = record.outgoing
    WHERE run_id = :run
"""


async def _accept(tenant: Tenant, activity_id: UUID, taken: asyncio.Event, go_on: asyncio.Event) -> UUID:
    async with tenant.engine.begin() as conn:
        accepted = await runs.accept_run(
            conn,
            organisation_id=tenant.organisation_id,
            activity_id=activity_id,
            on_record_error="halt",
            key_id=tenant.key_id,
            key_name="a key",
            most_waiting=1000,
        )
        taken.set()
        await go_on.wait()
    assert accepted is not None
    return accepted.run_id


@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "deleted"])
async def test_a_run_keeps_what_it_freezes_of_a_roster_that_goes_meanwhile(tenant: Tenant, replaced: bool) -> None:
    """Another activity has the latest upload of its person: that waits until the run has been accepted."""
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    other_id = await tenant.store({"persons": [{**person, "givenName": "Bo"}]})
    taken, go_on = asyncio.Event(), asyncio.Event()
    accepting = asyncio.create_task(_accept(tenant, activity_id, taken, go_on))
    await taken.wait()

    async def goes() -> None:
        if replaced:
            await tenant.store({"persons": [{**person, "givenName": "Cecilia"}]}, other_id)
        else:
            async with tenant.engine.begin() as conn:
                await delete_activity(conn, tenant.organisation_id, other_id, if_match=lambda _: True)

    going = asyncio.create_task(goes())
    await _waits_for_a_lock(tenant)
    go_on.set()
    run_id = await accepting
    await going
    assert [row["there"] for row in await tenant.rows(_OUTGOING, run=run_id)] == [True]


async def _waits_for_a_lock(tenant: Tenant, many: int = 1) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10):
        while await tenant.value(waiting) < many:  # noqa: ASYNC110 - Postgres says it to nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("of_all", [True, False], ids=["organisation", "activity"])
async def test_a_pause_waits_for_a_claim_that_is_under_way_and_tells_the_job(tenant: Tenant, of_all: bool) -> None:
    run = await tenant.new_run()
    async with tenant.engine.begin() as conn:
        assert await epochs.claim(conn, run.jobs[0]) is not None
        pausing = asyncio.create_task(tenant.pause(None if of_all else run.activity_id))
        await _waits_for_a_lock(tenant)
    [wake_up] = await pausing
    assert wake_up.job_id == run.jobs[0]
    assert (await run.status(), (await run.statuses())[0]) == ("running", "running")


async def test_a_pause_of_all_activities_and_the_death_of_a_process_do_not_wait_for_each_other(tenant: Tenant) -> None:
    """Each locks jobs of many activities; here these and their jobs lie in opposite orders."""
    first, second = await _crossed(tenant)
    async with tenant.engine.begin() as conn:
        epoch = await epochs.begin_epoch(conn)
    for run in (second, first):
        async with tenant.engine.begin() as conn:
            assert await epochs.claim(conn, run.jobs[0], epoch=epoch) is not None
    async with tenant.engine.begin() as conn:
        # Who comes first has the job of one of them next, and so waits with what it has locked until then.
        await conn.execute(sa.text("SELECT FROM job WHERE id = :job FOR UPDATE"), {"job": first.jobs[0]})
        pausing = asyncio.create_task(tenant.pause())
        await _waits_for_a_lock(tenant)
        dying = asyncio.create_task(
            tenant.do("SELECT end_epoch(id, beat, gen_random_uuid()) FROM epoch WHERE id = :epoch", epoch=epoch)
        )
        await _waits_for_a_lock(tenant, 2)
    assert {each.job_id for each in await pausing} == {run.jobs[0] for run in (first, second)}
    await dying
    assert await tenant.value("SELECT count(*) FROM job WHERE holder IS NOT NULL") == 0


async def _crossed(tenant: Tenant) -> tuple[Run, Run]:
    """Gives runs of two activities: the first by its activity's id, which is the second by its job's; others end."""
    made = list[Run]()
    while True:
        made.append(await tenant.new_run())
        for one in made[:-1]:
            low, high = sorted((one, made[-1]), key=lambda run: run.activity_id)
            if low.jobs[0] > high.jobs[0]:
                for other in made:
                    if other not in (low, high):
                        await other.cancel()
                return low, high


async def test_uploads_in_pieces_get_their_places_one_after_the_other(tenant: Tenant) -> None:
    """None holds a place for its end while its last piece waits for one."""
    tenants = [await Tenant.make(tenant.engine) for _ in range(4)]
    share, gates = LoopShare(), [asyncio.Event() for _ in range(4)]

    async def upload(of: Tenant, gate: asyncio.Event) -> None:
        persons = [{"id": str(uuid4())} for _ in range(1001)]
        body = json.dumps({"display_name": "Prov", "roster": {"persons": persons}}).encode()

        async def chunks() -> AsyncIterator[bytes]:
            await gate.wait()
            yield body

        await store_roster(
            of.engine,
            of.cipher,
            PUBLISHED,
            uuid4(),
            JsonUpload(chunks()),
            stored_by=of.key_id,
            made_by=None,
            if_match=lambda _: True,
            share=share,
            most_bytes=2**40,
        )

    running = [asyncio.create_task(upload(each, gate)) for each, gate in zip(tenants, gates, strict=True)]
    async with AsyncExitStack() as busy:
        for _ in range(4):
            await busy.enter_async_context(share.connections.take(uuid4()))
        for gate in gates:
            gate.set()
        # Until all of them wait for a place.
        async with asyncio.timeout(10):
            while sum(map(len, share.connections._waiting.values())) < 4:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        await asyncio.gather(*running)


async def test_an_enrolment_that_ends_goes_as_ended_with_the_next_upload(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same roster on a later day is another version where something else would be sent."""
    ends = datetime.now(UTC).date() + timedelta(days=1)
    person = pupil()
    person["enrolments"][0]["endDate"] = ends.isoformat()
    activity_id = await tenant.store({"persons": [person]})
    await tenant.store({"persons": [person]}, activity_id)
    version = "SELECT version FROM activity WHERE id = :id"
    assert await tenant.value(version, id=activity_id) == 1
    _later(monkeypatch, 2)
    await tenant.store({"persons": [person]}, activity_id)
    assert await tenant.value(version, id=activity_id) == 2
    assert await tenant.rows("SELECT code FROM finding WHERE code = 'enrolment_ended'") == [{"code": "enrolment_ended"}]


def _later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return super().now(tz) + timedelta(days=days)

    monkeypatch.setattr(given, "datetime", Later)


async def test_findings_of_a_deleted_activity_do_not_come_back(tenant: Tenant) -> None:
    """A look that began before it was deleted stores nothing."""
    activity_id = await tenant.store({"persons": [pupil()]})
    roster_id = await tenant.value("SELECT roster_id FROM activity WHERE id = :id", id=activity_id)
    task = tasks.Task(uuid4(), "findings", str(roster_id), tenant.organisation_id, 1)
    store = await SecondLook(tenant.engine, the_cipher(), PUBLISHED).do(task)
    async with tenant.engine.begin() as conn:
        await delete_activity(conn, tenant.organisation_id, activity_id, if_match=lambda _: True)
    async with tenant.engine.begin() as conn:
        await store(conn)
    assert await tenant.value("SELECT count(*) FROM finding") == 0


async def test_what_is_compared_of_a_content_never_changes(tenant: Tenant) -> None:
    """The gates before a weaker marking and a reused id stand on it."""
    await tenant.store({"persons": [pupil(securityMarking="Sekretessmarkering")]})
    for change in ("marking = 0", "eppn = NULL", "civic_no = NULL", "name = NULL"):
        with pytest.raises(IntegrityError, match="content"):
            await tenant.do(f"UPDATE content SET {change} WHERE kind = 'persons'")
