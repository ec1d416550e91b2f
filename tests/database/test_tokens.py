"""Bearer tokens: kept encrypted, for one organisation and environment, until a minute before their end."""

from datetime import datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag

from app.db.claims import database_time
from app.db.tokens import Failed, Fetch, Kept, Wait, ask_for_token, fetch_failed, keep_token, kept_token, renew_token
from tests.database.factories import Tenant

TOKEN = "a.b.c"
HERE = "https://provisioning.example.se/v1"


async def _keep(tenant: Tenant, value: str = TOKEN, *, environment: str = HERE, lives: float = 3600) -> None:
    async with tenant.engine.begin() as conn:
        ends = await database_time(conn) + timedelta(seconds=lives)
        await keep_token(conn, tenant.cipher, tenant.organisation_id, environment, value, ends)


async def _cached(tenant: Tenant, environment: str = HERE) -> str | None:
    async with tenant.engine.begin() as conn:
        kept = await kept_token(conn, tenant.cipher, tenant.organisation_id, environment)
    return kept.value if kept else None


async def _ask(tenant: Tenant, since: datetime | None = None, timeout: float = 5) -> Kept | Fetch | Wait | Failed:
    async with tenant.engine.begin() as conn:
        return await ask_for_token(conn, tenant.cipher, tenant.organisation_id, HERE, timedelta(seconds=timeout), since)


async def _renew(tenant: Tenant, version: int) -> bool:
    async with tenant.engine.begin() as conn:
        return await renew_token(conn, tenant.organisation_id, HERE, version)


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


async def test_one_fetches_and_the_others_wait_for_what_comes_of_it(tenant: Tenant) -> None:
    assert await _ask(tenant) == Fetch()
    waiting = await _ask(tenant)
    assert isinstance(waiting, Wait)
    await _keep(tenant)
    assert await _ask(tenant, waiting.since) == Kept(TOKEN, 1)


async def test_those_who_wait_share_the_failure_and_those_who_come_later_try_again(tenant: Tenant) -> None:
    assert await _ask(tenant) == Fetch()
    waiting = await _ask(tenant)
    assert isinstance(waiting, Wait)
    async with tenant.engine.begin() as conn:
        await fetch_failed(conn, tenant.organisation_id, HERE, "timeout")
    assert await _ask(tenant, waiting.since) == Failed("timeout")
    assert await _ask(tenant) == Fetch()


async def test_a_fetcher_that_died_loses_its_turn(tenant: Tenant) -> None:
    assert await _ask(tenant, timeout=-1) == Fetch()
    assert await _ask(tenant) == Fetch()


async def test_a_refused_token_is_given_up_once_however_many_met_the_refusal(tenant: Tenant) -> None:
    """The second who was refused finds that the token has gone, or that there is a new one, and spares that."""
    other = await Tenant.make(tenant.engine)
    await _keep(tenant)
    await _keep(other)
    assert [await _renew(tenant, 1), await _renew(tenant, 1)] == [True, True]
    assert await _cached(tenant) is None
    await _keep(tenant, "d.e.f")
    assert await _renew(tenant, 1)
    assert await _cached(tenant) == "d.e.f"
    assert await _cached(other) == TOKEN


async def test_a_new_token_that_is_refused_too_is_not_renewed_at_once(tenant: Tenant) -> None:
    """Then it is no matter of tokens; a minute later it may be."""
    await _keep(tenant)
    assert await _renew(tenant, 1)
    await _keep(tenant)
    assert not await _renew(tenant, 2)
    assert await _cached(tenant) == TOKEN
    await tenant.do("UPDATE access_token SET renewed_at = renewed_at - interval '61 seconds'")
    assert await _renew(tenant, 2)


async def test_a_token_lies_encrypted(tenant: Tenant) -> None:
    await _keep(tenant, "header.claims.signature")
    assert b"claims" not in await tenant.value("SELECT token FROM access_token")


async def test_a_token_moved_to_another_organisation_does_not_open(tenant: Tenant) -> None:
    await _keep(tenant)
    other = await Tenant.make(tenant.engine)
    await tenant.do("UPDATE access_token SET organisation_id = :other", other=other.organisation_id)
    with pytest.raises(InvalidTag):
        await _cached(other)
