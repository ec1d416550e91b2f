"""One object in runs of several activities: the latest upload of it stays, whichever run comes first or last."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.db import answers, batches
from app.db.claims import Claim
from app.skolverket.published import PUBLISHED
from tests.database.drain import push_forward
from tests.database.factories import Object, Run, Tenant, group, pupil

PERSON = "SELECT * FROM object WHERE organisation_id = :organisation AND kind = 'persons' AND id = :id"


async def _two_runs(tenant: Tenant, *, alone: tuple[Object, ...] = ()) -> tuple[Object, Run, Run]:
    """Accepts a run with a person, and then one of another activity with a later upload of the same person."""
    person = pupil()
    older = await tenant.new_run({"persons": [person, *alone]})
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    return person, older, newer


async def _record(run: Run, person: Object) -> dict[str, Any]:
    [row] = await run.tenant.rows(
        "SELECT *, due_at > clock_timestamp() AS waits FROM record WHERE job_id = :job AND object_id = :id",
        job=run.jobs[0],
        id=UUID(person["id"]),
    )
    return row


async def _known(tenant: Tenant, person: Object) -> dict[str, Any] | None:
    rows = await tenant.rows(PERSON, organisation=tenant.organisation_id, id=UUID(person["id"]))
    return rows[0] if rows else None


async def _traits(tenant: Tenant, digest: bytes) -> dict[str, Any]:
    [row] = await tenant.rows("SELECT marking, eppn, civic_no, name FROM content WHERE digest = :digest", digest=digest)
    assert None not in row.values()
    return row


async def _call(tenant: Tenant, held: Claim, out: batches.Outgoing) -> batches.Outgoing | None:
    async with tenant.engine.begin() as conn:
        return await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id)


async def _wait_is_over(tenant: Tenant, held: Claim) -> None:
    async with tenant.engine.begin() as conn:
        await push_forward(conn, held.job_id)


async def test_a_run_freezes_the_latest_upload_of_each_object(tenant: Tenant) -> None:
    """Whichever activity it is of; which objects there are, and in which order, its own roster says."""
    shared, own = pupil(), pupil()
    activity_id = await tenant.store({"persons": [own, shared]})
    other = await tenant.new_run({"persons": [pupil(), {**shared, "givenName": "Örjan"}]})
    run = await tenant.accept(activity_id)
    assert await run.objects(1) == [own["id"], shared["id"]]
    assert (await _record(run, own))["upload"] == 1
    mine, theirs = await _record(run, shared), await _record(other, shared)
    assert (mine["upload"], mine["source"], mine["outgoing"]) == (2, theirs["source"], theirs["outgoing"])


async def test_the_same_content_again_is_no_later_upload(tenant: Tenant) -> None:
    """A roster uploaded again as it was takes nothing back from another activity's change."""
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    changed = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}]})
    await tenant.store({"persons": [person, pupil()]}, activity_id)
    run = await tenant.accept(activity_id)
    assert (await _record(run, person))["outgoing"] == (await _record(changed, person))["outgoing"]
    await tenant.play(changed.jobs[0])
    await tenant.play(run.jobs[0])
    assert (await _record(run, person))["status"] == "succeeded"


async def test_what_was_accepted_last_is_known_of_an_object(tenant: Tenant) -> None:
    """Its content, upload, job and time; what was refused is not known."""
    person, refused = pupil(), pupil()
    activity_id = await tenant.store({"persons": [person, refused]})
    for change in ("Åsa", "Örjan"):
        await tenant.store({"persons": [{**person, "givenName": change}, refused]}, activity_id)
        run = await tenant.accept(activity_id)
        await tenant.play(run.jobs[0], {refused["id"]: "error"})
        record = await _record(run, person)
        assert await _known(tenant, person) == {
            "organisation_id": tenant.organisation_id,
            "kind": "persons",
            "id": UUID(person["id"]),
            "accepted": record["sent"],
            "accepted_upload": record["upload"],
            "accepted_job_id": run.jobs[0],
            "accepted_at": record["completed_at"],
            **await _traits(tenant, record["sent"]),
            "landed_at": None,
            "gone_at": None,
            "ours": None,
        }
    assert await _known(tenant, refused) is None


async def test_an_older_upload_is_not_sent_after_a_newer_one(tenant: Tenant) -> None:
    """Its record is unchanged, and says why; the others of its job are sent."""
    alone = pupil()
    person, older, newer = await _two_runs(tenant, alone=(alone,))
    await tenant.play(newer.jobs[0], {person["id"]: "warning"})
    await tenant.play(older.jobs[0])
    record = await _record(older, person)
    assert (record["status"], record["attempts"], record["sent"]) == ("unchanged", 0, None)
    assert record["issues"] == [{"code": "newer_at_target", "severity": "warning"}]
    assert (await _record(older, alone))["status"] == "succeeded"
    assert (await older.statuses())[:2] == ["succeeded", "queued"]
    known = await _known(tenant, person)
    assert known is not None
    assert known["accepted"] == (await _record(newer, person))["sent"]


async def test_a_newer_upload_that_was_refused_keeps_nobody_back(tenant: Tenant) -> None:
    """Only what has been accepted is at Skolverket."""
    person, older, newer = await _two_runs(tenant)
    await tenant.play(newer.jobs[0], {person["id"]: "error"})
    await tenant.play(older.jobs[0])
    assert (await _record(older, person))["status"] == "succeeded"


async def test_a_newer_upload_goes_over_an_older_one(tenant: Tenant) -> None:
    person, older, newer = await _two_runs(tenant)
    await tenant.play(older.jobs[0])
    await tenant.play(newer.jobs[0])
    assert (await _record(newer, person))["status"] == "succeeded"


async def test_an_older_run_that_is_tried_again_leaves_what_is_newer(tenant: Tenant) -> None:
    """A retry sends the upload that the run froze, and that is older by now."""
    person, older, newer = await _two_runs(tenant)
    await tenant.play(older.jobs[0], {person["id"]: "error"})
    await tenant.play(newer.jobs[0])
    await older.retry()
    await tenant.play(older.jobs[0])
    assert (await _record(older, person))["status"] == "unchanged"
    assert (await older.statuses())[0] == "succeeded"


async def test_a_batch_that_is_overtaken_before_its_call_is_written_anew(tenant: Tenant) -> None:
    """The object that is newer at Skolverket is left out of it, and the others leave."""
    alone = pupil()
    person, older, newer = await _two_runs(tenant, alone=(alone,))
    held = await tenant.claim(older.jobs[0])
    out = await tenant.written(held)
    await tenant.play(newer.jobs[0])
    assert await _call(tenant, held, out) is None
    assert await tenant.rows("SELECT id FROM batch WHERE id = :batch", batch=out.id) == []
    taken = await _record(older, alone)
    assert (taken["status"], taken["attempts"], taken["sent"], taken["batch_id"]) == ("pending", 0, None, None)
    again = await tenant.written(held)
    assert await tenant.value("SELECT record_ids FROM batch WHERE id = :batch", batch=again.id) == [UUID(alone["id"])]
    assert (await _record(older, person))["status"] == "unchanged"
    assert await _call(tenant, held, again) == again


async def test_an_object_waits_for_the_answer_of_another_runs_call(tenant: Tenant) -> None:
    """From the call on; its job rests meanwhile, and what is not in that call goes."""
    person, newer_alone = pupil(), pupil()
    older = await tenant.new_run({"persons": [person]})
    newer = await tenant.new_run({"persons": [{**person, "givenName": "Örjan"}, newer_alone]})
    first = await tenant.claim(older.jobs[0])
    batch_id = await tenant.called(first)
    second = await tenant.claim(newer.jobs[0])
    for state in ("called", "accepted"):
        if state == "accepted":
            async with tenant.engine.begin() as conn:
                await answers.accept_batch(conn, first, batch_id, 202, "taken", timedelta())
            await _wait_is_over(tenant, second)
        out = await tenant.write(second)
        assert (out is not None) == (state == "called"), "the one alone leaves at once, and nothing after it"
        record = await _record(newer, person)
        assert (record["status"], record["attempts"], record["waits"]) == ("pending", 0, True)
        async with tenant.engine.begin() as conn:
            seen = await batches.open_job(conn, second)
        assert not seen.ready
        assert seen.next_ready_at == record["due_at"]
    await tenant.answer(first, batch_id)
    await _wait_is_over(tenant, second)
    last = await tenant.written(second)
    assert await _call(tenant, second, last) == last


async def test_a_written_batch_does_not_leave_beside_another_runs_call(tenant: Tenant) -> None:
    """Nobody knows which of two calls at once comes first."""
    person, older, newer = await _two_runs(tenant)
    first, second = await tenant.claim(older.jobs[0]), await tenant.claim(newer.jobs[0])
    mine, theirs = await tenant.written(first), await tenant.written(second)
    assert await _call(tenant, first, mine) == mine
    assert await _call(tenant, second, theirs) is None
    assert (await _record(newer, person))["status"] == "pending"
    assert await tenant.write(second) is None


async def test_two_calls_are_not_marked_at_the_same_time(tenant: Tenant) -> None:
    """The second waits for the first one's commit, and then sees it."""
    _, older, newer = await _two_runs(tenant)
    first, second = await tenant.claim(older.jobs[0]), await tenant.claim(newer.jobs[0])
    mine, theirs = await tenant.written(first), await tenant.written(second)
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, first, mine.id) == mine
        other = asyncio.ensure_future(_call(tenant, second, theirs))
        async with tenant.engine.connect() as onlooker:
            while not await onlooker.scalar(sa.text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")):
                assert not other.done(), "the second has not waited"
                await asyncio.wait({other}, timeout=0.002)
    assert await other is None


async def test_a_call_of_another_organisation_or_kind_is_not_waited_for(tenant: Tenant) -> None:
    """Ids are an organisation's own, and a kind's."""
    person, stranger = pupil(), await Tenant.make(tenant.engine)
    theirs = await stranger.new_run({"persons": [person]})
    groups = await tenant.new_run({"groups": [group(id=person["id"])]})
    await stranger.called(await stranger.claim(theirs.jobs[0]))
    for job_id in groups.jobs[:2]:
        await tenant.play(job_id)
    await tenant.called(await tenant.claim(groups.jobs[2]))
    mine = await tenant.new_run({"persons": [person]})
    held = await tenant.claim(mine.jobs[0])
    out = await tenant.written(held)
    assert await _call(tenant, held, out) == out
