"""Every command that shows or changes something of organisations has its row of the audit, with who typed it."""

import base64
import getpass
import io
import os
from dataclasses import replace
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.audit_chain import chain_some
from app.db.cipher import cipher_of
from tests.database.commands import Command, Ended
from tests.database.factories import Tenant, pupil, small_roster, the_cipher
from tests.unit.test_command_line_page import COMMANDS, verbs

# Commands that touch nothing of an organisation, and those whose own tests look at their row.
NUMBER: Final = "2120009812"
OTHERS: Final = {
    *(("serve",), ("worker",), ("simulator",), ("up",), ("demo",), ("migrate",), ("health",), ("doctor",)),
    *(("config", "check"), ("roster", "generate"), ("roster", "check"), ("audit", "verify")),
}


@pytest.fixture
async def mine(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Tenant:
    """An organisation with a run, whose keys the commands have, and a file of erasures."""
    tenant = replace(await Tenant.make(engine), number=NUMBER)
    async with engine.begin() as conn:
        await conn.execute(sa.text("UPDATE organisation SET number = :number"), {"number": NUMBER})
    masters = the_cipher().masters
    listed = ",".join(f"{name}:{base64.b64encode(each).decode()}" for name, each in masters.items())
    monkeypatch.setenv("ENCRYPTION_KEYS", listed)
    monkeypatch.setenv("ERASURES_FILE", str(tmp_path / "erasures"))
    (tmp_path / "erasures").touch()
    return tenant


async def rows(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as conn:
        return list((await conn.execute(sa.text("SELECT * FROM audit ORDER BY at, id"))).mappings())


def done(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err
    return ended


async def test_each_command_has_its_row(
    command: Command,
    mine: Tenant,
    engine: AsyncEngine,
) -> None:
    roster = small_roster()
    run = await mine.new_run(roster)
    number = mine.number
    made = done(await command("keys", "create", "--organisation", number, "--scopes", "history", "--name", "Ett"))
    handle = made.out.split("_")[1]
    tried: dict[tuple[str, ...], tuple[str, tuple[object, ...]]] = {
        ("organisations", "set"): ("set_organisation", ("--number", number, "--eppn-domain", "edu.example.se")),
        ("organisations", "rename"): ("rename_organisation", ("--number", number, "--name", "Nya")),
        ("organisations", "disable"): ("disable_organisation", ("--number", number)),
        ("organisations", "enable"): ("enable_organisation", ("--number", number)),
        ("organisations", "list"): ("list_organisations", ()),
        ("keys", "list"): ("list_keys", ("--organisation", number)),
        ("keys", "rotate"): ("rotate_key", (handle,)),
        ("keys", "revoke"): ("revoke_key", (handle,)),
        ("runs", "list"): ("list_runs", ("--organisation", number)),
        ("runs", "show"): ("show_run", (run.id,)),
        ("jobs", "list"): ("list_runs", ("--organisation", number)),
        ("webhooks", "list"): ("list_webhooks", ("--organisation", number)),
        ("open-data",): ("list_open_data", ("--organisation", number)),
        ("audit", "show"): ("read_audit", ("--organisation", number)),
        ("reencrypt",): ("reencrypt", ()),
        ("privacy", "report"): ("report_privacy", ("--organisation", number)),
        ("sign-in", "map"): (
            "map_claim",
            (
                "--organisation",
                number,
                "--issuer",
                "https://id.example.se",
                "--claim",
                "groups",
                "--value",
                "a",
                "--scopes",
                "audit",
            ),
        ),
        ("sign-in", "list"): ("list_mappings", ("--organisation", number)),
    }
    assert (await rows(engine))[-1]["action"] == "create_key"
    for verb, (action, arguments) in tried.items():
        before = len(await rows(engine))
        done(await command(*verb, *arguments))
        found = (await rows(engine))[before:]
        assert [each["action"] for each in found] == [action], verb
        assert (found[0]["actor_kind"], found[0]["actor"], found[0]["via"]) == ("command", getpass.getuser(), "command")
        if number in map(str, arguments) and verb != ("webhooks", "list"):
            assert found[0]["organisation_id"] == mine.organisation_id, verb
    # What takes a running Redis, a webhook or a worker has its row in the same way, and is looked for in the code.
    elsewhere = {
        *(("organisations", "create"), ("keys", "create"), ("organisations", "check")),
        *(("webhooks", "deliveries"), ("webhooks", "replay"), ("webhooks", "disable")),
        *(("runs", "cancel"), ("runs", "retry"), ("pause",), ("resume",), ("erase",), ("sign-in", "unmap")),
    }
    assert {*verbs(COMMANDS)} == {*tried} | elsewhere | OTHERS


async def test_an_erasure_that_is_asked_for_is_about_its_person(
    command: Command,
    mine: Tenant,
    engine: AsyncEngine,
) -> None:
    somebody = pupil()
    await mine.store({"persons": [somebody]})
    done(await command("erase", "--organisation", mine.number, "--person", somebody["id"]))
    shown = done(await command("audit", "show", "--organisation", mine.number, "--person", somebody["id"], "--json"))
    assert [each["action"] for each in shown.document] == ["read_audit", "ask_for_erasure"]
    assert somebody["id"] not in str(await rows(engine))


async def test_a_person_is_asked_for_by_a_number_that_nobody_sees(
    command: Command,
    mine: Tenant,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    somebody = pupil()
    await mine.store({"persons": [somebody]})
    monkeypatch.setattr("sys.stdin", io.StringIO(somebody["civicNo"]["value"] + "\n"))
    shown = done(await command("audit", "show", "--organisation", mine.number, "--person", "-", "--json"))
    assert [each["action"] for each in shown.document] == ["read_audit"]
    assert somebody["civicNo"]["value"] not in str(await rows(engine))


async def test_rows_are_shown_of_a_key_and_since_a_time(
    command: Command,
    mine: Tenant,
) -> None:
    await command("keys", "list", "--organisation", mine.number)
    of_a_key = done(await command("audit", "show", "--organisation", mine.number, "--key", "3f9a1c0d5e7b", "--json"))
    assert of_a_key.document == []
    since = done(await command("audit", "show", "--organisation", mine.number, "--since", "2999-01-01", "--json"))
    assert since.document == []
    shown = done(await command("audit", "show", "--organisation", mine.number, "--json"))
    assert [each["action"] for each in shown.document] == ["read_audit", "read_audit", "read_audit", "list_keys"]


async def test_verify_says_what_is_wrong_and_where(
    command: Command,
    mine: Tenant,
    engine: AsyncEngine,
) -> None:
    done(await command("keys", "list"))
    done(await command("organisations", "list"))
    async with engine.begin() as conn:
        await chain_some(conn, cipher_of(os.environ["ENCRYPTION_KEYS"]))
    held = done(await command("audit", "verify", "--json")).document
    assert (held["holds"], held["end"]) == (True, 2)
    assert "holds from 1 to 2:" in done(await command("audit", "verify")).out
    assert done(await command("audit", "verify", "--from", held["anchor"])).code == 0
    async with engine.begin() as conn:
        await conn.execute(sa.text("SET LOCAL session_replication_role = replica"))
        await conn.execute(sa.text("UPDATE audit SET actor = 'somebody else' WHERE action = 'list_organisations'"))
    broken = await command("audit", "verify")
    assert (broken.code, "2: changed" in broken.err) == (1, True)
    as_json = await command("audit", "verify", "--json")
    assert (as_json.code, as_json.document["holds"]) == (1, False)
    assert (await command("audit", "verify", "--from", "2")).code == 2
