"""What commands take: organisation numbers, lengths of time, when a key expires; and how what they print looks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import typer

from app.cli.arguments import read_expiry, read_id, read_moment
from app.cli.output import print_json, print_list
from app.domain.organisation_number import read_number
from app.settings import read_duration

NOW = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2120000001", "212000-0001", " 212000-0001 "])
def test_an_organisation_number_is_ten_digits_with_or_without_a_hyphen(text: str) -> None:
    assert read_number(text) == "2120000001"


@pytest.mark.parametrize("text", ["", "212000001", "21200000011", "2120-000001", "212000–0001", "21200O0001", "x"])
def test_what_has_another_form_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="has ten digits"):
        read_number(text)


def test_one_mistyped_digit_and_any_two_neighbours_swapped_are_noticed() -> None:
    """Of the swaps all but that of 0 and 9, which the check digit cannot tell."""
    number = "2120009812"
    wrong = [
        number[:at] + digit + number[at + 1 :] for at in range(10) for digit in "0123456789" if digit != number[at]
    ]
    wrong += [
        number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        for at in range(9)
        if number[at] != number[at + 1] and {number[at], number[at + 1]} != {"0", "9"}
    ]
    assert read_number(number) == number
    for each in wrong:
        with pytest.raises(ValueError, match="check digit"):
            read_number(each)


@pytest.mark.parametrize("text", ["6", "", "h", "6 hours", "-6h", "6h30m", "1e3s", "9999999999h", "999999999 d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unit"):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("90d", datetime(2027, 5, 30, 12, 30, tzinfo=UTC)),
        ("2 h", datetime(2027, 3, 1, 14, 30, tzinfo=UTC)),
        ("2027-06-30", datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)),
        ("2027-03-01", datetime(2027, 3, 1, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_key_expires_after_a_time_or_with_a_day(text: str, expires: datetime) -> None:
    assert read_expiry(text, NOW) == expires


@pytest.mark.parametrize("text", ["", "90", "2027-02-30", "2027-02-28", "0s", "30/6/2027", "999999999d", "2027-06"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 90d or 2027-06-30|over already"):
        read_expiry(text, NOW)


def test_a_time_without_an_offset_is_utc_and_one_with_an_offset_stays() -> None:
    for text in ("2027-03-01T12:30", "2027-03-01 12:30:00", "2027-03-01T13:30:00+01:00", "2027-03-01T12:30:00Z"):
        assert read_moment(text) == NOW
    assert read_moment("2027-03-01") == datetime(2027, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("read", "form"), [(read_moment, "such as 2027-03-01"), (read_id, "36 characters")])
def test_what_is_no_time_or_no_id_is_told_the_form(read: Callable[[str], object], form: str) -> None:
    with pytest.raises(typer.BadParameter, match=form) as refused:
        read("yesterday")
    assert "yesterday" not in str(refused.value)


ROWS = [
    {"id": UUID(int=1), "name": "Två ord\toch en tabb", "at": NOW, "of": ["a", "b"], "none": None, "counts": True},
    {"id": UUID(int=2), "name": "x" * 300, "at": NOW + timedelta(hours=1), "of": [], "none": None, "counts": False},
]
COLUMNS = {name: lambda row, name=name: row[name] for name in ROWS[0]}


def test_in_a_pipe_a_row_is_a_line_and_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow the terminal is said to be, and without colours also where they are asked for."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_list(ROWS, COLUMNS, as_json=False)
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["id", "name", "at", "of", "none", "counts"],
        [str(UUID(int=1)), "Två ord och en tabb", "2027-03-01T12:30:00Z", "a, b", "", "yes"],
        [str(UUID(int=2)), "x" * 300, "2027-03-01T13:30:00Z", "", "", "no"],
    ]


def test_at_a_terminal_a_list_is_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_list(ROWS, COLUMNS, as_json=False)
    [_, headings, _, first, second, _] = capsys.readouterr().out.splitlines()
    assert "counts" in headings
    assert str(UUID(int=1)) in first
    assert "x" * 300 in second


def test_what_is_too_wide_for_the_terminal_has_a_line_for_each_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an id can be copied: in a narrow column it would be in pieces."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_list(ROWS, COLUMNS, as_json=False)
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert first.splitlines() == [
        f"id      {UUID(int=1)}",
        "name    Två ord och en tabb",
        "at      2027-03-01T12:30:00Z",
        "of      a, b",
        "counts  yes",
    ]
    assert f"name    {'x' * 300}" in second


def test_json_is_one_document_with_its_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(ROWS, COLUMNS, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [row["counts"] for row in shown] == [True, False]
    assert (shown[0]["id"], shown[0]["at"], shown[0]["of"]) == (str(UUID(int=1)), "2027-03-01T12:30:00Z", ["a", "b"])
    print_json({"none": None})
    assert json.loads(capsys.readouterr().out) == {"none": None}
