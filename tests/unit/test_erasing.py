"""What is left of rosters when somebody is erased, which erasures are done again, and the file that names them."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import erasures_file
from app.domain.erasing import Erased, is_missing, left_of

PERSON, DUTY, OTHER = (UUID(int=number) for number in (1, 2, 3))
GONE = frozenset((PERSON, DUTY))
AT = datetime(2026, 9, 1, 8, tzinfo=UTC)


def members(*ids: UUID) -> list[dict[str, Any]]:
    return [{"person": {"id": str(each)}} for each in ids]


def teachers(*ids: UUID) -> list[dict[str, Any]]:
    return [{"duty": {"id": str(each)}} for each in ids]


@pytest.mark.parametrize(
    ("kind", "object_id", "item", "left"),
    [
        ("persons", PERSON, {"givenName": "A"}, None),
        ("persons", OTHER, {"givenName": "A"}, {"givenName": "A"}),
        ("duties", DUTY, {"person": {"id": str(PERSON)}}, None),
        ("duties", OTHER, {"person": {"id": str(OTHER)}}, {"person": {"id": str(OTHER)}}),
        ("groups", OTHER, {"groupMemberships": members(OTHER, PERSON)}, {"groupMemberships": members(OTHER)}),
        ("groups", OTHER, {"groupMemberships": members(PERSON)}, {"groupMemberships": []}),
        ("activities", OTHER, {"teachers": teachers(DUTY, OTHER)}, {"teachers": teachers(OTHER)}),
        ("groups", OTHER, {"groupMemberships": None, "a": 1}, {"groupMemberships": None, "a": 1}),
        ("groups", OTHER, {"groupMemberships": [7, {"person": 1}]}, {"groupMemberships": [7, {"person": 1}]}),
        # In whatever spelling, and wherever in an entry that names nobody else.
        ("duties", OTHER, {"person": {"id": PERSON.hex}}, None),
        ("duties", OTHER, {"person": f"urn:uuid:{PERSON}"}, None),
        *(
            ("groups", OTHER, {"groupMemberships": [each]}, {"groupMemberships": []})
            for each in (
                {"person": {"id": f"{{{PERSON}}}", "displayName": "A"}},
                {"person": PERSON.hex},
                {"id": str(PERSON)},
                {"note": [f"A {PERSON}"]},
                str(PERSON),
            )
        ),
        ("activities", OTHER, {"teachers": [{"duty": {"id": f"{DUTY}\u200b"}}]}, {"teachers": []}),
        # A group whose id is that of a person is no person.
        ("groups", PERSON, {"groupMemberships": members(OTHER)}, {"groupMemberships": members(OTHER)}),
    ],
)
def test_what_is_left_of_an_object(kind: str, object_id: UUID, item: dict[str, Any], left: Any) -> None:
    before = json.dumps(item)
    assert left_of(kind, object_id, item, GONE) == left
    assert json.dumps(item) == before


def test_the_order_of_properties_stays() -> None:
    given = {"b": 1, "groupMemberships": members(PERSON, OTHER), "a": 2}
    left = left_of("groups", OTHER, given, GONE)
    assert left is not None
    assert list(left) == ["b", "groupMemberships", "a"]


@pytest.mark.parametrize(
    ("erased_at", "missing"),
    [(None, True), (AT - timedelta(microseconds=1), True), (AT, False), (AT + timedelta(1), False)],
)
def test_what_the_database_has_not_seen_is_erased_again(erased_at: datetime | None, missing: bool) -> None:
    assert is_missing(Erased("2120000001", "persons", "00", AT), erased_at) is missing


def line(number: int) -> Erased:
    return Erased("2120000001", "persons", f"{number:064x}", AT + timedelta(microseconds=number))


def write_many(path: str, first: int) -> None:
    for number in range(first, first + 50):
        erasures_file.append(path, line(number))


def test_lines_of_several_processes_are_all_there_and_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "erasures.jsonl")
    with ProcessPoolExecutor(3) as pool:
        list(pool.map(write_many, [path] * 3, [0, 50, 100]))
    read = list(erasures_file.read(path))
    assert sorted(each.digest or "" for each in read if each) == [f"{number:064x}" for number in range(150)]
    assert None not in read
    assert os.stat(path).st_mode & 0o777 == 0o600  # noqa: PTH116


def test_what_a_full_disk_has_cut_off_spoils_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    erasures_file.append(str(path), line(1))
    path.write_text(path.read_text() + '{"organisation": "21')
    erasures_file.append(str(path), line(2))
    assert list(erasures_file.read(str(path))) == [line(1), None, line(2)]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        '{"organisation": "1", "kind": "persons", "digest": "0"}',
        '{"organisation": 1, "kind": "persons", "digest": "0", "at": "2026-09-01T08:00:00+00:00"}',
        '{"organisation": "1", "kind": "persons", "digest": "0", "at": "2026-09-01T08:00:00"}',
        "\x00\x00",
    ],
)
def test_what_is_no_line_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "erasures.jsonl"
    path.write_text(text + "\n")
    assert list(erasures_file.read(str(path))) == [None]


def test_a_line_is_on_the_disk_when_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = list[int]()
    sync = os.fsync

    def noted(file: int) -> None:
        synced.append(file)
        sync(file)

    monkeypatch.setattr(os, "fsync", noted)
    erasures_file.append(str(tmp_path / "erasures.jsonl"), line(1))
    assert len(synced) == 2, "the file, and that it has a name"
