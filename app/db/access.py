"""What each role of the database may do, and which rows it sees: grants and row-level security, as SQL.

Three roles: the owner of the tables migrates; the API has `provkedja_api`, the workers and the command line have
`provkedja_worker`. Neither is a superuser, owns a table or passes policies by. Of an organisation's rows a session sees
those of the organisation for which it acts (`acting`); the API acts for all of them at once in the tables of queues and
keys alone, where no roster is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import sqlalchemy as sa

from app.db.engine import VERSION_TABLE, connect_blocking
from app.errors import Stopped
from app.roles import API, WORKER

# What is read for all organisations by the API too: who calls, what is due and changed, what operators look after.
_ACROSS: Final = frozenset(
    {
        *("access_token", "activity", "api_key", "job", "organisation", "pause", "run", "session", "task", "webhook"),
        # How much keys have read, and what waits for its link: counts and times.
        *("sign_in_mapping", "webhook_delivery", "audit_reading", "audit_unchained"),
    }
)
# Rows of no organisation are written for all, and read by nobody who serves callers.
_WRITTEN_ACROSS: Final = frozenset({"audit"})
# A COPY goes into no table with policies. The API may write into this one and not read it: what is in it is read
# through the view `staged`, which has the condition.
STAGING: Final = "roster_staging"
# Rows of it are their organisation, and not only of one.
_OWN_ID: Final = {"organisation": "id"}

_READ, _WRITE = "SELECT", "SELECT, INSERT, UPDATE, DELETE"
# Which row it is and when are the database's to say.
_ADD_TO_AUDIT: Final = (
    "SELECT, INSERT (organisation_id, actor_kind, actor_id, actor, action, via, run_id, job_id, activity_id, details,"
    " objects, protected)"
)
# Whatever is not named here both roles may read and write.
_GRANTS: Final[Mapping[str, Mapping[str, str | None]]] = {
    API: {
        "organisation": "SELECT, UPDATE (last_upload)",
        "api_key": _READ,
        "sign_in_mapping": _READ,
        # Whose a session is, and since when, is said once.
        "session": "SELECT, INSERT, DELETE, UPDATE (seen_at)",
        "access_token": "SELECT (organisation_id, environment, expires_at, failed_at, failure)",
        STAGING: "INSERT",
        "staged": "SELECT, UPDATE, DELETE",
        "event": "SELECT, INSERT",
        "erasure": "SELECT, INSERT, UPDATE",
        # Who was protected once is so for the API until a worker has seen otherwise.
        "protected_object": "SELECT, INSERT, UPDATE (marked_at)",
        # It adds to the audit and asks it; of the chain it has nothing.
        "audit": _ADD_TO_AUDIT,
        **dict.fromkeys(("audit_object", "audit_reading", "audit_unchained"), _READ),
        **dict.fromkeys(("audit_key", "audit_link", "audit_checkpoint"), None),
        **dict.fromkeys(("answer_time", "circuit", "egress", "epoch", "reference_item", "worker"), _READ),
    },
    WORKER: {
        # It makes a roster anew where somebody is erased, and forgets what nobody takes in.
        STAGING: "SELECT (staged_at), INSERT, DELETE",
        "staged": "SELECT, UPDATE, DELETE",
        # What is old enough goes, by the guards alone.
        "event": "SELECT, INSERT, DELETE",
        # Rows of the audit and of its chain go by `cut_audit` alone.
        "audit": _ADD_TO_AUDIT,
        **dict.fromkeys(("audit_link", "audit_object"), "SELECT, INSERT"),
        # That the chain begins at one is said by `cut_audit` alone.
        "audit_checkpoint": "SELECT, INSERT (seq, digest, at)",
        "audit_unchained": "SELECT, DELETE",
        "audit_key": "SELECT, INSERT, UPDATE",
    },
}
# What acts as the owner of the tables, and whose role may have it do so; what our trigger calls serves nobody else's.
_CALLED_BY: Final[Mapping[str, str | None]] = {"cut_audit(bigint, integer)": WORKER, "note_unchained()": None}
# What alone a role writes into a table. A whole organisation is erased by command.
_WRITES_ONLY: Final = {(API, "erasure"): "kind = 'persons'"}

# Whoever may make roles makes those that are missing; a migration that may not says what to do.
_ROLES = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
    -- The doctor names sessions that others wait for; of their statements nobody sees a value.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT pg_read_all_stats TO {role};
    END IF;
END $$;
"""
_LEAST = "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC"
# Whoever made the database: nobody else connects to it, and nobody but its owner has temporary tables.
_DATABASE = f"""
DO $$ BEGIN
    EXECUTE 'REVOKE ALL ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
    EXECUTE 'GRANT CONNECT ON DATABASE ' || quote_ident(current_database()) || ' TO {API}, {WORKER}';
END $$;
"""
# The plain comparison, in a form that is no condition on an index and that a planner takes to hold of nearly all rows.
# How many rows are an organisation's says nothing of how many a job or a roster has, and multiplied the two are none.
# What it acts for is read once.
_SEES = (
    "(CASE WHEN {column} = (SELECT acting_for()) THEN true ELSE {otherwise} END) IS NOT NULL",
    "(SELECT nullif(acts_for_everybody(), false))",
    "NULL",
)


def guarded(metadata: sa.MetaData) -> dict[str, str]:
    """Gives the tables with rows of organisations, and the column that says of which one each is."""
    by_column = {each.name: "organisation_id" for each in metadata.sorted_tables if "organisation_id" in each.c}
    return {name: column for name, column in (by_column | _OWN_ID).items() if name != STAGING}


def role_statements() -> Iterator[str]:
    """Makes the roles that the tables are granted to, for whoever may make roles."""
    for role in (API, WORKER):
        yield _ROLES.format(role=role)


def access_statements(metadata: sa.MetaData) -> Iterator[str]:
    """Gives the policies and grants for tables that are there, in statements that can be repeated."""
    for table, column in guarded(metadata).items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        for role in (API, WORKER):
            yield from _policy(table, column, role)
    yield from grant_statements(metadata)


def grant_statements(metadata: sa.MetaData) -> Iterator[str]:
    """Gives the grants alone: they are not in a dump, and wait for nobody."""
    yield _LEAST
    yield _DATABASE
    for role, special in _GRANTS.items():
        for table in (*(each.name for each in metadata.sorted_tables), "staged"):
            yield f"REVOKE ALL ON {table} FROM {role}"
            if (rights := special.get(table, _WRITE)) is not None:
                yield f"GRANT {rights} ON {table} TO {role}"
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
        yield f"GRANT SELECT ON {VERSION_TABLE} TO {role}"
    for function, caller in _CALLED_BY.items():
        yield f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
        if caller is not None:
            yield f"GRANT EXECUTE ON FUNCTION {function} TO {caller}"


def check_roles(url: str) -> None:
    """Raises Stopped when a role is missing that this user may not make: nobody could be let in."""
    engine = connect_blocking(url, name="provkedja migrate")
    try:
        with engine.begin() as conn:
            may_make = conn.scalar(
                sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
            )
            there = set(conn.scalars(sa.text("SELECT rolname FROM pg_roles")))
    finally:
        engine.dispose()
    if missing := [role for role in (API, WORKER) if role not in there and not may_make]:
        raise Stopped(
            f"{' and '.join(missing)}: no such role, and the user in DATABASE_URL may not make it;"
            " docs/operate/roles.sh does, as a superuser, once for a server"
        )


def grant_again(url: str, metadata: sa.MetaData) -> bool:
    """Grants both roles what they may where a dump was loaded, which has no grants; tells whether that was so.

    So it is also in a database to which everybody may connect, as one has it that has been made and left at that.
    """
    engine = connect_blocking(url, name="provkedja migrate")
    try:
        with engine.begin() as conn:
            if conn.scalar(
                sa.text(
                    f"SELECT has_table_privilege('{API}', 'job', 'SELECT')"
                    " AND NOT has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY')"
                )
            ):
                return False
            for each in grant_statements(metadata):
                conn.exec_driver_sql(each)
            return True
    finally:
        engine.dispose()


def _policy(table: str, column: str, role: str) -> Iterator[str]:
    form, everybody, nobody = _SEES
    sees = form.format(column=column, otherwise=everybody if role == WORKER or table in _ACROSS else nobody)
    writes = form.format(column=column, otherwise=everybody) if table in _WRITTEN_ACROSS else sees
    if (role, table) in _WRITES_ONLY:
        writes = f"{writes} AND {_WRITES_ONLY[role, table]}"
    name = role.removeprefix("provkedja_")
    yield f"DROP POLICY IF EXISTS {name} ON {table}"
    yield f"CREATE POLICY {name} ON {table} TO {role} USING ({sees}) WITH CHECK ({writes})"
