"""The judge of exchanges finds each planted mistake once, and none in what is right."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.contract.official_examples import (
    BAD,
    BAD_ANSWERS,
    ENTRY,
    GOOD,
    JSON,
    LIMITS,
    exchange,
    followed,
    person,
    sent,
    status,
)
from tests.exchanges import PUBLISHED, Exchange

if TYPE_CHECKING:
    from tests.contract.official import Breach, Official
    from tests.contract.official_report import Report
    from tests.contract.official_schemas import Side

pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published documents beside the project")

# What openapi-core's own schemas and casts let through.
LET_THROUGH = {"relative location", "relative Location", "surrogate"}


# To read openapi-core takes a second, which every process that only collects tests is spared.
@cache
def official(*, compiled: bool = True) -> "Official":
    from tests.contract.official import Official

    return Official(PUBLISHED, compiled=compiled)


def breach(side: "Side", operation: str, status: int | None, place: str, rule: str) -> "Breach":
    from tests.contract.official import Breach

    return Breach(side, operation, status, place, rule)


def reported(exchanges: list[Exchange]) -> "Report":
    from tests.contract.official_report import report_of

    return report_of(official(), exchanges)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_passes(name: str) -> None:
    assert not official().judge(GOOD[name]).breaches


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_in_a_request_is_found_once(name: str) -> None:
    wrong, operation, place, rule = BAD[name]
    assert official().judge(wrong).breaches == {breach("client", operation, None, place, rule): 1}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_mistake_in_an_answer_is_found_once(name: str) -> None:
    wrong, operation, place, rule = BAD_ANSWERS[name]
    assert official().judge(wrong).breaches == {breach("simulator", operation, wrong.status, place, rule): 1}


EVERY = GOOD | {name: wrong[0] for name, wrong in (BAD | BAD_ANSWERS).items()}


@pytest.mark.parametrize("name", [name for name in EVERY if name not in LET_THROUGH])
def test_the_compiled_schemas_agree_with_those_of_openapi_core(name: str) -> None:
    one = EVERY[name]
    assert bool(official(compiled=False).judge(one).breaches) == bool(official().judge(one).breaches)


@pytest.mark.parametrize("name", BAD)
def test_a_request_that_a_test_made_by_hand_may_be_wrong(name: str) -> None:
    by_hand = replace(BAD[name][0], request_headers={**BAD[name][0].request_headers, "user-agent": "python-httpx/0.28"})
    assert not official().judge(by_hand).breaches


def test_the_report_counts_what_was_checked_and_what_was_not() -> None:
    """A planted fault excuses the answer and not the request; what no document describes is counted apart."""
    planted = replace(BAD_ANSWERS["broken off"][0], planted="wrong_json")
    transaction = exchange("POST", "/transaction", {}, 200, {})
    made = [GOOD["send persons"], GOOD["cut"], planted, transaction, replace(BAD["no data"][0], planted="mark")]
    report = reported(made)
    tally = report.tallies["provisioning-api-1.3.2.yaml"]
    assert (tally.exchanges, tally.requests, tally.answers, tally.cut) == (4, 4, 3, 1)
    assert report.outside == {"/transaction": 1}
    assert (report.faults, report.wronged, report.planted.total()) == (2, 1, 1)
    assert [breach.side for breach in report.violations] == ["client"]


def test_no_line_of_the_report_repeats_a_value() -> None:
    secret = "199901019802"
    made = [
        person(id=secret, civicNo=secret),
        sent("persons", [], f"?updateIfExists={secret}&{secret}={secret}"),
        status([], path=f"/{secret}"),
        status([{**ENTRY, "timeOfOccurance": secret}], 404),
        replace(followed(), response_headers={**LIMITS, **JSON, "x-ratelimit-reset": secret + "x"}),
        exchange("GET", f"/{secret}", None, 404, None),
    ]
    report = reported(made)
    assert len(report.violations) >= len(made) - 1
    assert secret not in "\n".join(report.lines())


def test_a_violation_makes_a_run_of_tests_fail(tmp_path: Path) -> None:
    """Its own tests pass; its exchange is a line as the simulator writes it."""
    one = BAD_ANSWERS["unknown status"][0]
    bodies = {part: b64encode(getattr(one, part)).decode() for part in ("request_body", "response_body")}
    (tmp_path / "line.jsonl").write_text(json.dumps({**asdict(one), **bodies}) + "\n")
    (tmp_path / "conftest.py").write_text(
        "from tests.contract.official_plugin import OfficialContract\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(OfficialContract(config))\n"
    )
    (tmp_path / "test_it.py").write_text(
        "from pathlib import Path\n"
        "from tests.exchanges import recorded\n"
        "def test_it():\n"
        f"    Path(recorded(('simulator',))[-1]).write_bytes(Path({str(tmp_path / 'line.jsonl')!r}).read_bytes())\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "violations: 1" in run.stdout
    assert "1 passed" in run.stdout
