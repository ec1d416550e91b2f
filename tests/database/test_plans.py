"""Plans as rows: what a run would do with a roster, against what Skolverket has accepted from us."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.db import content, plans
from app.db.loop_share import LoopShare
from app.db.planning import MOST_KEPT, MOST_KEPT_TOGETHER, make_plan
from app.errors import NotFound
from app.skolverket.published import PUBLISHED
from tests.database.factories import Object, Tenant, duty, exam, group, pupil

KINDS = ("persons", "duties", "groups", "activities")
Json = dict[str, Any]


async def plan_of(
    tenant: Tenant,
    activity_id: UUID,
    policy: str = "continue",
    *,
    allow: Collection[str] = (),
    share: LoopShare | None = None,
    key_id: UUID | None = None,
) -> UUID:
    return await make_plan(
        tenant.engine,
        tenant.cipher,
        PUBLISHED,
        activity_id,
        on_record_error=policy,
        allow=allow,
        key_id=key_id or tenant.key_id,
        key_name="testnyckel",
        share=share or LoopShare(),
    )


async def items_of(tenant: Tenant, plan_id: UUID) -> dict[str, Json]:
    """Reads what a plan says of each object, by id."""
    rows = await tenant.rows("SELECT * FROM plan_item WHERE plan_id = :plan ORDER BY kind, ordinal", plan=plan_id)
    return {str(row["object_id"]): row for row in rows}


async def stages_of(tenant: Tenant, plan_id: UUID) -> dict[str, Json]:
    stages: list[Json] = await tenant.value("SELECT stages FROM plan WHERE id = :plan", plan=plan_id)
    return {stage["stage"]: stage for stage in stages}


def teacher(**more: Any) -> Object:
    """Invents somebody who may have duties."""
    made = {**pupil(), "emails": [{"value": "larare@example.se", "type": "Skola personal"}], **more}
    del made["enrolments"]
    return made


async def sent(
    tenant: Tenant, roster: Mapping[str, Sequence[Object]], verdicts: Mapping[str, str] | None = None
) -> UUID:
    """Stores a roster and has it sent; gives its activity."""
    run = await tenant.new_run(roster, "continue")
    for job_id in run.jobs:
        await tenant.play(job_id, verdicts)
    return run.activity_id


async def marks_of(tenant: Tenant, activity_id: UUID) -> dict[str, list[str]]:
    return {id_: row["marks"] for id_, row in (await items_of(tenant, await plan_of(tenant, activity_id))).items()}


async def test_all_of_a_roster_that_was_never_sent_is_new(tenant: Tenant) -> None:
    person = pupil()
    teaching, its_class = duty(person), group(person)
    roster = {"persons": [person], "duties": [teaching], "groups": [its_class], "activities": [exam([its_class])]}
    plan_id = await plan_of(tenant, await tenant.store(roster))
    items, stages = await items_of(tenant, plan_id), await stages_of(tenant, plan_id)
    assert {(row["decision"], *row["marks"]) for row in items.values()} == {("send", "new")}
    assert list(stages) == list(KINDS)
    assert {(stage["total"], stage["send"], stage["calls"]) for stage in stages.values()} == {(1, 1, 1)}


async def test_what_has_changed_since_it_was_accepted_is_named(tenant: Tenant) -> None:
    """The rest is unchanged, and an object that was refused is new."""
    same, other, refused, hidden = (pupil() for _ in range(4))
    hidden["securityMarking"] = "Sekretessmarkering"
    its_class = group(same, other)
    verdicts = {refused["id"]: "error"}
    activity_id = await sent(tenant, {"persons": [same, other, refused, hidden], "groups": [its_class]}, verdicts)
    changed = {**other, "familyName": "Annansson"}
    shown = {key: value for key, value in hidden.items() if key != "securityMarking"}
    fewer = {**its_class, "groupMemberships": its_class["groupMemberships"][:1]}
    await tenant.store({"persons": [same, changed, refused, shown], "groups": [fewer]}, activity_id)
    items = await items_of(tenant, await plan_of(tenant, activity_id))
    assert {id_: row["marks"] for id_, row in items.items()} == {
        same["id"]: ["unchanged"],
        other["id"]: ["renamed"],
        refused["id"]: ["new"],
        hidden["id"]: ["marking_changed", "marking_weaker"],
        its_class["id"]: ["members_lost"],
    }
    assert {id_ for id_, row in items.items() if row["protected"]} == {hidden["id"]}, "as it was at the target"


async def test_what_is_in_no_roster_any_more_is_told(tenant: Tenant) -> None:
    """Not what another roster wants, what was never accepted, or what was gone before the last run."""
    gone, elsewhere, refused, stays = (pupil() for _ in range(4))
    activity_id = await sent(tenant, {"persons": [gone, elsewhere, refused, stays]}, {refused["id"]: "error"})
    await tenant.store({"persons": [elsewhere]})
    await tenant.store({"persons": [stays]}, activity_id)
    plan_id = await plan_of(tenant, activity_id)
    items = await items_of(tenant, plan_id)
    assert {id_: (row["decision"], row["marks"]) for id_, row in items.items()} == {
        stays["id"]: ("send", ["unchanged"]),
        gone["id"]: ("left", ["left"]),
    }
    persons = (await stages_of(tenant, plan_id))["persons"]
    assert (persons["total"], persons["left"], persons["marks"]) == (1, 1, {"left": 1, "unchanged": 1})
    for job_id in (await tenant.accept(activity_id)).jobs:
        await tenant.play(job_id)
    assert await marks_of(tenant, activity_id) == {stays["id"]: ["unchanged"]}


async def test_the_latest_upload_of_the_organisation_counts(tenant: Tenant) -> None:
    """Whichever activity it is of, with what the rules say against it there."""
    person = pupil()
    activity_id = await sent(tenant, {"persons": [person]})
    wrong = {**person, "civicNo": {"value": "201203049811", "nationality": "SE"}}
    await tenant.store({"persons": [pupil(), wrong]})
    plan_id = await plan_of(tenant, activity_id)
    row = (await items_of(tenant, plan_id))[person["id"]]
    assert (row["marks"], row["decision"], row["likely_refused"]) == (["civic_no_changed"], "send", True)
    assert row["codes"] == ["civic_no_check_digit"]
    assert (await stages_of(tenant, plan_id))["persons"]["likely_refused"] == 1


async def test_what_skolverket_has_in_a_later_upload_stays_here(tenant: Tenant) -> None:
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    newer = await sent(tenant, {"persons": [{**person, "givenName": "Örjan"}]})
    await tenant.store({"persons": []}, newer)
    row = (await items_of(tenant, await plan_of(tenant, activity_id)))[person["id"]]
    assert (row["decision"], row["codes"], row["marks"]) == ("unchanged", ["newer_at_target"], ["renamed"])


@pytest.mark.parametrize("known", [False, True])
async def test_who_needs_what_stays_here_is_blocked_unless_skolverket_has_it(tenant: Tenant, known: bool) -> None:
    good, bad = pupil(), teacher()
    teaching, first, second = duty(bad), group(good), group(bad)
    lesson = exam([first, second], [teaching])
    roster = {"persons": [good, bad], "duties": [teaching], "groups": [first, second], "activities": [lesson]}
    activity_id = await (sent if known else Tenant.store)(tenant, roster)
    await tenant.store({**roster, "persons": [good, {**bad, "civicNo": "none"}]}, activity_id)
    items = await items_of(tenant, await plan_of(tenant, activity_id))
    assert {id_: (row["decision"], row["codes"]) for id_, row in items.items()} == {
        good["id"]: ("send", []),
        bad["id"]: ("kept_here", ["schema_type"]),
        teaching["id"]: ("send", []) if known else ("blocked", ["blocked_by"]),
        first["id"]: ("send", []),
        second["id"]: ("send", []),
        lesson["id"]: ("send", [] if known else ["sent_without"]),
    }
    halted = await stages_of(tenant, await plan_of(tenant, activity_id, "halt"))
    assert [(stage["stops_here"], stage["not_reached"]) for stage in halted.values()] == [
        (True, 0),
        (False, 1),
        (False, 2),
        (False, 1),
    ]


async def test_what_went_incomplete_is_compared_as_it_would_go(tenant: Tenant) -> None:
    """As long as the same teacher stays here, nothing of the lesson is new."""
    good, bad = teacher(), teacher(civicNo="none")
    first, second, its_class = duty(good), duty(bad), group()
    lesson = exam([its_class], [first, second])
    roster = {"persons": [good, bad], "duties": [first, second], "groups": [its_class], "activities": [lesson]}
    activity_id = await sent(tenant, roster)
    assert (await marks_of(tenant, activity_id))[lesson["id"]] == ["unchanged"]
    await tenant.store({**roster, "persons": [good, {**bad, "civicNo": good["civicNo"]}]}, activity_id)
    assert (await marks_of(tenant, activity_id))[lesson["id"]] == ["teachers_gained"]


async def test_what_takes_somebodys_word_is_skipped_until_it_is_allowed(tenant: Tenant) -> None:
    """Less protection than was accepted, and another person under the same id; the run after it does the same."""
    hidden, reused, new = pupil(securityMarking="Sekretessmarkering"), pupil(), pupil()
    teaching = duty(reused)
    activity_id = await sent(tenant, {"persons": [hidden, reused]})
    changed = [
        {**hidden, "securityMarking": "Ingen"},
        {**reused, "familyName": "Annansson", "civicNo": {"value": "201203049828", "nationality": "SE"}},
        new,
    ]
    await tenant.store({"persons": changed, "duties": [teaching]}, activity_id)
    items = await items_of(tenant, await plan_of(tenant, activity_id, "halt"))
    assert {id_: (row["decision"], row["codes"]) for id_, row in items.items() if row["kind"] == "persons"} == {
        hidden["id"]: ("skipped", ["weaker_marking"]),
        reused["id"]: ("skipped", ["reused_id"]),
        new["id"]: ("send", []),
    }
    assert items[hidden["id"]]["marks"] == ["marking_changed", "marking_weaker"]
    assert items[teaching["id"]]["decision"] == "send"
    allowed = await items_of(tenant, await plan_of(tenant, activity_id, "halt", allow=["weaker_marking"]))
    assert [allowed[each["id"]]["decision"] for each in (hidden, reused)] == ["send", "skipped"]
    assert not allowed[hidden["id"]]["likely_refused"]
    run = await tenant.accept(activity_id)
    await tenant.play(run.jobs[0])
    rows = await tenant.rows("SELECT object_id, status FROM record WHERE job_id = :job", job=run.jobs[0])
    assert {str(row["object_id"]) for row in rows if row["status"] == "skipped"} == {hidden["id"], reused["id"]}


async def test_an_empty_roster_after_one_that_was_sent_takes_somebodys_word(tenant: Tenant) -> None:
    person = pupil()
    never, activity_id = await tenant.store({"persons": []}), await sent(tenant, {"persons": [person]})
    await tenant.store({"persons": []}, activity_id)
    for plan_id, shrinks in (
        (await plan_of(tenant, never), False),
        (await plan_of(tenant, activity_id), True),
        (await plan_of(tenant, activity_id, allow=["shrinks"]), False),
    ):
        assert await tenant.value("SELECT shrinks FROM plan WHERE id = :plan", plan=plan_id) == shrinks
    assert (await items_of(tenant, plan_id)).keys() == {person["id"]}


async def test_as_many_calls_as_packing_makes(tenant: Tenant) -> None:
    """The lengths are told from what is sealed, without opening any of it."""
    # A short content lies beside its row, a long one elsewhere.
    groups = [group(displayName="x" * length) for length in (10, 20_000) for _ in range(25)]
    activity_id = await tenant.store({"groups": groups})
    planned = (await stages_of(tenant, await plan_of(tenant, activity_id)))["groups"]
    run = await tenant.accept(activity_id)
    for job_id in run.jobs:
        await tenant.play(job_id)
    assert await run.status() == "succeeded"
    assert planned["calls"] == await tenant.value("SELECT count(*) FROM batch") == 3


async def test_a_few_plans_are_kept(tenant: Tenant) -> None:
    """Of each activity; the older go with what they say of objects."""
    first, other = await tenant.store({"persons": [pupil()]}), await tenant.store({"persons": [pupil()]})
    kept = [await plan_of(tenant, other)]
    plans = [await plan_of(tenant, first) for _ in range(MOST_KEPT + 2)]
    kept += plans[-MOST_KEPT:]
    for table, column in (("plan", "id"), ("plan_item", "plan_id")):
        assert {row["id"] for row in await tenant.rows(f"SELECT {column} AS id FROM {table}")} == set(kept)


async def test_nobody_has_the_plans_of_another_key_go(tenant: Tenant) -> None:
    """Neither by many of their own nor, up to a bound, as many together."""
    activity_id = await tenant.store({"persons": [pupil()]})
    keys = [(await Tenant.make(tenant.engine)).key_id for _ in range(MOST_KEPT_TOGETHER // MOST_KEPT)]
    first = await plan_of(tenant, activity_id)
    for key_id in keys:
        made = [await plan_of(tenant, activity_id, key_id=key_id) for _ in range(MOST_KEPT + 1)]
    kept = {row["id"] for row in await tenant.rows("SELECT id FROM plan")}
    assert len(kept) == MOST_KEPT_TOGETHER
    assert kept.issuperset({first, *made[1:]})


async def test_a_plan_keeps_no_content(tenant: Tenant) -> None:
    """When the roster is replaced, what it alone had goes, and the plan stays with ids, marks and digests."""
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    plan_id = await plan_of(tenant, activity_id)
    before = await items_of(tenant, plan_id)
    await tenant.store({"persons": []}, activity_id)
    assert await tenant.value("SELECT count(*) FROM content") == 0
    assert await items_of(tenant, plan_id) == before


async def test_of_what_is_erased_a_plan_keeps_the_id_alone(tenant: Tenant) -> None:
    person, other = pupil(), pupil()
    activity_id = await sent(tenant, {"persons": [person, other]})
    changed = [{**each, "givenName": "Örjan"} for each in (person, other)]
    await tenant.store({"persons": changed}, activity_id)
    plan_id = await plan_of(tenant, activity_id)
    before = await items_of(tenant, plan_id)
    await tenant.store({"persons": []}, activity_id)
    async with tenant.engine.begin() as conn:
        await content.erase_objects(conn, tenant.organisation_id, "persons", [UUID(person["id"])])
    row = (await items_of(tenant, plan_id))[person["id"]]
    said = {"source", "outgoing", "accepted", "issues", "marks", "open_marks", "plain_marks", "codes"}
    assert not any(row[name] for name in said)
    assert {key: row[key] for key in row.keys() - said} == {key: before[person["id"]][key] for key in row.keys() - said}
    assert (await items_of(tenant, plan_id))[other["id"]] == before[other["id"]]


class HeldUp(LoopShare):
    """A share that says when it is asked for, and is given when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> LoopShare:
        self.asked.set()
        await self.may_go.wait()
        return await super().__aenter__()


async def test_a_plan_is_of_one_moment(tenant: Tenant) -> None:
    """A roster that is stored while a plan is made is not in it, and does not wait for it."""
    persons = [pupil() for _ in range(20)]
    activity_id = await tenant.store({"persons": persons})
    share = HeldUp()
    making = asyncio.create_task(plan_of(tenant, activity_id, share=share))
    await share.asked.wait()
    await tenant.store({"persons": [pupil()]}, activity_id)
    share.may_go.set()
    plan_id = await making
    assert (await items_of(tenant, plan_id)).keys() == {each["id"] for each in persons}
    assert await tenant.value("SELECT roster_version FROM plan WHERE id = :plan", plan=plan_id) == 1


async def test_whoever_is_marked_while_a_plan_is_made_is_marked_after_it(tenant: Tenant) -> None:
    """The plan does not know of it, and its counts tell what of somebody has changed."""
    person = pupil()
    activity_id = await tenant.store({"persons": [person]})
    share = HeldUp()
    making = asyncio.create_task(plan_of(tenant, activity_id, share=share))
    await share.asked.wait()
    await tenant.store({"persons": [{**person, "securityMarking": "Sekretessmarkering"}]})
    share.may_go.set()
    plan_id = await making
    async with tenant.engine.connect() as conn:
        found = await plans.find_plan(conn, tenant.organisation_id, plan_id)
    assert found is not None
    assert found["marked_since"]


async def test_a_plan_waits_for_an_upload_that_is_being_stored(tenant: Tenant) -> None:
    """What that one marks is older than the plan, which would not have read it."""
    activity_id = await tenant.store({"persons": [pupil()]})
    async with tenant.engine.begin() as conn:
        hold = "UPDATE organisation SET last_upload = last_upload WHERE id = :of"
        await conn.execute(sa.text(hold), {"of": tenant.organisation_id})
        making = asyncio.create_task(plan_of(tenant, activity_id))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not await tenant.value(waits):
            assert not making.done()
        held_until = (await conn.execute(sa.text("SELECT clock_timestamp()"))).scalar_one()
    plan_id = await making
    assert await tenant.value("SELECT created_at FROM plan WHERE id = :plan", plan=plan_id) > held_until


async def test_there_is_no_plan_of_another_organisations_activity(tenant: Tenant) -> None:
    """Neither is one made, nor is what it has accepted compared with, nor its roster taken for a later upload."""
    other = await Tenant.make(tenant.engine)
    person = pupil()
    activity_id = await sent(tenant, {"persons": [person]})
    with pytest.raises(NotFound):
        await plan_of(other, activity_id)
    own = await other.store({"persons": [{**person, "givenName": "Örjan"}]})
    assert await marks_of(other, own) == {person["id"]: ["new"]}
    assert await marks_of(tenant, activity_id) == {person["id"]: ["unchanged"]}
