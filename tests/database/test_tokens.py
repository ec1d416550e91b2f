"""Bearer tokens: kept sealed, for one organisation and environment, with the time that is left of them."""

from datetime import timedelta

from app.db.claims import database_time
from app.db.tokens import keep_token, kept_token, note_failure
from tests.database.factories import Tenant, the_cipher

TOKEN = "a.b.c"
HERE = "https://provisioning.example.se/v1"


async def _keep(tenant: Tenant, value: str = TOKEN, *, environment: str = HERE, lives: float = 3600) -> float:
    async with tenant.engine.begin() as conn:
        ends = await database_time(conn) + timedelta(seconds=lives)
        return await keep_token(conn, the_cipher(), tenant.organisation_id, environment, value, ends)


async def _kept(tenant: Tenant, environment: str = HERE) -> tuple[str, float] | None:
    async with tenant.engine.begin() as conn:
        return await kept_token(conn, the_cipher(), tenant.organisation_id, environment)


async def _value(tenant: Tenant, environment: str = HERE) -> str | None:
    kept = await _kept(tenant, environment)
    return kept[0] if kept else None


async def test_a_token_is_kept_with_the_time_that_is_left(tenant: Tenant) -> None:
    assert await _kept(tenant) is None
    assert 3590 < await _keep(tenant) <= 3600
    kept = await _kept(tenant)
    assert kept is not None
    assert (kept[0], 3590 < kept[1] <= 3600) == (TOKEN, True)


async def test_a_fresh_token_takes_the_place_of_an_older_one(tenant: Tenant) -> None:
    await _keep(tenant, lives=0)
    await _keep(tenant, "d.e.f")
    assert await _value(tenant) == "d.e.f"
    assert await tenant.value("SELECT count(*) FROM access_token") == 1


async def test_a_token_is_for_one_organisation_and_one_environment(tenant: Tenant) -> None:
    await _keep(tenant)
    other = await Tenant.make(tenant.engine)
    assert await _kept(other) is None
    assert await _kept(tenant, "https://elsewhere.example.se/v1") is None


async def test_a_failure_stays_for_operators_until_there_is_a_token(tenant: Tenant) -> None:
    async with tenant.engine.begin() as conn:
        await note_failure(conn, tenant.organisation_id, HERE, "timeout")
    assert await _kept(tenant) is None
    assert await tenant.value("SELECT failure FROM access_token") == "timeout"
    await _keep(tenant)
    assert await tenant.value("SELECT failure FROM access_token") is None


async def test_a_token_lies_encrypted(tenant: Tenant) -> None:
    await _keep(tenant, "header.claims.signature")
    assert b"claims" not in await tenant.value("SELECT token FROM access_token")


async def test_a_token_moved_to_another_organisation_does_not_open(tenant: Tenant) -> None:
    await _keep(tenant)
    other = await Tenant.make(tenant.engine)
    await tenant.do("UPDATE access_token SET organisation_id = :other", other=other.organisation_id)
    assert await _kept(other) is None
