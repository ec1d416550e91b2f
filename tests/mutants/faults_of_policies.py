"""Faults of the database's second line: policies of rows, for whom a connection acts, and what roles are granted."""

from typing import Final

from tests.mutants.fault import Fault

POLICIES: Final = (
    Fault(
        "a database that was made by itself keeps what everybody may",
        "    yield _DATABASE\n",
        "",
        ("roles",),
    ),
    Fault(
        "a database that everybody may connect to counts as granted",
        "                    \" AND NOT has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY')\"\n",
        "",
        ("roles",),
    ),
    Fault(
        "a role's password is in the statement that makes it",
        ".format(named, digest))",
        ".format(named, password))",
        ("roles",),
    ),
    Fault(
        "a table of organisations' rows has no policy",
        "return {name: column for name, column in (by_column | _OWN_ID).items() if name != STAGING}",
        'return {name: column for name, column in (by_column | _OWN_ID).items() if name not in (STAGING, "content")}',
        ("policies",),
    ),
    Fault(
        "a policy lets every row pass",
        "THEN true ELSE {otherwise} END) IS NOT NULL",
        "THEN true ELSE true OR {otherwise} END) IS NOT NULL",
        ("policies",),
    ),
    Fault(
        "the API acts for everybody in every table",
        "otherwise=everybody if role == WORKER or table in _ACROSS else nobody",
        "otherwise=everybody",
        ("policies",),
    ),
    Fault(
        "a function acts for nobody",
        "    SELECT set_config('provkedja.organisation', of_organisation::text, true)\n",
        "    SELECT of_organisation::text\n",
        ("policies", "organisations"),
    ),
    Fault(
        "a connection that is given back still acts for the one before",
        '    sa.event.listen(engine.sync_engine, "checkout", _ping_after_a_rest(engine.sync_engine, acting))\n',
        "",
        ("policies",),
    ),
    Fault(
        "a search gives the contents of an organisation for which nobody acts",
        "(organisation_id = $1) IS TRUE AND (SELECT acting_for()) = $1 AND '",
        "(organisation_id = $1) IS TRUE AND '",
        ("policies",),
    ),
    Fault(
        "the API may read tokens",
        '        "access_token": "SELECT (organisation_id, environment, expires_at, failed_at, failure)",\n',
        '        "access_token": _READ,\n',
        ("policies",),
    ),
)
