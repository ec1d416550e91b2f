"""`privacy report` says what is held of an organisation in numbers, and names nobody."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.db import content, erasures, inventory, sessions, tenants
from app.local.postgres import as_role
from app.roles import WORKER
from tests.database.commands import Command
from tests.database.factories import Object, Tenant, duty, exam, group, pupil

NUMBER = "2120000001"
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Scene(NamedTuple):
    """An organisation with a pupil, somebody with a protected identity who teaches, and a run of both that is over."""

    tenant: Tenant
    pupil: Object
    teacher: Object
    activity_id: UUID


@pytest.fixture
async def scene(tenant: Tenant) -> Scene:
    await tenant.do("UPDATE organisation SET number = :number", number=NUMBER)
    tenant = replace(tenant, number=NUMBER)
    first = pupil(givenName="Qvintessa")
    teacher = pupil(securityMarking="Skyddad folkbokföring", enrolments=[])
    post, its_class = duty(teacher), group(first)
    roster = {"persons": [first, teacher], "duties": [post], "groups": [its_class]}
    run = await tenant.new_run({**roster, "activities": [exam([its_class], [post])]})
    for job in run.jobs:
        await tenant.play(job)
    return Scene(tenant, first, teacher, run.activity_id)


@pytest.fixture
def as_worker(command: Command, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs commands with the rights that workers have, as operators do."""
    monkeypatch.setenv("DATABASE_URL", as_role(database_url, WORKER))
    return command


async def reported(command: Command, tenant: Tenant) -> dict[str, Any]:
    ended = await command("privacy", "report", "--organisation", tenant.number, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.document
    return found


def kinds(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {kind["kind"]: kind for kind in report["held"]}


async def test_what_is_held_is_counted_by_kind(scene: Scene, as_worker: Command) -> None:
    """Objects with those of protected persons and those of a current roster; then rows of history and all else."""
    await Tenant.make(scene.tenant.engine)  # another organisation's rows count for nothing
    other = await Tenant.make(scene.tenant.engine)
    await other.new_run()
    held = kinds(await reported(as_worker, scene.tenant))
    shown = {name: (kind["held"], kind["protected"], kind["in_current_roster"]) for name, kind in held.items()}
    assert {name: shown[name] for name in inventory.OBJECTS} == {
        "persons": (2, 1, 2),
        "duties": (1, None, 1),
        "groups": (1, None, 1),
        "activities": (1, None, 1),
    }
    assert {name: shown[name] for name in ("exams", "rosters", "roster items", "runs", "jobs", "records", "keys")} == {
        "exams": (1, None, 1),
        "rosters": (1, None, 1),
        "roster items": (5, 1, 5),
        "runs": (1, None, None),
        "jobs": (4, None, None),
        "records": (5, 1, None),
        "keys": (1, None, None),
    }
    assert held["batches"]["held"] == held["batch answers"]["held"] == 4
    assert held["answers"]["held"] == 5
    assert held["events"]["held"] > 4


async def test_every_table_with_an_organisations_rows_is_counted(scene: Scene, as_worker: Command) -> None:
    """A kind that is new tomorrow is missing here until the report has it."""
    [tables] = await scene.tenant.rows(
        "SELECT array_agg(DISTINCT table_name::text) AS names FROM information_schema.columns"
        " WHERE column_name = 'organisation_id' AND table_schema = 'public' AND table_name <> 'staged'"
    )
    counted = {
        *re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", inventory._OBJECTS),
        *(name for each in inventory._ROWS.values() for name in re.findall(r"(?:^|JOIN\s+)\s*(\w+)", each.source)),
    }
    # What arrives lies there for moments, and what Skolverket held when something failed is of the record beside it.
    # Which person had a login last is a digest, of a person who is counted; when a content left its last roster is too.
    passing = {"roster_staging", "at_target", "eppn", "last_listed"}
    # Which rows of the audit somebody is in, which have no link yet, and how many a key was shown: all of counted rows.
    assert set(tables["names"]) - counted == passing | {"audit_object", "audit_unchained", "audit_reading"}


async def test_ages_are_told_apart(scene: Scene, as_worker: Command) -> None:
    """Each run counts by when it was asked for, in one of the ages alone."""
    tenant = scene.tenant
    for days in (29, 31, 364, 366, 1094, 1096):
        run = await tenant.accept(scene.activity_id)
        await run.cancel()
        await tenant.do(
            "UPDATE run SET created_at = created_at - CAST(:age AS interval) WHERE id = :run",
            run=run.id,
            age=timedelta(days=days),
        )
    runs = kinds(await reported(as_worker, tenant))["runs"]
    assert runs["ages"] == {"30 days": 2, "1 year": 2, "3 years": 2, "older": 1}
    assert runs["oldest"] < runs["newest"]


async def test_who_is_known_by_an_id_alone_is_not_held(scene: Scene, as_worker: Command) -> None:
    """Of somebody who was erased rows of history have the id: it is counted among what stands in clear."""
    tenant, person = scene.tenant, UUID(scene.pupil["id"])
    before = await reported(as_worker, tenant)
    assert before["in_clear"]["object_ids_without_content"] == 0
    async with tenant.engine.begin() as conn:
        await erasures.ask_for_person(conn, tenant.organisation_id, person, "test")
    await tenant.store({"persons": [scene.teacher]}, scene.activity_id)
    async with tenant.engine.begin() as conn:
        await content.erase_objects(conn, tenant.organisation_id, "persons", [person])
    after = await reported(as_worker, tenant)
    assert [kinds(report)["persons"]["held"] for report in (before, after)] == [2, 1]
    assert after["in_clear"]["object_ids_without_content"] == 1
    [asked] = after["erasures"]
    assert (asked["kind"], asked["asked_for"], asked["done"]) == ("persons", 1, 0)


async def test_what_stands_in_clear_and_which_keys_seal_is_counted(scene: Scene, as_worker: Command) -> None:
    report = await reported(as_worker, scene.tenant)
    assert report["in_clear"] == {
        "object_ids": 5,
        "object_ids_without_content": 0,
        "rows_that_say_somebody_is_protected": 3,
        "rows_with_role_year_or_unit": 10,
        "rows_that_refer_to_other_objects": 6,
        "webhook_addresses": 0,
        "key_names": 1,
        "operators_reasons": 0,
        "login_domains": 0,
    }
    [sealing] = report["sealed_with"]
    contents = await scene.tenant.value("SELECT count(*) FROM content")
    # With them the digest key, the exam's name, and what each of four batches had.
    assert (sealing["setting"], sealing["id"], sealing["values"]) == ("encryption", "k1", contents + 6)


async def test_keys_have_their_scopes_and_their_last_use(scene: Scene, as_worker: Command) -> None:
    tenant = scene.tenant
    async with tenant.engine.begin() as conn:
        made = await tenants.create_key(conn, tenant.number, "Anna Exempelsson", ("history",))
        await sessions.begin(conn, bytes(32), tenant.organisation_id, tenant.key_id, instead_of=None)
    await tenant.do("INSERT INTO api_key_use (key_id, used_at) VALUES (:key, clock_timestamp())", key=tenant.key_id)
    report = await reported(as_worker, tenant)
    first, second = report["keys"]
    assert (first["scopes"], first["used_at"] is not None, first["counts"]) == (["provision", "history"], True, True)
    assert (second["handle"], second["scopes"], second["used_at"]) == (made.handle, ["history"], None)
    assert kinds(report)["sessions"]["held"] == 1


async def test_the_report_names_nobody(scene: Scene, as_worker: Command) -> None:
    """No name, no number, no login, no id of anything, and no name of a key: as a table and as JSON."""
    tenant = scene.tenant
    async with tenant.engine.begin() as conn:
        await tenants.create_key(conn, tenant.number, "Anna Exempelsson", ("history",))
    plain = await as_worker("privacy", "report", "--organisation", tenant.number)
    assert plain.code == 0
    assert "persons\t2\t1\t2\t" in plain.out
    for text in (plain.out, json.dumps(await reported(as_worker, tenant), ensure_ascii=False)):
        assert not UUIDS.search(text)
        for said in ("Qvintessa", "Exempelsson", "201203049810", "@edu.example.se", "testnyckel", "Prov"):
            assert said not in text


async def test_an_organisation_that_is_not_there_is_told(as_worker: Command) -> None:
    ended = await as_worker("privacy", "report", "--organisation", "2120009820")
    assert (ended.code, ended.out) == (1, "")


async def test_what_is_past_its_time_is_counted(
    scene: Scene, as_worker: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the settings that are in force: a run with its contents, a content that no roster has, a run as history."""
    tenant = scene.tenant
    nothing = {"runs_with_contents": 0, "contents_in_no_roster": 0, "runs": 0}
    kept = (await reported(as_worker, tenant))["retention"]
    assert kept == {"content_days": 365, "history_days": 1095, "past": nothing}
    async with tenant.engine.begin() as conn:
        # Past the guards, which let nothing of a run that has ended be changed.
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text("UPDATE run SET finished_at = finished_at - interval '40 days'"))
    digest = "SELECT organisation_id, digest, clock_timestamp() - interval '31 days' FROM content LIMIT 1"
    await tenant.do(f"INSERT INTO last_listed (organisation_id, digest, at) {digest}")
    monkeypatch.setenv("RETENTION_CONTENT", "30 d")
    assert (await reported(as_worker, tenant))["retention"]["past"] == {
        **nothing,
        **dict.fromkeys(list(nothing)[:2], 1),
    }
    monkeypatch.setenv("RETENTION_HISTORY", "39 d")
    assert (await reported(as_worker, tenant))["retention"]["past"] == dict.fromkeys(nothing, 1)
