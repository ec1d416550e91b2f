"""The cache of Skolverket's open data: replaced subject by subject, found by id and by code."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reference, tasks
from app.db.reference import EXAMS, PROGRAMMES, Item, Kind
from app.local.embedded import Servers
from tests.conftest import _database, _name
from tests.database.epochs import begin_epoch
from tests.database.factories import Tenant, engine_of

DAY = timedelta(days=1)


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
        for table in ("task", "reference_item", "api_key", "organisation"):
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


async def test_a_new_organisation_is_kept_fresh_by_itself(tenant: Tenant) -> None:
    assert await subjects(tenant.engine) == [PROGRAMMES, EXAMS, tenant.number]
    another = await Tenant.make(tenant.engine)
    assert await subjects(tenant.engine) == [PROGRAMMES, EXAMS, *sorted([tenant.number, another.number])]
    assert await tenant.value("SELECT organisation_id FROM task WHERE key = :key", key=another.number) == (
        another.organisation_id
    )


async def test_a_failure_keeps_what_was_there_and_is_shown(tenant: Tenant) -> None:
    unit = item("1")
    await subjects(tenant.engine)
    await replace_organisation(tenant.engine, tenant.number, organisation(tenant.number, unit), unit)
    async with tenant.engine.begin() as conn:
        claimed = await tasks.claim_for_epoch(conn, await begin_epoch(conn), {reference.OPEN_DATA: DAY}, 3)
        for each in claimed:
            if each.key == tenant.number:
                assert await tasks.failed(conn, each, timedelta(minutes=1), "http_503")
        (row,) = await reference.freshness(conn, tenant.number)
    assert (row["failure"], row["refreshed_at"], row["items"], row["known"]) == ("http_503", None, 1, True)
