"""`make demo` and `make serve`: what they start is there again the next time, as it was."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.roster import reference_only
from app.demo.show import invent
from app.errors import Stopped
from app.local import local_stack
from app.local.environment import new_keys, outer_environment
from app.local.launcher import Launcher
from app.local.organisation import create_organisation, first_organisation
from app.local.server import free_port
from tests.conftest import ROOT

KEYS = new_keys()["ENCRYPTION_KEYS"]
SCOPES = ("provision", "history", "pii")
# As a person does it who has read docs/first-steps.md.
_CREATE = '. .local/env && exec "$0" -m app organisations create --number 2120009820 --name "Exempelstads kommun"'


@pytest.fixture
def folder(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the commands are given, with Postgres and Valkey of the session."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return tmp_path


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m app …` in the test's folder."""
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        yield start


def shown(process: subprocess.Popen[str]) -> dict[str, str]:
    """Reads what `up` shows once all are ready, by the first word of each line."""
    lines: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        word, _, rest = line.strip().partition(" ")
        lines[word] = rest.strip()
        if word == "Ctrl-C":
            return lines
    pytest.fail(f"up ended with {process.wait()}", pytrace=False)


def test_a_demonstration_may_be_small(folder: Path, command: Callable[..., subprocess.Popen[str]]) -> None:
    """Sixty persons are three schools, provisioned to their end."""
    demo = command("demo", "--persons", "60")
    printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, printed
    assert "Underlaget har tagits emot" in printed
    assert "60 användare" in printed


def test_a_demonstration_that_cannot_be_made_says_so() -> None:
    with pytest.raises(Stopped, match="no roster of 19 persons"):
        invent(19)


@pytest.mark.parametrize("persons", [20, 21, 39, 60, 99, 100, 199, 2000])
def test_a_demonstration_of_any_size_has_defects(persons: int) -> None:
    generated = invent(persons)
    assert len(generated["persons"]) == persons
    assert generated["planted"]


def test_the_path_by_hand_ends_in_four_stages_with_records(
    folder: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    """Its lines are run as they stand there, by a shell, in the folder of `make serve`; what it shows is so.

    So are those by which an integrator begins, on the service that is up already.
    """
    page = (ROOT / "docs/first-steps.md").read_text(encoding="utf-8")
    form = r"The whole path by hand.*?^```sh\n(.*?)^```.*?^```console\n(.*?)^```"
    path = re.search(form, page, re.DOTALL | re.MULTILINE)
    assert path is not None
    up = shown(command("up", "--port", str(free_port())))
    (folder / ".venv").symlink_to(sys.prefix)
    printed = by_hand(path[1], folder)
    stages = re.findall(r"^\('(\w+)', '(\d+) (\w+): \d+ done", printed, re.MULTILINE)
    assert [(status, kind) for status, _, kind in stages] == [
        ("succeeded", kind) for kind in ("users", "duties", "groups", "activities")
    ]
    assert all(int(total) > 0 for _, total, _ in stages)
    shown_there = [line.removesuffix("…") for line in path[2].splitlines()]
    assert [line for line in shown_there if f"\n{line}" not in f"\n{printed}"] == []
    an_integrator_begins(folder, up)


def by_hand(lines: str, folder: Path) -> str:
    """Has a shell carry lines out in a folder; gives what they print."""
    env = {**outer_environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-u", "-c", lines], cwd=folder, capture_output=True, text=True, timeout=120, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def an_integrator_begins(folder: Path, up: dict[str, str]) -> None:
    """Carries out the lines of docs/integrate.md up to the first client, with the addresses and the key of `up`."""
    page = (ROOT / "docs/integrate.md").read_text(encoding="utf-8").partition("## What to build on")[0]
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    here = {
        "http://127.0.0.1:8000": up["API"].removesuffix("/docs"),
        "http://127.0.0.1:8100": up["simulator"],
        "pk_…": up["key"],
    }
    for there, ours in here.items():
        assert lines.count(there) == 1
        lines = lines.replace(there, ours)
    _, activity, causes, plan, run, records, readiness = bodies(by_hand(lines, folder))
    assert activity["roster"]["counts"]["persons"] == 200
    assert causes["data"]
    assert plan["activity_id"] == run["activity_id"] == activity["id"]
    assert run["status"] == "succeeded"
    assert {record["status"] for record in records["data"]} == {"error"}
    assert readiness["pupils"]["through"] > 0


def bodies(printed: str) -> list[dict[str, Any]]:
    """Takes apart what was answered, body after body; what else was printed stands before them."""
    found, reader, printed = list[dict[str, Any]](), json.JSONDecoder(), printed[printed.index("{") :]
    while printed:
        body, end = reader.raw_decode(printed)
        found.append(body)
        printed = printed[end:].lstrip()
    return found


def test_serve_starts_again_with_its_port_and_whatever_was_made_meanwhile(
    tmp_path: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    """Port, key and data stay, also when its owner was killed and an organisation was made by hand."""
    port = free_port()
    first = command("up", "--port", str(port))
    before = shown(first)
    assert before["API"] == f"http://127.0.0.1:{port}/docs"
    subprocess.run(["sh", "-c", _CREATE, sys.executable], cwd=tmp_path, env=outer_environment(), check=True)
    first.kill()
    second = command("up")
    after = shown(second)
    assert (after["API"], after["key"]) == (before["API"], before["key"])
    answer = httpx.get(
        f"http://127.0.0.1:{port}/jobs", headers={"Authorization": f"Bearer {after['key']}"}, trust_env=False
    )
    assert answer.status_code == 200
    second.send_signal(signal.SIGHUP)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0


def test_a_folder_has_one_stack(
    folder: Path, command: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second `serve` says who is up, a demonstration joins it; processes that a killed owner left are waited for."""
    owner, reference = command("up", "--port", str(free_port())), reference_only(invent(60))
    shown(owner)
    with (
        pytest.raises(Stopped, match=f"already up at .* process {owner.pid} ends it"),
        local_stack.local_stack(folder / ".local", reference, join=False),
    ):
        pass
    with local_stack.local_stack(folder / ".local", reference) as joined:
        assert joined.children == ()
    assert httpx.get(f"{joined.api}/healthz", trust_env=False).status_code == 200
    # It stands still, and has the port.
    os.kill(joined.pids["serve"], signal.SIGSTOP)
    try:
        owner.kill()
        owner.wait()
        monkeypatch.setattr(local_stack, "GONE_WITHIN", 0.2)
        with (
            pytest.raises(Stopped, match="processes of an earlier run do not end"),
            local_stack.local_stack(folder / ".local", reference),
        ):
            pass
    finally:
        os.kill(joined.pids["serve"], signal.SIGCONT)


def test_a_port_that_was_lost_meanwhile_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else listens on a port that had just been free: the next one is tried."""
    with socket.socket() as other, Launcher(tmp_path, outer_environment()) as launcher:
        other.bind(("127.0.0.1", 0))
        other.listen()
        found = iter([other.getsockname()[1], next_port := free_port()])
        monkeypatch.setattr(local_stack, "free_port", lambda _: next(found))
        assert local_stack._launch_on(8100, launcher, "simulator").port == next_port


async def test_the_first_organisation_keeps_its_key_beside_others(database_url: str) -> None:
    """Others that are made meanwhile are nobody else's; a key that opens nothing is replaced."""
    key = await first_organisation(database_url, KEYS, "2120009812", "First", SCOPES, None)
    await create_organisation(database_url, KEYS, "2120009820", "Second", SCOPES)
    assert await first_organisation(database_url, KEYS, "2120009812", "First", SCOPES, key) == key
    assert await first_organisation(database_url, KEYS, "2120009812", "First", SCOPES, "no key") != key


async def test_a_database_of_somebody_else_is_left_alone(database_url: str) -> None:
    """A worker that calls a simulator would carry its organisations' jobs there."""
    await create_organisation(database_url, KEYS, "2120009820", "Somebody", SCOPES)
    with pytest.raises(Stopped, match="a database of its own"):
        await first_organisation(database_url, KEYS, "2120009812", "First", SCOPES, None)
