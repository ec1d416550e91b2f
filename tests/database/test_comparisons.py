"""One object in several rosters: both say what differs, and say it again when one of them changes."""

from uuid import UUID

import pytest

from app.db import activities, comparisons
from app.jobs.tasks import inside
from app.jobs.tasks.loop import TaskLoop
from app.skolverket.published import PUBLISHED
from tests.database.factories import KEPT, Object, Run, Tenant, duty, exam, group, pupil, the_cipher

EPPN = "eduPersonPrincipalNames"
Seen = tuple[str, str | None, list[str] | None, int | None]


_IN_WHAT = {"roster_differs_marking", "roster_differs_eppn", "roster_differs_name"}


async def _found(tenant: Tenant, activity_id: UUID) -> list[Seen]:
    """Lists code, object, ids and count of an activity's findings of this origin; the activity counts all of them.

    Beside those that say in what an object differs there is one that says that it does, and is left out.
    """
    rows = await tenant.rows(
        """
        SELECT finding.*, activity.findings_by_code FROM activity
        LEFT JOIN finding ON finding.roster_id = activity.roster_id AND origin = 'rosters'
        WHERE activity.organisation_id = :organisation AND activity.id = :activity
        ORDER BY finding.kind, ordinal, code
        """,
        organisation=tenant.organisation_id,
        activity=activity_id,
    )
    found = [row for row in rows if row["code"] is not None]
    for row in found:
        assert rows[0]["findings_by_code"][row["code"]] == sum(other["code"] == row["code"] for other in found)
    differing = {row["object_id"] for row in found if row["code"] in _IN_WHAT}
    assert sorted(differing) == sorted(row["object_id"] for row in found if row["code"] == "roster_differs")
    return [
        (
            row["code"],
            row["object_id"] and str(row["object_id"]),
            row["ids"] and sorted(map(str, row["ids"])),
            row["count"],
        )
        for row in found
        if row["code"] != "roster_differs"
    ]


async def _looked_at_again(tenant: Tenant) -> None:
    await TaskLoop(tenant.engine, inside(tenant.engine, the_cipher(), PUBLISHED, KEPT)).run_once()
    assert await tenant.value("SELECT count(*) FROM task WHERE kind = 'compare_roster'") == 0


async def _played(run: Run) -> Run:
    for job_id in run.jobs:
        await run.tenant.play(job_id)
    return run


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"securityMarking": "Ingen"}, []),
        ({"middleName": "Maria", "emails": []}, []),
        ({"securityMarking": "Sekretessmarkering"}, ["roster_differs_marking"]),
        ({EPPN: ["ny@edu.example.se"]}, ["roster_differs_eppn"]),
        ({"givenName": "Örjan"}, ["roster_differs_name"]),
        (
            {"givenName": "Örjan", EPPN: ["ny@edu.example.se"], "securityMarking": "Skyddad folkbokföring"},
            ["roster_differs_eppn", "roster_differs_marking", "roster_differs_name"],
        ),
    ],
)
async def test_both_say_what_differs(tenant: Tenant, change: Object, codes: list[str]) -> None:
    """At once, and each names the activity of the other."""
    person = pupil()
    first = await tenant.store({"persons": [pupil(), person]})
    second = await tenant.store({"persons": [{**person, **change}]})
    assert await _found(tenant, second) == [(code, person["id"], [str(first)], None) for code in codes]
    assert await _found(tenant, first) == [(code, person["id"], [str(second)], None) for code in codes]


async def test_large_ones_say_it_soon_after(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever uploads a roster does not wait for all that share it."""
    person = pupil()
    first = await tenant.store({"persons": [pupil(), person]})
    monkeypatch.setattr(comparisons, "_AT_ONCE", 1)
    second = await tenant.store({"persons": [{**person, "givenName": "Örjan"}]})
    assert await _found(tenant, second) == [("roster_differs_name", person["id"], [str(first)], None)]
    assert await _found(tenant, first) == []
    await _looked_at_again(tenant)
    assert await _found(tenant, first) == [("roster_differs_name", person["id"], [str(second)], None)]


async def test_what_very_many_share_is_compared_soon_after(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roster itself and the others, and each once."""
    person = pupil()
    first = await tenant.store({"persons": [pupil(), person]})
    monkeypatch.setattr(comparisons, "_MOST_SHARED", 0)
    monkeypatch.setattr(comparisons, "_AT_ONCE", 0)
    second = await tenant.store({"persons": [{**person, "givenName": "Örjan"}]})
    assert await _found(tenant, second) == await _found(tenant, first) == []
    await _looked_at_again(tenant)
    assert await _found(tenant, second) == [("roster_differs_name", person["id"], [str(first)], None)]
    assert await _found(tenant, first) == [("roster_differs_name", person["id"], [str(second)], None)]


async def test_of_several_each_is_held_against_the_latest(tenant: Tenant) -> None:
    """Which says of them all; those that are as it is say nothing, and are named with it."""
    person = pupil()
    other = {**person, "givenName": "Örjan"}
    old, same, older = [
        await tenant.store({"persons": [each]}) for each in (person, other, {**person, "givenName": "Ö"})
    ]
    latest = await tenant.store({"persons": [other]})
    name = "roster_differs_name"
    assert await _found(tenant, latest) == [(name, person["id"], sorted(map(str, (old, older))), None)]
    assert await _found(tenant, same) == []
    for each in (old, older):
        assert await _found(tenant, each) == [(name, person["id"], sorted(map(str, (same, latest))), None)]


async def test_what_is_mended_or_deleted_is_no_difference_any_more(tenant: Tenant) -> None:
    person = pupil()
    changed = {**person, "givenName": "Örjan"}
    first, second = await tenant.store({"persons": [person]}), await tenant.store({"persons": [changed]})
    for mend in ("mended", "without it", "deleted"):
        await tenant.store({"persons": [changed]}, second)
        assert [code for code, *_ in await _found(tenant, first)] == ["roster_differs_name"]
        if mend == "deleted":
            async with tenant.engine.begin() as conn:
                await activities.delete_activity(conn, tenant.organisation_id, second, if_match=lambda _: True)
        else:
            await tenant.store({"persons": [person] if mend == "mended" else []}, second)
        assert await _found(tenant, first) == [], mend
        assert await _found(tenant, second) == []


async def test_a_group_names_whom_the_latest_takes_out(tenant: Tenant) -> None:
    """On both; those that only the latest has are let in, and named by none."""
    first, second, third = pupil(), pupil(), pupil()
    its_class = group(first, second)
    old = await tenant.store({"groups": [its_class]})
    new = await tenant.store({"groups": [group(second, third, id=its_class["id"])]})
    for each in (old, new):
        assert await _found(tenant, each) == [("roster_differs_members", its_class["id"], [first["id"]], None)]


async def test_duties_and_exams_say_only_what_they_are_called(tenant: Tenant) -> None:
    teacher = pupil()
    teaching, its_class = duty(teacher), group()
    subject = exam([its_class], [teaching])
    old = await tenant.store({"duties": [teaching], "activities": [subject]})
    again = {"duties": [{**teaching, "dutyRole": "Rektor"}], "activities": [{**subject, "displayName": "Svenska"}]}
    await tenant.store(again)
    assert [(code, each) for code, each, *_ in await _found(tenant, old)] == [("roster_differs_name", subject["id"])]


async def test_nobody_is_asked_who_shares_nothing_that_has_changed(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roster that comes again as it was, other objects, another organisation's."""
    person, other, stranger = pupil(), pupil(), await Tenant.make(tenant.engine)
    activity_id = await tenant.store({"persons": [person]})
    await tenant.store({"persons": [person]})
    monkeypatch.setattr(comparisons, "_AT_ONCE", 0)
    await tenant.store({"persons": [person]}, activity_id)
    await tenant.store({"persons": [person, other]}, activity_id)
    theirs = await stranger.store({"persons": [{**person, "givenName": "Örjan"}]})
    assert await tenant.value("SELECT count(*) FROM task") == 0
    assert await _found(stranger, theirs) == []


async def test_what_changes_while_a_task_is_under_way_is_looked_at_again(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim of whoever has it in hand ends nothing then."""
    monkeypatch.setattr(comparisons, "_AT_ONCE", 0)
    person = pupil()
    await tenant.store({"persons": [person]})
    second = await tenant.store({"persons": [{**person, "givenName": "Örjan"}]})
    await tenant.do("UPDATE task SET leased_until = clock_timestamp() + interval '1 minute'")
    claim = "SELECT claim FROM task WHERE kind = 'compare_roster'"
    before = await tenant.value(claim)
    await tenant.store({"persons": [{**person, "givenName": "Östen"}]}, second)
    assert await tenant.value(claim) > before
    assert (
        await tenant.value("SELECT count(*) FROM task WHERE leased_until IS NULL AND due_at <= clock_timestamp()") == 1
    )


async def test_an_eppn_of_another_before_is_an_error(tenant: Tenant) -> None:
    """Whoever had it last at Skolverket, also one that has another by now; not what was never accepted."""
    giver, taker, refused = pupil(), pupil(), pupil()
    run = await tenant.new_run({"persons": [giver, refused]})
    await tenant.play(run.jobs[0], {refused["id"]: "error"})
    another = await _played(await tenant.new_run({"persons": [{**giver, EPPN: ["ny@edu.example.se"]}]}))
    assert await _found(tenant, another.activity_id) == [
        ("roster_differs_eppn", giver["id"], [str(run.activity_id)], None)
    ]
    wanted = await tenant.store(
        {"persons": [{**taker, EPPN: [giver[EPPN][0].upper()]}, {**pupil(), EPPN: refused[EPPN]}]}
    )
    assert await _found(tenant, wanted) == [("eppn_of_another_before", taker["id"], [giver["id"]], None)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (50, 45, []),
        (49, 44, [("roster_shrinks", 5)]),
        (20, 16, []),
        (10, 4, [("roster_shrinks", 6)]),
        (6, 1, [("roster_shrinks", 5)]),
        (3, 0, [("roster_empty", 3)]),
        (3, 9, []),
    ],
)
async def test_a_roster_that_shrinks_says_so(
    tenant: Tenant, before: int, after: int, expected: list[tuple[str, int]]
) -> None:
    """By more than a tenth and at least five, against the one that was sent last; one that was only stored is none."""
    persons = [pupil() for _ in range(max(before, after))]
    activity_id = await tenant.store({"persons": [*persons, *(pupil() for _ in range(20))]})
    await tenant.store({"persons": persons[:before]}, activity_id)
    await _played(await tenant.accept(activity_id))
    await tenant.store({"persons": persons[:after]}, activity_id)
    assert await _found(tenant, activity_id) == [(code, None, None, count) for code, count in expected]
