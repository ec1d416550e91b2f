"""A worker erases what was asked for: a person everywhere, a whole organisation; and each has its line in the file."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncEngine

from app import erasures_file
from app.db import answers, erasures, tasks, tenants
from app.db.acting import EVERYBODY
from app.db.cipher import KeyUnknown
from app.db.engine import close, transaction
from app.db.persons import persons_with
from app.db.replayed import ask_again
from app.db.sealed import SEALED
from app.domain.erasing import Erased
from app.domain.rules.parts import MOST_ISSUES
from app.domain.verdicts import RecordChange
from app.errors import Conflict, NotFound, RunHasIt
from app.jobs.tasks.erase import Erase
from app.jobs.tasks.kind import Failed
from app.local.postgres import as_role
from app.roles import WORKER
from app.skolverket.published import PUBLISHED
from tests.database.factories import Object, Run, Tenant, duty, engine_of, exam, group, pupil, the_cipher
from tests.database.test_plans import HeldUp, items_of, plan_of

NAME, NUMBER, EPPN = "Qvintessa", "201203059983", "qvintessa.ek@edu.example.se"
EARLIER, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
MARKERS = (NAME, NUMBER, EPPN, "qvintessa", "tjänst-qvint")


def marked() -> Object:
    return pupil(
        givenName=NAME, civicNo={"value": NUMBER, "nationality": "SE"}, eduPersonPrincipalNames=[EPPN], enrolments=[]
    )


_workers: list[AsyncEngine] = []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "erasures.jsonl"


def written(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@pytest.fixture(autouse=True)
async def _as_a_worker(database_url: str) -> AsyncIterator[None]:
    """Connects as the workers do: with their role, and no more rights than it has."""
    engine = engine_of(as_role(database_url, WORKER))
    _workers.append(engine)
    yield
    _workers.remove(engine)
    await close(engine)


async def erase_all(tenant: Tenant, file: Path | str) -> None:
    """Does the erasures that are asked for, as a worker does."""
    kind = Erase(_workers[0], the_cipher(), PUBLISHED, str(file)).kind()
    async with transaction(tenant.engine, "claim", of=EVERYBODY) as conn:
        claimed = await tasks.claim_for_a_time(conn, {kind.name: kind.longest}, 100)
    for task in claimed:
        try:
            await kind.do(task)
        except BaseException:
            async with transaction(tenant.engine, "let_go", of=EVERYBODY) as conn:
                await tasks.let_go(conn, task)
            raise
        async with transaction(tenant.engine, "done", of=EVERYBODY) as conn:
            assert await tasks.done(conn, task, None)


async def ask(tenant: Tenant, person: Object) -> Any:
    async with tenant.engine.begin() as conn:
        return await erasures.ask_for_person(conn, tenant.organisation_id, UUID(person["id"]), "test")


async def everything(tenant: Tenant) -> str:
    """Dumps all tables as text, with everything sealed opened beside it."""
    tables = await tenant.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    parts = [
        json.dumps(row["row"], ensure_ascii=False)
        for table in tables
        for row in await tenant.rows(f"SELECT to_jsonb(one) AS row FROM {table['tablename']} one")
    ]
    for column in SEALED:
        if column.keys == "token":
            continue
        names = ", ".join((column.of, *column.names, column.column))
        for row in await tenant.rows(f"SELECT {names} FROM {column.table} WHERE {column.column} IS NOT NULL"):
            if row[column.of] == tenant.organisation_id:
                plain = tenant.cipher.open(bytes(row[column.column]), column.place(row))
                parts.append(plain.decode("utf-8", "replace"))
    # What is not ASCII is stored with escapes, too.
    text = "\n".join(parts)
    return text + re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


async def found(tenant: Tenant) -> list[str]:
    text = await everything(tenant)
    return [each for each in MARKERS if each in text]


async def carried(tenant: Tenant, roster: dict[str, list[Object]]) -> Run:
    """Carries a run of a roster to its end, with answers that say something of everybody."""
    run = await tenant.new_run(roster)
    held = await tenant.claim(run.jobs[0])
    batch_id = await tenant.accepted(held)
    items = [{"id": each["id"], "says": f"{each['givenName']}: done"} for each in roster["persons"]]
    changes = [RecordChange(UUID(each["id"]), "succeeded", received=json.dumps(each).encode()) for each in items]
    answer = json.dumps({"responses": items, "log": f"somebody like {NAME}"}).encode()
    async with tenant.engine.begin() as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, answer, changes, timedelta())
    await tenant.finish(held)
    for job in run.jobs[1:]:
        await tenant.play(job)
    assert await run.status() == "succeeded"
    return run


class Scene(NamedTuple):
    """Who is to be erased, somebody else, the first one's duty, the roster that has them, and its run."""

    person: Object
    other: Object
    post: Object
    roster: dict[str, list[Object]]
    run: Run


@pytest.fixture
async def scene(tenant: Tenant) -> Scene:
    """A teacher who is to be erased, with a duty, in a group and an exam; and somebody else."""
    person, other = marked(), pupil(givenName="Annan")
    post, its_class = duty(person, note="tjänst-qvint"), group(person, other)
    roster = {"persons": [person, other], "duties": [post], "groups": [its_class]}
    roster["activities"] = [exam([its_class], [post])]
    return Scene(person, other, post, roster, await carried(tenant, roster))


async def test_a_person_is_nowhere_any_more_also_when_everything_is_opened(
    tenant: Tenant, scene: Scene, file: Path
) -> None:
    """In current rosters, in history, in answers, in a plan; its duties go with it, and nothing of another."""
    person, other, post, roster, run = scene
    second = await tenant.store(roster)
    assert len(await found(tenant)) > 3
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    rows = await tenant.rows("SELECT kind, count(*) AS n FROM roster_item GROUP BY kind ORDER BY kind")
    assert {row["kind"]: row["n"] for row in rows} == {"persons": 2, "groups": 2, "activities": 2}
    for activity in (run.activity_id, second):
        assert await tenant.value("SELECT version FROM activity WHERE id = :id", id=activity) == 2
    kept = await tenant.value("SELECT count(*) FROM content WHERE object_id = :id", id=UUID(other["id"]))
    assert kept == 2, "what it is, and the answer about it"
    [record] = await tenant.rows("SELECT * FROM record WHERE object_id = :id", id=UUID(person["id"]))
    assert record["status"] == "succeeded"
    assert [record[name] for name in ("role", "school_year", "school_unit", "more_units")] == [None] * 4
    refs = await tenant.rows("SELECT kind, refs FROM roster_item WHERE kind IN ('groups', 'activities')")
    assert all(UUID(each) not in row["refs"] for row in refs for each in (person["id"], post["id"]))


async def test_what_was_answered_about_a_duty_before_a_retry_goes_too(tenant: Tenant, file: Path) -> None:
    """No row names that answer any more: it is found by whose it is."""
    person = marked()
    post = duty(person)
    run = await tenant.new_run({"persons": [person], "duties": [post]})
    await tenant.play(run.jobs[0])
    held = await tenant.claim(run.jobs[1])
    batch_id = await tenant.accepted(held)
    refused = RecordChange(UUID(post["id"]), "error", received=json.dumps({"says": "tjänst-qvint"}).encode())
    async with tenant.engine.begin() as conn:
        await answers.apply_answer(conn, tenant.cipher, held, batch_id, b"{}", [refused], timedelta())
    await tenant.finish(held, "failed")
    await run.retry()
    for job in run.jobs[1:]:
        await tenant.play(job)
    assert "tjänst-qvint" in await everything(tenant)
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []


async def test_what_others_say_of_a_person_is_not_there_to_stay(tenant: Tenant, file: Path) -> None:
    """Neither in what is current nor in what a run has sent: it is not kept from the beginning."""
    person = marked()
    said = {"id": person["id"], "displayName": f"{NAME} Ek", "civicNo": person["civicNo"]}
    other = pupil(responsibles=[{"person": said}], _embedded={"groupMemberships": [{"person": said}]})
    its_class = group(other, person, _embedded={"groupMemberships": [{"person": said}]})
    its_class["groupMemberships"][1]["person"] = said
    roster = {"persons": [person, other], "groups": [its_class]}
    run = await tenant.new_run(roster)
    for job in run.jobs:
        await tenant.play(job)
    await tenant.store({"persons": [person, other], "groups": []}, run.activity_id)
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []


@pytest.mark.parametrize("spelt", [lambda each: f"{{{each}}}", lambda each: UUID(each).hex, "{}\u200b".format])
async def test_a_person_is_erased_in_whatever_spelling_they_are_named(
    tenant: Tenant, file: Path, spelt: Callable[[str], str]
) -> None:
    """A duty that stayed here for its spelling goes with them, in history too, as members and teachers do."""
    person, other = marked(), pupil(givenName="Annan")
    post = {**duty(person, note="tjänst-qvint"), "person": {"id": spelt(person["id"])}}
    its_class = group(other)
    its_class["groupMemberships"].append({"person": {"id": spelt(person["id"])}})
    teaching = exam([its_class])
    teaching["teachers"].append({"duty": {"id": spelt(post["id"])}})
    roster = {"persons": [person, other], "duties": [post], "groups": [its_class], "activities": [teaching]}
    run = await tenant.new_run(roster, "continue")
    for job in run.jobs:
        await tenant.play(job)
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    roster_id = await tenant.value("SELECT roster_id FROM activity WHERE id = :id", id=run.activity_id)
    rows = await tenant.rows(
        "SELECT item.kind, content.digest, content.sealed FROM roster_item item JOIN content ON digest = item.source"
        " WHERE item.roster_id = :roster",
        roster=roster_id,
    )
    assert sorted(row["kind"] for row in rows) == ["activities", "groups", "persons"]
    current = [tenant.cipher.open(bytes(row["sealed"]), bytes(row["digest"])).decode() for row in rows]
    assert not [each for each in current if spelt(person["id"])[:8].strip("{") in each]


async def test_a_person_is_erased_where_more_is_wrong_than_is_told(tenant: Tenant, file: Path) -> None:
    """So many findings has an object that the one of the spelling is left out."""
    person, other = marked(), pupil(givenName="Annan")
    its_class = group(*[other] * (MOST_ISSUES + 2))
    its_class["groupMemberships"].append({"person": {"id": f"{{{person['id']}}}"}})
    await tenant.store({"persons": [person, other]})
    await tenant.store({"groups": [its_class]})
    told = await tenant.value("SELECT issues FROM roster_item WHERE kind = 'groups'")
    assert {each["code"] for each in told} == {"reference_doubled"}
    await ask(tenant, person)
    await erase_all(tenant, file)
    rows = await tenant.rows("SELECT digest, sealed FROM content")
    kept = [tenant.cipher.open(bytes(row["sealed"]), bytes(row["digest"])).decode() for row in rows]
    assert not [each for each in kept if person["id"] in each]


@pytest.mark.parametrize("spelt", [str, "urn:uuid:{}".format, "{}\u200b".format])
async def test_a_person_goes_from_rosters_that_name_them_alone(
    tenant: Tenant, file: Path, spelt: Callable[[str], str]
) -> None:
    """Of groups, duties and exams whose members and teachers are in other rosters; one that names nobody stays."""
    person, other = marked(), pupil(givenName="Annan")
    post, theirs = duty(person), duty(other)
    # In another roster it is somebody else's.
    shared = {**duty(person), "person": {"id": spelt(person["id"])}}
    its_class, its_exam = group(other), exam([], [theirs])
    its_class["groupMemberships"].append({"person": {"id": spelt(person["id"])}})
    its_exam["teachers"].append({"duty": {"id": spelt(post["id"])}})
    await tenant.store({"persons": [person, other], "duties": [post, theirs]})
    naming = [await tenant.store(each) for each in ({"groups": [its_class]}, {"activities": [its_exam]})]
    naming.append(await tenant.store({"duties": [theirs, shared]}))
    # In a form in which it is no reference.
    naming.append(await tenant.store({"duties": [theirs, {**duty(person), "person": [spelt(person["id"])]}]}))
    lists = {"duties": [{**shared, "person": {"id": other["id"]}}], "groups": [group(other)]}
    rest = await tenant.store({**lists, "activities": [exam([], [theirs])]})
    await ask(tenant, person)
    await erase_all(tenant, file)
    rows = await tenant.rows("SELECT digest, sealed FROM content")
    kept = [tenant.cipher.open(bytes(row["sealed"]), bytes(row["digest"])).decode() for row in rows]
    assert not [each for each in kept for gone in (person, post) if gone["id"] in each]
    assert sum(other["id"] in each for each in kept) >= 4
    versions = {row["id"]: row["version"] for row in await tenant.rows("SELECT id, version FROM activity")}
    assert [versions[each] for each in (*naming, rest)] == [2, 2, 2, 2, 1]


async def test_what_stays_of_a_roster_is_not_newer_for_it(tenant: Tenant, scene: Scene, file: Path) -> None:
    """The others keep their upload and their contents, to the byte: they are not sent again.

    Nor when the key whose roster it was puts it again without the person.
    """
    person, other, _, _, run = scene
    query = "SELECT source, outgoing, upload FROM roster_item WHERE object_id = :id"
    before = await tenant.rows(query, id=UUID(other["id"]))
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await tenant.rows(query, id=UUID(other["id"])) == before
    left = group(other, id=scene.roster["groups"][0]["id"])
    await tenant.store({"persons": [other], "groups": [left]}, run.activity_id)
    assert await tenant.rows(query, id=UUID(other["id"])) == before


async def test_each_erasure_has_a_line_that_names_nobody(tenant: Tenant, scene: Scene, file: Path) -> None:
    person = scene[0]
    await ask(tenant, person)
    await erase_all(tenant, file)
    [line] = erasures_file.read(str(file))
    assert line is not None
    assert (line.organisation, line.kind) == (tenant.number, "persons")
    assert line.digest == erasures.id_digest(tenant.cipher, "persons", UUID(person["id"]))
    assert not [each for each in (*MARKERS, person["id"]) if each in written(file)]
    [row] = await tenant.rows("SELECT logged_at, erased_at FROM erasure")
    assert row["erased_at"] == row["logged_at"] == line.at


@pytest.mark.parametrize(("name", "code"), [("", "no_erasures_file"), ("no/such/folder", "erasures_file_not_written")])
async def test_without_its_line_nothing_counts_as_erased(tenant: Tenant, scene: Scene, name: str, code: str) -> None:
    person = scene[0]
    await ask(tenant, person)
    with pytest.raises(Failed) as failure:
        await erase_all(tenant, name)
    assert failure.value.code == code
    assert await tenant.value("SELECT erased_at FROM erasure") is None
    assert NAME in await found(tenant)


async def test_a_run_that_has_it_is_in_the_way(tenant: Tenant, scene: Scene, file: Path) -> None:
    """When it is asked for, and when a run has been accepted meanwhile; after the run it goes."""
    person, *_, run = scene
    await ask(tenant, person)
    again = await tenant.accept(run.activity_id)
    with pytest.raises(RunHasIt):
        await ask(tenant, person)
    with pytest.raises(Failed) as failure:
        await erase_all(tenant, file)
    assert failure.value.code == "run_has_it"
    assert not written(file)
    await again.cancel()
    await erase_all(tenant, file)
    assert await found(tenant) == []


async def test_asked_for_again_it_stays_erased_and_nobody_knows_a_stranger(
    tenant: Tenant, scene: Scene, file: Path
) -> None:
    person, other = scene[0], await Tenant.make(tenant.engine)
    with pytest.raises(NotFound):
        await ask(other, person)
    await ask(tenant, person)
    await erase_all(tenant, file)
    once = await ask(tenant, person)
    assert once["erased_at"] is not None
    await erase_all(tenant, file)
    assert len(list(erasures_file.read(str(file)))) == 1
    with pytest.raises(NotFound):
        await ask(tenant, pupil())
    with pytest.raises(NotFound):
        await ask(other, person)


async def test_who_was_sent_by_several_runs_is_erased_and_of_the_others_nothing_changes(
    tenant: Tenant, scene: Scene, file: Path
) -> None:
    """What the target has accepted last, and of which upload, stays known as it was."""
    roster = {**scene.roster, "persons": [scene.person, {**scene.other, "givenName": "Anders"}]}
    await tenant.store(roster, scene.run.activity_id)
    again = await tenant.accept(scene.run.activity_id)
    for job in again.jobs:
        await tenant.play(job)
    query = "SELECT id, accepted, accepted_upload, accepted_job_id, accepted_at FROM object ORDER BY id"
    before = await tenant.rows(query)
    await ask(tenant, scene.person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    assert await tenant.rows(query) == before


async def test_a_roster_that_has_it_again_meanwhile_is_made_anew_too(
    tenant: Tenant, scene: Scene, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was uploaded between the others' new versions and the end."""
    hold, uploads = erasures.hold, [{"persons": [scene.person]}]

    async def held(*given: Any) -> datetime:
        if uploads:
            await tenant.store(uploads.pop())
        return await hold(*given)

    monkeypatch.setattr(erasures, "hold", held)
    await ask(tenant, scene.person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    assert len(list(erasures_file.read(str(file)))) == 1


@pytest.mark.parametrize("is_new", [False, True])
async def test_a_roster_that_names_somebody_alone_and_is_put_meanwhile_is_made_anew_too(
    tenant: Tenant, file: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    """In place of one that is to be looked through, or beside them; by then nothing else has the person's duty."""
    person, other = marked(), pupil(givenName="Annan")
    post, its_class = duty(person), group(person, other)
    naming = {"groups": [its_class], "activities": [exam([its_class], [post])]}
    await tenant.store({"persons": [person, other], "duties": [post]})
    activity_id = await tenant.store(naming)
    puts = [{**naming, "groups": [{**its_class, "displayName": "Ny"}]}]
    list_rosters = erasures.list_rosters

    async def listed(*given: Any) -> Any:
        rosters = await list_rosters(*given)
        if puts:
            await tenant.store(puts.pop(), None if is_new else activity_id)
        return rosters

    monkeypatch.setattr(erasures, "list_rosters", listed)
    await ask(tenant, person)
    await erase_all(tenant, file)
    rows = await tenant.rows("SELECT digest, sealed FROM content")
    kept = [tenant.cipher.open(bytes(row["sealed"]), bytes(row["digest"])).decode() for row in rows]
    assert sum('"Ny"' in each for each in kept) == 1
    assert not [each for each in kept for gone in (person, post) if gone["id"] in each]
    assert len(list(erasures_file.read(str(file)))) == 1


async def test_who_comes_back_has_a_finding_and_can_be_erased_again(tenant: Tenant, scene: Scene, file: Path) -> None:
    person, *_, roster, run = scene
    await ask(tenant, person)
    await erase_all(tenant, file)
    codes = "SELECT code, object_id FROM finding WHERE code = 'erased_before'"
    assert await tenant.rows(codes) == []
    await tenant.store(roster, run.activity_id)
    assert await tenant.rows(codes) == [{"code": "erased_before", "object_id": UUID(person["id"])}]
    assert NAME in await found(tenant)
    assert (await ask(tenant, person))["erased_at"] is None
    await erase_all(tenant, file)
    assert await found(tenant) == []
    assert len(list(erasures_file.read(str(file)))) == 2


async def test_a_duty_that_is_somebody_elses_by_now_stays(tenant: Tenant, file: Path) -> None:
    person, other = marked(), pupil()
    post = duty(person)
    run = await carried(tenant, {"persons": [person, other], "duties": [post]})
    await tenant.store({"persons": [other], "duties": [{**post, "person": {"id": other["id"]}}]}, run.activity_id)
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM roster_item WHERE kind = 'duties'") == 1


async def test_what_a_duty_was_before_it_was_somebody_elses_goes(tenant: Tenant, file: Path) -> None:
    """From the run, call and plan that have it so, and where it was; nothing of what it is now, or in its next run."""
    person, other = marked(), pupil()
    post = duty(person, note="tjänst-qvint")
    roster = {"persons": [person, other], "duties": [post]}
    first = await carried(tenant, roster)
    old_plan = await plan_of(tenant, first.activity_id)
    now = {**post, "person": {"id": other["id"]}, "dutyAt": {"id": str(uuid4())}, "note": "en annans"}
    await tenant.store({**roster, "duties": [now]}, first.activity_id)
    second = await tenant.accept(first.activity_id)
    for job in second.jobs:
        await tenant.play(job)
    new_plan = await plan_of(tenant, first.activity_id)
    of_second = "SELECT * FROM record WHERE run_id = :run AND kind = 'duties'"
    before = await tenant.rows(of_second, run=second.id)
    assert post["dutyAt"]["id"] in await everything(tenant)
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    text = await everything(tenant)
    assert post["dutyAt"]["id"] not in text
    assert "en annans" in text
    assert await tenant.rows(of_second, run=second.id) == before
    whole = "SELECT count(*) FROM content JOIN unnest(CAST(:digests AS bytea[])) AS named ON digest = named"
    [kept] = before
    digests = [bytes(kept[name]) for name in ("source", "outgoing", "sent", "received") if kept[name] is not None]
    assert await tenant.value(whole, digests=digests) == len(digests)
    sums = "SELECT request_sha256 IS NULL AS gone FROM batch WHERE job_id = :job"
    assert await tenant.rows(sums, job=first.jobs[1]) == [{"gone": True}]
    assert await tenant.rows(sums, job=second.jobs[1]) == [{"gone": False}]
    items = "SELECT source IS NULL AS gone FROM plan_item WHERE plan_id = :plan AND kind = 'duties'"
    assert await tenant.rows(items, plan=old_plan) == [{"gone": True}]
    assert await tenant.rows(items, plan=new_plan) == [{"gone": False}]


async def test_a_duty_goes_from_the_roster_that_still_has_it_as_theirs(tenant: Tenant, file: Path) -> None:
    person, other = marked(), pupil()
    post = duty(person, note="tjänst-qvint")
    await tenant.store({"persons": [person, other], "duties": [post]})
    await tenant.store({"persons": [other], "duties": [{**post, "person": {"id": other["id"]}, "note": "en annans"}]})
    await ask(tenant, person)
    await erase_all(tenant, file)
    assert await found(tenant) == []
    assert await tenant.value("SELECT count(*) FROM roster_item WHERE kind = 'duties'") == 1


async def test_a_whole_organisation_opens_no_more(tenant: Tenant, scene: Scene, file: Path) -> None:
    """Its salt has gone, and so has whatever a copy of one table would be opened with; ids of history stay."""
    stranger = await Tenant.make(tenant.engine)
    await stranger.store()
    await tenant.store({"persons": [pupil(securityMarking="Sekretessmarkering")]})
    await tenant.pause(by="organisation")
    sealed = await tenant.rows(
        "SELECT sealed, digest FROM content WHERE organisation_id = :o", o=tenant.organisation_id
    )
    async with tenant.engine.begin() as conn:
        await erasures.ask_for_organisation(conn, tenant.organisation_id, "test")
    await erase_all(tenant, file)
    own = await tenant.value(
        "SELECT salt || coalesce(digest_key, '') FROM organisation WHERE id = :id", id=tenant.organisation_id
    )
    opens = the_cipher().of(tenant.organisation_id, bytes(own))
    for row in sealed:
        with pytest.raises((InvalidTag, KeyUnknown)):
            opens.open(bytes(row["sealed"]), bytes(row["digest"]))
    assert await found(replace(tenant, cipher=opens)) == []
    of = "WHERE organisation_id = :o"
    for table in (
        "content",
        "roster_item",
        "eppn",
        "protected_object",
        "plan_item",
        "webhook",
        "access_token",
        "finding",
    ):
        assert await tenant.value(f"SELECT count(*) FROM {table} {of}", o=tenant.organisation_id) == 0
    named = await tenant.rows(f"SELECT display_name_sealed FROM activity {of}", o=tenant.organisation_id)
    assert {each["display_name_sealed"] for each in named} == {None}
    assert await tenant.rows(f"SELECT reason_sealed FROM pause {of}", o=tenant.organisation_id) == [
        {"reason_sealed": None}
    ]
    assert await tenant.value(f"SELECT count(*) FROM record {of}", o=tenant.organisation_id) == 5
    assert await tenant.value(f"SELECT count(*) FROM content {of}", o=stranger.organisation_id) > 0
    [line] = erasures_file.read(str(file))
    assert line is not None
    assert (line.organisation, line.kind, line.digest) == (tenant.number, "organisation", None)
    async with tenant.engine.begin() as conn:
        with pytest.raises(Conflict):
            await tenants.set_disabled(conn, tenant.number, disabled=False)
        with pytest.raises(Conflict):
            await tenants.create_key(conn, tenant.number, "new", ("history",))


async def test_an_organisation_with_a_run_under_way_stays(tenant: Tenant, file: Path) -> None:
    run = await tenant.new_run()
    async with tenant.engine.begin() as conn:
        with pytest.raises(RunHasIt):
            await erasures.ask_for_organisation(conn, tenant.organisation_id, "test")
        await erasures.ask(conn, tenant.organisation_id, "organisation", tenant.organisation_id, "test")
    with pytest.raises(Failed):
        await erase_all(tenant, file)
    assert not written(file)
    assert await run.status() == "running"


async def test_an_organisation_that_is_not_erased_is_not_cleared(tenant: Tenant) -> None:
    with pytest.raises(Exception, match="not cleared"):
        await tenant.do("SELECT clear_organisation(:o, 10)", o=tenant.organisation_id)


async def restored(tenant: Tenant, file: Path) -> list[str]:
    """Asks for erasures again, in a database that counts as restored, and has them done."""
    replayed = await ask_again(_workers[0], the_cipher(), str(file))
    assert replayed.unread == 0
    await erase_all(tenant, file)
    return list(replayed.tasks)


async def test_a_restored_backup_is_told_of_what_it_has_not_seen(tenant: Tenant, scene: Scene, file: Path) -> None:
    """Again, and once: what the file names is erased, no line is written for it, and nothing of others goes."""
    person, other, *_ = scene
    digest = erasures.id_digest(tenant.cipher, "persons", UUID(person["id"]))
    stranger = erasures.id_digest(tenant.cipher, "persons", UUID(pupil()["id"]))
    for each in (digest, stranger):
        erasures_file.append(str(file), Erased(tenant.number, "persons", each, LATER))
    erasures_file.append(str(file), Erased("2120009999", "persons", digest, LATER))
    assert len(await restored(tenant, file)) == 1
    assert await found(tenant) == []
    assert await restored(tenant, file) == []
    assert len(list(erasures_file.read(str(file)))) == 3
    assert await tenant.value("SELECT count(*) FROM content WHERE object_id = :id", id=UUID(other["id"])) == 2
    assert await tenant.value("SELECT erased_at FROM erasure") == LATER


async def test_what_is_erased_again_counts_from_now(tenant: Tenant, scene: Scene, file: Path) -> None:
    """Whatever is being made of the person at that moment, such as a plan, is to see that."""
    began = datetime.now(UTC)
    digest = erasures.id_digest(tenant.cipher, "persons", UUID(scene[0]["id"]))
    erasures_file.append(str(file), Erased(tenant.number, "persons", digest, EARLIER))
    assert len(await restored(tenant, file)) == 1
    [row] = await tenant.rows("SELECT logged_at, erased_at FROM erasure")
    assert row["logged_at"] == EARLIER
    assert row["erased_at"] >= began


async def test_who_came_back_before_the_backup_is_not_erased_again(tenant: Tenant, scene: Scene, file: Path) -> None:
    person, *_, roster, run = scene
    await ask(tenant, person)
    await erase_all(tenant, file)
    await tenant.store(roster, run.activity_id)
    assert await restored(tenant, file) == []
    assert NAME in await found(tenant)


async def test_an_erased_organisation_is_erased_again(tenant: Tenant, scene: Scene, file: Path) -> None:
    erasures_file.append(str(file), Erased(tenant.number, "organisation", None, LATER))
    assert len(await restored(tenant, file)) == 1
    assert await tenant.value("SELECT erased_at FROM organisation WHERE id = :id", id=tenant.organisation_id) == LATER
    assert await restored(tenant, file) == []
    assert await tenant.value("SELECT count(*) FROM content") == 0


@pytest.mark.parametrize("written", ["201203059983", "20120305-9983", "120305-9983", "1203059983"])
async def test_a_person_is_found_by_a_personnummer_in_any_writing(tenant: Tenant, scene: Scene, written: str) -> None:
    async with transaction(tenant.engine, "find", of=tenant.organisation_id) as conn:
        assert await persons_with(conn, tenant.cipher, written) == [UUID(scene.person["id"])]


@pytest.mark.parametrize("written", ["9983", NAME, EPPN, "", "201203059991"])
async def test_nobody_is_found_by_less_than_a_personnummer(tenant: Tenant, scene: Scene, written: str) -> None:
    """A slip must not erase whoever has the same last digits."""
    async with transaction(tenant.engine, "find", of=tenant.organisation_id) as conn:
        assert await persons_with(conn, tenant.cipher, written) == []


async def test_a_plan_that_was_being_made_meanwhile_says_nothing_of_somebody(tenant: Tenant, file: Path) -> None:
    """It is made again, of the roster that is left."""
    person, other = pupil(), pupil()
    run = await tenant.new_run({"persons": [person, other]})
    for job in run.jobs:
        await tenant.play(job)
    changed = {"persons": [{**person, "givenName": "Örjan"}, other]}
    await tenant.store(changed, run.activity_id)
    share = HeldUp()
    making = asyncio.create_task(plan_of(tenant, run.activity_id, share=share))
    await share.asked.wait()
    await ask(tenant, person)
    await erase_all(tenant, file)
    share.may_go.set()
    items = await items_of(tenant, await making)
    assert (items[person["id"]]["marks"], items[other["id"]]["marks"]) == (["left"], ["unchanged"])
    assert await tenant.value("SELECT count(*) FROM plan_item WHERE 'renamed' = ANY (marks)") == 0
    assert await tenant.value("SELECT count(*) FROM plan") == 1
