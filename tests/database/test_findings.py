"""What is wrong with a roster is found when it is put, and again when what it is held against has changed."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import findings, reference, tasks, tenants
from app.db.intake import store_roster
from app.db.loop_share import LoopShare
from app.db.reference import Item
from app.jobs.tasks.findings import SecondLook
from app.jobs.tasks.loop import TaskLoop
from app.skolverket.published import PUBLISHED
from app.sources.json_upload import JsonUpload
from tests.database.factories import MINUTE, Object, Tenant, the_cipher
from tests.unit.rules.rosters import UNIT, civic_no, duty, enrolment, group, pupil, ref, staff, uuid

FOUND = """
    SELECT finding.code, finding.object_id, finding.count FROM finding JOIN activity USING (roster_id)
    WHERE activity.id = :activity ORDER BY finding.kind, finding.ordinal, finding.origin, finding.number
"""


async def found(tenant: Tenant, activity_id: UUID) -> list[tuple[str, Any]]:
    """Gives the findings of an activity: codes, each with its object's number or how many objects it counts."""
    rows = await tenant.rows(FOUND, activity=activity_id)
    return [(row["code"], row["count"] if row["object_id"] is None else row["object_id"].int) for row in rows]


async def counted(tenant: Tenant, activity_id: UUID) -> tuple[int, int, dict[str, int]]:
    row = (
        await tenant.rows(
            "SELECT findings_errors, findings_warnings, findings_by_code FROM activity WHERE id = :id", id=activity_id
        )
    )[0]
    return row["findings_errors"], row["findings_warnings"], row["findings_by_code"]


def unit_document(unit_id: str, **more: Any) -> Object:
    return {"id": unit_id, "status": "Active", "dnpStatus": True, **more}


async def publish(conn: AsyncConnection, tenant: Tenant, *units: Object) -> bool:
    """Stores what was read of the organisation, as the task for open data does."""
    payload = {"id": str(uuid(1)), "schoolUnits": list(units)}
    owner = Item(uuid(1), tenant.number, payload)
    items = [Item(UUID(unit["id"]), "", unit) for unit in units]
    changed = await reference.replace_organisation(conn, tenant.number, owner, items)
    if changed:
        await findings.look_again(conn, tenant.organisation_id)
    return changed


async def published(tenant: Tenant, *units: Object) -> bool:
    async with tenant.engine.begin() as conn:
        return await publish(conn, tenant, *units)


def loop(tenant: Tenant) -> TaskLoop:
    kind = SecondLook(tenant.engine, the_cipher(), PUBLISHED).kind()
    return TaskLoop(tenant.engine, {kind.name: kind})


async def waiting(tenant: Tenant) -> int:
    return int(await tenant.value("SELECT count(*) FROM task WHERE kind = 'findings'"))


async def test_every_rule_speaks_when_a_roster_is_put(tenant: Tenant) -> None:
    """Of one object, across objects and against the open data; and it is counted in the activity."""
    await published(tenant, unit_document(UNIT, status="Expired"))
    misspelt = pupil(1, civicNo={"value": "201105149842"})
    sharing = [pupil(2, eduPersonPrincipalNames=["901@a.se"]), pupil(3, eduPersonPrincipalNames=["901@A.se"])]
    activity_id = await tenant.store({"persons": [misspelt, *sharing], "groups": [group(4, [1, 9])]})
    assert await found(tenant, activity_id) == [
        ("group_member_unknown", 4),
        ("unit_expired", 4),
        ("civic_no_check_digit", 1),
        ("unit_expired", 1),
        ("eppn_twice", 2),
        ("unit_expired", 2),
        ("eppn_twice", 3),
        ("unit_expired", 3),
    ]
    by_code = {"civic_no_check_digit": 1, "eppn_twice": 2, "unit_expired": 4, "group_member_unknown": 1}
    assert await counted(tenant, activity_id) == (7, 1, by_code)
    ids = await tenant.value("SELECT ids FROM finding WHERE code = 'eppn_twice' ORDER BY ordinal LIMIT 1")
    assert ids == [uuid(3)]


async def test_what_breaks_a_rule_goes_all_the_same(tenant: Tenant) -> None:
    """The target decides: nothing of it is an issue of the record."""
    await tenant.new_run({"persons": [pupil(1, civicNo={"value": "201105149842"})]})
    assert await tenant.rows("SELECT sendable, issues FROM record") == [{"sendable": True, "issues": None}]


async def test_a_login_that_nobody_can_have_keeps_the_person_here(tenant: Tenant) -> None:
    activity_id = await tenant.store({"persons": [pupil(1, eduPersonPrincipalNames=["9\u200b1@a.se"])]})
    assert await found(tenant, activity_id) == [("eppn_characters", 1)]
    assert await tenant.value("SELECT sendable FROM roster_item") is False


async def test_persons_without_a_part_in_an_exam_are_skipped_and_counted(tenant: Tenant) -> None:
    """Whatever else is wrong with them; a run goes on without them, and what would have been sent is not kept."""
    guardians = [staff(n, eduPersonPrincipalNames=[], emails=None, civicNo={"value": "x"}) for n in (2, 3)]
    run = await tenant.new_run({"persons": [pupil(1), *guardians]})
    assert await found(tenant, run.activity_id) == [("guardian", 2)]
    assert await counted(tenant, run.activity_id) == (0, 1, {"guardian": 1})
    assert await tenant.value("SELECT count(*) FROM content") == 3
    await tenant.claim(run.jobs[0])
    records = await tenant.rows("SELECT status, issues FROM record ORDER BY ordinal")
    issues = [{"code": "guardian", "pointer": "", "severity": "warning"}]
    assert [(each["status"], each["issues"]) for each in records] == [
        ("pending", None),
        ("skipped", issues),
        ("skipped", issues),
    ]


async def test_an_employee_without_a_login_is_no_guardian(tenant: Tenant) -> None:
    activity_id = await tenant.store({"duties": [duty(2, 1)], "persons": [staff(1, eduPersonPrincipalNames=[])]})
    assert await found(tenant, activity_id) == [("eppn_missing", 1)]


async def test_an_object_that_exceeds_a_call_is_named_at_once(tenant: Tenant) -> None:
    activity_id = await tenant.store({"groups": [group(4, [], displayName="Å" * 120_000)], "persons": []})
    assert [code for code, _ in await found(tenant, activity_id)] == ["name_long", "group_empty", "exceeds_call"]


async def test_a_roster_is_looked_at_again_when_the_open_data_has_changed(tenant: Tenant) -> None:
    """Then what was found against the old is gone, and what was found in the roster itself stays."""
    await published(tenant, unit_document(UNIT))
    activity_id = await tenant.store({"persons": [pupil(1, civicNo={"value": "201105149842"})]})
    assert await found(tenant, activity_id) == [("civic_no_check_digit", 1)]
    assert await waiting(tenant) == 0

    assert await published(tenant, unit_document(UNIT, dnpStatus=False))
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("civic_no_check_digit", 1), ("unit_without_exams", 1)]
    assert await counted(tenant, activity_id) == (1, 1, {"civic_no_check_digit": 1, "unit_without_exams": 1})

    assert await published(tenant, unit_document(str(uuid(7))))
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("civic_no_check_digit", 1), ("unit_unknown", 1)]

    assert await published(tenant, unit_document(UNIT))
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("civic_no_check_digit", 1)]
    assert await waiting(tenant) == 0


async def test_open_data_that_is_as_it_was_has_nothing_looked_at_again(tenant: Tenant) -> None:
    await published(tenant, unit_document(UNIT))
    await tenant.store({"persons": [pupil(1)]})
    assert not await published(tenant, unit_document(UNIT))
    assert await waiting(tenant) == 0


async def test_of_another_organisation_nothing_is_looked_at_again(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    await other.store({"persons": [pupil(1)]})
    await published(tenant, unit_document(UNIT))
    assert await waiting(tenant) == 0


@pytest.mark.parametrize("kind", ["programme", "exam"])
async def test_programmes_and_exams_concern_everybody(tenant: Tenant, kind: Any) -> None:
    other = await Tenant.make(tenant.engine)
    for each in (tenant, other):
        await each.store({"persons": [pupil(1)]})
    async with tenant.engine.begin() as conn:
        assert await reference.replace_all(conn, kind, [Item(uuid(1), "NANAT", {"id": str(uuid(1))})])
        await findings.look_again(conn)
        assert not await reference.replace_all(conn, kind, [Item(uuid(1), "NANAT", {"id": str(uuid(1))})])
    assert await waiting(tenant) == 2


async def test_a_guardian_has_no_findings_of_the_second_look_either(tenant: Tenant) -> None:
    ended = staff(1, eduPersonPrincipalNames=[], emails=None)
    activity_id = await tenant.store({"persons": [ended, pupil(2)]})
    await published(tenant, unit_document(str(uuid(7))))
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("guardian", 1), ("unit_unknown", 2)]


async def test_domains_that_are_declared_are_held_against_the_rosters_there_are(tenant: Tenant) -> None:
    activity_id = await tenant.store({"persons": [pupil(1)]})
    for domains, expected in ((["elev.se"], [("eppn_domain", 1)]), (["edu.exempelby.se"], []), ([], [])):
        async with tenant.engine.begin() as conn:
            await tenants.set_eppn_domains(conn, tenant.number, domains)
        await loop(tenant).run_once()
        assert await found(tenant, activity_id) == expected


async def test_a_roster_that_was_replaced_is_not_looked_at_any_more(tenant: Tenant) -> None:
    activity_id = await tenant.store({"persons": [pupil(1)]})
    await published(tenant, unit_document(str(uuid(7))))
    await tenant.store({"persons": [pupil(2)]}, activity_id)
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("unit_unknown", 2)]
    assert await tenant.value("SELECT count(*) FROM finding") == 1


async def test_a_look_that_is_under_way_begins_anew(tenant: Tenant) -> None:
    """What it has found by then is of yesterday, and is not stored."""
    activity_id = await tenant.store({"persons": [pupil(1)]})
    await published(tenant, unit_document(str(uuid(7))))
    look = SecondLook(tenant.engine, the_cipher(), PUBLISHED)
    async with tenant.engine.begin() as conn:
        [task] = await tasks.claim_for_a_time(conn, {findings.FINDINGS: MINUTE}, 1)
    await look.do(task)
    await published(tenant, unit_document(UNIT))
    async with tenant.engine.begin() as conn:
        assert not await tasks.done(conn, task, None)
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == []


async def test_open_data_that_changes_while_a_roster_arrives_is_held_against_it(tenant: Tenant) -> None:
    """The change finds no activity yet, and the upload has begun with what was there before."""
    await published(tenant, unit_document(UNIT))
    body = json.dumps({"display_name": "Prov", "roster": {"persons": [pupil(1)]}}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:-30]
        await published(tenant, unit_document(UNIT, status="Expired"))
        yield body[-30:]

    activity_id = uuid4()
    await store_roster(
        tenant.engine,
        tenant.cipher,
        PUBLISHED,
        activity_id,
        JsonUpload(chunks()),
        stored_by=tenant.key_id,
        made_by=None,
        if_match=lambda _: True,
        share=LoopShare(),
        most_bytes=2**40,
    )
    assert await found(tenant, activity_id) == []
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("unit_expired", 1)]


async def test_what_the_target_has_accepted_is_no_reference_to_nothing(tenant: Tenant) -> None:
    """From whichever roster; until it is gone there."""
    await tenant.do(
        "INSERT INTO object (organisation_id, kind, id, accepted, accepted_upload, accepted_job_id, accepted_at,"
        " gone_at)"
        " SELECT :organisation, 'persons', id, 'x', 1, gen_random_uuid(), clock_timestamp(), gone_at"
        " FROM unnest(CAST(:ids AS uuid[]), ARRAY[NULL, clock_timestamp()]) AS given (id, gone_at)",
        organisation=tenant.organisation_id,
        ids=[uuid(11), uuid(12)],
    )
    activity_id = await tenant.store({"duties": [duty(1, 11), duty(2, 12), duty(3, 13)]})
    assert await found(tenant, activity_id) == [("duty_person_unknown", 2), ("duty_person_unknown", 3)]
    other = await Tenant.make(tenant.engine)
    theirs = await other.store({"duties": [duty(4, 11)]})
    assert await found(other, theirs) == [("duty_person_unknown", 4)]


@pytest.mark.parametrize(("age", "asked"), [("11 minutes", True), ("9 minutes", False)])
async def test_what_is_not_known_is_asked_for_unless_it_has_just_been(tenant: Tenant, age: str, asked: bool) -> None:
    """A unit that is new at the target would else be an error until tomorrow."""
    await published(tenant, unit_document(UNIT))
    await tenant.do(
        "INSERT INTO task (kind, key, due_at, done_at) SELECT 'open_data', key, clock_timestamp() + interval '1 day',"
        " clock_timestamp() - CAST(:age AS interval) FROM unnest(ARRAY[:number, 'programmes', 'exams', '2120099999'])"
        " AS key",
        number=tenant.number,
        age=age,
    )
    due = "SELECT array_agg(key ORDER BY key) FROM task WHERE kind = 'open_data' AND due_at <= clock_timestamp()"
    await tenant.store({"persons": [pupil(1)]})
    assert await tenant.value(due) is None
    await tenant.store({"persons": [pupil(1, enrolments=[enrolment(enroledAt=ref(7))])]})
    assert await tenant.value(due) == (sorted([tenant.number, "programmes", "exams"]) if asked else None)


async def test_what_has_been_erased_is_passed_over(tenant: Tenant) -> None:
    activity_id = await tenant.store({"persons": [pupil(1), pupil(2, enrolments=[enrolment(enroledAt=ref(7))])]})
    await published(tenant, unit_document(UNIT))
    # The guards let nothing of a current roster go: a damaged database might.
    async with tenant.engine.begin() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text("DELETE FROM content WHERE object_id = :id"), {"id": uuid(1)})
    await loop(tenant).run_once()
    assert await found(tenant, activity_id) == [("unit_unknown", 2)]


def test_the_civic_numbers_of_these_tests_are_invented() -> None:
    assert all(980 <= int(civic_no(n)[8:11]) <= 999 for n in range(1000))
