"""Bearer tokens: kept encrypted, for one organisation and environment, until a minute before their end."""

from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag

from app.db.claims import database_time
from app.db.tokens import cached_token, drop_token, keep_token
from tests.database.factories import Tenant

TOKEN = "a.b.c"
HERE = "https://provisioning.example.se/v1"


async def _keep(tenant: Tenant, value: str = TOKEN, *, environment: str = HERE, lives: float = 3600) -> None:
    async with tenant.engine.begin() as conn:
        ends = await database_time(conn) + timedelta(seconds=lives)
        await keep_token(conn, tenant.cipher, tenant.organisation_id, environment, value, ends)


async def _cached(tenant: Tenant, environment: str = HERE) -> str | None:
    async with tenant.engine.begin() as conn:
        return await cached_token(conn, tenant.cipher, tenant.organisation_id, environment)


async def test_a_token_is_kept(tenant: Tenant) -> None:
    assert await _cached(tenant) is None
    await _keep(tenant)
    assert await _cached(tenant) == TOKEN


async def test_a_fresh_token_takes_the_place_of_an_older_one(tenant: Tenant) -> None:
    await _keep(tenant, lives=0)
    await _keep(tenant, "d.e.f")
    assert await _cached(tenant) == "d.e.f"
    assert await tenant.value("SELECT count(*) FROM access_token") == 1


@pytest.mark.parametrize(("lives", "good"), [(-1.0, False), (0.0, False), (55.0, False), (120.0, True)])
async def test_a_token_that_ends_within_a_minute_is_not_given(tenant: Tenant, lives: float, good: bool) -> None:
    """A step that starts with it must not outlive it."""
    await _keep(tenant, lives=lives)
    assert (await _cached(tenant) is not None) is good


async def test_a_token_is_for_one_organisation_and_one_environment(tenant: Tenant) -> None:
    await _keep(tenant)
    other = await Tenant.make(tenant.engine)
    assert await _cached(other) is None
    assert await _cached(tenant, "https://elsewhere.example.se/v1") is None


async def test_a_token_that_is_dropped_is_gone_and_others_stay(tenant: Tenant) -> None:
    other = await Tenant.make(tenant.engine)
    await _keep(tenant)
    await _keep(other)
    async with tenant.engine.begin() as conn:
        await drop_token(conn, tenant.organisation_id, HERE)
    assert await _cached(tenant) is None
    assert await _cached(other) == TOKEN


async def test_a_token_lies_encrypted(tenant: Tenant) -> None:
    await _keep(tenant, "header.claims.signature")
    assert b"claims" not in await tenant.value("SELECT token FROM access_token")


async def test_a_token_moved_to_another_organisation_does_not_open(tenant: Tenant) -> None:
    await _keep(tenant)
    other = await Tenant.make(tenant.engine)
    await tenant.do("UPDATE access_token SET organisation_id = :other", other=other.organisation_id)
    with pytest.raises(InvalidTag):
        await _cached(other)
