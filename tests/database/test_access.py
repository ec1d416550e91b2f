"""The database as the second line: its roles see the rows of the organisation for which they act, and those alone."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Final
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors, sql
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.access import STAGING, guarded
from app.db.acting import EVERYBODY, acting_connection, on_behalf_of
from app.db.doctor import look
from app.db.engine import close, connect, statement, transaction
from app.db.schema import metadata
from app.local.postgres import SUPERUSER, as_role
from app.roles import API, OWNER, WORKER
from tests.database.factories import Tenant, pupil
from tests.database.seed_states import Names

ROLES: Final = (API, WORKER)
# What the API reads of all organisations at once: queues, keys, and nothing of a roster.
ACROSS: Final = {
    *("access_token", "activity", "api_key", "job", "organisation", "pause", "run", "session", "sign_in_mapping"),
    *("task", "webhook", "webhook_delivery", "audit_reading", "audit_unchained"),
}
# Of these the seeded states have rows of two organisations.
FILLED: Final = (
    "organisation",
    "activity",
    "roster",
    "roster_item",
    "content",
    "run",
    "job",
    "record",
    "event",
    "api_key",
)


@pytest.fixture
def owner(seed_states: tuple[str, dict[str, Names]]) -> Iterator[psycopg.Cursor]:
    """A session that no policy hinders, over rows of two organisations; nothing of it stays."""
    with psycopg.connect(seed_states[0]) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(seed_states: tuple[str, dict[str, Names]], role: str) -> Iterator[psycopg.Cursor]:
    """A session of a role over the same rows; nothing of it stays."""
    with psycopg.connect(as_role(seed_states[0], role)) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


def organisations(owner: psycopg.Cursor) -> tuple[UUID, UUID]:
    """Gives the one that has most, and the other."""
    found = owner.execute("SELECT organisation_id FROM run GROUP BY 1 ORDER BY count(*) DESC").fetchall()
    return found[0][0], found[1][0]


def act(cursor: psycopg.Cursor, who: object) -> None:
    """Has a session act for an organisation, or for all."""
    cursor.execute("SELECT set_config('provkedja.organisation', %s, true)", [str(who)])


def seen(cursor: psycopg.Cursor, table: str) -> set[UUID]:
    """Gives the organisations of the rows that a session sees."""
    column, named = sql.Identifier(guarded(metadata)[table]), sql.Identifier(table)
    # A table of which not every column may be read.
    return {row[0] for row in cursor.execute(sql.SQL("SELECT {} FROM {}").format(column, named))}


def test_every_table_with_an_organisation_has_its_policies(owner: psycopg.Cursor) -> None:
    """Whether our schema knows of it or not; and what has none is the table that nobody else may read."""
    with_organisation = {
        row[0]
        for row in owner.execute(
            "SELECT relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE attname = 'organisation_id' AND relkind = 'r' AND NOT attisdropped"
        )
    }
    policies = {
        (row[0], row[1])
        for row in owner.execute(
            "SELECT tablename, unnest(roles)::text FROM pg_policies JOIN pg_class ON relname = tablename"
            " WHERE relrowsecurity AND cmd = 'ALL' AND qual IS NOT NULL AND with_check IS NOT NULL"
        )
    }
    expected = (with_organisation | {"organisation"}) - {STAGING}
    assert policies == {(table, role) for table in expected for role in ROLES}
    assert expected == guarded(metadata).keys()


def test_no_role_passes_policies_by(owner: psycopg.Cursor, role: str) -> None:
    """Neither is a superuser, owns anything, may make roles or databases, or is a member of one that may."""
    owner.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        [role],
    )
    assert owner.fetchone() == (False,) * 5
    assert owner.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", [role]).fetchone() == (0,)
    assert owner.execute("SELECT count(*) FROM pg_proc WHERE proowner = %s::regrole", [role]).fetchone() == (0,)
    members = owner.execute(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", [role]
    ).fetchall()
    assert members == [("pg_read_all_stats",)]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE record DISABLE TRIGGER ALL",
        "ALTER TABLE record DISABLE ROW LEVEL SECURITY",
        "DROP POLICY api ON record",
        "TRUNCATE record",
        "CREATE TABLE mine (a integer)",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE provkedja_owner",
        "SET session_replication_role = replica",
        "UPDATE event SET to_status = 'x'",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit (at, actor_kind, actor, action, via) VALUES (now(), 'key', 'x', 'x', 'api')",
        "INSERT INTO audit_unchained (audit_id, at) VALUES (gen_random_uuid(), now())",
        "UPDATE audit_link SET digest = digest",
        "DELETE FROM audit_link",
        "UPDATE audit_checkpoint SET cut_at = now()",
        "INSERT INTO audit_checkpoint (seq, digest, at, cut_at) VALUES (1, '', now(), now())",
        "SELECT note_unchained()",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_object",
        "DELETE FROM audit_key",
        "SELECT source FROM roster_staging",
        "UPDATE provkedja_version SET version_num = '0'",
    ],
)
def test_what_no_role_may(session: psycopg.Cursor, statement: str) -> None:
    session.execute("SAVEPOINT before")
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute(statement)
    session.execute("ROLLBACK TO before")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE organisation SET salt = salt",
        "INSERT INTO api_key (id) VALUES (gen_random_uuid())",
        "UPDATE api_key SET scopes = '{history}'",
        "DELETE FROM sign_in_mapping",
        "UPDATE sign_in_mapping SET scopes = '{history}'",
        "UPDATE session SET api_key_id = api_key_id",
        "UPDATE session SET organisation_id = organisation_id",
        "UPDATE session SET created_at = now()",
        "SELECT token FROM access_token",
        "INSERT INTO egress (name) VALUES ('x')",
        "DELETE FROM worker",
        "SELECT * FROM audit_link",
        "SELECT * FROM audit_key",
        "DELETE FROM audit_unchained",
        "DELETE FROM protected_object",
        "UPDATE protected_object SET kind = kind",
        "SELECT cut_audit(1, 1)",
    ],
)
def test_what_the_api_may_not(seed_states: tuple[str, dict[str, Names]], statement: str) -> None:
    """Keys, salts and the right to call are other people's; tokens it can't even read."""
    with psycopg.connect(as_role(seed_states[0], API)) as connection:
        act(connection.cursor(), EVERYBODY)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)
        connection.rollback()


def test_who_acts_for_nobody_sees_nothing(session: psycopg.Cursor) -> None:
    for table in guarded(metadata):
        assert seen(session, table) == set(), table


def test_who_acts_for_an_organisation_sees_its_rows(owner: psycopg.Cursor, session: psycopg.Cursor) -> None:
    one, other = organisations(owner)
    for mine in (one, other):
        act(session, mine)
        for table in guarded(metadata):
            assert seen(session, table) <= {mine}, table
        for table in FILLED:
            assert seen(session, table) == {mine}, table


def test_for_all_the_api_sees_queues_and_keys_and_no_roster(
    owner: psycopg.Cursor, session: psycopg.Cursor, role: str
) -> None:
    """The workers see all: their tasks are for all."""
    both = set(organisations(owner))
    act(session, EVERYBODY)
    for table in FILLED:
        assert seen(session, table) >= (both if role == WORKER or table in ACROSS else set()), table
    assert {
        table for table in guarded(metadata) if table not in ACROSS and role == API and seen(session, table)
    } == set()


def test_nothing_is_written_for_another_organisation(owner: psycopg.Cursor, session: psycopg.Cursor) -> None:
    """Neither as a new row, nor by moving one, nor over one that is another's."""
    one, other = organisations(owner)
    act(session, one)
    made = "INSERT INTO pause (organisation_id, by, made_by, reason) VALUES (%s, 'operator', 'test', 'Prov')"
    session.execute("SAVEPOINT before")
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        session.execute(made, [other])
    session.execute("ROLLBACK TO before")
    session.execute(made, [one])
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        session.execute("UPDATE activity SET organisation_id = %s", [other])
    session.execute("ROLLBACK TO before")
    assert session.execute("UPDATE activity SET version = version WHERE organisation_id = %s", [other]).rowcount == 0
    assert session.execute("DELETE FROM content WHERE organisation_id = %s", [other]).rowcount == 0


def test_what_is_staged_is_seen_by_its_organisation(owner: psycopg.Cursor, session: psycopg.Cursor) -> None:
    owner.execute("SELECT pg_get_viewdef('staged')")
    assert "acting_for" in str(owner.fetchone())
    act(session, organisations(owner)[0])
    assert session.execute("SELECT count(*) FROM staged").fetchone() == (0,)


def test_what_reads_as_the_owner_of_the_tables_is_listed(owner: psycopg.Cursor) -> None:
    """Such functions have the condition of the policies themselves, or give numbers alone; no role owns their names."""
    definers = owner.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    of_rows = ("admit_subject", "cut_audit", "note_unchained")
    names = (*of_rows, "sealed_arriving", "sealed_by", "sealed_with", "worded_contents")
    assert definers == [(name, ["search_path=public, pg_temp"]) for name in names]


def test_a_function_that_is_given_an_organisation_acts_for_it(owner: psycopg.Cursor, session: psycopg.Cursor) -> None:
    """Whoever calls it has said nothing, or another one."""
    one, other = organisations(owner)
    for who in (one, other):
        session.execute("SELECT act_for(%s)", [who])
        assert seen(session, "activity") == {who}


def test_words_find_nothing_for_whom_the_session_does_not_act(owner: psycopg.Cursor, session: psycopg.Cursor) -> None:
    """Also by the function that reads as the owner of the tables."""
    one, other = organisations(owner)
    found = owner.execute(
        "SELECT words FROM content WHERE organisation_id = %s AND cardinality(words) > 0 LIMIT 1", [one]
    ).fetchone()
    assert found is not None
    buckets = [f"{{{found[0][0]}}}"]
    asked = "SELECT count(*) FROM worded_contents(%s, %s)"
    counts = {}
    for who in (one, other, EVERYBODY):
        act(session, who)
        counts[who] = session.execute(asked, [one, buckets]).fetchone()[0]  # type: ignore[index]
    assert counts[one] > 0
    assert (counts[other], counts[EVERYBODY]) == (0, 0)


@pytest.fixture
async def as_api(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections of the API's role to a database of the test's own."""
    made = connect(as_role(database_url, API), pool=1)
    yield made
    await close(made)


async def test_a_connection_acts_as_it_was_told_until_it_is_given_back(tenant: Tenant, as_api: AsyncEngine) -> None:
    await tenant.store()
    count = sa.text("SELECT count(*) FROM activity")
    async with statement(as_api, "test", of=tenant.organisation_id) as conn:
        assert [await conn.scalar(count) for _ in range(2)] == [1, 1]
    async with statement(as_api, "test") as conn:
        assert await conn.scalar(count) == 0
    async with transaction(as_api, "test", of=uuid4()) as conn:
        assert await conn.scalar(count) == 0
        on_behalf_of(conn, tenant.organisation_id)
        assert await conn.scalar(count) == 1
    async with as_api.connect() as conn:
        on_behalf_of(conn, tenant.organisation_id)
        for end in (conn.commit, conn.rollback):
            assert await conn.scalar(count) == 1
            await end()
            assert acting_connection(conn).said is None
        async with conn.begin_nested() as nested:
            assert await conn.scalar(count) == 1
            await nested.rollback()
        assert await conn.scalar(count) == 1


@pytest.mark.parametrize("said", ["-infinity", "infinity"])
async def test_when_somebody_was_marked_last_is_the_databases_to_say(
    tenant: Tenant, as_api: AsyncEngine, said: str
) -> None:
    """Whatever is written: a marking could be made older than what was allowed before it, or too young for any run."""
    await tenant.store({"persons": [pupil(securityMarking="Sekretessmarkering")]})
    marked = "SELECT marked_at FROM protected_object ORDER BY marked_at"
    before = await tenant.value(marked)
    async with transaction(as_api, "test", of=tenant.organisation_id) as conn:
        await conn.execute(
            sa.text("UPDATE protected_object SET marked_at = CAST(:said AS timestamptz)"), {"said": said}
        )
        made = (
            "INSERT INTO protected_object (organisation_id, object_id, kind, marked_at)"
            " VALUES (:of, gen_random_uuid(), 'persons', CAST(:said AS timestamptz))"
        )
        await conn.execute(sa.text(made), {"of": tenant.organisation_id, "said": said})
    updated, inserted = [row["marked_at"] for row in await tenant.rows(marked)]
    assert before < updated < inserted <= await tenant.value("SELECT clock_timestamp()")
    ahead = "SET LOCAL session_replication_role = replica; UPDATE protected_object SET marked_at = '2999-01-01'"
    async with tenant.engine.begin() as conn:
        await conn.exec_driver_sql(ahead)
    await tenant.do("UPDATE protected_object SET marked_at = clock_timestamp()")
    assert {row["marked_at"].year for row in await tenant.rows(marked)} == {2999}, "a clock that was put back"


async def test_when_a_run_was_asked_for_is_never_ahead(tenant: Tenant, as_api: AsyncEngine) -> None:
    """What was allowed for it would speak of whoever is marked after it."""
    await tenant.new_run({"persons": [pupil()]})
    before = await tenant.value("SELECT created_at FROM run")
    copied = "organisation_id, activity_id, roster_version, requested_by_id, requested_by_name, on_record_error"
    made = (
        f"INSERT INTO run (id, sequence, created_at, {copied})"
        f" SELECT gen_random_uuid(), sequence + 1, '2999-01-01', {copied} FROM run"
    )
    async with transaction(as_api, "test", of=tenant.organisation_id) as conn:
        await conn.execute(sa.text("SAVEPOINT before"))
        with pytest.raises(sa.exc.IntegrityError, match="asked for later"):
            await conn.execute(sa.text("UPDATE run SET created_at = '2999-01-01'"))
        await conn.execute(sa.text("ROLLBACK TO before"))
        await conn.execute(sa.text(made))
    first, second = [row["created_at"] for row in await tenant.rows("SELECT created_at FROM run ORDER BY sequence")]
    assert before == first < second <= await tenant.value("SELECT clock_timestamp()")


async def test_the_api_has_no_organisation_erased(tenant: Tenant, as_api: AsyncEngine) -> None:
    """A command asks for that; a person it asks for itself."""
    made = "INSERT INTO erasure (organisation_id, kind, object_id, requested_by) VALUES (:of, :kind, :of, 'test')"
    async with transaction(as_api, "test", of=tenant.organisation_id) as conn:
        await conn.execute(sa.text(made), {"of": tenant.organisation_id, "kind": "persons"})
        for statement in (made, "UPDATE erasure SET kind = :kind"):
            given = {"of": tenant.organisation_id, "kind": "organisation"}
            await conn.execute(sa.text("SAVEPOINT before"))
            with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
                await conn.execute(sa.text(statement), given)
            await conn.execute(sa.text("ROLLBACK TO before"))


async def test_a_marking_does_not_become_anothers(tenant: Tenant) -> None:
    """Nor for whoever has the right to write it."""
    await tenant.store({"persons": [pupil(securityMarking="Sekretessmarkering")]})
    for change in ("object_id = gen_random_uuid()", "kind = 'duties'", "organisation_id = gen_random_uuid()"):
        with pytest.raises(sa.exc.IntegrityError, match="cannot become another's"):
            await tenant.do(f"UPDATE protected_object SET {change}")


async def test_a_part_of_a_transaction_that_fails_is_undone_alone(tenant: Tenant, as_api: AsyncEngine) -> None:
    """To whom it has turned within the part is forgotten with it."""
    await tenant.store()
    count = sa.text("SELECT count(*) FROM activity")
    async with transaction(as_api, "test", of=tenant.organisation_id) as conn:
        assert await conn.scalar(count) == 1
        part = await conn.begin_nested()
        on_behalf_of(conn, uuid4())
        assert await conn.scalar(count) == 0
        with pytest.raises(sa.exc.DataError):
            await conn.scalar(sa.text("SELECT 1 / 0"))
        await part.rollback()
        on_behalf_of(conn, tenant.organisation_id)
        assert await conn.scalar(count) == 1


async def test_a_statement_that_fails_leaves_the_connection_usable(tenant: Tenant, as_api: AsyncEngine) -> None:
    """What is said and the statement go out together; the error is the statement's."""
    async with statement(as_api, "test", of=tenant.organisation_id) as conn:
        with pytest.raises(sa.exc.DataError):
            await conn.scalar(sa.text("SELECT 1 / 0"))
        assert await conn.scalar(sa.text("SELECT acting_for()")) == tenant.organisation_id


async def test_the_doctor_names_services_that_no_policy_hinders(database_url: str, tenant: Tenant) -> None:
    """A superuser and the owner, by whatever address; not the roles that are meant."""
    names = {"provkedja api": (API, OWNER), "provkedja worker": (WORKER, None), "provkedja migrate": (OWNER,)}
    engines = [
        connect(database_url if role is None else as_role(database_url, role), pool=1, name=name)
        for name, roles in names.items()
        for role in roles
    ]
    async with AsyncExitStack() as stack:
        for engine in engines:
            stack.push_async_callback(close, engine)
            await (await stack.enter_async_context(engine.connect())).scalar(sa.text("SELECT 1"))
        for asking in (WORKER, API):
            doctor = connect(as_role(database_url, asking), pool=1, name="provkedja doctor", acting=EVERYBODY)
            stack.push_async_callback(close, doctor)
            async with doctor.begin() as conn:
                assert (await look(conn)).unhindered == [SUPERUSER, OWNER]
