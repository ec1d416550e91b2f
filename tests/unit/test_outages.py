"""What the server or the driver says becomes a code, and the code a sentence without any of it."""

import pytest

from app.catalogue import catalogue
from app.db.address import PINNED, session_parameters
from app.db.outages import DatabaseUnusable, outage_code, outage_of, session_outage

REFUSED = 'connection to server at "10.1.2.3", port 5432 failed: FATAL:  '
FOUND = {
    "server_version_num": "180001",
    "server_encoding": "UTF8",
    "transaction_read_only": "off",
    "in_recovery": "false",
    **PINNED,
}


@pytest.mark.parametrize(
    ("sqlstate", "text", "code"),
    [
        ("28P01", "", "database_login"),
        ("28000", f"{REFUSED}no pg_hba.conf entry for host, user, database, no encryption", "database_tls_required"),
        ("28000", f"{REFUSED}no pg_hba.conf entry for host, user, database, SSL encryption", "database_not_allowed"),
        ("28000", f"{REFUSED}connection requires a valid client certificate", "database_certificate"),
        ("3D000", "", "database_missing"),
        ("25006", "cannot execute INSERT in a read-only transaction", "database_read_only"),
        ("57P03", "", "database_starting"),
        ("53300", "", "database_connections"),
        ("42P01", "", "not_migrated"),
        ("22012", "division by zero", "database_error"),
        (None, f'{REFUSED}role "x" does not exist', "database_login"),
        (None, f'{REFUSED}role "x" is not permitted to log in', "database_login"),
        (None, f'{REFUSED}database "x" does not exist', "database_missing"),
        (None, f"{REFUSED}sorry, too many clients already", "database_connections"),
        (None, f"{REFUSED}remaining connection slots are reserved for roles with the SUPERUSER attribute",
         "database_connections"),
        (None, f"{REFUSED}the database system is starting up", "database_starting"),
        (None, f"{REFUSED}the database system is not yet accepting connections", "database_starting"),
        (None, f"{REFUSED}unsupported startup parameter: options",
         "database_pooler"),
        (None, "server does not support SSL, but SSL was required", "database_tls_refused"),
        (None, "SSL error: certificate verify failed", "database_certificate"),
        (None, 'root certificate file "/x" does not exist', "database_certificate"),
        (None, "session is read-only", "database_read_only"),
        (None, "server is in hot standby mode", "database_standby"),
        (None, "connection to server at \"::1\", port 1 failed: No route to host", "database_timeout"),
        (None, f"{REFUSED}lösenordsautentisering misslyckades", "database_away"),
    ],
)  # fmt: skip
def test_what_was_said_becomes_a_code(sqlstate: str | None, text: str, code: str) -> None:
    assert outage_code(sqlstate, "OperationalError", text) == code


def test_of_several_hosts_the_one_that_came_furthest_counts() -> None:
    text = "password authentication failed\nAll failures were:\n- Connection refused\n- failed to resolve host"
    assert outage_code(None, "OperationalError", text) == "database_login"


def test_a_time_out_without_words_is_one() -> None:
    assert outage_of(TimeoutError()).code == "database_timeout"


@pytest.mark.parametrize("code", [code for code in catalogue().troubles if code.startswith("database_")])
def test_each_has_a_sentence_of_its_own_that_names_the_variable(code: str) -> None:
    entry = catalogue().troubles[code]
    assert [other.code for other in catalogue().troubles.values() if other.en.means == entry.en.means] == [code]
    for texts in (entry.sv, entry.en):
        assert "DATABASE_URL" in texts.means
        assert texts.means.endswith(".")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"server_version_num": "150000"}, None),
        ({"server_version_num": "140013"}, "database_version"),
        ({"server_version_num": "190000"}, "database_version"),
        ({"server_encoding": "SQL_ASCII"}, "database_encoding"),
        ({"IntervalStyle": "iso_8601"}, "database_settings"),
        ({"transaction_read_only": "on"}, "database_read_only"),
        ({"transaction_read_only": "on", "in_recovery": "true"}, "database_standby"),
    ],
)
def test_a_session_that_stands_is_looked_at(changed: dict[str, str], code: str | None) -> None:
    outage = session_outage(FOUND | changed, PINNED)
    assert (outage and outage.code) == code


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://u:p%40ss@db:5433/name", {"host": "db", "port": "5433", "user": "u", "password": "p@ss"}),
        ("postgres://db/name", {"host": "db", "dbname": "name"}),
        ("postgresql+psycopg://db/name", {"host": "db", "dbname": "name"}),
        ("postgres://a:1,b:2/name?target_session_attrs=read-write", {"host": "a,b", "port": "1,2",
                                                                     "target_session_attrs": "read-write"}),
        ("postgresql://%2Frun%2Fpg/name", {"host": "/run/pg"}),
        ("postgresql:///name?host=/run/pg", {"host": "/run/pg", "dbname": "name"}),
        ("host=/run/pg dbname=name password='a b'", {"host": "/run/pg", "dbname": "name", "password": "a b"}),
        ("postgresql://db/name?sslmode=verify-full&connect_timeout=9", {"sslmode": "verify-full",
                                                                        "connect_timeout": "9"}),
        ("postgresql://db/name?client_encoding=LATIN1&application_name=x", {"client_encoding": "UTF8",
                                                                            "application_name": "a program"}),
    ],
)  # fmt: skip
def test_every_form_of_an_address_is_taken(address: str, expected: dict[str, str]) -> None:
    """Nothing of it is lost, but for what the service relies on."""
    given = session_parameters(address, "a program")
    assert {name: given.get(name) for name in expected} == expected


def test_options_of_the_address_come_before_ours() -> None:
    given = session_parameters(
        "postgresql://db/name?options=-c%20search_path%3Dours%20-c%20DateStyle%3DGerman", "x", 10
    )
    theirs, _, ours = given["options"].partition(" -c DateStyle=ISO,\\ MDY")
    assert theirs == "-c search_path=ours -c DateStyle=German"
    assert ours.endswith("-c idle_in_transaction_session_timeout=10s")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        *[(each, "database_not_set") for each in ("", " ")],
        *[
            (each, "database_address")
            for each in ("nonsense-7319", "mysql://db-7319/x", "postgres://db/x?secret-7319=1")
        ],
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(address: str, code: str) -> None:
    with pytest.raises(DatabaseUnusable) as refused:
        session_parameters(address, "x")
    assert refused.value.code == code
    assert "7319" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
