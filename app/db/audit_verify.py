"""Walks the chain of the audit and says where it breaks first."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.audit_chain import chain_key, head, row_of
from app.db.audit_cuts import CUT
from app.db.cipher import Cipher
from app.db.schema import audit
from app.domain.audit import BEGINNING, Break, Link, Place, follow

_AT_ONCE: Final = 2000
_COLUMNS = ", ".join(f"audit.{column.name}" for column in audit.c)
_LINKS = sa.text(f"""
    SELECT audit_link.seq, audit_link.digest AS link, {_COLUMNS}
    FROM audit_link LEFT JOIN audit ON audit.id = audit_link.audit_id
    WHERE audit_link.seq > :after ORDER BY audit_link.seq LIMIT :most
""")  # noqa: S608 - our own text
_BEGIN = sa.text("SELECT seq, digest FROM audit_checkpoint WHERE cut_at IS NOT NULL ORDER BY seq DESC LIMIT 1")
_CUT_NOTED = sa.text("""
    SELECT EXISTS (
        SELECT FROM audit WHERE action = :cut AND details = jsonb_build_object('seq', CAST(:seq AS bigint))
    )
""")
_LINK_AT = sa.text("SELECT digest FROM audit_link WHERE seq = :seq")
_WRONG_CHECKPOINT = sa.text("""
    SELECT min(audit_checkpoint.seq) FROM audit_checkpoint LEFT JOIN audit_link USING (seq)
    WHERE audit_checkpoint.seq > :begin AND audit_link.digest IS DISTINCT FROM audit_checkpoint.digest
""")
_INSERTED = sa.text("""
    SELECT count(*) FROM audit
    WHERE NOT EXISTS (SELECT FROM audit_link WHERE audit_id = audit.id)
        AND NOT EXISTS (SELECT FROM audit_unchained WHERE audit_id = audit.id)
""")
_WAITING = sa.text("""
    SELECT count(*) FILTER (WHERE at < clock_timestamp() - interval '1 min') AS late, count(*) AS waiting
    FROM audit_unchained
""")


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how far the chain holds, from where on, and each thing that is wrong, the first break first."""

    begin: int
    end: Place
    waiting: int
    wrong: Sequence[str]


async def verify(conn: AsyncConnection, cipher: Cipher, anchor: Place | None = None) -> Verified:
    """Walks the chain from its beginning, or from behind an `anchor` that is known from elsewhere.

    The connection acts for everybody, as a worker. Raises ChainKeyLost.
    """
    key = await chain_key(conn, cipher)
    wrong = list[str]()
    cut = (await conn.execute(_BEGIN)).one_or_none()
    begin = Place(0, BEGINNING) if cut is None else Place(cut.seq, bytes(cut.digest))
    if begin.seq and not await conn.scalar(_CUT_NOTED, {"cut": CUT, "seq": begin.seq}):
        wrong.append(f"the rows up to {begin.seq} are missing, and no row says that they were cut")
    if anchor is not None:
        wrong += await _against(conn, anchor, begin)
        begin = anchor if anchor.seq >= begin.seq else begin
    place = begin
    async for links in _slices(conn, begin.seq):
        found = follow(key, place, links)
        if isinstance(found, Break):
            wrong.append(_said(found))
            break
        place = found
    else:
        if (at := await conn.scalar(_WRONG_CHECKPOINT, {"begin": begin.seq})) is not None:
            wrong.append(f"{at}: the checkpoint is not that of its link")
    if inserted := await conn.scalar(_INSERTED):
        wrong.append(
            f"{inserted} rows stand in no link: they were put in past the service, or their link was taken out"
        )
    waiting = (await conn.execute(_WAITING)).one()
    if waiting.late:
        wrong.append(f"{waiting.late} rows have waited for their link for longer than a minute: no worker chains them")
    return Verified(begin.seq, place, waiting.waiting, wrong)


async def _against(conn: AsyncConnection, anchor: Place, begin: Place) -> list[str]:
    """Holds the chain against an anchor."""
    if anchor.seq < begin.seq:
        return [f"{anchor.seq}: the anchor is of rows that have been cut; the oldest that counts is {begin.seq}"]
    if anchor.seq == begin.seq:
        found: bytes | None = begin.digest
    else:
        found = await conn.scalar(_LINK_AT, {"seq": anchor.seq})
    if found is None:
        last = await head(conn)
        return [f"{anchor.seq}: missing, the chain ends with {last.seq} and the anchor is behind it"]
    if bytes(found) != anchor.digest:
        return [f"{anchor.seq}: another link than the anchor has: the chain was made anew"]
    return []


async def _slices(conn: AsyncConnection, after: int) -> AsyncIterator[list[Link]]:
    while True:
        rows = (await conn.execute(_LINKS, {"after": after, "most": _AT_ONCE})).mappings().all()
        if not rows:
            return
        yield [_link(row) for row in rows]
        after = rows[-1]["seq"]


def _link(found: Mapping[Any, Any]) -> Link:
    columns = {name: value for name, value in found.items() if name not in ("seq", "link")}
    return Link(found["seq"], bytes(found["link"]), None if columns["id"] is None else row_of(columns))


def _said(broken: Break) -> str:
    if broken.what == "missing":
        return f"{broken.seq}: missing, a row or its link was taken out"
    return f"{broken.seq}: changed, the row is not the one that was chained here"
