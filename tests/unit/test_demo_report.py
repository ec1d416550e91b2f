"""What the terminal shows of a run is what the service answered."""

import io
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType

from app.demo.report import cause_lines, causes, stage_table

COUNTS = ("total", "pending", "sent", "unchanged", "succeeded", "warnings", "errors", "skipped")


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
                (2011, 0, 0, 8, 1980, 11, 12, 0),
                "2026-11-23T10:00:00Z",
                "2026-11-23T10:00:07.250000Z",
            ),
            job("Tjänstgöringar", "running", (176, 31, 42, 0, 97, 1, 2, 3), "2026-11-23T10:00:08+00:00", None),
            job("Grupper", "waiting", (231, 231, 0, 0, 0, 0, 0, 0), None, None),
            job("Aktiviteter", "waiting", (0, 0, 0, 0, 0, 0, 0, 0), None, None),
        ],
    }


def record(status: str = "error", name: str | None = "Åke Öberg", **message: Any) -> dict[str, Any]:
    said = {
        "severity": "warning" if status == "warning" else "error",
        "code": "4711",
        "text": "Ogiltigt format på [schoolYear].",
        "explanation": {"sv": "Årskurs saknas. Fyll i den.", "en": "The school year is missing."},
        "explanation_url": None,
    }
    return {"id": "r1", "kind": "persons", "status": status, "name": name, "messages": [said | message]}


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
    assert row(shown(stage_table(run)), "Tjänstgöringar") == [
        *("Tjänstgöringar", "pågår", "176", "73", "97", "1", "2", "3", "–")
    ]


def test_a_stage_that_has_ended_has_its_seconds(run: dict[str, Any]) -> None:
    """What did not have to be sent is done as well."""
    assert row(shown(stage_table(run)), "Användare") == [
        *("Användare", "klar", "2011", "0", "1988", "11", "12", "0", "7,2")
    ]


def test_all_four_stages_stand_in_their_order(run: dict[str, Any]) -> None:
    text = shown(stage_table(run))
    places = [text.index(title) for title in ("Användare", "Tjänstgöringar", "Grupper", "Aktiviteter")]
    assert places == sorted(places)


def test_the_run_and_its_status_stand_above(run: dict[str, Any]) -> None:
    assert "Körning 0b9c9a3e-5f1e-4a55-9d43-0d1c8b6d1f10: pågår" in shown(stage_table(run))


def test_the_last_row_adds_up_the_whole_run(run: dict[str, Any]) -> None:
    run |= {"status": "succeeded", "finished_at": "2026-11-23T10:01:00.06Z"}
    whole = row(shown(stage_table(run)), "hela körningen")
    assert whole == ["hela", "körningen", "klar", "2418", "304", "2085", "12", "14", "3", "60,1"]


@pytest.mark.parametrize("title", ["Användare", "Tjänstgöringar", "Grupper", "Aktiviteter", "hela körningen"])
def test_the_figures_of_a_row_are_always_the_total(run: dict[str, Any], title: str) -> None:
    total, *figures = (int(word) for word in row(shown(stage_table(run)), title) if word.isdecimal())
    assert sum(figures) == total


@pytest.mark.parametrize(
    ("title", "share"), [("Användare", 1.0), ("Tjänstgöringar", 103 / 176), ("Grupper", 0.0), ("Aktiviteter", 0.0)]
)
def test_the_bar_is_as_full_as_there_are_answers(run: dict[str, Any], title: str, share: float) -> None:
    """Told by the bar itself, since colours carry the difference in a terminal."""
    place = ["Användare", "Tjänstgöringar", "Grupper", "Aktiviteter"].index(title)
    bar: Any = list(stage_table(run).columns[1].cells)[place]
    assert bar.completed / bar.total == pytest.approx(share)


def test_the_bar_of_an_empty_stage_is_full_once_it_has_succeeded(run: dict[str, Any]) -> None:
    run["jobs"][3]["status"] = "succeeded"
    bar: Any = list(stage_table(run).columns[1].cells)[3]
    assert bar.completed == bar.total


def test_the_table_fits_into_eighty_columns(run: dict[str, Any]) -> None:
    text = shown(stage_table(run), width=80)
    assert "…" not in text
    assert row(text, "Tjänstgöringar")[-1] == "–"


def test_records_are_grouped_by_why_they_ended_so_the_most_frequent_first() -> None:
    """By the code's page, or by what is said where there is none; a warning is no error of the same kind."""
    page, other = "/explanations/civic_check_digit", "/explanations/eppn_form"
    records = [
        record(name="A", explanation_url=other),
        *(record(name=name, explanation_url=page) for name in "BC"),
        record("warning", name="D", explanation_url=page),
        *(record(name=name) for name in "EFG"),
        record("succeeded", name="H"),
    ]
    assert [(cause.status, cause.key, cause.says, cause.names) for cause in causes(records)] == [
        ("error", "Årskurs saknas", "Årskurs saknas", ["E", "F", "G"]),
        ("error", page, "", ["B", "C"]),
        ("error", other, "", ["A"]),
        ("warning", page, "", ["D"]),
    ]


def test_a_failed_record_counts_by_its_error_and_not_by_a_warning_beside_it() -> None:
    failed = record()
    failed["messages"].insert(0, {**failed["messages"][0], "severity": "warning", "explanation_url": "/x"})
    assert [cause.key for cause in causes([failed])] == ["Årskurs saknas"]


@pytest.mark.parametrize(
    ("message", "says"),
    [({"explanation": None}, "Ogiltigt format på [schoolYear]."), ({"explanation": None, "text": None}, "4711")],
)
def test_what_has_no_explanation_goes_by_its_words_or_its_code(message: dict[str, Any], says: str) -> None:
    [cause] = causes([record(**message)])
    assert cause.says == says


def test_a_cause_is_one_line_with_how_many_what_and_whom() -> None:
    text = shown(cause_lines(causes([record(name=name) for name in ("Åke Öberg", "Bo Ek", "Cai Ås")]), 8))
    assert text.rstrip("\n").rstrip() == "3 × fel Årskurs saknas: Åke Öberg, Bo Ek, …"


def test_a_long_cause_is_cut_at_the_edge_of_the_terminal() -> None:
    text = shown(cause_lines(causes([record(name="Ek " * 60)]), 8), width=60)
    assert [len(line) <= 60 for line in text.splitlines()] == [True]
    assert (text[:26], text.rstrip()[-1]) == ("1 × fel Årskurs saknas: Ek", "…")


def test_there_are_so_many_lines_and_one_for_the_rest() -> None:
    found = causes([record(name=f"P{n}", explanation={"sv": f"Fel {n}. Gör om.", "en": ""}) for n in range(12)])
    lines = shown(cause_lines(found, 8)).splitlines()
    assert (len(lines), lines[-1]) == (9, "… och 4 poster av andra orsaker")


def test_how_they_ended_stands_in_one_column() -> None:
    found = causes([*(record(name=str(n)) for n in range(10)), record("warning"), record("skipped", code="x")])
    assert [line[:16] for line in shown(cause_lines(found, 8)).splitlines()] == [
        "10 × fel        ",
        " 1 × överhoppad ",
        " 1 × varning    ",
    ]


def test_nothing_wrong_is_said_in_words() -> None:
    assert "Allt gick igenom utan anmärkning." in shown(cause_lines(causes([record("succeeded")]), 8))


def test_markup_and_lone_surrogates_from_outside_do_no_harm() -> None:
    assert "[red]Åsa?[/]" in shown(cause_lines(causes([record(name="[red]Åsa\ud83d[/]")]), 8))
