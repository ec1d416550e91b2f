"""What stays here until somebody allows it: a weaker marking, an id that was another person's; it holds nobody up."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.db import batches
from app.db.claims import Claim
from app.skolverket.published import PUBLISHED
from tests.database.factories import Object, Run, Tenant, duty, exam, group, pupil

PROTECTED = {"securityMarking": "Sekretessmarkering"}
OPEN = {"securityMarking": "Ingen"}
# The personnummer and the name of somebody else.
ANOTHER = {"civicNo": {"value": "201204059831", "nationality": "SE"}, "givenName": "Örjan", "familyName": "Provsson"}


async def _record(run: Run, person: Object, position: int = 1) -> dict[str, Any]:
    [row] = await run.tenant.rows(
        "SELECT * FROM record WHERE job_id = :job AND object_id = :id",
        job=run.jobs[position - 1],
        id=UUID(person["id"]),
    )
    return row


async def _outcome(run: Run, person: Object) -> tuple[str, list[str]]:
    record = await _record(run, person)
    return record["status"], [issue["code"] for issue in record["issues"] or ()]


async def _played(run: Run) -> Run:
    """Has all four jobs of a run played."""
    for job_id in run.jobs:
        await run.tenant.play(job_id)
    return run


async def _sent(tenant: Tenant, person: Object) -> UUID:
    """Has a person accepted in an activity of its own; gives that."""
    run = await _played(await tenant.new_run({"persons": [person]}))
    assert await _outcome(run, person) == ("succeeded", [])
    return run.activity_id


async def _sent_again(tenant: Tenant, activity_id: UUID, person: Object, allow: tuple[str, ...] = ()) -> Run:
    """Replaces the activity's roster by the person as it is now, and has that played."""
    await tenant.store({"persons": [person]}, activity_id)
    return await _played(await tenant.accept(activity_id, allow=allow))


async def _call(tenant: Tenant, held: Claim, out: batches.Outgoing) -> batches.Outgoing | None:
    async with tenant.engine.begin() as conn:
        return await batches.call_batch(conn, tenant.cipher, PUBLISHED, held, out.id)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (PROTECTED, OPEN, ("skipped", ["weaker_marking"])),
        (PROTECTED, {}, ("skipped", ["weaker_marking"])),
        ({"securityMarking": "Skyddad folkbokföring"}, PROTECTED, ("skipped", ["weaker_marking"])),
        (PROTECTED, PROTECTED, ("succeeded", [])),
        (PROTECTED, {"securityMarking": "Skyddad folkbokföring"}, ("succeeded", [])),
        (OPEN, {}, ("succeeded", [])),
        ({}, ANOTHER, ("skipped", ["reused_id"])),
        (PROTECTED, {**OPEN, **ANOTHER}, ("skipped", ["weaker_marking", "reused_id"])),
        # A new number alone, or a new name, is the same person's.
        ({}, {"civicNo": ANOTHER["civicNo"]}, ("succeeded", [])),
        ({}, {"givenName": "Örjan", "familyName": "Provsson"}, ("succeeded", [])),
        ({}, {"givenName": "ÅSA", "middleName": "Maria", "civicNo": ANOTHER["civicNo"]}, ("succeeded", [])),
    ],
)
async def test_what_stays_here_is_told_by_what_was_accepted_last(
    tenant: Tenant, before: Object, after: Object, expected: tuple[str, list[str]]
) -> None:
    """Also under `halt`, where it stops nothing."""
    person = pupil()
    activity_id = await _sent(tenant, {**person, **before})
    run = await _sent_again(tenant, activity_id, {**person, **after})
    assert await _outcome(run, person) == expected
    assert await run.status() == "succeeded"


async def test_whom_an_upload_has_marked_goes_without_a_marking_only_when_that_is_allowed(tenant: Tenant) -> None:
    """Although Skolverket has refused it, or never heard of it; once that is accepted it is the measure."""
    person = pupil()
    refused = await tenant.new_run({"persons": [{**person, **PROTECTED}]})
    await tenant.play(refused.jobs[0], {person["id"]: "error"})
    run = await _sent_again(tenant, refused.activity_id, person)
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    run = await _sent_again(tenant, refused.activity_id, person, ("weaker_marking",))
    assert await _outcome(run, person) == ("succeeded", [])
    assert await _outcome(await _sent_again(tenant, refused.activity_id, person), person) == ("succeeded", [])


async def test_a_number_that_is_left_out_is_another_one(tenant: Tenant) -> None:
    """Whoever leaves it out, with another name, would see by that who is kept here for a marking alone."""
    person = pupil()
    activity_id = await _sent(tenant, person)
    other = {**person, **ANOTHER, "civicNo": {"value": " ", "nationality": "SE"}}
    run = await _sent_again(tenant, activity_id, other)
    assert await _outcome(run, person) == ("skipped", ["reused_id"])


async def test_what_a_caller_allows_is_sent_and_is_the_measure_from_then_on(tenant: Tenant) -> None:
    person = pupil()
    activity_id = await _sent(tenant, {**person, **PROTECTED})
    changed = {**person, **ANOTHER, **OPEN}
    run = await _sent_again(tenant, activity_id, changed, ("reused_id",))
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    run = await _sent_again(tenant, activity_id, changed, ("weaker_marking",))
    assert await _outcome(run, person) == ("skipped", ["reused_id"])
    run = await _sent_again(tenant, activity_id, changed, ("reused_id", "weaker_marking"))
    assert await _outcome(run, person) == ("succeeded", [])
    assert await _outcome(await _sent_again(tenant, activity_id, changed), person) == ("succeeded", [])


async def test_any_current_roster_may_say_more(tenant: Tenant) -> None:
    """Whichever upload is the later one, and although Skolverket has never heard of it."""
    person = pupil()
    other = await tenant.store({"persons": [{**person, **PROTECTED}]})
    run = await _played(await tenant.new_run({"persons": [person]}))
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    await tenant.store({"persons": []}, other)
    run = await _sent_again(tenant, run.activity_id, person)
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"]), "whatever has become of that roster"
    run = await _sent_again(tenant, run.activity_id, person, ("weaker_marking",))
    assert await _outcome(run, person) == ("succeeded", [])


async def test_a_current_roster_that_says_a_stronger_marking_keeps_a_weaker_one_here(tenant: Tenant) -> None:
    """As long as it is current, although Skolverket has never heard of it."""
    person = pupil()
    other = await tenant.store({"persons": [{**person, "securityMarking": "Skyddad folkbokföring"}]})
    run = await _played(await tenant.new_run({"persons": [{**person, **PROTECTED}]}))
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    await tenant.store({"persons": []}, other)
    run = await _sent_again(tenant, run.activity_id, {**person, **PROTECTED})
    assert await _outcome(run, person) == ("succeeded", [])


async def test_a_marking_that_cannot_be_read_counts_as_one(tenant: Tenant) -> None:
    """Its own record never leaves, and no other that says less does."""
    person = pupil()
    broken = await tenant.new_run({"persons": [{**person, "securityMarking": "sekretessmarkering"}]})
    await tenant.store({"persons": [{**person, **OPEN}]})
    await tenant.play(broken.jobs[0])
    run = await tenant.new_run({"persons": [{**person, **OPEN}]})
    await tenant.play(run.jobs[0])
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])


async def test_a_content_of_which_no_marking_is_known_counts_as_unmarked(tenant: Tenant) -> None:
    person = pupil(**PROTECTED)
    activity_id = await _sent(tenant, person)
    opened = {**person, **OPEN}
    await tenant.store({"persons": [opened]}, activity_id)
    async with tenant.engine.begin() as conn:
        await conn.execute(sa.text("ALTER TABLE content DISABLE TRIGGER content_guard"))
        await conn.execute(sa.text("UPDATE content SET marking = NULL WHERE marking = 0"))
        await conn.execute(sa.text("ALTER TABLE content ENABLE TRIGGER content_guard"))
    run = await _played(await tenant.accept(activity_id))
    assert await _outcome(run, opened) == ("skipped", ["weaker_marking"])


@pytest.mark.parametrize("marked", [PROTECTED, OPEN])
async def test_the_marking_stays_known_when_a_content_goes_before_its_answer(tenant: Tenant, marked: Object) -> None:
    person = pupil(**marked)
    activity_id = await _sent(tenant, person)
    before = await tenant.value("SELECT marking FROM object")
    held = await tenant.claim((await tenant.accept(activity_id)).jobs[0])
    batch_id = await tenant.accepted(held)
    async with tenant.engine.begin() as conn:
        await conn.execute(sa.text("SELECT set_config('provkedja.forgetting', 'on', true)"))
        await conn.execute(sa.text("DELETE FROM content WHERE kind = 'persons'"))
    await tenant.answer(held, batch_id)
    assert await tenant.value("SELECT marking FROM object") == before == int(marked is PROTECTED)


async def test_another_organisations_rosters_say_nothing(tenant: Tenant) -> None:
    """Nor does another kind's object of the same id."""
    person, stranger = pupil(), await Tenant.make(tenant.engine)
    await _sent(stranger, {**person, **PROTECTED})
    await tenant.store({"groups": [group(id=person["id"], **PROTECTED)]})
    await _sent(tenant, person)


async def test_what_needs_it_is_sent_as_if_skolverket_knew_it(tenant: Tenant) -> None:
    """Its duty and the exam of its class go whole, and Skolverket is not asked what it has."""
    teacher, member = pupil(), pupil()
    teaching, its_class = duty(teacher), group(member)
    subject = exam([its_class], [teaching])
    roster = {"duties": [teaching], "groups": [its_class], "activities": [subject]}
    await tenant.store({"persons": [{**each, **PROTECTED} for each in (teacher, member)]})
    run = await tenant.new_run({"persons": [teacher, member], **roster}, "continue")
    assert await (await _played(run)).status() == "succeeded"
    assert (await _record(run, teacher))["status"] == (await _record(run, member))["status"] == "skipped"
    for position, each in ((2, teaching), (3, its_class), (4, subject)):
        record = await _record(run, each, position)
        assert (record["status"], record["issues"]) == ("succeeded", None)
    assert await tenant.value("SELECT count(*) FROM at_target") == 0


async def test_a_marking_that_is_uploaded_between_writing_and_call_keeps_the_batch_here(tenant: Tenant) -> None:
    """A frozen run is overtaken too: the batch is written anew without that person, and the others leave."""
    person, alone = pupil(), pupil()
    run = await tenant.new_run({"persons": [person, alone]})
    held = await tenant.claim(run.jobs[0])
    out = await tenant.written(held)
    await tenant.store({"persons": [{**person, **PROTECTED}]})
    assert await _call(tenant, held, out) is None
    assert await tenant.rows("SELECT id FROM batch WHERE id = :batch", batch=out.id) == []
    again = await tenant.written(held)
    assert await tenant.value("SELECT record_ids FROM batch WHERE id = :batch", batch=again.id) == [UUID(alone["id"])]
    assert await _call(tenant, held, again) == again
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])


async def test_what_another_run_has_accepted_between_writing_and_call_keeps_the_batch_here(tenant: Tenant) -> None:
    """An id that another run has given to another person meanwhile, in an upload that is no later one."""
    person = pupil()
    first = await tenant.new_run({"persons": [{**person, **ANOTHER}]})
    later = await tenant.new_run({"persons": [person]})
    held = await tenant.claim(later.jobs[0])
    out = await tenant.written(held)
    await tenant.play(first.jobs[0])
    assert await _call(tenant, held, out) is None
    assert await tenant.write(held) is None
    assert await _outcome(later, person) == ("skipped", ["reused_id"])


@pytest.mark.parametrize("known", [OPEN, PROTECTED])
@pytest.mark.parametrize("since", ["marked", "marked and replaced"])
async def test_what_was_allowed_before_a_marking_does_not_speak_of_it(
    tenant: Tenant, known: Object, since: str
) -> None:
    """Whatever has become of the upload since; a run that is asked for after it, and allows it, sends them."""
    person, other = pupil(), pupil()
    await _sent(tenant, {**person, **known})
    renamed = {**person, "givenName": "Åsa-Lill", **OPEN}
    activity_id = await tenant.store({"persons": [renamed, other]})
    run = await tenant.accept(activity_id, allow=("weaker_marking",))
    elsewhere = await tenant.store({"persons": [{**person, **PROTECTED}]})
    if since == "marked and replaced":
        await tenant.store({"persons": []}, elsewhere)
    await _played(run)
    assert await _outcome(run, renamed) == ("skipped", ["weaker_marking"])
    assert await _outcome(run, other) == ("succeeded", [])
    later = await _sent_again(tenant, activity_id, renamed, ("weaker_marking",))
    assert await _outcome(later, renamed) == ("succeeded", [])


async def test_whoever_is_marked_after_a_run_was_asked_for_leaves_with_a_marking_alone(tenant: Tenant) -> None:
    """Nor does a weaker one leave by what was allowed before; as strong a one does."""
    weaker, same = pupil(), pupil()
    strong = {"securityMarking": "Skyddad folkbokföring"}
    await _sent(tenant, {**weaker, **strong})
    activity_id = await tenant.store({"persons": [{**weaker, **PROTECTED}, {**same, **PROTECTED}]})
    run = await tenant.accept(activity_id, allow=("weaker_marking",))
    await tenant.store({"persons": [{**weaker, **strong}, {**same, **PROTECTED}]})
    await _played(run)
    assert await _outcome(run, weaker) == ("skipped", ["weaker_marking"])
    assert await _outcome(run, same) == ("succeeded", [])


async def test_who_is_marked_while_their_call_is_under_way_is_protected(tenant: Tenant) -> None:
    """Although it is accepted without a marking, as was allowed: before anybody knew."""
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    run = await tenant.accept(activity_id, allow=("weaker_marking",))
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    for marking in (PROTECTED, OPEN):
        await tenant.store({"persons": [{**person, **marking}]}, activity_id)
    await tenant.answer(held, batch_id)
    await tenant.finish(held)
    assert await tenant.value("SELECT marking FROM object") == 0
    assert await tenant.value("SELECT count(*) FROM protected_object") == 1
    for job_id in run.jobs[1:]:
        await tenant.play(job_id)
    await _played(await tenant.accept(activity_id, allow=("weaker_marking",)))
    assert await tenant.value("SELECT count(*) FROM protected_object") == 0


async def test_a_batch_that_was_allowed_stays_here_when_somebody_is_marked_before_its_call(tenant: Tenant) -> None:
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    run = await tenant.accept(activity_id, allow=("weaker_marking",))
    held = await tenant.claim(run.jobs[0])
    out = await tenant.written(held)
    await tenant.store({"persons": [{**person, **PROTECTED}]})
    assert await _call(tenant, held, out) is None


async def test_what_is_allowed_leaves_although_it_was_overtaken(tenant: Tenant) -> None:
    """By an upload that says what another said before the run was asked for, and marks nobody."""
    person = pupil()
    await tenant.store({"persons": [{**person, **PROTECTED}]})
    activity_id = await tenant.store({"persons": [person]})
    run = await tenant.accept(activity_id, allow=("weaker_marking",))
    held = await tenant.claim(run.jobs[0])
    out = await tenant.written(held)
    await tenant.store({"persons": [{**person, **OPEN}]})
    assert await _call(tenant, held, out) == out


async def test_a_retry_may_allow_more(tenant: Tenant) -> None:
    """And keeps what was allowed where it says nothing of that."""
    person, broken = pupil(), pupil()
    await _sent(tenant, {**person, **PROTECTED})
    run = await tenant.new_run({"persons": [person, broken]})
    await tenant.play(run.jobs[0], {broken["id"]: "error"})
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    await run.retry(allow=["weaker_marking"])
    await tenant.play(run.jobs[0], {broken["id"]: "error"})
    assert await _outcome(run, person) == ("succeeded", [])
    await run.retry(taken_back=())
    assert await tenant.value("SELECT allow FROM run WHERE id = :run", run=run.id) == ["weaker_marking"]


async def test_a_retry_takes_back_what_is_not_its_callers_to_allow(tenant: Tenant) -> None:
    """Unless it is told otherwise all that is about persons: somebody else has allowed it, and has cancelled since."""
    person = pupil()
    activity_id = await _sent(tenant, {**person, **PROTECTED})
    await tenant.store({"persons": [person]}, activity_id)
    run = await tenant.accept(activity_id, allow=("weaker_marking", "reused_id", "shrinks"))
    await run.cancel()
    await run.retry()
    assert await tenant.value("SELECT allow FROM run WHERE id = :run", run=run.id) == ["shrinks"]
    await tenant.play(run.jobs[0])
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])


async def test_what_has_been_erased_is_no_measure(tenant: Tenant) -> None:
    """Whose it was has been forgotten with it; that they are protected has not."""
    person = pupil()
    activity_id = await _sent(tenant, {**person, **PROTECTED})
    await tenant.store({"persons": []}, activity_id)
    await tenant.do(
        "SELECT erase_objects(:organisation, 'persons', ARRAY[CAST(:id AS uuid)])",
        organisation=tenant.organisation_id,
        id=person["id"],
    )
    run = await _sent_again(tenant, activity_id, {**person, **ANOTHER})
    assert await _outcome(run, person) == ("skipped", ["weaker_marking"])
    run = await _sent_again(tenant, activity_id, {**person, **ANOTHER, **PROTECTED})
    assert await _outcome(run, person) == ("succeeded", [])
