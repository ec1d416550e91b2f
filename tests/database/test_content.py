"""Contents: stored once, never changed, and gone when nothing has them any more."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from app.db import answers
from tests.database.factories import Tenant, is_open, pupil

KEPT = "SELECT object_id FROM content WHERE kind = 'persons'"


async def _kept(tenant: Tenant) -> set[str]:
    return {str(row["object_id"]) for row in await tenant.rows(KEPT)}


async def test_the_same_roster_again_stores_no_content(tenant: Tenant) -> None:
    """Also when another activity has the same objects, and when a run is accepted."""
    roster = {"persons": [pupil(), pupil()]}
    activity_id = await tenant.store(roster)
    before = await tenant.rows("SELECT digest, sealed FROM content ORDER BY digest")
    await tenant.store(roster, activity_id)
    await tenant.store(roster)
    await tenant.accept(activity_id)
    assert len(before) == 2
    assert await tenant.rows("SELECT digest, sealed FROM content ORDER BY digest") == before


async def test_what_a_replaced_roster_alone_had_is_gone(tenant: Tenant) -> None:
    """What the new one has too, what another activity has, and what a run has frozen, stays."""
    gone, stays, elsewhere, frozen = (pupil() for _ in range(4))
    await tenant.store({"persons": [elsewhere]})
    activity_id = await tenant.store({"persons": [frozen]})
    await tenant.accept(activity_id)
    await tenant.store({"persons": [gone, stays, elsewhere]}, activity_id)
    await tenant.store({"persons": [stays]}, activity_id)
    assert await _kept(tenant) == {each["id"] for each in (stays, elsewhere, frozen)}


async def test_an_objects_earlier_form_goes_with_the_roster_that_had_it(tenant: Tenant) -> None:
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    await tenant.store({"persons": [person | {"givenName": "Örjan"}]}, activity_id)
    assert await tenant.value("SELECT count(*) FROM content") == 1


async def test_an_object_is_found_by_its_words_whichever_form_was_stored_first(tenant: Tenant) -> None:
    """What Skolverket marks readOnly is left out of what is sent: that form may be another roster's source."""
    person = pupil()
    await tenant.store({"persons": [{**person, "meta": {"created": "2026-11-01T08:00:00Z"}}]})
    await tenant.store({"persons": [person]})
    assert await tenant.value("SELECT count(*) FROM content WHERE words IS NULL") == 0
    assert await tenant.value("SELECT count(*) FROM content") == 2


async def test_of_several_answers_about_a_batch_the_last_is_kept(tenant: Tenant) -> None:
    run = await tenant.new_run({"persons": [pupil()]})
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    for answer in (b'{"responses":[]}', b'{"responses":[]}', b'{"responses":[1]}'):
        async with tenant.engine.begin() as conn:
            seen = await answers.apply_answer(conn, tenant.cipher, held, batch_id, answer, [], timedelta())
        assert is_open(seen, batch_id)
    [kept] = await tenant.rows("SELECT digest FROM content WHERE kind = 'batch'")
    assert kept["digest"] == await tenant.value("SELECT answer FROM batch WHERE id = :id", id=batch_id)


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        pytest.param("DELETE FROM content", "content_kept", id="deleted"),
        pytest.param("UPDATE content SET digest = sha256('x')", "content_identity", id="made another"),
        pytest.param("UPDATE content SET kind = 'duties'", "content_identity", id="given to another"),
    ],
)
async def test_a_content_goes_and_changes_in_no_other_way(tenant: Tenant, statement: str, guard: str) -> None:
    await tenant.store({"persons": [pupil()]})
    with pytest.raises(IntegrityError) as refusal:
        await tenant.do(statement)
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)
    assert refusal.value.orig.diag.constraint_name == guard
