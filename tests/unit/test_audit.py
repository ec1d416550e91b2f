"""Rows of the audit as bytes, and links over them: whatever is changed, taken out or put in is found."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from app.domain.audit import (
    BEGINNING,
    AuditRow,
    Break,
    Link,
    Place,
    canonical,
    digests_in,
    follow,
    link,
    position,
)
from app.domain.kinds import Kind

KEY = b"k" * 32
AT = datetime(2027, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)
ROW = AuditRow(
    id=UUID(int=1),
    organisation_id=UUID(int=2),
    at=AT,
    actor_kind="key",
    actor_id=UUID(int=3),
    actor="3f9a1c0d5e7b",
    action="read_records",
    via="api",
    run_id=UUID(int=4),
    job_id=UUID(int=5),
    activity_id=UUID(int=6),
    details={"after": [50], "searched": False},
    objects=b"a" * 16 + b"b" * 16,
    protected=1,
)
CHANGED: dict[str, Any] = {
    "id": UUID(int=9),
    "organisation_id": None,
    "at": AT + timedelta(microseconds=1),
    "actor_kind": "operator",
    "actor_id": None,
    "actor": "3f9a1c0d5e7c",
    "action": "read_record",
    "via": "page",
    "run_id": None,
    "job_id": UUID(int=4),
    "activity_id": None,
    "details": {"after": [50], "searched": True},
    "objects": b"b" * 16 + b"a" * 16,
    "protected": 0,
}


def chained(rows: Sequence[AuditRow]) -> list[Link]:
    """Links rows behind the beginning."""
    links, before = list[Link](), BEGINNING
    for seq, row in enumerate(rows, start=1):
        before = link(KEY, before, seq, row)
        links.append(Link(seq, before, row))
    return links


ROWS = [replace(ROW, id=UUID(int=number), actor=f"key {number}") for number in range(1, 6)]
START = Place(0, BEGINNING)


def test_the_form_of_a_row_is_what_it_was() -> None:
    """Whoever changes it has every chain that there is break."""
    assert canonical(replace(ROW, id=UUID(int=1), details={"b": 1, "a": "å"}, objects=b"", run_id=None)) == (
        b"provkedja audit 1"
        b"+\0\0\0\x10" + bytes(15) + b"\x01"
        b"+\0\0\0\x10" + bytes(15) + b"\x02"
        b"+\0\0\0\x101803888000123456"
        b"+\0\0\0\x03key"
        b"+\0\0\0\x10" + bytes(15) + b"\x03"
        b"+\0\0\0\x0c3f9a1c0d5e7b"
        b"+\0\0\0\x0cread_records"
        b"+\0\0\0\x03api"
        b"-"
        b"+\0\0\0\x10" + bytes(15) + b"\x05"
        b"+\0\0\0\x10" + bytes(15) + b"\x06"
        b'+\0\0\0\x14{"a":"\\u00e5","b":1}'
        b"+\0\0\0\0"
        b"+\0\0\0\x011"
    )


@pytest.mark.parametrize("name", [each.name for each in fields(AuditRow)])
def test_whatever_differs_is_in_the_form(name: str) -> None:
    changed: Any = {name: CHANGED[name]}
    assert canonical(replace(ROW, **changed)) != canonical(ROW)


def test_nothing_moves_from_one_field_to_the_next() -> None:
    assert canonical(replace(ROW, actor="ab", action="c")) != canonical(replace(ROW, actor="a", action="bc"))
    assert canonical(replace(ROW, run_id=None, job_id=UUID(int=4))) != canonical(
        replace(ROW, run_id=UUID(int=4), job_id=None)
    )


def test_the_form_is_the_same_however_a_row_was_read() -> None:
    """In whichever zone its time is, and in whichever order its details are."""
    elsewhere = ROW.at.astimezone(timezone(timedelta(hours=-5)))
    assert canonical(replace(ROW, at=elsewhere, details={"searched": False, "after": [50]})) == canonical(ROW)


def test_a_link_needs_the_key_the_one_before_its_number_and_its_row() -> None:
    made = link(KEY, BEGINNING, 1, ROW)
    assert made == link(KEY, BEGINNING, 1, ROW)
    assert len(made) == 32
    others = {
        link(b"x" * 32, BEGINNING, 1, ROW),
        link(KEY, b"x" * 32, 1, ROW),
        link(KEY, BEGINNING, 2, ROW),
        link(KEY, BEGINNING, 1, replace(ROW, actor="x")),
    }
    assert len(others) == 4
    assert made not in others


def test_a_chain_that_nobody_has_touched_holds() -> None:
    links = chained(ROWS)
    assert follow(KEY, START, links) == Place(5, links[-1].digest)
    assert follow(KEY, START, []) == START
    assert follow(KEY, Place(2, links[1].digest), links[2:]) == Place(5, links[-1].digest)


CHANGED_ROW = replace(ROWS[2], actor="somebody else")
Touched = Callable[[list[Link]], list[Link]]


@pytest.mark.parametrize(
    ("touch", "found"),
    [
        (lambda links: [*links[:2], replace(links[2], row=CHANGED_ROW), *links[3:]], Break(3, "changed")),
        (lambda links: [*links[:2], replace(links[2], digest=bytes(32)), *links[3:]], Break(3, "changed")),
        (lambda links: [*links[:2], replace(links[2], row=None), *links[3:]], Break(3, "missing")),
        (lambda links: [*links[:2], *links[3:]], Break(3, "missing")),
        (lambda links: links[1:], Break(1, "missing")),
        (lambda links: [*links[:2], *(replace(each, seq=each.seq - 1) for each in links[3:])], Break(3, "changed")),
        (
            lambda links: [
                links[0],
                replace(links[2], seq=2),
                replace(links[1], seq=3),
                *links[3:],
            ],
            Break(2, "changed"),
        ),
        (lambda links: [*links[:3], replace(links[2]), *links[3:]], Break(3, "missing")),
    ],
    ids=["row", "link", "row gone", "both gone", "first gone", "renumbered", "swapped", "twice"],
)
def test_the_first_break_is_named(touch: Touched, found: Break) -> None:
    assert follow(KEY, START, touch(chained(ROWS))) == found


def test_another_key_holds_nothing() -> None:
    assert follow(b"x" * 32, START, chained(ROWS)) == Break(1, "changed")


def test_objects_are_split() -> None:
    assert digests_in(ROW.objects) == [b"a" * 16, b"b" * 16]
    assert digests_in(b"") == []


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (None, []),
        ((50,), [50]),
        ((2, 17), [2, 17]),
        ((AT, UUID(int=1)), [AT.isoformat()]),
        ((Kind.PERSONS, 3), ["persons", 3]),
        (("Exempelsson", "201203049810", UUID(int=1), None), []),
    ],
)
def test_a_place_in_a_list_names_nobody(key: Any, kept: list[Any]) -> None:
    assert position(key) == kept
