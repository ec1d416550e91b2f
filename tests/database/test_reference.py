"""The cache of Skolverket's open data: replaced subject by subject, found by id and by code, due for one at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reference
from app.db.reference import EXAMS, PROGRAMMES, Due, Item, Kind
from app.jobs.reference import next_wait
from app.local.embedded import Servers
from tests.conftest import _database, _name
from tests.database.factories import Tenant, engine_of

LEASE = timedelta(minutes=2)
DAY = timedelta(days=1)
HALF_DAY = timedelta(hours=12)


@pytest.fixture(scope="module")
def shared_url(servers: Servers, template_database: str) -> Iterator[str]:
    """The address of a database that these tests share, since each leaves little behind."""
    with _database(servers, template=_name(template_database)) as url:
        yield url


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to it, emptied for the test."""
    engine = engine_of(shared_url)
    async with engine.begin() as conn:
        for table in ("reference_item", "reference_refresh", "api_key", "organisation"):
            await conn.execute(sa.text(f"DELETE FROM {table}"))
    yield engine
    await engine.dispose()


def item(code: str, **more: Any) -> Item:
    item_id = uuid4()
    return Item(item_id, code, {"id": str(item_id), "code": code, **more})


def organisation(number: str, *units: Item) -> Item:
    return item(number, schoolUnits=[unit.payload for unit in units])


async def replace_organisation(engine: AsyncEngine, number: str, found: Item | None, *units: Item) -> None:
    async with engine.begin() as conn:
        await reference.replace_organisation(conn, number, found, units)


async def codes(engine: AsyncEngine, kind: Kind) -> set[str]:
    async with engine.connect() as conn:
        found = await conn.scalars(sa.text("SELECT code FROM reference_item WHERE kind = :kind"), {"kind": kind})
        return set(found)


async def claim(engine: AsyncEngine, lease: timedelta = LEASE) -> Due | None:
    async with engine.begin() as conn:
        return await reference.claim_due(conn, lease)


async def held(engine: AsyncEngine) -> Due:
    due = await claim(engine)
    assert due is not None
    return due


async def subjects(engine: AsyncEngine) -> list[str]:
    """Adds what is missing and lists what is kept fresh."""
    async with engine.begin() as conn:
        await reference.add_subjects(conn)
        return [row["subject"] for row in await reference.freshness(conn)]


# Items


async def test_items_are_found_by_id_and_by_code_as_they_came(engine: AsyncEngine) -> None:
    programme = item("EKJURV", displayName="Ekonomiprogrammet, Juridik", unknown={"å": [1, None, 2.5]})
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [programme, item("NANAT")])
        assert await reference.item_by_id(conn, "programme", programme.id) == programme
        assert await reference.item_by_code(conn, "programme", "EKJURV") == programme


async def test_what_is_not_cached_is_none(engine: AsyncEngine) -> None:
    programme = item("EKJURV")
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [programme])
        assert await reference.item_by_id(conn, "exam", programme.id) is None
        assert await reference.item_by_id(conn, "programme", uuid4()) is None
        assert await reference.item_by_code(conn, "programme", "ekjurv") is None


async def test_what_vanished_at_skolverket_is_gone_and_other_kinds_stay(engine: AsyncEngine) -> None:
    stays = item("NANAT")
    async with engine.begin() as conn:
        await reference.replace_all(conn, "exam", [item("MATMAT01")])
        await reference.replace_all(conn, "programme", [item("EKJURV"), stays])
        await reference.replace_all(conn, "programme", [stays, item("NEW")])
    assert await codes(engine, "programme") == {"NANAT", "NEW"}
    assert await codes(engine, "exam") == {"MATMAT01"}


async def test_an_empty_list_empties_a_kind(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await reference.replace_all(conn, "exam", [item("MATMAT01")])
        await reference.replace_all(conn, "exam", [])
    assert await codes(engine, "exam") == set()


async def test_an_item_takes_its_new_form(engine: AsyncEngine) -> None:
    first = item("EKJURV", status="Active")
    second = Item(first.id, "EKJURV", {"id": str(first.id), "status": "Expired"})
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [first])
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [second])
        assert await reference.item_by_code(conn, "programme", "EKJURV") == second


async def test_an_id_that_comes_twice_is_stored_once(engine: AsyncEngine) -> None:
    first = item("A")
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [first, Item(first.id, "B", {})])
    assert await codes(engine, "programme") == {"B"}


async def test_two_thousand_items_are_one_statement(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await reference.replace_all(conn, "programme", [item(f"P{number}") for number in range(2000)])
    assert len(await codes(engine, "programme")) == 2000


# Organisations and their school units


async def test_an_organisation_is_found_by_its_number_with_its_units(engine: AsyncEngine) -> None:
    units = [item("31279295"), item("31279296")]
    await replace_organisation(engine, "2120000001", organisation("2120000001", *units), *units)
    async with engine.connect() as conn:
        found = await reference.item_by_code(conn, "organisation", "2120000001")
        assert found is not None
        assert [unit["code"] for unit in found.payload["schoolUnits"]] == ["31279295", "31279296"]
        assert await reference.item_by_code(conn, "school_unit", "31279296") == units[1]


async def test_a_school_unit_that_was_closed_is_gone_and_others_stay(engine: AsyncEngine) -> None:
    mine, closed, others = item("1"), item("2"), item("3")
    await replace_organisation(engine, "2120000001", organisation("2120000001", mine, closed), mine, closed)
    await replace_organisation(engine, "2120000002", organisation("2120000002", others), others)
    await replace_organisation(engine, "2120000001", organisation("2120000001", mine), mine)
    assert await codes(engine, "school_unit") == {"1", "3"}


@pytest.mark.parametrize("giver_first", [True, False])
async def test_a_school_unit_that_moved_is_kept_whoever_is_read_first(engine: AsyncEngine, giver_first: bool) -> None:
    moved = item("1")
    await replace_organisation(engine, "2120000001", organisation("2120000001", moved), moved)
    changes = [
        replace_organisation(engine, "2120000001", organisation("2120000001")),
        replace_organisation(engine, "2120000002", organisation("2120000002", moved), moved),
    ]
    for change in changes if giver_first else reversed(changes):
        await change
    assert await codes(engine, "school_unit") == {"1"}


async def test_an_organisation_that_skolverket_does_not_know_is_gone_with_its_units(engine: AsyncEngine) -> None:
    unit = item("1")
    await replace_organisation(engine, "2120000001", organisation("2120000001", unit), unit)
    await replace_organisation(engine, "2120000001", None)
    assert (await codes(engine, "organisation"), await codes(engine, "school_unit")) == (set(), set())


async def test_an_organisation_with_a_new_id_takes_the_place_of_the_old_one(engine: AsyncEngine) -> None:
    await replace_organisation(engine, "2120000001", organisation("2120000001"))
    fresh = organisation("2120000001")
    await replace_organisation(engine, "2120000001", fresh)
    async with engine.connect() as conn:
        assert await reference.item_by_code(conn, "organisation", "2120000001") == fresh
        assert await conn.scalar(sa.text("SELECT count(*) FROM reference_item")) == 1


@pytest.mark.parametrize("listed", [None, "x", {}, [None, 7, {}, {"id": 7}, {"id": None}]])
async def test_a_list_of_units_that_makes_no_sense_is_no_crash(engine: AsyncEngine, listed: Any) -> None:
    await replace_organisation(engine, "2120000001", item("2120000001", schoolUnits=listed), item("1"))
    await replace_organisation(engine, "2120000002", item("2120000002"))
    assert await codes(engine, "organisation") == {"2120000001", "2120000002"}


# What is due


async def test_without_an_organisation_nothing_is_kept_fresh(engine: AsyncEngine) -> None:
    assert await subjects(engine) == []
    assert await claim(engine) is None


async def test_a_new_organisation_is_kept_fresh_by_itself(tenant: Tenant) -> None:
    assert await subjects(tenant.engine) == [PROGRAMMES, EXAMS, tenant.number]
    another = await Tenant.make(tenant.engine)
    assert await subjects(tenant.engine) == [PROGRAMMES, EXAMS, *sorted([tenant.number, another.number])]


async def test_each_subject_is_given_out_once(tenant: Tenant) -> None:
    """Six workers at once get three subjects, and three of them nothing."""
    await subjects(tenant.engine)
    given = await asyncio.gather(*(claim(tenant.engine) for _ in range(6)))
    assert sorted(due.subject for due in given if due) == sorted([PROGRAMMES, EXAMS, tenant.number])


async def test_a_subject_whose_holder_died_is_given_out_again(tenant: Tenant) -> None:
    await subjects(tenant.engine)
    first = await claim(tenant.engine, timedelta())
    assert first is not None
    again = {due.subject for due in [await held(tenant.engine) for _ in range(3)]}
    assert first.subject in again


async def test_a_slot_is_taken_in_the_organisations_own_turn(tenant: Tenant) -> None:
    another = await Tenant.make(tenant.engine)
    await subjects(tenant.engine)
    payers: dict[str, UUID] = {}
    while due := await claim(tenant.engine):
        payers[due.subject] = due.organisation_id
    assert (payers[tenant.number], payers[another.number]) == (tenant.organisation_id, another.organisation_id)
    assert payers[PROGRAMMES] == payers[EXAMS] == tenant.organisation_id


async def test_what_was_read_is_due_when_its_time_has_come(tenant: Tenant) -> None:
    await subjects(tenant.engine)
    due = await held(tenant.engine)
    async with tenant.engine.begin() as conn:
        assert await reference.note_refreshed(conn, due, DAY)
        (row,) = await reference.freshness(conn, due.subject)
        now = await conn.scalar(sa.text("SELECT clock_timestamp()"))
    assert (row["failed_at"], row["failure"]) == (None, None)
    assert timedelta() <= row["age"] < timedelta(minutes=1)
    assert DAY - timedelta(minutes=1) < row["due_at"] - now <= DAY


async def test_a_failure_keeps_what_was_there_and_is_shown(tenant: Tenant) -> None:
    unit = item("1")
    await subjects(tenant.engine)
    await replace_organisation(tenant.engine, tenant.number, organisation(tenant.number, unit), unit)
    while (due := await held(tenant.engine)).subject != tenant.number:
        pass
    async with tenant.engine.begin() as conn:
        assert await reference.note_failure(conn, due, timedelta(minutes=1), "http_503")
        (row,) = await reference.freshness(conn, tenant.number)
    assert (row["failure"], row["refreshed_at"], row["items"], row["known"]) == ("http_503", None, 1, True)


async def test_how_long_a_failure_was_waited_for_is_remembered_until_a_success(tenant: Tenant) -> None:
    await subjects(tenant.engine)

    async def only(subject: str) -> Due:
        async with tenant.engine.begin() as conn:
            await conn.execute(
                sa.text(
                    "UPDATE reference_refresh SET due_at = due_at - interval '1 hour',"
                    " failed_at = failed_at - interval '1 hour', refreshed_at = refreshed_at - interval '1 hour'"
                    " WHERE subject = :subject"
                ),
                {"subject": subject},
            )
        return await held(tenant.engine)

    due = await held(tenant.engine)
    assert due.waited is None
    for wait in (timedelta(minutes=1), timedelta(minutes=2)):
        async with tenant.engine.begin() as conn:
            await reference.note_failure(conn, due, wait, "timeout")
        due = await only(due.subject)
        assert due.waited is not None
        assert abs(due.waited - wait) < timedelta(seconds=1)
    async with tenant.engine.begin() as conn:
        await reference.note_refreshed(conn, due, timedelta(minutes=1))
    assert (await only(due.subject)).waited is None


async def test_who_held_a_subject_too_long_changes_nothing(tenant: Tenant) -> None:
    await subjects(tenant.engine)
    late = await claim(tenant.engine, timedelta())
    assert late is not None
    while (await held(tenant.engine)).subject != late.subject:
        pass
    async with tenant.engine.begin() as conn:
        assert not await reference.note_refreshed(conn, late, DAY)
        assert not await reference.note_failure(conn, late, DAY, "timeout")
        (row,) = await reference.freshness(conn, late.subject)
    assert (row["refreshed_at"], row["failed_at"]) == (None, None)


# When it is next


@pytest.mark.parametrize(
    ("given", "luck", "expected"),
    [
        ({"failed": False}, 0.5, HALF_DAY),
        ({"failed": False}, 0.0, HALF_DAY * 0.9),
        ({"failed": False}, 1.0, HALF_DAY * 1.1),
        ({"failed": False, "asked": DAY, "waited": DAY}, 0.5, HALF_DAY),
        ({"failed": True}, 0.5, timedelta(seconds=30)),
        ({"failed": True}, 0.0, timedelta(seconds=24)),
        ({"failed": True}, 1.0, timedelta(seconds=36)),
        ({"failed": True, "waited": timedelta(seconds=1)}, 0.5, timedelta(seconds=30)),
        ({"failed": True, "waited": timedelta(seconds=30)}, 0.5, timedelta(minutes=1)),
        ({"failed": True, "waited": timedelta(minutes=20)}, 0.5, timedelta(minutes=40)),
        ({"failed": True, "waited": timedelta(minutes=50)}, 0.5, timedelta(hours=1)),
        ({"failed": True, "waited": DAY}, 0.5, timedelta(hours=1)),
        ({"failed": True, "asked": timedelta(seconds=5)}, 0.5, timedelta(seconds=30)),
        ({"failed": True, "asked": timedelta(minutes=5)}, 0.5, timedelta(minutes=5)),
    ],
)
def test_the_next_time(given: dict[str, Any], luck: float, expected: timedelta) -> None:
    """As often as is set; after failures sooner, each time twice as long, an hour at most, never before it is asked."""
    assert next_wait(HALF_DAY, luck, **given) == expected


def test_a_failure_never_waits_longer_than_a_success_would() -> None:
    assert next_wait(timedelta(seconds=10), 0.5, failed=True, waited=DAY) == timedelta(seconds=10)
