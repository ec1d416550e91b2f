"""What pages are made of: words in both languages, files as they were published, addresses, standings, times."""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from app.api.schemas.parts import Allowed
from app.api.schemas.records import Role
from app.catalogue import catalogue, counted, figures, page_text, phrase
from app.catalogue.entries import MendedBy
from app.db.pauses import By
from app.domain.diagnosis import Level
from app.domain.kinds import Kind
from app.domain.lifecycle import BATCH, JOB, RUN
from app.domain.standing import State
from app.web.files import file
from app.web.history import _OUTCOMES
from app.web.job_page import FILES, SORTS
from app.web.moments import end_of, in_sweden, start_of
from app.web.operations import state_of
from app.web.pages import _WITH_WORDS
from app.web.paths import address, in_other_language, is_operators, is_ours
from app.web.provider_sign_in import REFUSALS
from app.web.run_page import COUNTS
from app.web.seen_page import ACTIONS, VIA
from app.web.sending import POLICIES
from app.web.standings import HEADLINES, STANDINGS, run_headline_of, standing_of
from tests.conftest import ROOT

WEB = ROOT / "app" / "web"
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
OPERATORS = ("pause", "resume", "cancel", "retry")
# Keys that are put together, each from what there is.
TOGETHER = {
    *(f"stage_{kind}" for kind in Kind),
    *(f"cause_{tone}" for tone in ("bad", "warn")),
    *(f"count_{name}" for name in COUNTS),
    *(f"{what}_{action}" for what in ("confirm", "not_now", "sure") for action in ("cancel", "retry", "send_again")),
    *(f"operator_confirm_{each}" for each in (*OPERATORS, "pause_exam", "resume_exam")),
    *(f"operator_sure_{each}" for each in OPERATORS),
    *(f"paused_by_{each}" for each in get_args(By)),
    *(f"level_{each}" for each in get_args(Level)),
    *(f"column_{each}" for each in ("running", "held", "waiting")),
    *(f"policy_{policy}{what}" for policy in POLICIES for what in ("", "_hint")),
    *(f"outcome_{outcome}" for outcome in _OUTCOMES),
    *(f"one_of_{kind}" for kind in Kind),
    *(f"state_{state}" for state in State),
    *(f"mended_by_{each}" for each in get_args(MendedBy)),
    *(f"send_allow_{each}" for each in get_args(Allowed)),
    *(standing.key for standing in STANDINGS),
    *HEADLINES,
    *(f"sort_{each}" for each in SORTS),
    *(f"file_{each}" for each in FILES),
    *(f"role_{each.lower()}" for each in get_args(Role)),
    *(f"field_{each}" for each in ("error", "warning")),
    *(f"seen_{each}" for each in ACTIONS),
    *(f"seen_via_{each}" for each in VIA),
    *(f"seen_by_{each}" for each in ("operator", "command", "service", "unknown")),
    *(f"call_{each}" for each in BATCH),
    *(f"refused_{each}" for each in REFUSALS),
    *(f"error_{status}{what}" for status in (*_WITH_WORDS, 500) for what in ("", "_what_to_do")),
}


def used() -> set[str]:
    """Gives every key that a template or the code names."""
    of_templates = {key for each in TEMPLATES for key in re.findall(r"\bt\('([a-z0-9_]+)'[,)]", each.read_text())}
    code = "".join(each.read_text(encoding="utf-8") for each in WEB.rglob("*.py"))
    return of_templates | {key for key in catalogue().pages if f'"{key}"' in code}


def test_every_text_of_the_pages_is_there_and_is_used() -> None:
    """Both languages are the loader's to hold."""
    assert sorted((used() | TOGETHER) - catalogue().pages.keys()) == []
    assert sorted(catalogue().pages.keys() - used() - TOGETHER) == []


def test_a_personnummer_has_one_name_on_english_pages_and_in_english_files() -> None:
    """Civic number, as in the explanations."""
    assert phrase("column_civic_no", "en") == page_text("column_civic_no", "en", {}) == "Civic number"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_styles_or_scripts_of_its_own(template: Path) -> None:
    """Between tags stands what the catalogue says; the policy forbids the rest."""
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", template.read_text(), flags=re.DOTALL)
    between = re.sub(r"<[^>]*>", " ", text)
    assert [word for word in re.findall(r"[^\W\d_]{2,}", between) if word not in {"http"}] == []
    assert not re.search(r"<style|style=|<script>|\son[a-z]+=|javascript:|https?://", text)


def test_htmx_is_as_it_was_published() -> None:
    lines = [line.split() for line in (WEB / "static" / "SHA256SUMS").read_text().splitlines()]
    assert [name for _, name in lines] == ["htmx.min.js"]
    for digest, name in lines:
        assert hashlib.sha256((WEB / "static" / name).read_bytes()).hexdigest() == digest
        assert digest.startswith(file(name).digest)


def test_addresses_carry_the_language_and_what_is_asked_for() -> None:
    run_id = "0198f6a0-0000-7000-8000-000000000000"
    assert address("run", "sv", run_id=run_id) == f"/historik/korningar/{run_id}"
    assert address("history", "en", status=["failed", "held"], exam=None, stage="") == (
        "/historik?status=failed&status=held&lang=en"
    )
    assert in_other_language("/historik", "status=failed&lang=en", "en") == "/historik?status=failed"
    assert in_other_language("/historik", "status=failed", "sv") == "/historik?status=failed&lang=en"
    assert is_ours(address("history", "en", status=["failed"], to="2026-03-22"))


@pytest.mark.parametrize("status", sorted(RUN.keys() | JOB.keys() | {"held"}))
def test_every_status_has_words_a_sign_and_a_tone(status: str) -> None:
    standing = standing_of({"status": status, "outcome": None})
    assert standing.key == f"standing_{status}"
    assert standing.sign
    assert standing.tone in {"good", "warn", "bad", "busy", "still"}


@pytest.mark.parametrize(
    ("status", "outcome", "key", "tone"),
    [
        ("succeeded", "clean", "standing_clean", "good"),
        ("succeeded", "with_warnings", "standing_with_warnings", "warn"),
        ("succeeded", "with_errors", "standing_with_errors", "bad"),
        ("succeeded", "nothing_accepted", "standing_nothing_accepted", "bad"),
        ("failed", "with_errors", "standing_failed", "bad"),
        ("cancelled", "with_errors", "standing_cancelled", "still"),
        ("new_tomorrow", None, "standing_other", "still"),
    ],
)
def test_succeeded_is_not_taken_for_all_well(status: str, outcome: str | None, key: str, tone: str) -> None:
    standing = standing_of({"status": status, "outcome": outcome})
    assert (standing.key, standing.tone) == (key, tone)


@pytest.mark.parametrize(
    ("status", "outcome", "key"),
    [
        ("succeeded", "clean", "run_all_arrived"),
        ("succeeded", "with_errors", "run_not_all_arrived"),
        ("failed", "with_errors", "run_stopped"),
        ("cancelled", "clean", "run_was_cancelled"),
        ("running", None, None),
        ("held", None, None),
    ],
)
def test_a_run_that_has_ended_is_summed_up_in_a_sentence(status: str, outcome: str | None, key: str | None) -> None:
    assert run_headline_of({"status": status, "outcome": outcome}) == key


def test_thousands_stand_apart() -> None:
    """In Swedish by a space that keeps the number in one line."""
    assert [figures(number, "sv") for number in (0, 999, 1000, 1234567)] == [
        "0",
        "999",
        "1\N{NO-BREAK SPACE}000",
        "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567",
    ]
    assert figures(1234567, "en") == "1,234,567"
    assert counted("pupil", 20000, "sv") == "20\N{NO-BREAK SPACE}000 elever"


def test_times_are_those_of_clocks_in_sweden() -> None:
    """In summer and in winter; a day has 23 hours when they are put forward."""
    assert in_sweden(datetime(2026, 3, 22, 17, 13, 19, tzinfo=UTC)) == "2026-03-22 18:13:19"
    assert in_sweden(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "2026-07-02 00:30:00"
    # An address may ask for any day.
    assert end_of(date.max) > end_of(date(9999, 12, 30))
    day = date(2026, 3, 29)
    assert (end_of(day).astimezone(UTC) - start_of(day).astimezone(UTC)).total_seconds() == 23 * 3600


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/historik/drift", True),
        ("/historik/drift?lang=en", True),
        ("/historik/drift/2120009812/pausa", True),
        ("/historik", False),
        ("/historik/driftig", False),
        ("/historik/prov", False),
    ],
)
def test_pages_of_operators_are_known_by_their_address(path: str, expected: bool) -> None:
    assert is_operators(path) == expected


@pytest.mark.parametrize(
    ("errors", "warnings", "key", "tone"),
    [(0, 0, "operations_well", "good"), (0, 2, "operations_doubtful", "warn"), (1, 2, "operations_stuck", "bad")],
)
def test_the_gravest_of_what_the_doctor_says_comes_first(errors: int, warnings: int, key: str, tone: str) -> None:
    state = state_of(errors, warnings)
    assert (state.key, state.tone) == (key, tone)


def test_htmx_keeps_no_page_and_runs_no_text() -> None:
    """Nothing of a page lies in the browser's storage, and nothing in an answer is a script to it."""
    layout = (ROOT / "app" / "web" / "templates" / "layout.html").read_text(encoding="utf-8")
    [given] = re.findall(r"name=\"htmx-config\" content='([^']+)'", layout)
    config = json.loads(given)
    assert config["historyCacheSize"] == 0
    assert config["allowEval"] is config["allowScriptTags"] is False
    assert config["selfRequestsOnly"] is True
