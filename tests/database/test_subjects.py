"""Rows of who has signed in elsewhere: the API makes them by one function, and with no more than the table gives."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import keys, subjects, tenants
from app.db.acting import EVERYBODY
from app.db.cipher import OrganisationCipher, cipher_of, new_key
from app.db.engine import close, connect, statement, transaction
from app.errors import Conflict, NotFound
from app.local.postgres import as_role
from app.roles import API, WORKER
from app.security.rights import Rights, rights_of
from tests.database.factories import Tenant

ISSUER = "https://login.example.se"
NORTH, SOUTH = uuid4(), uuid4()
WHOLE = frozenset({"history", "pii", "protected"})


@pytest.fixture
async def as_api(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = connect(as_role(database_url, API), pool=2)
    yield made
    await close(made)


@pytest.fixture
async def as_command(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = connect(as_role(database_url, WORKER), pool=2, acting=EVERYBODY)
    yield made
    await close(made)


def hours(number: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=number)


async def mapped(
    engine: AsyncEngine, number: str, value: str, scopes: frozenset[str], units: list[UUID] | None = None
) -> UUID:
    """Makes a row as the command does."""
    async with engine.begin() as conn:
        row = await subjects.map_claim(conn, number, ISSUER, "groups", value, sorted(scopes), units)
        made: UUID = row["id"]
        return made


async def admitted(
    engine: AsyncEngine,
    cipher: OrganisationCipher,
    rights: Rights,
    *,
    subject: str = "1",
    until: datetime | None = None,
    acting: UUID | None = None,
    issuer: str = ISSUER,
) -> str | None:
    async with transaction(engine, "test", of=acting or cipher.organisation_id) as conn:
        return await subjects.admit(conn, cipher, issuer, subject, rights, until or hours(8))


async def test_the_role_of_the_api_admits_what_the_table_gives(
    tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine
) -> None:
    """The same row at each time, brought up to date; it is no key that somebody could show."""
    await mapped(as_command, tenant.number, "all", WHOLE)
    await mapped(as_command, tenant.number, "read", frozenset({"history"}))
    async with statement(as_api, "test", of=EVERYBODY) as conn:
        table = await subjects.read_table(conn, ISSUER)
    assert table.own_keys.keys() == {tenant.organisation_id}
    both, less = (rights_of({"groups": groups}, table.rows) for groups in (["all", "read"], ["read"]))
    handle = await admitted(as_api, tenant.cipher, both)
    assert handle is not None
    assert await admitted(as_api, tenant.cipher, less) == handle
    assert await admitted(as_api, tenant.cipher, less, subject="2") != handle
    async with as_command.begin() as conn:
        row = await tenants.find_key(conn, handle)
        listed = await keys.read_key(conn, handle)
        assert row is not None
        assert (row["digest"], row["scopes"], row["name"]) == (None, ["history"], handle)
        assert (listed["issuer"], listed["counts"]) == (ISSUER, True)
        with pytest.raises(Conflict):
            await keys.rotate_key(conn, handle, timedelta(hours=1), None)


async def test_what_the_table_does_not_give_is_refused(
    tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine
) -> None:
    """Whatever the API says: more scopes or units, rows of others, or none, another organisation or issuer."""
    other = await Tenant.make(tenant.engine)
    read = await mapped(as_command, tenant.number, "read", frozenset({"history", "pii"}))
    north = await mapped(as_command, tenant.number, "north", WHOLE, [NORTH])
    south = await mapped(as_command, tenant.number, "south", frozenset({"history", "pii"}), [SOUTH])
    theirs = await mapped(as_command, other.number, "theirs", WHOLE)
    of, names = tenant.organisation_id, frozenset({"history", "pii"})
    good = Rights(of, names, None, frozenset({read}))
    assert await admitted(as_api, tenant.cipher, good) is not None
    assert await admitted(as_api, tenant.cipher, Rights(of, WHOLE, frozenset({NORTH}), frozenset({north})))
    both = Rights(of, names, frozenset({NORTH, SOUTH}), frozenset({north, south}))
    assert await admitted(as_api, tenant.cipher, both)
    for wrong in (
        replace(good, scopes=WHOLE),
        replace(good, scopes=names | {"admin"}),
        replace(good, granted_by=frozenset()),
        replace(good, granted_by=frozenset({read, theirs})),
        replace(good, granted_by=frozenset({read, uuid4()})),
        replace(good, granted_by=frozenset({north})),
        replace(good, scopes=WHOLE, granted_by=frozenset({read, north})),
        replace(both, scopes=WHOLE),
        replace(both, school_units=frozenset({NORTH, uuid4()})),
        replace(both, school_units=frozenset()),
        replace(good, school_units=frozenset({NORTH})),
    ):
        with pytest.raises(sa.exc.IntegrityError):
            await admitted(as_api, tenant.cipher, wrong)
    for acting in (other.organisation_id, EVERYBODY):
        with pytest.raises(sa.exc.IntegrityError, match="acts for an organisation"):
            await admitted(as_api, tenant.cipher, good, acting=acting)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError, match="do not give"):
        await admitted(as_api, tenant.cipher, good, issuer="https://another.example.se")
    async with as_api.connect() as conn:
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            await conn.execute(sa.text("INSERT INTO sign_in_mapping (id) VALUES (gen_random_uuid())"))


async def test_a_row_ends_within_a_day_and_later_proofs_prolong_it(
    tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine
) -> None:
    rights = Rights(
        tenant.organisation_id, WHOLE, None, frozenset({await mapped(as_command, tenant.number, "all", WHOLE)})
    )
    ends = sa.text("SELECT extract(epoch FROM expires_at - clock_timestamp()) / 3600 FROM api_key WHERE handle = :of")
    for until, left in ((1, 1), (8, 8), (2, 8), (1000, 24)):
        handle = await admitted(as_api, tenant.cipher, rights, until=hours(until))
        async with as_command.begin() as conn:
            assert float(await conn.scalar(ends, {"of": handle})) == pytest.approx(left, abs=0.05)


async def test_who_is_revoked_stays_so(tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine) -> None:
    mapping = await mapped(as_command, tenant.number, "all", WHOLE)
    rights = Rights(tenant.organisation_id, WHOLE, None, frozenset({mapping}))
    handle = await admitted(as_api, tenant.cipher, rights)
    assert handle is not None
    async with as_command.begin() as conn:
        await keys.revoke_key(conn, handle)
    assert await admitted(as_api, tenant.cipher, rights) is None
    async with as_command.begin() as conn:
        assert await tenants.find_key(conn, handle) is None


async def test_what_is_unmapped_ends_what_it_has_given(
    tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine
) -> None:
    """And nothing else; it gives nothing any more."""
    one = await mapped(as_command, tenant.number, "all", WHOLE)
    two = await mapped(as_command, tenant.number, "read", frozenset({"history"}))
    by_one, by_two = (
        Rights(tenant.organisation_id, frozenset({"history"}), None, frozenset({each})) for each in (one, two)
    )
    gone = await admitted(as_api, tenant.cipher, by_one, subject="1")
    stays = await admitted(as_api, tenant.cipher, by_two, subject="2")
    assert gone is not None
    assert stays is not None
    async with as_command.begin() as conn:
        await subjects.unmap(conn, one)
    async with as_command.begin() as conn:
        assert await tenants.find_key(conn, gone) is None
        assert await tenants.find_key(conn, stays) is not None
        with pytest.raises(NotFound):
            await subjects.unmap(conn, one)
    with pytest.raises(sa.exc.IntegrityError):
        await admitted(as_api, tenant.cipher, by_one)
    assert await admitted(as_api, tenant.cipher, by_two, subject="1") == gone


async def test_one_value_leads_to_one_organisation(tenant: Tenant, as_command: AsyncEngine) -> None:
    other = await Tenant.make(tenant.engine)
    await mapped(as_command, tenant.number, "all", WHOLE)
    for number in (tenant.number, other.number):
        with pytest.raises(Conflict):
            await mapped(as_command, number, "all", frozenset({"history"}))
    with pytest.raises(NotFound):
        await mapped(as_command, "2120009999", "more", WHOLE)
    async with as_command.begin() as conn:
        assert [row["organisation"] for row in await subjects.list_mappings(conn)] == [tenant.number]
        assert await subjects.list_mappings(conn, other.number) == []


async def test_a_disabled_organisation_admits_nobody(tenant: Tenant, as_command: AsyncEngine) -> None:
    await mapped(as_command, tenant.number, "all", WHOLE)
    async with as_command.begin() as conn:
        await tenants.set_disabled(conn, tenant.number, disabled=True)
        assert (await subjects.read_table(conn, ISSUER)).rows == []


def test_the_digest_outlives_a_change_of_keys() -> None:
    """And is another one in another organisation: the same account is known in both, and nobody sees that."""
    old, new = (f"k{each}:{new_key()}" for each in (1, 2))
    organisation_id = uuid4()
    own = cipher_of(old).new_keys(organisation_id)
    before = cipher_of(old).of(organisation_id, b"".join(own)).trait("subject", "x")
    anew = cipher_of(f"{new},{old}").of(organisation_id, b"".join(own))
    sealed = anew.sealed_anew(own.digest_key, b"digests")
    after = cipher_of(new).of(organisation_id, own.salt + sealed).trait("subject", "x")
    assert before == after
    other = uuid4()
    assert cipher_of(old).of(other, b"".join(cipher_of(old).new_keys(other))).trait("subject", "x") != before


async def test_one_account_is_two_in_two_organisations(
    tenant: Tenant, as_api: AsyncEngine, as_command: AsyncEngine
) -> None:
    """Nothing that is stored tells that it is one; nor what the provider calls it."""
    other = await Tenant.make(tenant.engine)
    for each, value in ((tenant, "mine"), (other, "theirs")):
        mapping = await mapped(as_command, each.number, value, WHOLE)
        rights = Rights(each.organisation_id, WHOLE, None, frozenset({mapping}))
        assert await admitted(as_api, each.cipher, rights, subject="account-of-both")
    async with as_command.begin() as conn:
        stored = (await conn.execute(sa.text("SELECT subject FROM api_key WHERE subject IS NOT NULL"))).scalars().all()
    assert len({bytes(each) for each in stored}) == 2
    assert not any(b"acc" in bytes(each) for each in stored)
