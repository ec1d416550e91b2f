"""What the terminal shows of a run is what the service answered."""

import io
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType

from app.demo.report import failed_records, live_table, summary_table

COUNTS = ("total", "pending", "sent", "succeeded", "warnings", "errors", "skipped")


def job(title: str, status: str, counts: tuple[int, ...], started: str | None, finished: str | None) -> dict[str, Any]:
    progress = dict(zip(COUNTS, counts, strict=True))
    return {
        "id": title,
        "title": title,
        "status": status,
        "progress": progress,
        "started_at": started,
        "finished_at": finished,
    }


# By job id, which is the title here.
SENT = {"Användare": 1999, "Tjänstgöringar": 145}


@pytest.fixture
def run() -> dict[str, Any]:
    """A run in the middle of its second stage."""
    return {
        "id": "0b9c9a3e-5f1e-4a55-9d43-0d1c8b6d1f10",
        "status": "running",
        "started_at": "2026-11-23T10:00:00Z",
        "finished_at": None,
        "jobs": [
            job(
                "Användare",
                "succeeded",
                (2011, 0, 0, 1988, 11, 12, 0),
                "2026-11-23T10:00:00Z",
                "2026-11-23T10:00:07.250000Z",
            ),
            job("Tjänstgöringar", "running", (176, 31, 42, 97, 1, 2, 3), "2026-11-23T10:00:08+00:00", None),
            job("Grupper", "waiting", (231, 231, 0, 0, 0, 0, 0), None, None),
            job("Aktiviteter", "waiting", (0, 0, 0, 0, 0, 0, 0), None, None),
        ],
    }


def record(status: str = "error", **fields: Any) -> dict[str, Any]:
    message = {
        "severity": "error",
        "code": "4711",
        "text": "Ogiltigt format på [schoolYear].",
        "attribute": "Enrolment.schoolYear",
        "explanation": {"sv": "Årskurs saknas.", "en": "The school year is missing."},
    }
    return {"id": "r1", "kind": "persons", "status": status, "name": "Åke Öberg", "messages": [message]} | fields


def shown(renderable: RenderableType, width: int = 160) -> str:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    console = Console(record=True, width=width, file=terminal, color_system=None)
    console.print(renderable)
    return console.export_text()


def row(text: str, title: str) -> list[str]:
    """The words of the row that begins with the title."""
    line = next(line for line in text.splitlines() if title in line)
    return re.findall(r"[^\s│┃━╸╺]+", line)


def test_a_stage_under_way_shows_its_status_and_counts(run: dict[str, Any]) -> None:
    assert row(shown(live_table(run)), "Tjänstgöringar") == ["Tjänstgöringar", "running", "42", "97", "1", "2", "3"]


def test_all_four_stages_stand_in_their_order(run: dict[str, Any]) -> None:
    text = shown(live_table(run))
    places = [text.index(title) for title in ("Användare", "Tjänstgöringar", "Grupper", "Aktiviteter")]
    assert places == sorted(places)


def test_the_run_and_its_status_stand_above(run: dict[str, Any]) -> None:
    assert "Run 0b9c9a3e-5f1e-4a55-9d43-0d1c8b6d1f10: running" in shown(live_table(run))


@pytest.mark.parametrize(
    ("title", "share"), [("Användare", 1.0), ("Tjänstgöringar", 103 / 176), ("Grupper", 0.0), ("Aktiviteter", 0.0)]
)
def test_the_bar_is_as_full_as_there_are_answers(run: dict[str, Any], title: str, share: float) -> None:
    """Told by the bar itself, since colours carry the difference in a terminal."""
    table = live_table(run)
    place = ["Användare", "Tjänstgöringar", "Grupper", "Aktiviteter"].index(title)
    bar: Any = list(table.columns[1].cells)[place]
    assert bar.completed / bar.total == pytest.approx(share)


def test_the_bar_of_an_empty_stage_is_full_once_it_has_succeeded(run: dict[str, Any]) -> None:
    run["jobs"][3]["status"] = "succeeded"
    bar: Any = list(live_table(run).columns[1].cells)[3]
    assert bar.completed == bar.total


def test_the_summary_has_each_stage_with_its_seconds(run: dict[str, Any]) -> None:
    text = shown(summary_table(run, SENT))
    assert row(text, "Användare") == ["Användare", "succeeded", "2011", "1999", "1988", "11", "12", "0", "7.2"]
    assert row(text, "Tjänstgöringar") == ["Tjänstgöringar", "running", "176", "145", "97", "1", "2", "3", "–"]


def test_the_summary_ends_with_the_whole_run(run: dict[str, Any]) -> None:
    run |= {"status": "succeeded", "finished_at": "2026-11-23T10:01:00.06Z"}
    whole = row(shown(summary_table(run, SENT)), "whole run")
    assert whole == ["whole", "run", "succeeded", "2418", "2144", "2085", "12", "14", "3", "60.1"]


def test_a_failed_record_shows_skolverkets_words_and_the_explanation() -> None:
    text = shown(failed_records([record()]))
    for words in ("persons", "Åke Öberg", "4711", "Ogiltigt format på [schoolYear].", "→ Årskurs saknas."):
        assert words in text


def test_words_of_our_own_are_shown_once() -> None:
    ours = {
        "severity": "error",
        "code": "too_large",
        "text": "För stor.",
        "explanation": {"sv": "För stor.", "en": "-"},
    }
    assert shown(failed_records([record(messages=[ours])])).count("För stor.") == 1


def test_only_records_in_error_are_listed() -> None:
    text = shown(failed_records([record("warning", name="Warned"), record("skipped", name="Skipped"), record()]))
    assert ("Warned" in text, "Skipped" in text, "Åke Öberg" in text) == (False, False, True)


def test_a_warning_beside_an_error_is_left_out() -> None:
    warning = {"severity": "warning", "code": "3047", "text": "Bristfälligt värde", "explanation": None}
    text = shown(failed_records([record(messages=[warning, *record()["messages"]])]))
    assert ("3047" in text, "4711" in text) == (False, True)


def test_the_list_is_cut_and_says_how_many_are_left() -> None:
    text = shown(failed_records([record(name=f"Person {n}") for n in range(5)], limit=3))
    assert ("Person 2" in text, "Person 3" in text, "and 2 more" in text) == (True, False, True)


def test_nothing_in_error_is_said_in_words() -> None:
    assert "No record ended in error." in shown(failed_records([record("succeeded")]))


def test_a_message_without_words_or_explanation_is_shown_by_its_code() -> None:
    bare = {"severity": "error", "code": "9999", "text": None, "attribute": None, "explanation": None}
    assert "9999" in shown(failed_records([record(messages=[bare], name=None)]))


def test_markup_and_lone_surrogates_from_outside_do_no_harm() -> None:
    assert "[red]Åsa?[/]" in shown(failed_records([record(name="[red]Åsa\ud83d[/]")]))


@pytest.mark.parametrize("show", [live_table, lambda run: summary_table(run, SENT)], ids=["live", "summary"])
def test_both_tables_fit_into_eighty_columns(run: dict[str, Any], show: Any) -> None:
    text = shown(show(run), width=80)
    assert "…" not in text
    assert row(text, "Tjänstgöringar")[-1] in {"3", "–"}
