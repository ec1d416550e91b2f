"""Organisations' certificates as operators name, list and check them; the database has names of files and no more."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typer.testing import CliRunner, Result

from app import cli
from app.db import tenants
from app.db.tenants import CertificateFiles
from app.errors import Conflict, NotFound, Stopped
from app.local.environment import new_keys
from tests.conftest import NOWHERE, ROOT, _wait, spawning
from tests.database.factories import Tenant, engine_of, the_cipher
from tests.tls import CLIENT, Tls, issue, make_tls, write_key

NUMBER, OTHER = "2120000001", "2120009812"
FILES = CertificateFiles("kommun.pem", "kommun.key")
ENTITY_ID = "https://federation.example.se/kommun"

T = TypeVar("T")


# What the database keeps


async def in_transaction(engine: AsyncEngine, do: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with engine.begin() as conn:
        return await do(conn)


async def identification(engine: AsyncEngine, organisation_id: UUID) -> tuple[Any, ...]:
    row = await in_transaction(engine, lambda conn: tenants.identification(conn, organisation_id))
    return tuple(row[column] for column in ("number", "certificate_file", "key_file", "entity_id"))


async def made(engine: AsyncEngine, files: CertificateFiles | None = None, entity_id: str | None = None) -> UUID:
    return await in_transaction(
        engine, lambda conn: tenants.create_organisation(conn, the_cipher(), NUMBER, "Exempelkommun", files, entity_id)
    )


async def changed(engine: AsyncEngine, files: CertificateFiles | None, entity_id: str | None = None) -> None:
    await in_transaction(engine, lambda conn: tenants.set_certificate(conn, NUMBER, files, entity_id))


async def test_an_organisation_is_made_with_or_without_a_certificate(engine: AsyncEngine) -> None:
    assert await identification(engine, await made(engine)) == (NUMBER, None, None, None)
    other = await in_transaction(
        engine, lambda conn: tenants.create_organisation(conn, the_cipher(), OTHER, "Exempelstad", FILES, ENTITY_ID)
    )
    assert await identification(engine, other) == (OTHER, *FILES, ENTITY_ID)


async def test_new_files_leave_the_entity_id_as_it_is(engine: AsyncEngine) -> None:
    organisation_id = await made(engine, FILES, ENTITY_ID)
    await changed(engine, CertificateFiles("new.pem", "new.key"))
    assert await identification(engine, organisation_id) == (NUMBER, "new.pem", "new.key", ENTITY_ID)


async def test_an_entity_id_is_given_changed_and_taken_by_itself(engine: AsyncEngine) -> None:
    organisation_id = await made(engine, FILES)
    for given, kept in (("urn:example:1", "urn:example:1"), (ENTITY_ID, ENTITY_ID), ("", None)):
        await changed(engine, None, given)
        assert await identification(engine, organisation_id) == (NUMBER, *FILES, kept)


async def test_without_a_certificate_there_is_no_entity_id_either(engine: AsyncEngine) -> None:
    organisation_id = await made(engine, FILES, ENTITY_ID)
    await in_transaction(engine, lambda conn: tenants.drop_certificate(conn, NUMBER))
    assert await identification(engine, organisation_id) == (NUMBER, None, None, None)


async def test_an_entity_id_needs_a_certificate(engine: AsyncEngine) -> None:
    with pytest.raises(Conflict):
        await made(engine, None, ENTITY_ID)
    organisation_id = await made(engine)
    with pytest.raises(Conflict):
        await changed(engine, None, ENTITY_ID)
    await changed(engine, FILES, ENTITY_ID)
    assert await identification(engine, organisation_id) == (NUMBER, *FILES, ENTITY_ID)


async def test_an_organisation_that_is_not_there_is_not_found(engine: AsyncEngine) -> None:
    for missing in (
        lambda conn: tenants.set_certificate(conn, OTHER, FILES, None),
        lambda conn: tenants.drop_certificate(conn, OTHER),
        lambda conn: tenants.organisations(conn, OTHER),
    ):
        with pytest.raises(NotFound):
            await in_transaction(engine, missing)


@pytest.mark.parametrize(
    "change", ["certificate_file = 'x'", "key_file = 'x'", "entity_id = 'urn:x'"], ids=["certificate", "key", "entity"]
)
async def test_the_database_refuses_half_an_identity(tenant: Tenant, change: str) -> None:
    with pytest.raises(Exception, match="certificate_with_key"):
        await tenant.do(f"UPDATE organisation SET {change}")


# The command line


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `python -m app organisations …` in this process, whose logs stay as they are."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", new_keys()["ENCRYPTION_KEYS"])
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(cli.cli, ["organisations", *arguments])


def listed(result: Result) -> list[list[str]]:
    _, *rows = (line.split("\t") for line in result.stdout.splitlines())
    return [row[:-2] for row in rows]


FILE_OPTIONS = ("--certificate", "kommun.pem", "--key", "kommun.key")


def test_the_list_shows_names_of_files_and_no_more(run: Callable[..., Result]) -> None:
    assert run("create", "--number", OTHER, "--name", "Exempelstad").exit_code == 0
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *FILE_OPTIONS).exit_code == 0
    assert run("set", "--number", NUMBER, "--entity-id", ENTITY_ID).exit_code == 0
    assert listed(run("list")) == [
        [NUMBER, "Exempelkommun", ENTITY_ID, "kommun.pem", "kommun.key", ""],
        [OTHER, "Exempelstad", "", "", "", ""],
    ]
    assert run("set", "--number", NUMBER, "--without-certificate").exit_code == 0
    assert listed(run("list"))[0] == [NUMBER, "Exempelkommun", "", "", "", ""]


def test_domains_of_logins_are_declared_changed_and_ended(run: Callable[..., Result]) -> None:
    domains = ("--eppn-domain", "EDU.exempelby.se", "--eppn-domain", "@exempelby.se")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *domains).exit_code == 0
    assert listed(run("list"))[0][-1] == "edu.exempelby.se, exempelby.se"
    assert run("set", "--number", NUMBER, "--eppn-domain", "elev.exempelby.se").exit_code == 0
    assert listed(run("list"))[0][-1] == "elev.exempelby.se"
    refused = run("set", "--number", NUMBER, "--eppn-domain", "exempelby")
    assert refused.exit_code == 2
    assert run("set", "--number", NUMBER, "--eppn-domain", "").exit_code == 0
    assert listed(run("list"))[0][-1] == ""


@pytest.mark.parametrize(
    "options",
    [
        ("--certificate", "kommun.pem"),
        ("--key", "kommun.key"),
        ("--without-certificate", *FILE_OPTIONS),
        ("--without-certificate", "--entity-id", ENTITY_ID),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Callable[..., Result], options: tuple[str, ...]) -> None:
    assert run("set", "--number", NUMBER, *options).exit_code == 2


# The check


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tls, int]]:
    """A simulator with TLS: what it goes by, and its port."""
    folder: Path = tmp_path_factory.mktemp("simulator")
    tls = make_tls(folder / "tls", NUMBER, OTHER)
    with spawning(folder) as spawn:
        yield tls, spawn("simulator", "--port", "0", "--tls", str(tls.folder)).port


@pytest.fixture
def tls(process: tuple[Tls, int], monkeypatch: pytest.MonkeyPatch) -> Tls:
    """Settings that lead to the simulator, and its certificates."""
    tls, port = process
    monkeypatch.setenv("SKOLVERKET_PROVISIONING_URL", f"https://127.0.0.1:{port}/provisioning/v1")
    monkeypatch.setenv("SKOLVERKET_AUTHORISATION_URL", f"https://127.0.0.1:{port}/transaction")
    monkeypatch.setenv("SKOLVERKET_OPEN_DATA_URL", f"https://127.0.0.1:{port}/open-data/v1")
    monkeypatch.setenv("SKOLVERKET_CA_FILE", str(tls.ca_file))
    monkeypatch.setenv("SKOLVERKET_AUTHORISATION_PINS", tls.pin)
    monkeypatch.setenv("CERTIFICATE_FOLDER", str(tls.folder))
    return tls


def said(result: Result) -> dict[str, list[str]]:
    """Reads the check's output: for each organisation its lines."""
    lines: dict[str, list[str]] = {}
    number = ""
    for line in result.stdout.splitlines():
        if line.startswith("  "):
            lines[number].append(line.strip())
        else:
            number = line.split()[0]
            lines[number] = []
    return lines


def test_the_check_says_what_fits_and_gets_a_token_with_each_form(run: Callable[..., Result], tls: Tls) -> None:
    for number, stem, more in (
        (NUMBER, f"{NUMBER}-issued", ()),
        (OTHER, f"{OTHER}-member", ("--entity-id", f"https://federation.example.se/{OTHER}")),
    ):
        files = ("--certificate", f"{stem}.pem", "--key", f"{stem}.key")
        assert run("create", "--number", number, "--name", "Exempel", *files, *more).exit_code == 0
    checked = run("check")
    assert checked.exit_code == 0, checked.stdout
    assert {number: {line[0] for line in lines} for number, lines in said(checked).items()} == {
        NUMBER: {"✓"},
        OTHER: {"✓"},
    }
    for lines in said(checked).values():
        assert re.fullmatch(
            r"✓ The authorisation server gave a token, valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", lines[-1]
        )
    assert "eyJ" not in checked.stdout


def test_an_error_in_one_organisation_ends_the_check_with_1(run: Callable[..., Result], tls: Tls) -> None:
    """Of another organisation's certificate, which the server would take: the number tells."""
    files = ("--certificate", f"{NUMBER}-issued.pem", "--key", f"{NUMBER}-issued.key")
    for number in (NUMBER, OTHER):
        assert run("create", "--number", number, "--name", "Exempel", *files).exit_code == 0
    checked = run("check")
    assert checked.exit_code == 1
    assert [line for lines in said(checked).values() for line in lines if line.startswith("✗")] == [
        f"✗ The certificate is another organisation's: {NUMBER}. Name this organisation's own."
    ]
    assert run("check", "--number", NUMBER).exit_code == 0
    assert list(said(run("check", "--number", NUMBER))) == [NUMBER]
    as_json = run("check", "--json")
    assert as_json.exit_code == 1
    well, ill = json.loads(as_json.stdout)
    assert [(each["number"], each["well"]) for each in (well, ill)] == [(NUMBER, True), (OTHER, False)]
    assert [found["text"] for found in ill["findings"] if found["level"] == "error"] == [
        f"The certificate is another organisation's: {NUMBER}. Name this organisation's own."
    ]


def test_a_warning_is_no_error(run: Callable[..., Result], tls: Tls, tmp_path: Path) -> None:
    ends = datetime.now(UTC) + timedelta(days=12, hours=1)
    issued = issue("Kommun", tls.approved, number=NUMBER, uses=[CLIENT], ends=ends)
    (tmp_path / "kommun.pem").write_bytes(issued.chain_pem)
    write_key(tmp_path / "kommun.key", issued)
    files = ("--certificate", str(tmp_path / "kommun.pem"), "--key", str(tmp_path / "kommun.key"))
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *files).exit_code == 0
    checked = run("check")
    (warning,) = [line for line in said(checked)[NUMBER] if line.startswith("!")]
    assert (checked.exit_code, warning.split(", ")[0]) == (0, "! The certificate expires in 12 days")


def test_a_missing_file_is_said_once(run: Callable[..., Result], tls: Tls) -> None:
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *FILE_OPTIONS).exit_code == 0
    checked = run("check")
    assert checked.exit_code == 1
    assert [line for line in said(checked)[NUMBER] if line.startswith("✗")] == [
        "✗ The certificate file is not there: see its name and CERTIFICATE_FOLDER.",
        "✗ The key file is not there: see its name and CERTIFICATE_FOLDER.",
        "✗ No token could be asked for. Put right what is said above.",
    ]


def test_a_refusal_says_what_the_server_said_of_it(run: Callable[..., Result], tls: Tls) -> None:
    files = ("--certificate", f"{NUMBER}-member.pem", "--key", f"{NUMBER}-member.key")
    unknown = ("--entity-id", "https://federation.example.se/unknown")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *files, *unknown).exit_code == 0
    checked = run("check")
    assert checked.exit_code == 1
    assert said(checked)[NUMBER][-1].startswith("✗ No token (HTTP 403). The server refuses the organisation:")


def test_without_colours_and_without_a_terminal_the_check_reads_the_same(database_url: str, tls: Tls) -> None:
    """As a process of its own: marks, one line a finding, the exit code, and nothing on stderr."""

    async def make() -> None:
        engine = engine_of(database_url)
        async with engine.begin() as conn:
            await tenants.create_organisation(conn, the_cipher(), NUMBER, "Exempelkommun")
        await engine.dispose()

    asyncio.run(make())
    ended = subprocess.run(
        [sys.executable, "-m", "app", "organisations", "check"],
        cwd=ROOT,
        env={**NOWHERE, **os.environ, "DATABASE_URL": database_url, "COLUMNS": "40"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[:2] == [
        f"{NUMBER} Exempelkommun",
        "  ✗ It has no certificate. Name its files: `organisations set --certificate … --key …`.",
    ]


def test_the_database_never_has_what_is_in_the_files(run: Callable[..., Result], tls: Tls, database_url: str) -> None:
    client = tls.client(NUMBER, "certificate")
    files = ("--certificate", f"{NUMBER}-issued.pem", "--key", f"{NUMBER}-issued.key")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *files).exit_code == 0
    assert run("check").exit_code == 0
    with psycopg.connect(database_url) as connection:
        row = str(connection.execute("SELECT * FROM organisation").fetchall())
        assert connection.execute("SELECT count(*) FROM access_token").fetchone() == (0,)
    assert f"{NUMBER}-issued.pem" in row
    for pem in (client.issued.pem, client.issued.key_pem):
        assert pem.decode().splitlines()[1] not in row


# Who makes the check's call


def test_a_command_calls_by_itself_while_nobody_may(run: Callable[..., Result], tls: Tls, database_url: str) -> None:
    """It has the right to call for as long, and gives it back."""
    files = ("--certificate", f"{NUMBER}-issued.pem", "--key", f"{NUMBER}-issued.key")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *files).exit_code == 0
    assert run("check").exit_code == 0
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT egress, state FROM epoch").fetchall() == [("default", "ended")]
        assert connection.execute("SELECT count(*) FROM task").fetchone() == (0,)


def test_who_has_the_right_to_call_makes_the_check_for_a_command(
    run: Callable[..., Result], tls: Tls, database_url: str, tmp_path: Path
) -> None:
    """By the files that it has itself: the command has none here."""
    files = ("--certificate", f"{NUMBER}-issued.pem", "--key", f"{NUMBER}-issued.key")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun", *files).exit_code == 0
    with spawning(tmp_path) as spawn, pytest.MonkeyPatch.context() as patch:
        spawn("worker", env={"DATABASE_URL": database_url, **new_keys()})
        with psycopg.connect(database_url, autocommit=True) as connection:
            _wait(lambda: connection.execute("SELECT FROM epoch WHERE state = 'holds'").rowcount == 1, "a holder")
            patch.setenv("CERTIFICATE_FOLDER", str(tmp_path / "elsewhere"))
            checked = run("check")
            assert (checked.exit_code, said(checked)[NUMBER][-1].split(",")[0]) == (
                0,
                "✓ The authorisation server gave a token",
            )
            assert connection.execute("SELECT FROM task WHERE kind = 'check_organisation'").rowcount == 0


def test_a_command_does_not_wait_for_ever_for_who_has_the_right(
    run: Callable[..., Result], tls: Tls, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.check._BESIDE_THE_CALL", 0.5)
    monkeypatch.setenv("SKOLVERKET_TIMEOUT", "0.5")
    assert run("create", "--number", NUMBER, "--name", "Exempelkommun").exit_code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT take_egress('default', gen_random_uuid(), NULL, NULL)")
        asked = run("check")
        assert isinstance(asked.exception, Stopped)
        assert "python -m app doctor" in str(asked.exception)
        assert connection.execute("SELECT FROM task").rowcount == 0, "nobody waits for it any more"
