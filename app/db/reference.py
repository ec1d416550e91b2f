"""Skolverket's open data as it was last seen. What it means is not known here.

A subject is what one call refreshes: `programmes`, `exams`, or an organisation's number (with its school units). Each
has a task, of which it is the key.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Row = sa.RowMapping
Kind = Literal["organisation", "school_unit", "programme", "exam"]

# The kind of the tasks, and the keys of those that are no organisation's.
OPEN_DATA = "open_data"
PROGRAMMES = "programmes"
EXAMS = "exams"


@dataclass(frozen=True, slots=True)
class Item:
    """An organisation, school unit, programme or exam: its id, its code at Skolverket, and all that came of it."""

    id: UUID
    code: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What an organisation's rosters are held against: its own school units' documents, and the ids of all others; the

    documents of programmes and exams. None is what is not known yet, or to nobody.
    """

    units: list[dict[str, Any]] | None
    others: frozenset[str]
    programmes: list[dict[str, Any]] | None
    exams: list[dict[str, Any]] | None


async def add_subjects(conn: AsyncConnection) -> None:
    """Gives every organisation a task, and programmes and exams as soon as there is an organisation."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO task (kind, key, organisation_id)
            SELECT :kind, subject, organisation_id FROM (
                SELECT number AS subject, id AS organisation_id FROM organisation
                UNION ALL
                SELECT unnest(ARRAY[:programmes, :exams]), NULL WHERE EXISTS (SELECT FROM organisation)
            ) wanted
            ON CONFLICT DO NOTHING
            """
        ),
        {"kind": OPEN_DATA, "programmes": PROGRAMMES, "exams": EXAMS},
    )


async def replace_all(conn: AsyncConnection, kind: Kind, items: Iterable[Item]) -> bool:
    """Stores all items of a kind: those that are gone at Skolverket are gone here. Tells whether anything differs."""
    kept, changed = await _store(conn, kind, items)
    gone = await conn.execute(
        sa.text("DELETE FROM reference_item WHERE kind = :kind AND id <> ALL(:kept)"), {"kind": kind, "kept": kept}
    )
    return changed or bool(gone.rowcount)


async def replace_organisation(
    conn: AsyncConnection, number: str, organisation: Item | None, school_units: Iterable[Item]
) -> bool:
    """Stores an organisation, or that Skolverket knows none, and its school units; tells whether anything differs.

    A school unit goes once no cached organisation lists it: it may have moved from one to the other.
    """
    kept, changed = await _store(conn, "school_unit", school_units)
    gone = await conn.execute(
        sa.text(
            "DELETE FROM reference_item WHERE kind = 'organisation' AND code = :number AND id IS DISTINCT FROM :id"
        ),
        {"number": number, "id": None if organisation is None else organisation.id},
    )
    changed |= bool(gone.rowcount)
    if organisation is not None:
        changed |= (await _store(conn, "organisation", [Item(organisation.id, number, organisation.payload)]))[1]
    left = await conn.execute(
        sa.text(
            f"""
            DELETE FROM reference_item WHERE kind = 'school_unit' AND id <> ALL(:kept) AND id::text NOT IN (
                SELECT lower(unit ->> 'id') FROM reference_item owner, {_UNITS} unit
                WHERE owner.kind = 'organisation' AND unit ->> 'id' IS NOT NULL
            )
            """  # noqa: S608 - our own text
        ),
        {"kept": kept},
    )
    return changed or bool(left.rowcount)


async def known_to(conn: AsyncConnection, number: str) -> Known:
    """Gives what is known for the organisation with this number, in one statement."""
    rows = await conn.execute(
        sa.text(
            f"""
            WITH own AS (
                SELECT lower(unit ->> 'id') AS id FROM reference_item owner, {_UNITS} unit
                WHERE owner.kind = 'organisation' AND owner.code = :number
            )
            SELECT kind, id::text, CASE WHEN kind <> 'school_unit' OR id::text IN (SELECT id FROM own) THEN payload END
            FROM reference_item WHERE kind <> 'organisation'
            UNION ALL
            SELECT kind, id::text, NULL FROM reference_item WHERE kind = 'organisation' AND code = :number
            """  # noqa: S608 - our own text
        ),
        {"number": number},
    )
    found: dict[str, list[dict[str, Any]]] = {"school_unit": [], "programme": [], "exam": []}
    others, is_known = set(), False
    for kind, item_id, payload in rows:
        if kind == "organisation":
            is_known = True
        elif payload is None:
            others.add(item_id)
        else:
            found[kind].append(payload)
    return Known(
        found["school_unit"] if is_known else None,
        frozenset(others),
        found["programme"] or None,
        found["exam"] or None,
    )


async def ask_again(conn: AsyncConnection, number: str) -> None:
    """Has what is known for an organisation read again at once, unless it has been within the last ten minutes.

    Somebody refers to what is not known, which may be new. Whatever is being read now is left alone.
    """
    await conn.execute(
        sa.text(
            """
            UPDATE task SET due_at = clock_timestamp()
            FROM (
                SELECT id FROM task
                WHERE kind = :kind AND key = ANY (:keys) AND holder IS NULL AND due_at > clock_timestamp()
                    AND done_at < clock_timestamp() - interval '10 minutes'
                FOR UPDATE SKIP LOCKED
            ) stale WHERE task.id = stale.id
            """
        ),
        {"kind": OPEN_DATA, "keys": [number, PROGRAMMES, EXAMS]},
    )


async def item_by_id(conn: AsyncConnection, kind: Kind, item_id: UUID) -> Item | None:
    """Gives an item as it was last seen; None when Skolverket had none with this id, or was not asked yet."""
    return await _one(conn, "kind = :kind AND id = :key", kind, item_id)


async def item_by_code(conn: AsyncConnection, kind: Kind, code: str) -> Item | None:
    """Gives the item with a code: a number, a school unit's or education's code, an exam's name. None as above."""
    return await _one(conn, "kind = :kind AND code = :key ORDER BY fetched_at DESC, id LIMIT 1", kind, code)


async def freshness(conn: AsyncConnection, subject: str | None = None) -> list[Row]:
    """Lists what is kept fresh: subject, items (how many programmes, exams or school units), known (whether Skolverket

    knows the organisation), age, and due_at, refreshed_at, failed_at, failure.
    """
    listed = await conn.execute(
        sa.text(
            f"""
            SELECT key AS subject, due_at, done_at AS refreshed_at, failed_at, failure,
                clock_timestamp() - done_at AS age, owner.id IS NOT NULL AS known,
                CASE key
                    WHEN :programmes THEN (SELECT count(*) FROM reference_item WHERE kind = 'programme')
                    WHEN :exams THEN (SELECT count(*) FROM reference_item WHERE kind = 'exam')
                    ELSE (SELECT count(*) FROM {_UNITS} unit)
                END AS items
            FROM task
            LEFT JOIN reference_item owner ON owner.kind = 'organisation' AND owner.code = key
            WHERE task.kind = :kind AND (CAST(:subject AS text) IS NULL OR key = :subject)
            ORDER BY key <> :programmes, key <> :exams, key
            """  # noqa: S608 - our own text
        ),
        {"kind": OPEN_DATA, "programmes": PROGRAMMES, "exams": EXAMS, "subject": subject},
    )
    return list(listed.mappings())


# An organisation's school units as they came with it; what is no list has none.
_UNITS = """jsonb_array_elements(
    CASE jsonb_typeof(owner.payload -> 'schoolUnits') WHEN 'array' THEN owner.payload -> 'schoolUnits' ELSE '[]' END
)"""


async def _store(conn: AsyncConnection, kind: Kind, items: Iterable[Item]) -> tuple[list[UUID], bool]:
    by_id = {item.id: item for item in items}
    written = [{"id": str(one.id), "code": one.code, "payload": one.payload} for one in by_id.values()]
    stored = await conn.execute(
        sa.text(
            """
            INSERT INTO reference_item (kind, id, code, payload)
            SELECT :kind, id, code, payload
            FROM jsonb_to_recordset(CAST(:items AS jsonb)) AS item (id uuid, code text, payload jsonb)
            ON CONFLICT (kind, id) DO UPDATE
            SET code = excluded.code, payload = excluded.payload, fetched_at = excluded.fetched_at
            WHERE (reference_item.code, reference_item.payload) IS DISTINCT FROM (excluded.code, excluded.payload)
            """
        ),
        {"kind": kind, "items": json.dumps(written)},
    )
    return list(by_id), bool(stored.rowcount)


async def _one(conn: AsyncConnection, where: str, kind: Kind, key: UUID | str) -> Item | None:
    found = await conn.execute(
        sa.text(f"SELECT id, code, payload FROM reference_item WHERE {where}"),  # noqa: S608 - our own text
        {"kind": kind, "key": key},
    )
    row = found.one_or_none()
    return None if row is None else Item(*row)
