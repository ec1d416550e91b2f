"""Erasing objects: nothing that is sealed says anything of them any more, and the rows of history stay."""

import json
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from app.db import answers, content, results
from app.domain.verdicts import RecordChange
from app.errors import ContentErased
from app.skolverket.published import PUBLISHED
from app.views.sealed import open_batch, open_record_detail
from tests.database.factories import Object, Run, Tenant, pupil

NAME = "Örjan Häggström"


async def opened(tenant: Tenant) -> list[bytes]:
    """Opens everything that is sealed for a place of its own row."""
    contents = await tenant.rows("SELECT sealed, digest AS place FROM content")
    hashes = await tenant.rows(
        "SELECT request_sha256 AS sealed, uuid_send(id) AS place FROM batch WHERE request_sha256 IS NOT NULL"
    )
    return [tenant.cipher.open(bytes(row["sealed"]), bytes(row["place"])) for row in (*contents, *hashes)]


async def erase(tenant: Tenant, person: Object) -> int:
    async with tenant.engine.begin() as conn:
        return await content.erase_objects(conn, tenant.organisation_id, "persons", [UUID(person["id"])])


async def answered_twice(tenant: Tenant, person: Object, other: Object) -> Run:
    """Makes a run whose first batch is answered with an error that passes and a stranger's item, the next accepted."""
    run = await tenant.new_run({"persons": [person, other]})
    held = await tenant.claim(run.jobs[0])
    for status, says in (("pending", f"{NAME}: later"), ("succeeded", f"{NAME}: done")):
        batch_id = await tenant.accepted(held)
        items = [{"id": each["id"], "says": says} for each in (person, other)]
        changes = [
            RecordChange(UUID(item["id"]), status, received=json.dumps(item, separators=(",", ":")).encode())
            for item in items
        ]
        answer = json.dumps({"responses": [*items, {"id": "?", "says": f"somebody like {NAME}"}]}).encode()
        async with tenant.engine.begin() as conn:
            await answers.apply_answer(conn, tenant.cipher, held, batch_id, answer, changes, timedelta())
    await tenant.finish(held)
    for job in run.jobs[1:]:
        await tenant.play(job)
    assert await run.status() == "succeeded"
    return run


async def refused(tenant: Tenant, person: Object) -> Run:
    """Makes a run whose only batch is refused with a text about the object."""
    run = await tenant.new_run({"persons": [person]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        words = f"{NAME} is refused".encode()
        await answers.refuse_batch(conn, tenant.cipher, held, batch_id, 400, words, {}, PUBLISHED.codes)
    await tenant.finish(held, "failed")
    assert await run.status() == "failed"
    return run


async def unwanted(tenant: Tenant, run: Run) -> None:
    """Replaces a run's roster, so that nothing of it is wanted any more."""
    await tenant.store({"persons": []}, run.activity_id)


async def test_what_is_erased_is_nowhere_also_when_everything_is_opened(tenant: Tenant) -> None:
    """What it was, what was sent, both answers, a refusal, whatever the answers about its batches say beside."""
    person, other = pupil(givenName=NAME), pupil()
    runs = [await answered_twice(tenant, person, other), await refused(tenant, person)]
    assert sum(NAME.encode() in each or NAME in each.decode("utf-8", "ignore") for each in await opened(tenant)) > 1
    for run in runs:
        await unwanted(tenant, run)
    assert await erase(tenant, person) > 1
    left = [each.decode("utf-8", "replace") for each in await opened(tenant)]
    assert not [each for each in left if person["id"] in each or "somebody like" in each or "is refused" in each]
    assert len([each for each in left if other["id"] in each]) == 3, "what it was, and two answers"
    assert await erase(tenant, person) == 0


async def test_history_stays_and_shows_null_where_something_was_erased(tenant: Tenant) -> None:
    person, other = pupil(givenName=NAME, securityMarking="Sekretessmarkering"), pupil()
    run = await answered_twice(tenant, person, other)
    await unwanted(tenant, run)
    assert await tenant.value("SELECT marking FROM object WHERE id = :id", id=UUID(person["id"])) == 1
    before = await tenant.dump()
    await erase(tenant, person)
    after = await tenant.dump()
    for row in before["batch"]:
        row["row"]["request_sha256"] = None
    for row in before["record"]:
        if row["row"]["object_id"] == person["id"]:
            row["row"] |= {"role": None, "school_year": None, "school_unit": None, "more_units": None}
    for row in before["object"]:
        if row["row"]["id"] == person["id"]:
            row["row"] |= {"eppn": None, "civic_no": None, "name": None}
    assert await tenant.value("SELECT count(*) FROM eppn") == 1
    assert {**after, "content": []} == {**before, "content": []}
    async with tenant.engine.connect() as conn:
        found = await results.find_record(conn, tenant.organisation_id, run.jobs[0], UUID(person["id"]))
        batch_id = await tenant.value("SELECT id FROM batch ORDER BY number LIMIT 1")
        call = await results.find_batch(conn, tenant.organisation_id, run.jobs[0], batch_id)
        assert found is not None
        assert call is not None
        contents = await content.open_contents(conn, tenant.cipher, [*call["items"], call["answer"]])
    shown = open_record_detail(found, tenant.cipher)
    assert (shown["payload"], shown["sent"], shown["received"]) == (None, None, None)
    batch = open_batch(call, tenant.cipher, PUBLISHED.body_form, contents)
    assert (batch["answer"], batch["request_sha256"]) == (None, None)
    assert [item and item["id"] for item in batch["request"]["data"]] == [None, other["id"]]


async def test_what_a_roster_or_a_run_under_way_has_is_not_erased(tenant: Tenant) -> None:
    person, other = pupil(), pupil()
    done = await answered_twice(tenant, person, other)
    before = await opened(tenant)
    await expect(tenant, person, "erased_while_wanted")
    await tenant.accept(done.activity_id)
    await unwanted(tenant, done)
    await expect(tenant, person, "erased_while_wanted")
    assert len(await opened(tenant)) == len(before)


async def expect(tenant: Tenant, person: Object, guard: str) -> None:
    with pytest.raises(IntegrityError) as refusal:
        await erase(tenant, person)
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)
    assert refusal.value.orig.diag.constraint_name == guard


async def test_another_organisation_erases_nothing_of_it(tenant: Tenant) -> None:
    person = pupil()
    await unwanted(tenant, await answered_twice(tenant, person, pupil()))
    stranger = await Tenant.make(tenant.engine)
    before = await tenant.dump()
    assert await erase(stranger, person) == 0
    assert await tenant.dump() == before


async def test_what_earlier_tries_have_left_goes_with_it(tenant: Tenant) -> None:
    """No row names any more what was said of it in a refusal before a retry."""
    person, other = pupil(givenName=NAME), pupil()
    run = await tenant.new_run({"persons": [person, other]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        blamed = {UUID(person["id"]): f"{NAME} is to blame".encode()}
        await answers.refuse_batch(conn, tenant.cipher, held, batch_id, 400, b"no", blamed, PUBLISHED.codes)
    await tenant.answer(held, await tenant.accepted(held))
    await tenant.finish(held, "failed")
    await run.retry()
    for job in run.jobs:
        await tenant.play(job)
    await unwanted(tenant, run)
    assert [each for each in await opened(tenant) if b"is to blame" in each]
    await erase(tenant, person)
    assert not [each for each in await opened(tenant) if b"is to blame" in each]


async def test_a_run_whose_content_has_gone_is_not_tried_again(tenant: Tenant) -> None:
    person = pupil(givenName=NAME)
    run = await refused(tenant, person)
    await unwanted(tenant, run)
    await erase(tenant, person)
    with pytest.raises(ContentErased):
        await run.retry()
    assert (await run.status(), (await run.statuses())[0]) == ("failed", "failed")


@pytest.mark.parametrize("change", ["role = NULL", "school_unit = NULL", "status = 'error'", "source = 'x'"])
async def test_the_door_lets_nothing_else_of_a_record_change(tenant: Tenant, change: str) -> None:
    """Nor a part of where somebody belonged: all of it goes, or nothing."""
    await answered_twice(tenant, pupil(), pupil())
    with pytest.raises(IntegrityError) as refusal:
        await tenant.do(
            f"WITH door AS (SELECT set_config('provkedja.forgetting', 'on', true)) UPDATE record SET {change} FROM door"
        )
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)
    assert refusal.value.orig.diag.constraint_name == "record_final"


@pytest.mark.parametrize("change", ["request_sha256 = 'x'", "request_sha256 = NULL, answer = NULL", "polls = 99"])
async def test_the_door_lets_nothing_else_of_a_batch_change(tenant: Tenant, change: str) -> None:
    await answered_twice(tenant, pupil(), pupil())
    with pytest.raises(IntegrityError) as refusal:
        await tenant.do(
            f"WITH door AS (SELECT set_config('provkedja.forgetting', 'on', true)) UPDATE batch SET {change} FROM door"
        )
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)
    assert refusal.value.orig.diag.constraint_name == "batch_final"
