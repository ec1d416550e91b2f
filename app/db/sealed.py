"""What is sealed, column by column: how many values each key seals, and sealing anew what an older key has sealed.

The indexes by key are in the order of keys and have no other use: what they find is what they are asked for, whatever
the statistics say.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tokens
from app.db.audit_chain import CHAIN_KEY_PLACE
from app.db.cipher import DIGEST_KEY_PLACE, KeyUnknown, OrganisationCipher
from app.db.free_text import description_place, name_place, reason_place
from app.db.schema.columns import key_of
from app.db.webhooks import secret_place

# Of a key with more values no more are counted: what matters is whether there are none, few or many.
MANY: Final = 1000

Setting = Literal["encryption", "token"]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values: with whose keys, and for which place, from what the row has in `names`."""

    table: str
    column: str
    place: Callable[[Mapping[Any, Any]], bytes]
    names: Sequence[str] = ()
    keys: Setting = "encryption"
    of: str = "organisation_id"
    # Where there are many values an index has their keys.
    many: bool = False

    @property
    def key(self) -> str:
        """Writes the expression of the id of a value's key."""
        return key_of(self.column)


SEALED: Final = (
    SealedColumn("organisation", "digest_key", lambda row: DIGEST_KEY_PLACE, of="id"),
    SealedColumn("content", "sealed", lambda row: bytes(row["digest"]), ("digest",), many=True),
    SealedColumn("batch", "request_sha256", lambda row: row["id"].bytes, ("id",), many=True),
    SealedColumn("activity", "display_name_sealed", lambda row: name_place(row["id"]), ("id",), many=True),
    SealedColumn("pause", "reason_sealed", lambda row: reason_place(row["id"]), ("id",)),
    SealedColumn("webhook", "description_sealed", lambda row: description_place(row["id"]), ("id",)),
    SealedColumn("webhook", "secret", lambda row: secret_place(row["id"]), ("id",)),
    SealedColumn("webhook", "secret_before", lambda row: secret_place(row["id"]), ("id",)),
    # They go after a day, and yet an older key may go at once.
    SealedColumn("idempotency_key", "body_sealed", lambda row: bytes(row["digest"]), ("digest",)),
    # The service's own, of no organisation.
    SealedColumn("audit_key", "key_sealed", lambda row: CHAIN_KEY_PLACE, of="owner"),
    SealedColumn("access_token", "token", lambda row: tokens.PLACE, keys="token"),
)
# Sealed values that soon lie in one of these, or are gone: they are waited for, and not sealed anew.
PASSING: Final = (("roster_staging", "source_sealed"), ("roster_staging", "outgoing_sealed"))


@dataclass(frozen=True, slots=True)
class SealedWith:
    """How many values the key with an id of one setting seals; of many it is at most what was asked for."""

    keys: Setting
    key: str
    values: int


async def sealed_with(conn: AsyncConnection, most: int = MANY) -> list[SealedWith]:
    """Counts the values that each key seals, at most so many of a column and key; a key that seals none is missing."""
    rows = await conn.execute(sa.text("SELECT setting, key, number FROM sealed_with(:most)"), {"most": most})
    return [SealedWith(setting, _text(key), values) for setting, key, values in rows]


async def left_with(conn: AsyncConnection, older: Mapping[Setting, Collection[str]]) -> bool:
    """Tells whether anything of a roster that is arriving is sealed with one of the `older` keys."""
    return not set(older["encryption"]).isdisjoint(await _passing(conn))


async def seal_anew(
    conn: AsyncConnection, column: SealedColumn, cipher: OrganisationCipher, older: str, most: int, skip: Sequence[str]
) -> tuple[int, list[str]]:
    """Seals some values of the cipher's organisation anew, that `older` seals: gives how many, and which do not open.

    What does not open is named by where its row lies, and left as it is; `skip` has those that are known. A row that
    somebody else has in hand is passed over. The transaction is to be a short one.
    """
    await conn.execute(
        sa.text("SELECT act_for(:organisation), set_config('provkedja.sealing_anew', 'on', true)"),
        {"organisation": cipher.organisation_id},
    )
    query = _TAKE.format(columns=", ".join(["ctid", *column.names]), **_names(column))
    rows = await conn.execute(sa.text(query), _slice(column, cipher.organisation_id, older, skip, most))
    closed, places, anew = list[str](), list[str](), list[bytes]()
    for row in rows.mappings():
        try:
            sealed = cipher.sealed_anew(bytes(row["value"]), column.place(row))
        except (InvalidTag, KeyUnknown):
            closed.append(row["at"])
            continue
        places.append(row["at"])
        anew.append(sealed)
    if places:
        await conn.execute(sa.text(_WRITE.format(**_names(column))), {"places": places, "anew": anew})
    return len(places), closed


async def any_left(
    conn: AsyncConnection, column: SealedColumn, organisation_id: UUID, older: str, skip: Sequence[str]
) -> bool:
    """Tells whether the organisation has a value that `older` seals, beside those that are known not to open."""
    given = _slice(column, organisation_id, older, skip, 1)
    return bool(await conn.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {_SLICE})"), given))  # noqa: S608 - our own text


def sealed_functions() -> Iterator[str]:
    """Writes the functions that find values by the keys that seal them.

    They read as the owner of the tables, since the condition of a policy would come before the index of keys. Those
    that count give numbers alone; the one that finds values gives places, to whoever acts for their organisation.
    """
    yield _FUNCTION.format("sealed_arriving() RETURNS SETOF bytea", f"$$ {_ARRIVING} $$")
    given = "sealed_with(most bigint) RETURNS TABLE (setting text, key bytea, number bigint)"
    yield _FUNCTION.format(given, f"$$ {_counting()} $$")
    ways = " UNION ALL ".join(_PLACES.format(which=f"{each.table}.{each.column}", **_names(each)) for each in SEALED)
    given = "sealed_by(of_organisation uuid, of_column text, of_key bytea, skip tid[], most bigint) RETURNS SETOF tid"
    yield _FUNCTION.format(given, f"$$ {ways} $$")


async def _passing(conn: AsyncConnection) -> set[str]:
    """Gives the keys that seal what is arriving: one process seals all of a roster, so that one row of it tells."""
    rows = await conn.execute(sa.text("SELECT arriving FROM sealed_arriving() AS arriving"))
    return {_text(key) for (key,) in rows}


def _slice(column: SealedColumn, organisation_id: UUID, older: str, skip: Sequence[str], most: int) -> dict[str, Any]:
    return {
        "organisation": organisation_id,
        "column": f"{column.table}.{column.column}",
        "older": older.encode(),
        "skip": list(skip),
        "most": most,
    }


def _names(column: SealedColumn) -> dict[str, str]:
    return {"table": column.table, "column": column.column, "key": column.key, "of": column.of}


def _text(key: bytes) -> str:
    return bytes(key).decode("ascii", "replace")


def _counting() -> str:
    """Writes the count of all columns, and of rosters that are arriving by their keys, as one statement."""
    parts = [
        f"SELECT '{each.keys}' AS setting, counted.* FROM ("  # noqa: S608 - our own text
        + (_BY_INDEX if each.many else _BY_READING).format(table=each.table, key=each.key)
        + ") counted (key, number)"
        for each in SEALED
    ]
    parts.append("SELECT 'encryption', key, 1 FROM sealed_arriving() AS arriving (key)")
    return (
        "SELECT setting, key, least(sum(number), most)::bigint FROM ("  # noqa: S608 - our own text
        + " UNION ALL ".join(parts)
        + ") each GROUP BY setting, key ORDER BY setting, key"
    )


# Goes from key to key over the index, and counts what it has of each.
_BY_INDEX = """
    WITH RECURSIVE found AS (
        (SELECT {key} AS key FROM {table} ORDER BY {key} LIMIT 1)
        UNION ALL
        SELECT (SELECT {key} FROM {table} WHERE {key} > found.key ORDER BY {key} LIMIT 1) FROM found
        WHERE found.key IS NOT NULL
    )
    SELECT key, (
        SELECT count(*) FILTER (WHERE one.key = found.key) FROM (
            SELECT {key} AS key FROM {table} WHERE {key} >= found.key ORDER BY {key} LIMIT most
        ) one
    ) FROM found WHERE key IS NOT NULL
"""
_BY_READING = "SELECT {key}, least(count(*), most) FROM {table} WHERE {key} IS NOT NULL GROUP BY 1"
_ARRIVING = """
    WITH RECURSIVE arriving AS (
        (SELECT roster_id FROM roster_staging ORDER BY roster_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT one.roster_id FROM roster_staging one WHERE one.roster_id > arriving.roster_id
            ORDER BY one.roster_id LIMIT 1
        ) FROM arriving WHERE arriving.roster_id IS NOT NULL
    )
    SELECT DISTINCT one.key FROM arriving CROSS JOIN LATERAL (
        SELECT {key} AS key FROM roster_staging WHERE roster_staging.roster_id = arriving.roster_id LIMIT 1
    ) one
""".replace("{key}", key_of("source_sealed"))
# A range without an end, in the order of the index: whatever the planner believes, it reads no more than it needs.
_PLACES: Final = """
    (SELECT one.place FROM (
        SELECT ctid AS place, {key} AS key, {of} AS owner FROM {table}
        WHERE of_column = '{which}' AND (SELECT acting_for()) = of_organisation
            AND ({key}, {of}) >= (of_key, of_organisation) AND ctid <> ALL (skip)
        ORDER BY {key}, {of} LIMIT most
    ) one WHERE one.key = of_key AND one.owner = of_organisation)
"""
_SLICE: Final = "sealed_by(:organisation, :column, :older, CAST(:skip AS tid[]), :most)"
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION {} LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS {}
"""
_TAKE = f"""
    SELECT {{columns}}, CAST(ctid AS text) AS at, {{column}} AS value FROM {{table}}
    WHERE ctid = ANY (ARRAY(SELECT {_SLICE})) AND {{key}} = :older AND {{of}} = :organisation
    FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - our own text
_WRITE = """
    UPDATE {table} SET {column} = given.anew
    FROM unnest(CAST(:places AS text[]), CAST(:anew AS bytea[])) AS given (at, anew)
    WHERE {table}.ctid = CAST(given.at AS tid)
"""
