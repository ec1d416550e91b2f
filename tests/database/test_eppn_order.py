"""EPPNs that move from one person to another within a job: who gives one goes before who takes it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.db import answers, batches
from app.db.claims import Claim
from app.skolverket.published import PUBLISHED
from tests.database.drain import push_forward
from tests.database.factories import Object, Run, Tenant, pupil

EPPN = "eduPersonPrincipalNames"


async def _known(tenant: Tenant, number: int) -> tuple[UUID, list[Object]]:
    """Has so many persons accepted; gives the activity and them, by their ids."""
    persons = sorted((pupil() for _ in range(number)), key=lambda each: str(each["id"]))
    run = await tenant.new_run({"persons": persons})
    for job_id in run.jobs:
        await tenant.play(job_id)
    return run.activity_id, persons


async def _again(tenant: Tenant, activity_id: UUID, persons: Sequence[Object]) -> Run:
    await tenant.store({"persons": persons}, activity_id)
    return await tenant.accept(activity_id)


async def _leaving(tenant: Tenant, held: Claim) -> list[str]:
    """Lets the next batch leave; gives who is in it, in order. Whatever waits has waited enough before."""
    async with tenant.engine.begin() as conn:
        await push_forward(conn, held.job_id)
    out = await tenant.write(held)
    if out is None:
        return []
    ids = await tenant.value("SELECT record_ids FROM batch WHERE id = :batch", batch=out.id)
    return [str(each) for each in ids]


async def _answered(tenant: Tenant, held: Claim, verdicts: dict[str, str] | None = None) -> None:
    """Has the batch that was written called and answered."""
    batch_id = await tenant.value("SELECT id FROM batch WHERE job_id = :job AND status = 'written'", job=held.job_id)
    async with tenant.engine.begin() as conn:
        assert await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, batch_id)
    async with tenant.engine.begin() as conn:
        await answers.accept_batch(conn, held, batch_id, 202, str(batch_id), timedelta())
    assert not await tenant.answer(held, batch_id, verdicts)


async def _record(run: Run, person: Object) -> dict[str, Any]:
    [row] = await run.tenant.rows(
        "SELECT issues, due_at > clock_timestamp() AS waits FROM record WHERE job_id = :job AND object_id = :id",
        job=run.jobs[0],
        id=UUID(person["id"]),
    )
    return row


async def _owners(tenant: Tenant) -> dict[bytes, str]:
    rows = await tenant.rows("SELECT eppn, object_id FROM eppn")
    return {bytes(row["eppn"]): str(row["object_id"]) for row in rows}


def _eppn(tenant: Tenant, text: str) -> bytes:
    found = tenant.cipher.trait("eppn", text)
    assert found is not None
    return found


async def test_a_taker_waits_for_the_answer_about_its_giver(tenant: Tenant) -> None:
    """Whatever their order in the roster; the others leave at once."""
    activity_id, (giver, taker, other) = await _known(tenant, 3)
    run = await _again(
        tenant, activity_id, [{**taker, EPPN: giver[EPPN]}, {**giver, EPPN: ["ny@edu.example.se"]}, other]
    )
    held = await tenant.claim(run.jobs[0])
    assert await _leaving(tenant, held) == [giver["id"], other["id"]]
    assert (await _record(run, taker))["waits"]
    assert await _leaving(tenant, held) == [], "also while the giver's batch is under way"
    await _answered(tenant, held)
    assert await _leaving(tenant, held) == [taker["id"]]
    await _answered(tenant, held)
    owners = await _owners(tenant)
    assert owners[_eppn(tenant, giver[EPPN][0])] == taker["id"]
    assert owners[_eppn(tenant, "ny@edu.example.se")] == giver["id"]
    assert owners[_eppn(tenant, taker[EPPN][0])] == taker["id"], "who had it last is remembered"


async def test_a_chain_goes_from_its_end(tenant: Tenant) -> None:
    """One after the other, and each in a batch of its own."""
    activity_id, persons = await _known(tenant, 4)
    eppns = [*(each[EPPN] for each in persons[1:]), ["ny@edu.example.se"]]
    moved = [{**each, EPPN: eppn} for each, eppn in zip(persons, eppns, strict=True)]
    run = await _again(tenant, activity_id, moved)
    held = await tenant.claim(run.jobs[0])
    for expected in reversed(persons):
        assert await _leaving(tenant, held) == [expected["id"]]
        await _answered(tenant, held)


async def test_who_takes_from_one_that_fails_does_not_wait_for_ever(tenant: Tenant) -> None:
    """The target may refuse it then, and says so."""
    activity_id, (giver, taker) = await _known(tenant, 2)
    run = await _again(tenant, activity_id, [{**giver, EPPN: ["ny@edu.example.se"]}, {**taker, EPPN: giver[EPPN]}])
    held = await tenant.claim(run.jobs[0])
    assert await _leaving(tenant, held) == [giver["id"]]
    await _answered(tenant, held, {giver["id"]: "error"})
    assert await _leaving(tenant, held) == [taker["id"]]


async def test_of_a_swap_one_goes_first_and_says_so(tenant: Tenant) -> None:
    """Who gives in a circle and takes in it can't wait for itself; a chain that leads there waits behind it."""
    activity_id, (one, two, third) = await _known(tenant, 3)
    swapped = [{**third, EPPN: two[EPPN]}, {**two, EPPN: one[EPPN]}, {**one, EPPN: two[EPPN]}]
    run = await _again(tenant, activity_id, swapped)
    held = await tenant.claim(run.jobs[0])
    assert await _leaving(tenant, held) == [one["id"]]
    assert (await _record(run, one))["issues"] == [{"code": "eppn_swap", "severity": "warning", "ids": [two["id"]]}]
    await _answered(tenant, held, {one["id"]: "error"})
    assert await _leaving(tenant, held) == [two["id"]]
    await _answered(tenant, held, {two["id"]: "error"})
    assert await _leaving(tenant, held) == [third["id"]]
    await _answered(tenant, held, {third["id"]: "error"})
    assert await tenant.value("SELECT pending FROM job WHERE id = :job", job=held.job_id) == 0


async def test_who_keeps_its_eppn_keeps_nobody_waiting(tenant: Tenant) -> None:
    """Two that want the same one are no chain; nor is who is in another activity's run."""
    activity_id, (one, two) = await _known(tenant, 2)
    run = await _again(tenant, activity_id, [{**two, EPPN: one[EPPN]}, one])
    assert await _leaving(tenant, await tenant.claim(run.jobs[0])) == [two["id"], one["id"]]
    other, (third,) = await _known(tenant, 1)
    alone = await _again(tenant, other, [{**third, EPPN: two[EPPN]}])
    assert await _leaving(tenant, await tenant.claim(alone.jobs[0])) == [third["id"]]


async def test_case_and_form_make_no_other_eppn(tenant: Tenant) -> None:
    activity_id, (giver, taker) = await _known(tenant, 2)
    upper = [giver[EPPN][0].upper()]
    run = await _again(tenant, activity_id, [{**taker, EPPN: upper}, {**giver, EPPN: ["ny@edu.example.se"]}])
    assert await _leaving(tenant, await tenant.claim(run.jobs[0])) == [giver["id"]]


async def test_the_memory_goes_with_the_person(tenant: Tenant) -> None:
    """Erased, it is known of no EPPN."""
    activity_id, (one, two) = await _known(tenant, 2)
    await tenant.store({"persons": [two]}, activity_id)
    await tenant.do(
        "SELECT erase_objects(:organisation, 'persons', ARRAY[CAST(:id AS uuid)])",
        organisation=tenant.organisation_id,
        id=one["id"],
    )
    assert await _owners(tenant) == {_eppn(tenant, two[EPPN][0]): two["id"]}
