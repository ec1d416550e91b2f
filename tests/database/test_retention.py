"""What is old enough goes: contents a year after their last use, history three years after its end; nothing sooner."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import answers, retention
from app.db.engine import close, transaction
from app.db.protection import protected_among
from app.db.tasks import Task
from app.errors import ContentErased
from app.jobs.tasks.kind import Later
from app.jobs.tasks.retain import Retain
from app.local.postgres import as_role
from app.roles import WORKER
from app.skolverket.published import PUBLISHED
from tests.database.factories import KEPT, Object, Run, Tenant, duty, engine_of, exam, group, pupil
from tests.database.test_erasing import EPPN, NAME, carried, everything, found, marked
from tests.database.test_plans import plan_of, stages_of
from tests.database.virtual_time import FORWARD, virtualise

DAY = timedelta(days=1)
YEAR = 365 * DAY
# Records that say where somebody belonged.
PLACED = "SELECT count(*) FROM record WHERE role IS NOT NULL OR school_unit IS NOT NULL"
TASK = Task(UUID(int=0), "retain", "", None, 1)


@pytest.fixture
def database_url(database_url: str) -> str:
    """A database with a clock that tests move."""
    virtualise(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for each in ("USAGE ON SCHEMA virtual", "SELECT ON virtual.clock", "USAGE ON SEQUENCE virtual.tick"):
            connection.execute(f"GRANT {each} TO {WORKER}".encode())
    return database_url


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A connection as workers have it, with no more rights than their role has."""
    engine = engine_of(as_role(database_url, WORKER))
    yield engine
    await close(engine)


async def pass_time(tenant: Tenant, by: timedelta) -> None:
    await tenant.do(FORWARD, by=by)


async def expire(worker: AsyncEngine, together: int = 500) -> None:
    await Retain(worker, KEPT, together=together).expire_content(TASK)


async def forget(worker: AsyncEngine, together: int = 500) -> None:
    """Has contents go and then history, as the hours pass."""
    await expire(worker)
    await Retain(worker, KEPT, together=together).forget_history(TASK)


def school() -> dict[str, list[Object]]:
    person, other = marked(), pupil(givenName="Annan")
    post, its_class = duty(person, note="tjänst-qvint"), group(person, other)
    its_exam = exam([its_class], [post])
    return {"persons": [person, other], "duties": [post], "groups": [its_class], "activities": [its_exam]}


async def replaced(tenant: Tenant, run: Run) -> None:
    await tenant.store({"persons": []}, run.activity_id)


async def expired_at(run: Run) -> Any:
    return await run.tenant.value("SELECT content_expired_at FROM run WHERE id = :id", id=run.id)


async def test_nothing_of_anybody_is_left_a_year_after_the_last_use(tenant: Tenant, worker: AsyncEngine) -> None:
    """In no column of any table, also when everything is opened: what was sent, answers, digests, plans; ids stay."""
    run = await carried(tenant, school())
    await plan_of(tenant, run.activity_id)
    await replaced(tenant, run)
    before = await tenant.dump()
    await pass_time(tenant, YEAR - DAY)
    await expire(worker)
    assert len(await found(tenant)) > 3
    assert await expired_at(run) is None
    await pass_time(tenant, 2 * DAY)
    await expire(worker)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM content") == 0
    assert await tenant.value("SELECT count(*) FROM eppn") == 0
    assert await tenant.value("SELECT count(*) FROM plan_item") == 0
    assert await tenant.value("SELECT count(*) FROM batch WHERE request_sha256 IS NOT NULL") == 0
    assert await tenant.value("SELECT count(*) FROM last_listed") == 0
    after = await tenant.dump()
    gone = {"role": None, "school_year": None, "school_unit": None, "more_units": None}
    assert [each["row"] | gone for each in before["record"]] == [each["row"] for each in after["record"]]
    assert [each["row"] | {"request_sha256": None} for each in before["batch"]] == [
        each["row"] for each in after["batch"]
    ]
    for table in ("job", "event"):
        assert after[table] == before[table]
    [was], [is_now] = before["run"], after["run"]
    changed = {"content_expired_at", "version", "changed_in"}
    assert {name for name, value in was["row"].items() if is_now["row"][name] != value} == changed


async def test_what_a_current_roster_has_stays_until_a_year_after_its_last_day(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """The answers go with the run."""
    roster = school()
    run = await carried(tenant, roster)
    await pass_time(tenant, 2 * YEAR)
    await expire(worker)
    assert await expired_at(run) is not None
    ids = [UUID(each["id"]) for kind in roster.values() for each in kind]
    left = "SELECT count(DISTINCT object_id) FROM content WHERE object_id = ANY (:ids)"
    assert await tenant.value(left, ids=ids) == len(ids)
    assert await tenant.value("SELECT count(*) FROM content JOIN record ON digest = received") == 0
    await replaced(tenant, run)
    await pass_time(tenant, YEAR - DAY)
    await expire(worker)
    assert await tenant.value(left, ids=ids) == len(ids)
    await pass_time(tenant, 2 * DAY)
    await expire(worker)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM content") == 0
    assert await tenant.value("SELECT count(*) FROM last_listed") == 0


async def test_nothing_is_the_same_as_a_group_or_an_exam_that_was_accepted_a_year_ago(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """Also while a current roster has it; once it is accepted again it is. Of persons and duties the digest stays."""
    run = await carried(tenant, school())

    async def counted() -> dict[str, dict[str, int]]:
        await expire(worker)
        stages = await stages_of(tenant, await plan_of(tenant, run.activity_id))
        return {kind: stage["marks"] for kind, stage in stages.items()}

    same = {"persons": {"unchanged": 2}} | {kind: {"unchanged": 1} for kind in ("duties", "groups", "activities")}
    assert await counted() == same
    await pass_time(tenant, YEAR - DAY)
    assert await counted() == same
    second = await tenant.accept(run.activity_id)
    await pass_time(tenant, 2 * DAY)
    # The run that is under way may be answered at any time.
    assert await counted() == same
    for job in second.jobs:
        await tenant.play(job)
    assert await counted() == same
    await pass_time(tenant, YEAR + DAY)
    assert await counted() == same | {kind: {"changed": 1} for kind in ("groups", "activities")}
    third = await tenant.accept(run.activity_id)
    for job in third.jobs:
        await tenant.play(job)
    assert await counted() == same


async def test_who_is_in_a_roster_again_has_a_year_from_its_next_last_day(tenant: Tenant, worker: AsyncEngine) -> None:
    roster = school()
    run = await carried(tenant, roster)
    await replaced(tenant, run)
    await pass_time(tenant, YEAR - DAY)
    second = await tenant.store(roster)
    await pass_time(tenant, 2 * DAY)
    await expire(worker)
    assert NAME in await found(tenant)
    await tenant.store({"persons": []}, second)
    await pass_time(tenant, YEAR - DAY)
    await expire(worker)
    assert NAME in await found(tenant)
    await pass_time(tenant, 2 * DAY)
    await expire(worker)
    assert await found(tenant) == []


async def test_what_a_later_run_has_too_stays_for_it_and_goes_with_it(tenant: Tenant, worker: AsyncEngine) -> None:
    """What the earlier run alone has goes before."""
    roster = school()
    before = {**roster["persons"][0], "familyName": "Förut"}
    first = await carried(tenant, {**roster, "persons": [before, roster["persons"][1]]})
    await tenant.store(roster, first.activity_id)
    await pass_time(tenant, YEAR - DAY)
    second = await tenant.accept(first.activity_id)
    for job in second.jobs:
        await tenant.play(job)
    await replaced(tenant, second)
    await pass_time(tenant, 2 * DAY)
    sources = await tenant.value("SELECT array_agg(source) FROM record WHERE run_id = :run", run=second.id)
    await expire(worker)
    assert await expired_at(first) is not None
    assert await expired_at(second) is None
    kept = await tenant.value("SELECT count(*) FROM content WHERE digest = ANY (:all)", all=sources)
    assert kept == len(sources)
    only_before = (
        "SELECT count(*) FROM record JOIN content ON digest = source WHERE run_id = :run AND digest <> ALL (:later)"
    )
    assert await tenant.value(only_before, run=first.id, later=sources) == 0
    assert EPPN in await found(tenant)
    await pass_time(tenant, YEAR)
    await expire(worker)
    assert await found(tenant) == []


async def test_what_a_run_under_way_has_stays_and_goes_a_year_after_it(tenant: Tenant, worker: AsyncEngine) -> None:
    roster = school()
    first = await carried(tenant, roster)
    second = await tenant.accept(first.activity_id)
    await replaced(tenant, second)
    await pass_time(tenant, 2 * YEAR)
    before = await tenant.value("SELECT count(*) FROM content WHERE kind <> 'batch'")
    await expire(worker)
    await expire(worker)
    assert await tenant.value("SELECT count(*) FROM content WHERE kind <> 'batch'") == before
    assert await expired_at(second) is None
    for job in second.jobs:
        await tenant.play(job)
    assert await second.status() == "succeeded"
    await pass_time(tenant, DAY)
    await expire(worker)
    # What the earlier run alone had has waited for this one, and goes; what this one has stays.
    answers = "SELECT count(*) FROM record JOIN content ON digest = received WHERE run_id = :run"
    assert await tenant.value(f"{answers} AND record.kind = 'persons'", run=first.id) == 0
    sources = "SELECT count(*) FROM record LEFT JOIN content ON digest = source WHERE digest IS NULL AND run_id = :run"
    assert await tenant.value(sources, run=second.id) == 0
    assert await tenant.value("SELECT count(*) FROM last_listed WHERE at < clock_timestamp() - interval '365 d'") == 0
    await pass_time(tenant, YEAR)
    await expire(worker)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM content") == 0


async def test_an_activity_that_is_deleted_has_left_on_that_day(tenant: Tenant, worker: AsyncEngine) -> None:
    run = await carried(tenant, school())
    await pass_time(tenant, YEAR)
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, YEAR - DAY)
    await expire(worker)
    assert NAME in await found(tenant)
    await pass_time(tenant, 2 * DAY)
    await expire(worker)
    assert await found(tenant) == []


async def test_another_organisation_keeps_what_is_its_own(tenant: Tenant, worker: AsyncEngine) -> None:
    """Also where it has objects of the same ids, with a roster."""
    roster = school()
    stranger = await Tenant.make(tenant.engine)
    other = await carried(stranger, roster)
    wanted = "SELECT count(DISTINCT digest) FROM roster_item, LATERAL (VALUES (source), (outgoing)) each (digest)"
    before = await tenant.value(wanted)
    await replaced(tenant, await carried(tenant, roster))
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    of = "SELECT count(*) FROM content WHERE organisation_id = :o AND kind <> 'batch'"
    assert await tenant.value(of, o=tenant.organisation_id) == 0
    assert await tenant.value(of, o=stranger.organisation_id) == before
    assert await tenant.value("SELECT count(*) FROM eppn") == 2
    assert await expired_at(other) is not None


async def test_slices_go_on_where_they_were_interrupted(
    tenant: Tenant, worker: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process ends between two slices, and in the middle of one; what it has done is not done again."""
    run = await carried(tenant, {"persons": [marked(), *(pupil() for _ in range(9))]})
    assert await tenant.value(PLACED) == 10
    await replaced(tenant, run)
    await pass_time(tenant, YEAR + DAY)
    left = "SELECT count(DISTINCT object_id) FROM content WHERE kind = 'persons'"
    slices, expire_run = [2], retention.expire_run

    async def dies(*given: Any) -> bool:
        done = await expire_run(*given)
        slices[0] -= 1
        if slices[0] < 0:
            raise ConnectionError("the process ends before it commits")
        return done

    monkeypatch.setattr(retention, "expire_run", dies)
    with pytest.raises(ConnectionError):
        await expire(worker, together=3)
    assert await tenant.value(left) == 10 - 2 * 3
    assert await expired_at(run) is None
    # Of what was sent nothing is left to try contents by.
    assert await tenant.value("SELECT count(*) FROM batch WHERE request_sha256 IS NOT NULL") == 0
    assert await tenant.value("SELECT count(*) FROM content WHERE kind = 'batch'") == 0
    monkeypatch.setattr(retention, "expire_run", expire_run)
    with pytest.raises(Later):
        await Retain(worker, KEPT, together=3, at_a_time=-1).expire_content(TASK)
    assert await tenant.value(left) == 10 - 3 * 3
    await expire(worker, together=3)
    assert await found(tenant) == []
    assert await expired_at(run) is not None
    assert await tenant.value(PLACED) == 0


async def test_a_run_whose_contents_have_gone_is_not_tried_again(tenant: Tenant, worker: AsyncEngine) -> None:
    run = await tenant.new_run({"persons": [marked()]})
    await tenant.play(run.jobs[0], {(await run.objects(1))[0]: "error"})
    assert await run.status() == "failed"
    await replaced(tenant, run)
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    with pytest.raises(ContentErased):
        await run.retry()
    assert await run.status() == "failed"


async def test_one_is_not_tried_again_either_whose_roster_is_still_there(tenant: Tenant, worker: AsyncEngine) -> None:
    """What it was asked for is a year old; the roster is sent by a new run."""
    run = await tenant.new_run({"persons": [marked()]})
    await tenant.play(run.jobs[0], {(await run.objects(1))[0]: "error"})
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    with pytest.raises(ContentErased):
        await run.retry()
    assert await (await tenant.accept(run.activity_id)).status() == "running"


async def test_a_run_that_is_tried_again_halfway_is_gone_over_from_its_beginning(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    run = await tenant.new_run({"persons": [marked(), *(pupil() for _ in range(5))]})
    await tenant.play(run.jobs[0], dict.fromkeys(await run.objects(1), "error"))
    await pass_time(tenant, YEAR + DAY)
    with pytest.raises(Later):
        await Retain(worker, KEPT, together=3, at_a_time=-1).expire_content(TASK)
    assert await tenant.value("SELECT expiring_from FROM run") is not None
    await run.retry()
    for job in run.jobs:
        await tenant.play(job)
    assert await run.status() == "succeeded"
    answered = "SELECT count(*) FROM record JOIN content ON digest = received"
    assert await tenant.value(answered) == 6
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    assert await tenant.value(answered) == 0


async def test_what_a_later_run_sent_in_several_calls_stays_for_each_of_them(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """As it left in the first call, and what was answered to that, which no record names any more."""
    person = marked()
    first = await carried(tenant, {"persons": [person]})
    await pass_time(tenant, YEAR)
    second = await tenant.new_run({"persons": [{**person, "familyName": "Nu"}]})
    held = await tenant.claim(second.jobs[0])
    batch_id = await tenant.called(held)
    async with tenant.engine.begin() as conn:
        blamed = {UUID(person["id"]): b"said of the first call"}
        await answers.refuse_batch(conn, tenant.cipher, held, batch_id, 400, b"no", blamed, PUBLISHED.codes)
    await tenant.finish(held, "failed")
    await second.retry()
    for job in second.jobs:
        await tenant.play(job)
    await replaced(tenant, first)
    await replaced(tenant, second)
    of = "SELECT count(*) FROM content WHERE object_id = :id"
    before = await tenant.value(of, id=UUID(person["id"]))
    await pass_time(tenant, DAY)
    await expire(worker)
    assert await expired_at(first) is not None
    named = "SELECT source, outgoing, sent, received FROM record WHERE run_id = :run AND kind = 'persons'"
    [was] = await tenant.rows(named, run=first.id)
    gone = {bytes(each) for each in was.values()}
    # What the first had last is in a roster until a moment ago; its answer is its own.
    assert await tenant.value(of, id=UUID(person["id"])) == before - 1
    left = {bytes(row["digest"]) for row in await tenant.rows("SELECT digest FROM content")}
    assert gone - left == {bytes(was["received"])}
    items = await tenant.value("SELECT items FROM batch WHERE id = :id", id=batch_id)
    assert {bytes(each) for each in items} <= left
    assert "said of the first call" in await everything(tenant)
    await pass_time(tenant, YEAR)
    await expire(worker)
    assert await tenant.value("SELECT count(*) FROM content") == 0


async def test_who_was_protected_stays_so(tenant: Tenant, worker: AsyncEngine) -> None:
    """With what was accepted the marking would go by which an unmarked form of them is kept here."""
    run = await carried(tenant, {"persons": [pupil(securityMarking="Sekretessmarkering")]})
    marking = await tenant.value("SELECT marking FROM object")
    await replaced(tenant, run)
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    assert marking > 0
    assert await tenant.value("SELECT marking FROM object") == marking
    assert await tenant.value("SELECT count(*) FROM object WHERE name IS NOT NULL OR civic_no IS NOT NULL") == 0


async def test_that_somebody_was_protected_goes_with_the_last_that_is_known_of_them(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """Three years after the last upload that marked them; once no run and no roster has them."""
    listed, stays, carries = (pupil(securityMarking="Sekretessmarkering") for _ in range(3))
    activity = await tenant.store({"persons": [listed, stays]})
    run = await carried(tenant, {"persons": [carries]})
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, DAY)
    await tenant.store({"persons": [stays]}, activity)
    for passed, left in ((3 * YEAR - 2 * DAY, 3), (3 * DAY, 1), (9 * YEAR, 1)):
        await pass_time(tenant, passed)
        await forget(worker)
        assert await tenant.value("SELECT count(*) FROM protected_object") == left
    assert await tenant.value("SELECT object_id FROM protected_object") == UUID(stays["id"])


async def test_who_is_in_a_run_that_stays_is_protected_however_old_that_is(tenant: Tenant, worker: AsyncEngine) -> None:
    run = await carried(tenant, {"persons": [pupil(securityMarking="Sekretessmarkering")]})
    await replaced(tenant, run)
    await pass_time(tenant, 9 * YEAR)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM run") == 1, "what the activity has sent last"
    assert await tenant.value("SELECT count(*) FROM protected_object") == 1


async def test_who_has_been_marked_later_than_their_run_ended_stays_for_that(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    person = pupil(securityMarking="Sekretessmarkering")
    run = await carried(tenant, {"persons": [person]})
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, YEAR)
    again = await tenant.store({"persons": [person]})
    await tenant.store({"persons": []}, again)
    for passed, runs, left in ((2 * YEAR + DAY, 0, 1), (YEAR, 0, 0)):
        await pass_time(tenant, passed)
        await forget(worker)
        assert await tenant.value("SELECT count(*) FROM run") == runs
        assert await tenant.value("SELECT count(*) FROM protected_object") == left


@pytest.mark.parametrize("where", ["run", "roster", "plan"])
async def test_somebody_stays_protected_while_a_duty_of_theirs_is_there(
    tenant: Tenant, worker: AsyncEngine, where: str
) -> None:
    """It may be in another roster, run or plan than they are; and goes by its own age."""
    teacher, other = (pupil(securityMarking="Sekretessmarkering") for _ in range(2))
    run = await carried(tenant, {"persons": [teacher, other], "duties": [duty(teacher)]})
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, 3 * YEAR - 2 * DAY)
    late = await tenant.store({"duties": [duty(teacher)]})
    if where == "run":
        for job in (await tenant.accept(late)).jobs:
            await tenant.play(job)
    if where == "plan":
        await plan_of(tenant, late)
    if where != "roster":
        await tenant.store({"persons": []}, late)
    await pass_time(tenant, 3 * DAY)
    await forget(worker, together=1)
    assert await tenant.value("SELECT object_id FROM protected_object") == UUID(teacher["id"])
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=late)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM protected_object") == 0


@pytest.mark.parametrize("where", ["run", "roster", "plan"])
async def test_somebody_stays_protected_while_a_group_elsewhere_names_them(
    tenant: Tenant, worker: AsyncEngine, where: str
) -> None:
    """They need be in no roster and no run of its exam; a plan has who is in its roster."""
    member, other = (pupil(securityMarking="Sekretessmarkering") for _ in range(2))
    activity = await tenant.store({"persons": [member, other]})
    await tenant.store({"persons": []}, activity)
    await pass_time(tenant, 3 * YEAR - 2 * DAY)
    listed = [{**member, "securityMarking": "Ingen"}] if where == "plan" else []
    late = await tenant.store({"persons": listed, "groups": [group(member)]})
    if where == "run":
        for job in (await tenant.accept(late)).jobs:
            await tenant.play(job)
    if where == "plan":
        await plan_of(tenant, late)
    if where != "roster":
        await tenant.store({"persons": []}, late)
    await pass_time(tenant, 3 * DAY)
    await forget(worker)
    assert await tenant.value("SELECT object_id FROM protected_object") == UUID(member["id"])
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=late)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM protected_object") == 0


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_protected_teachers_duty_that_an_exam_alone_names_stays_hidden(
    tenant: Tenant, worker: AsyncEngine, is_sent: bool
) -> None:
    """Whose it is goes with the last roster or run that has it; that it is hidden does not."""
    teacher, another = pupil(securityMarking="Sekretessmarkering"), pupil()
    post, open_post = duty(teacher), duty(another)
    of_posts: dict[str, list[Object]] = {"persons": [teacher, another], "duties": [post, open_post]}
    first = (await carried(tenant, of_posts)).activity_id if is_sent else await tenant.store(of_posts)
    late = await tenant.store({"activities": [exam([], [post, open_post])]})
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=first)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker)
    ids = [UUID(post["id"]), UUID(open_post["id"])]
    assert await tenant.value("SELECT count(*) FROM run") == 0
    # The person's row is not needed any more.
    assert await tenant.value("SELECT array_agg(object_id) FROM protected_object") == ids[:1]
    async with transaction(tenant.engine, "test", of=tenant.organisation_id) as conn:
        assert await protected_among(conn, tenant.organisation_id, ids) == {UUID(post["id"])}
    await tenant.store({"persons": []}, late)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM protected_object") == 0


@pytest.mark.parametrize("where", ["run", "roster", "plan", "nowhere"])
async def test_a_protected_teachers_duty_is_marked_where_something_still_has_it(tenant: Tenant, where: str) -> None:
    """An exam of a run or of another roster, or a plan; then it is no more whose it is that hides it."""
    teacher = pupil(securityMarking="Sekretessmarkering")
    post = duty(teacher)
    activity = await tenant.store({"persons": [teacher], "duties": [post]})
    others = await tenant.store({"persons": [pupil()], "activities": [exam([], [post])]})
    if where == "run":
        for job in (await tenant.accept(others)).jobs:
            await tenant.play(job)
    if where == "plan":
        await plan_of(tenant, activity)
    if where != "roster":
        await tenant.store({"persons": []}, others)
    await tenant.store({"persons": [teacher]}, activity)
    known = await tenant.value("SELECT array_agg(object_id) FROM protected_object WHERE kind = 'duties'")
    assert known == (None if where == "nowhere" else [UUID(post["id"])])


async def test_no_slice_of_a_run_that_goes_shows_whose_duty_was_a_protected_persons(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """What they were is known until nothing of the run is left."""
    teacher = pupil(securityMarking="Sekretessmarkering")
    post, its_class = duty(teacher), group(teacher)
    roster = {"persons": [teacher], "duties": [post], "groups": [its_class], "activities": [exam([its_class], [post])]}
    run = await carried(tenant, roster)
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, 3 * YEAR + DAY)
    await expire(worker)
    slices = "SELECT forget_run(:o, :run, clock_timestamp() - interval '1095 d', 1)"
    left = True
    while left:
        assert await tenant.value("SELECT count(*) FROM protected_object") == 1
        async with tenant.engine.begin() as conn:
            left = await conn.scalar(sa.text(slices), {"o": tenant.organisation_id, "run": run.id})
    assert await tenant.value("SELECT count(*) FROM record") == 0
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM protected_object") == 0


async def test_an_organisations_reason_for_a_pause_goes_after_its_end(tenant: Tenant, worker: AsyncEngine) -> None:
    await tenant.pause(by="organisation", reason=f"{NAME} är sjuk")
    await pass_time(tenant, 2 * YEAR)
    await expire(worker)
    assert NAME in await found(tenant)
    await tenant.resume(by="organisation")
    await pass_time(tenant, YEAR + DAY)
    await expire(worker)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM pause") == 1
    await pass_time(tenant, 2 * YEAR)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM pause") == 0


HISTORY = ("run", "job", "record", "batch", "event", "at_target", "object", "eppn")


async def counts(tenant: Tenant) -> dict[str, int]:
    return {table: await tenant.value(f"SELECT count(*) FROM {table}") for table in HISTORY}


async def test_history_goes_whole_three_years_after_its_end(tenant: Tenant, worker: AsyncEngine) -> None:
    """But for the run that an activity has sent last: the next roster is held against it."""
    roster = school()
    first = await carried(tenant, roster)
    await pass_time(tenant, DAY)
    second = await tenant.accept(first.activity_id)
    for job in second.jobs:
        await tenant.play(job)
    await replaced(tenant, second)
    await pass_time(tenant, 3 * YEAR - 2 * DAY)
    before = await counts(tenant)
    await forget(worker)
    assert await counts(tenant) == before | {"eppn": 0}
    await pass_time(tenant, 5 * DAY)
    await forget(worker, together=2)
    assert await tenant.rows("SELECT id FROM run") == [{"id": second.id}]
    of_runs = "SELECT run_id FROM record UNION SELECT run_id FROM job UNION SELECT run_id FROM event"
    rows = await tenant.rows(of_runs)
    assert rows == [{"run_id": second.id}]
    assert (await counts(tenant))["object"] == 5
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=first.activity_id)
    await forget(worker, together=2)
    assert set((await counts(tenant)).values()) == {0}
    assert await tenant.value("SELECT count(*) FROM activity") == 1


async def test_rosters_that_were_replaced_go_and_the_last_one_stays(tenant: Tenant, worker: AsyncEngine) -> None:
    activity = await tenant.store()
    for _ in range(2):
        await pass_time(tenant, YEAR)
        await tenant.store(None, activity)
    versions = "SELECT version FROM roster ORDER BY version"
    for passed, left in ((2 * YEAR - DAY, [1, 2, 3]), (2 * DAY, [2, 3]), (9 * YEAR, [3])):
        await pass_time(tenant, passed)
        await forget(worker)
        assert [row["version"] for row in await tenant.rows(versions)] == left


async def test_an_object_that_a_roster_has_is_known_after_its_last_run_has_gone(
    tenant: Tenant, worker: AsyncEngine
) -> None:
    """It is not new for that; what it was is known of persons and duties."""
    roster = school()
    first = await carried(tenant, roster)
    await tenant.store(roster)
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=first.activity_id)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker)
    assert await tenant.value("SELECT count(*) FROM run") == 0
    listed = "SELECT array_agg(item.kind::text ORDER BY item.kind)"
    known = f"{listed} FROM object JOIN roster_item item ON object_id = object.id"
    assert await tenant.value(known) == ["activities", "duties", "groups", "persons", "persons"]
    assert await tenant.value(f"{known} WHERE accepted = outgoing") == ["duties", "persons", "persons"]


@pytest.mark.parametrize("together", [1, 2, 500])
async def test_history_is_gone_over_in_slices_of_any_size(tenant: Tenant, worker: AsyncEngine, together: int) -> None:
    run = await carried(tenant, school())
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, 3 * YEAR + DAY)
    await forget(worker, together)
    assert set((await counts(tenant)).values()) == {0}


async def test_no_run_goes_before_its_contents(tenant: Tenant, worker: AsyncEngine) -> None:
    run = await carried(tenant, school())
    await tenant.do("SELECT delete_activity(:o, :a)", o=tenant.organisation_id, a=run.activity_id)
    await pass_time(tenant, 3 * YEAR + DAY)
    await Retain(worker, KEPT).forget_history(TASK)
    assert await run.status() == "succeeded"


@pytest.mark.parametrize(
    ("door", "statement", "guard"),
    [
        ("forgetting", "UPDATE run SET sequence = 9", "run_final"),
        ("forgetting", "UPDATE run SET content_expired_at = NULL, roster_version = 9", "run_final"),
        ("history_goes", "DELETE FROM run WHERE finished_at IS NULL", "history"),
        ("history_goes", "DELETE FROM job WHERE finished_at IS NULL", "history"),
        ("history_goes", "DELETE FROM record", "record_history"),
        ("history_goes", "UPDATE event SET at = clock_timestamp()", "history"),
        ("", "DELETE FROM run", "history"),
        ("", "DELETE FROM event", "history"),
        ("", "DELETE FROM pause", "history"),
    ],
)
async def test_the_doors_let_nothing_else_through(tenant: Tenant, door: str, statement: str, guard: str) -> None:
    await tenant.pause((await tenant.new_run()).activity_id)
    async with tenant.engine.connect() as conn:
        if door:
            await conn.exec_driver_sql(f"SELECT set_config('provkedja.{door}', 'on', true)")
        with pytest.raises(IntegrityError) as refusal:
            await conn.exec_driver_sql(statement)
    assert isinstance(refusal.value.orig, psycopg.errors.CheckViolation)
    assert refusal.value.orig.diag.constraint_name == guard


async def test_a_run_that_is_being_tried_again_is_left_alone(tenant: Tenant, worker: AsyncEngine) -> None:
    """It was old when it was read, and goes on by the time its turn comes."""
    run = await tenant.new_run({"persons": [marked()]})
    await tenant.play(run.jobs[0], {(await run.objects(1))[0]: "error"})
    await pass_time(tenant, YEAR + DAY)
    async with transaction(worker, "read", of="everybody") as conn:
        now = await tenant.value("SELECT clock_timestamp()")
        [old] = await retention.runs_with_content(conn, KEPT.content_before(now), None, 10)
    await run.retry()
    async with transaction(worker, "expire", of=tenant.organisation_id) as conn:
        assert not await retention.expire_run(conn, old, KEPT.content_before(now), 10)
    assert NAME in await found(tenant)
    assert await run.status() == "running"
