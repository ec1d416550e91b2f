"""`python -m app` for operators: organisations, keys, runs and jobs of whichever organisation, and every slip."""

import base64
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app import erasures_file
from app.api.polling.key_uses import KeyUses
from app.db import deliveries, tenants, webhooks
from app.domain.erasing import Erased
from app.security.keys import parse
from tests.conftest import NOWHERE
from tests.database.commands import Command, Ended
from tests.database.factories import Run, Tenant, engine_of, make_run, pupil, the_cipher

NUMBER, OTHER, UNKNOWN = "2120000001", "2120009812", "2120009820"
EXAM, KEY = "Prov", "testnyckel"


@pytest.fixture
async def key(command: Command) -> str:
    """The handle of a key of an organisation."""
    assert (await command("organisations", "create", "--number", "212000-0001", "--name", "Exempelby")).code == 0
    made = await command("keys", "create", "--organisation", NUMBER, "--scopes", "history,provision", "--name", "Ett")
    return handle(made)


def handle(made: Ended) -> str:
    """Gives the handle of the key on the last line."""
    assert made.code == 0, made.err
    found = parse(made.out.splitlines()[-1])
    assert found is not None
    return found[0]


async def counts(engine: AsyncEngine, *handles: str) -> list[bool]:
    async with engine.begin() as conn:
        return [await tenants.find_key(conn, each) is not None for each in handles]


# Slips: one sentence each

_NARROWED = ("keys", "create", "--organisation", NUMBER, "--scopes")
SLIPS = [
    (2, "has ten digits", ("organisations", "create", "--number", "1", "--name", "x")),
    (2, "check digit", ("organisations", "create", "--number", "2120000002", "--name", "x")),
    (2, "has a name", ("organisations", "create", "--number", NUMBER, "--name", " ")),
    (2, "Missing option '--name'", ("organisations", "create", "--number", NUMBER)),
    (2, "No such command 'organisation'", ("organisation", "list")),
    (2, "No such option", ("organisations", "list", "--csv")),
    (2, "Scopes are", ("keys", "create", "--organisation", NUMBER, "--scopes", "all")),
    (2, "name both", ("keys", "create", "--organisation", NUMBER, "--scopes", "provision,pii")),
    (2, "has no scope provision", (*_NARROWED, "provision,history", "--school-unit", str(UUID(int=5)))),
    (2, "needs the scope pii", (*_NARROWED, "history", "--school-unit", "12345678")),
    (2, "has no scope admin", (*_NARROWED, "history", "--admin", "--school-unit", "12345678")),
    (2, "has one scope", ("keys", "create", "--operator", "--school-unit", "12345678")),
    (2, "no organisation, and alone", ("keys", "create", "--organisation", NUMBER, "--scopes", "operator")),
    (2, "Name the --organisation", ("keys", "create", "--scopes", "history")),
    (2, "Name the --scopes", ("keys", "create", "--organisation", NUMBER)),
    (2, "has one scope", ("keys", "create", "--operator", "--scopes", "history")),
    (2, "90d", ("keys", "create", "--organisation", NUMBER, "--scopes", "history", "--expires", "90")),
    (2, "over already", ("keys", "create", "--operator", "--expires", "2020-01-01")),
    (2, "its unit", ("keys", "rotate", "x", "--overlap", "24")),
    (2, "it is one of", ("runs", "list", "--status", "done")),
    (2, "it is one of", ("jobs", "list", "--stage", "teachers")),
    (2, "36 characters", ("runs", "show", "1")),
    (2, "2027-03-01", ("jobs", "list", "--since", "yesterday")),
    (2, "'--limit': this must be at least 1 ", ("jobs", "list", "--limit", "0")),
    (2, "'--limit': this must be a whole number ", ("jobs", "list", "--limit", "x")),
    (2, "'--language': 'fi' is not one of", ("roster", "check", "-", "--language", "fi")),
    (2, "Say what to set: --certificate", ("organisations", "set", "--number", NUMBER)),
    (2, "--reason", ("pause", "--organisation", NUMBER, "--reason", " ")),
    (1, "There is no such organisation.", ("keys", "create", "--organisation", UNKNOWN, "--scopes", "history")),
    (1, "There is no such organisation.", ("pause", "--organisation", UNKNOWN, "--reason", "x")),
    (1, "There is no such activity.", ("resume", "--organisation", NUMBER, "--activity", uuid4())),
    (1, "There is no such organisation.", ("keys", "list", "--organisation", UNKNOWN)),
    (1, "There is no such organisation.", ("runs", "list", "--organisation", UNKNOWN)),
    (1, "There is no such organisation.", ("jobs", "list", "--organisation", UNKNOWN)),
    (1, "There is no such organisation.", ("open-data", "--organisation", UNKNOWN)),
    (1, "There is no such organisation.", ("organisations", "rename", "--number", UNKNOWN, "--name", "x")),
    (1, "There is no such organisation.", ("organisations", "disable", "--number", UNKNOWN)),
    (1, "exists already", ("organisations", "create", "--number", NUMBER, "--name", "x")),
    (1, "There is no such key.", ("keys", "revoke", "x")),
    (1, "There is no such key.", ("keys", "rotate", "x")),
    (1, "codes are unknown", (*_NARROWED, "history,pii", "--school-unit", "99999999")),
    (1, "There is no such run.", ("runs", "show", uuid4())),
    (1, "There is no such run.", ("runs", "cancel", uuid4())),
    (1, "There is no such run.", ("runs", "retry", uuid4())),
]


async def test_every_slip_is_one_sentence(command: Command, key: str) -> None:
    """On stderr, with nothing on stdout; an argument that is not as it should be ends with 2, what can't be with 1."""
    for code, sentence, arguments in SLIPS:
        ended = await command(*arguments)
        assert (ended.code, ended.out) == (code, ""), arguments
        assert sentence in ended.err, arguments
        assert re.fullmatch(r"provkedja: (--|[A-Z]).*\.\n", ended.err), ended.err
        assert "\x1b" not in ended.err


async def test_without_tables_a_command_says_what_to_run(
    command: Command, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    for arguments in (("runs", "list"), ("jobs", "list"), ("keys", "list"), ("organisations", "list")):
        ended = await command(*arguments)
        assert (ended.code, ended.err.count("\n")) == (1, 1)
        assert "python -m app migrate" in ended.err


# Organisations and keys


async def test_an_organisation_is_renamed_disabled_and_enabled(command: Command, key: str, engine: AsyncEngine) -> None:
    """What was made under its keys stays; a disabled one's keys count no more, and count again afterwards."""
    of_it = ("--number", "212000-0001")
    assert (await command("organisations", "rename", *of_it, "--name", "Exempelstads kommun")).code == 0
    for verb, expected in (("disable", False), ("disable", False), ("enable", True)):
        assert (await command("organisations", verb, *of_it)).code == 0
        assert await counts(engine, key) == [expected]
        [listed] = (await command("keys", "list", "--json")).document
        assert listed["counts"] is expected
    [row] = (await command("organisations", "list")).rows
    assert (row["number"], row["name"], row["disabled"]) == (NUMBER, "Exempelstads kommun", "")
    [shown] = (await command("organisations", "list", "--json")).document
    assert (shown["number"], shown["disabled_at"], "salt" in shown) == (NUMBER, None, False)


async def test_a_key_is_rotated_with_an_overlap(command: Command, key: str, engine: AsyncEngine) -> None:
    """The new one has its name and scopes; the old one expires, at once with an overlap of nothing."""
    new = handle(await command("keys", "rotate", key, "--overlap", "2h"))
    assert await counts(engine, key, new) == [True, True]
    old_row, new_row = sorted((await command("keys", "list")).rows, key=lambda row: row["created"])
    assert (new_row["name"], new_row["scopes"], new_row["expires"]) == ("Ett", "provision,history", "")
    assert old_row["expires"]
    newest = handle(await command("keys", "rotate", new, "--overlap", "0s", "--expires", "90d"))
    assert await counts(engine, key, new, newest) == [True, False, True]
    assert "counts no more" in (await command("keys", "rotate", new)).err
    assert "--expires" in (await command("keys", "rotate", newest)).err
    assert (await command("keys", "revoke", newest)).code == 0
    assert await counts(engine, newest) == [False]


async def test_a_key_is_for_the_school_units_that_are_named(command: Command, key: str, engine: AsyncEngine) -> None:
    """By their ids, or by their codes in the open data; its successor is for the same ones."""
    by_id, by_code = UUID(int=5), UUID(int=6)
    async with engine.begin() as conn:
        await conn.execute(
            sa.text(
                "INSERT INTO reference_item (kind, id, code, payload) VALUES ('school_unit', :id, '12345678', '{}')"
            ),
            {"id": by_code},
        )
    given = ("--school-unit", str(by_id), "--school-unit", "12345678", "--school-unit", str(by_id).upper())
    narrowed = handle(await command(*_NARROWED, "history,pii", *given))
    successor = handle(await command("keys", "rotate", narrowed))
    rows = {row["key"]: row["school units"] for row in (await command("keys", "list")).rows}
    assert rows == {key: "all", **dict.fromkeys((narrowed, successor), f"{by_id},{by_code}")}
    async with engine.begin() as conn:
        found = await tenants.find_key(conn, successor)
    assert found is not None
    assert found["school_units"] == [by_id, by_code]


async def test_keys_of_operators_and_admins(command: Command, key: str, engine: AsyncEngine) -> None:
    operator = handle(await command("keys", "create", "--operator", "--name", "drift", "--expires", "90d"))
    admin = handle(await command("keys", "create", "--organisation", NUMBER, "--admin"))
    rows = {row["key"]: (row["organisation"], row["scopes"]) for row in (await command("keys", "list")).rows}
    assert rows == {key: (NUMBER, "provision,history"), operator: ("operators", "operator"), admin: (NUMBER, "admin")}
    assert handle(await command("keys", "rotate", operator, "--expires", "90d"))
    only = (await command("keys", "list", "--organisation", NUMBER, "--json")).document
    assert {each["handle"] for each in only} == {key, admin}


async def test_the_last_use_of_a_key_is_written_now_and_then(command: Command, key: str, engine: AsyncEngine) -> None:
    """What can't be written is so the next time, and what was noted lately is not written again."""
    async with engine.begin() as conn:
        found = await tenants.find_key(conn, key)
    assert found is not None
    uses = KeyUses(engine)

    async def used() -> str:
        await uses.write()
        return (await command("keys", "list")).rows[0]["last used"]

    assert await used() == ""
    uses.note(found["id"])
    async with engine.begin() as conn:
        await conn.execute(sa.text("ALTER TABLE api_key_use RENAME TO elsewhere"))
    with structlog.testing.capture_logs() as lines:
        await uses.write()
    assert [line["event"] for line in lines] == ["uses of keys not written"]
    async with engine.begin() as conn:
        await conn.execute(sa.text("ALTER TABLE elsewhere RENAME TO api_key_use"))
    first = await used()
    assert first
    async with engine.begin() as conn:
        before = await conn.scalar(sa.text("SELECT xmin::text FROM api_key_use"))
    uses.note(found["id"])
    uses.note(uuid4())
    assert await used() == first
    async with engine.begin() as conn:
        assert await conn.scalar(sa.text("SELECT xmin::text FROM api_key_use")) == before
        await conn.execute(sa.text("UPDATE api_key_use SET used_at = used_at - interval '6 minutes'"))
    uses.note(found["id"])
    assert await used() >= first


async def test_what_changes_an_organisation_or_a_key_shows_it_as_json(command: Command, engine: AsyncEngine) -> None:
    """As its list does; a new key's text is in it once."""
    of = ("--number", NUMBER, "--json")
    made = (await command("organisations", "create", *of, "--name", "Exempelby")).document
    for verb, *changes in (
        ("set", "--eppn-domain", "edu.example.se"),
        ("rename", "--name", "By"),
        ("disable",),
        ("enable",),
    ):
        shown = (await command("organisations", verb, *of, *changes)).document
        assert [shown] == (await command("organisations", "list", "--json")).document
    assert made == {"id": made["id"], **shown, "name": "Exempelby", "eppn_domains": []}
    first = (await command("keys", "create", "--organisation", NUMBER, "--scopes", "history", "--json")).document
    second = (await command("keys", "rotate", first["handle"], "--json")).document
    revoked = (await command("keys", "revoke", first["handle"], "--json")).document
    for key in (first, second):
        assert parse(key.pop("key")) is not None
        assert (key["counts"], key["created_at"][-1]) == (True, "Z")
    assert [revoked, second] == (await command("keys", "list", "--json")).document
    assert not revoked["counts"]


async def test_a_pause_and_its_end_are_shown_as_json(command: Command, key: str) -> None:
    """As the API shows them to operators."""
    of = ("--organisation", NUMBER, "--json")
    paused = (await command("pause", *of, "--reason", "Underhåll")).document
    [only] = paused["pauses"]
    assert (only["by"], only["reason"], only["since"][-1]) == ("operator", "Underhåll", "Z")
    assert paused == {"organisation": NUMBER, "activity_id": None, "paused": True, "pauses": [only]}
    assert (await command("resume", *of)).document == {**paused, "paused": False, "pauses": []}


async def test_the_health_and_a_migration_are_told_as_json(command: Command) -> None:
    ill = await command("health", "--json")
    assert (ill.code, ill.document, "heard of" in ill.err) == (1, {"at_work": False, "worker": None}, True)
    migrated = await command("migrate", "--json")
    assert (migrated.code, migrated.document["changes_placed_anew"]) == (0, False)


# Runs and jobs


@pytest.fixture
async def there(database_url: str) -> AsyncIterator[tuple[Run, Run, Run]]:
    """A failed run of one organisation; a succeeded and a queued one of another, the newest last."""
    engine = engine_of(database_url)
    one, other = await Tenant.make(engine), await Tenant.make(engine)
    yield await make_run(one, "failed"), await make_run(other, "succeeded"), await make_run(other, "queued")
    await engine.dispose()


async def test_runs_and_jobs_of_all_organisations_are_listed(command: Command, there: tuple[Run, Run, Run]) -> None:
    """The newest first, narrowed as asked, and without the names that organisations have given."""
    failed, succeeded, queued = there
    ids = [row["run"] for row in (await command("runs", "list")).rows]
    # The queued one waits behind another.
    assert [ids[0], *ids[2:]] == [str(run.id) for run in (queued, succeeded, failed)]
    [row] = (await command("runs", "list", "--status", "failed", "--status", "cancelled")).rows
    assert (row["run"], row["organisation"], row["stage"]) == (str(failed.id), failed.tenant.number, "persons")
    assert row["outcome"] == "with_errors"
    assert [each["run"] for each in (await command("runs", "list", "--outcome", "clean")).rows] == [str(succeeded.id)]
    assert len((await command("runs", "list", "--limit", 2)).rows) == 2
    found = (await command("runs", "list", "--activity", failed.activity_id, "--json")).document
    assert [each["id"] for each in found] == [str(failed.id)]
    jobs = (await command("jobs", "list", "--run", failed.id)).rows
    assert [(job["job"], job["stage"]) for job in jobs] == [
        (str(job_id), stage)
        for job_id, stage in zip(failed.jobs, ("persons", "duties", "groups", "activities"), strict=True)
    ]
    narrowed = await command(
        "jobs", "list", "--stage", "groups", "--outcome", "clean", "--status", "succeeded", "--json"
    )
    assert [each["run_id"] for each in narrowed.document] == [str(succeeded.id)]
    assert (await command("jobs", "list", "--since", "2099-01-01")).rows == []
    for listing in ("runs", "jobs"):
        plain, named = [(await command(listing, "list", *more)).out for more in ((), ("--names",))]
        assert (KEY in plain, KEY in named) == (False, True)
        assert EXAM not in plain + named
        documents = await command(listing, "list", "--json")
        assert EXAM not in documents.out
        assert KEY not in documents.out


async def test_a_run_is_shown_with_its_jobs(command: Command, there: tuple[Run, Run, Run]) -> None:
    failed, *_ = there
    shown = await command("runs", "show", failed.id)
    assert (shown.code, str(failed.id) in shown.out, EXAM in shown.out) == (0, True, False)
    document = (await command("runs", "show", failed.id, "--json")).document
    assert (document["id"], document["organisation"], len(document["jobs"])) == (
        str(failed.id),
        failed.tenant.number,
        4,
    )
    named = (await command("runs", "show", failed.id, "--names")).out
    assert (KEY in named, EXAM in named) == (True, False)


async def test_a_run_is_cancelled_and_goes_on(command: Command, there: tuple[Run, Run, Run]) -> None:
    failed, succeeded, queued = there
    assert (await command("runs", "cancel", queued.id)).out == f"{queued.id} cancelled\n"
    assert "is finished (succeeded)" in (await command("runs", "cancel", succeeded.id)).err
    assert "The run has succeeded" in (await command("runs", "retry", succeeded.id)).err
    retried = await command("runs", "retry", failed.id, "--on-record-error", "continue", "--json")
    assert (retried.document["status"], retried.document["on_record_error"]) == ("running", "continue")
    cancelled = await command("runs", "cancel", failed.id, "--json")
    assert (cancelled.document["id"], cancelled.document["status"]) == (str(failed.id), "cancelled")


# Settings


async def test_the_settings_are_checked(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """All that is wrong is said at once, and no secret is shown."""
    key = f"one:{'A' * 43}="
    for name, value in {**NOWHERE, "TOKEN_KEYS": key, "ENCRYPTION_KEYS": key}.items():
        monkeypatch.setenv(name, value)
    well = await command("config", "check")
    assert (well.code, well.err) == (0, "")
    assert "ENCRYPTION_KEYS=(set)" in well.out
    assert "AAAA" not in well.out
    monkeypatch.setenv("TOKEN_KEYS", "short")
    monkeypatch.setenv("REDIS_URL", "nowhere")
    monkeypatch.setenv("SKOLVERKET_CA_FILE", "/nowhere.pem")
    monkeypatch.delenv("SKOLVERKET_OPEN_DATA_URL")
    ill = await command("config", "check", "--json")
    assert (ill.code, ill.document["well"]) == (1, False)
    said = [sentence.split()[0].strip(":,") for sentence in ill.document["problems"]]
    assert said == ["REDIS_URL", "TOKEN_KEYS", "SKOLVERKET_CA_FILE", "SKOLVERKET_OPEN_DATA_URL"]
    monkeypatch.setenv("FAULT_HORIZON", "6")
    unread = await command("config", "check")
    assert (unread.code, "FAULT_HORIZON: give a number with its unit" in unread.out) == (1, True)


async def test_keys_may_lie_in_a_file_that_its_owner_alone_reads(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = tmp_path / "keys"
    file.touch(0o600)
    file.write_text(f"one:{'A' * 43}=\n")
    monkeypatch.delenv("ENCRYPTION_KEYS")
    for name, value in {**NOWHERE, "ENCRYPTION_KEYS_FILE": str(file)}.items():
        monkeypatch.setenv(name, value)
    assert (await command("config", "check")).code == 0
    file.chmod(0o644)
    assert "others can open" in (await command("config", "check")).out
    file.unlink()
    assert "cannot be read" in (await command("config", "check")).out
    monkeypatch.setenv("ENCRYPTION_KEYS", f"one:{'A' * 43}=")
    assert "are both set" in (await command("config", "check")).out


async def test_the_version_and_help_are_there(command: Command) -> None:
    assert (await command("--version")).out.startswith("provkedja ")
    for nothing in ((), ("runs",), ("keys",)):
        ended = await command(*nothing)
        assert (ended.code, "Usage" in ended.out + ended.err) == (2, True)


async def test_webhooks_of_all_are_listed_and_one_is_disabled_and_replayed(command: Command, tenant: Tenant) -> None:
    """With no secret; of an organisation's own number alone."""
    async with tenant.engine.begin() as conn:
        made = await webhooks.create_webhook(
            conn,
            tenant.cipher,
            url="https://host.example.se/hook",
            types=["run.failed"],
            description="",
            enabled=True,
            secret=b"secret-7319" * 3,
        )
        test = await deliveries.add_test(conn, tenant.organisation_id, made["id"])
    # One that has its check digit.
    await tenant.do("UPDATE organisation SET number = :number", number=NUMBER)
    listed = await command("webhooks", "list")
    assert [(row["webhook"], row["organisation"]) for row in listed.rows] == [(str(made["id"]), NUMBER)]
    assert "secret" not in listed.out
    of = ("--organisation", NUMBER)
    [shown] = (await command("webhooks", "deliveries", made["id"], *of, "--json")).document
    assert (shown["id"], shown["type"], shown["status"]) == (str(test["id"]), "webhook.test", "pending")
    assert (await command("webhooks", "replay", made["id"], test["id"], *of)).out == f"{test['id']} is sent again\n"
    assert (await command("webhooks", "replay", made["id"], test["id"], *of, "--json")).document["id"] == shown["id"]
    assert (await command("webhooks", "disable", made["id"], *of)).out == f"{made['id']} is disabled\n"
    disabled = (await command("webhooks", "disable", made["id"], *of, "--json")).document
    [row] = (await command("webhooks", "list", "--json")).document
    assert disabled == row
    assert (row["enabled"], row["gone_at"]) == (False, None)
    for slip in (("replay", made["id"], test["id"]), ("disable", uuid4())):
        ended = await command("webhooks", *slip, *of)
        assert (ended.code, len(ended.err.splitlines())) == (1, 1)


@pytest.fixture
async def erasing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of erasures of an organisation with this number, whose contents commands open."""
    keys = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in the_cipher().masters.items())
    monkeypatch.setenv("ENCRYPTION_KEYS", keys)
    monkeypatch.setenv("ERASURES_FILE", str(tmp_path / "erasures.jsonl"))
    await tenant.do("UPDATE organisation SET number = :number", number=NUMBER)
    return tmp_path / "erasures.jsonl"


async def test_a_person_is_named_by_what_stands_on_stdin(
    command: Command, tenant: Tenant, erasing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an id or a personnummer, which is printed nowhere; a second one with that number is not erased by chance."""
    one, same = pupil(civicNo={"value": "201203059983"}), pupil(civicNo={"value": "201203059983"})
    activity_id = await tenant.store({"persons": [one]})
    of = ("erase", "--organisation", NUMBER, "--person")

    async def asked(text: str) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
        return await command(*of, "-", "--json")

    ended = await asked("20120305-9983")
    assert (ended.code, ended.document["object_id"], ended.document["erased_at"]) == (0, one["id"], None)
    assert "9983" not in ended.out.replace(one["id"], "") + ended.err
    assert await tenant.value("SELECT key FROM task WHERE kind = 'erase'") == (
        f"{tenant.organisation_id} persons {one['id']}"
    )
    await tenant.store({"persons": [one, same]}, activity_id)
    several = await asked("201203059983")
    assert (several.code, "2 persons have that personnummer" in several.err) == (1, True)
    assert "201203059983" not in several.out + several.err
    assert (await asked("201203059991")).code == 1
    assert (await command(*of, same["id"])).code == 0
    replayed = await command("erase", "--replay")
    assert "the file cannot be read" in replayed.err, "workers alone write it"


async def test_an_erasure_is_of_one_thing_and_wants_its_file(
    command: Command, tenant: Tenant, erasing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, of = str(uuid4()), ("--organisation", NUMBER)
    for slip in ((), of, (*of, "--all", "--person", person), (*of, "--replay", "--all"), ("--person", person)):
        assert (await command("erase", *slip)).code == 2
    assert (await command("erase", *of, "--person", person)).code == 1, "there is no such person"
    assert (await command("erase", "--replay")).code == 1, "there is no such file"
    erasures_file.append(str(erasing), Erased(OTHER, "persons", "00", datetime.now(UTC)))
    assert (await command("erase", "--replay", "--json")).document == {"lines": 1, "asked_for_again": 0}
    assert (await command("erase", *of, "--all", "--json")).document["object_id"] == str(tenant.organisation_id)
    monkeypatch.delenv("ERASURES_FILE")
    refused = await command("erase", *of, "--all")
    assert (refused.code, "ERASURES_FILE is not set" in refused.err) == (1, True)
