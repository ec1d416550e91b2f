"""Who has signed in at an OpenID provider: what claims are worth, as operators say, and a row in `api_key` for each.

Of whom the provider knows a keyed digest is kept, made with their organisation's own key, which no other key's change
moves and no other organisation has. No name and no address is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import OrganisationCipher
from app.db.schema import api_key, organisation, session, sign_in_mapping
from app.db.tenants import OWN_KEYS, Row, check_number
from app.errors import Conflict, NotFound
from app.security.keys import SCOPES
from app.security.rights import Mapped, Rights

_LISTED = (
    sa.select(
        sign_in_mapping.c.id,
        organisation.c.number.label("organisation"),
        *(sign_in_mapping.c[name] for name in ("issuer", "claim", "value", "scopes", "school_units", "created_at")),
    )
    .join(organisation)
    .order_by(organisation.c.number, sign_in_mapping.c.claim, sign_in_mapping.c.value)
)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one issuer whose organisations are not disabled, and these organisations' own keys."""

    rows: Sequence[Mapped]
    own_keys: dict[UUID, bytes]


async def read_table(conn: AsyncConnection, issuer: str) -> Table:
    """Reads what claims of an issuer's tokens are worth."""
    c = sign_in_mapping.c
    found = await conn.execute(
        sa.select(c.id, c.claim, c.value, c.organisation_id, c.scopes, c.school_units, OWN_KEYS)
        .join(organisation)
        .where(c.issuer == issuer, organisation.c.disabled_at.is_(None))
    )
    rows, own_keys = list[Mapped](), dict[UUID, bytes]()
    for row in found.mappings():
        units = row["school_units"]
        whose = row["organisation_id"]
        scopes, units = frozenset(row["scopes"]), None if units is None else frozenset(units)
        rows.append(Mapped(row["id"], row["claim"], row["value"], whose, scopes, units))
        own_keys[whose] = bytes(row["own_keys"])
    return Table(rows, own_keys)


async def admit(
    conn: AsyncConnection, cipher: OrganisationCipher, issuer: str, subject: str, rights: Rights, until: datetime
) -> str | None:
    """Writes down who has signed in with what they may `until` then, and gives the handle; None for one who is revoked.

    The connection acts for the cipher's organisation. What the table does not give, or not any more, is refused by the
    database (IntegrityError).
    """
    handle: str | None = await conn.scalar(
        sa.text("SELECT admit_subject(:organisation, :issuer, :subject, :scopes, :units, :granted, :until)"),
        {
            "organisation": cipher.organisation_id,
            "issuer": issuer,
            "subject": cipher.trait("subject", f"{issuer}\0{subject}"),
            "scopes": [scope for scope in SCOPES if scope in rights.scopes],
            "units": None if rights.school_units is None else sorted(rights.school_units),
            "granted": sorted(rights.granted_by),
            "until": until,
        },
    )
    return handle


async def map_claim(
    conn: AsyncConnection,
    number: str,
    issuer: str,
    claim: str,
    value: str,
    scopes: Collection[str],
    school_units: Sequence[UUID] | None,
) -> Row:
    """Says what a claim's value is worth, and gives the row as it is listed.

    Raises NotFound, and Conflict where it is worth something already or the organisation has been erased.
    """
    asked = sa.select(organisation.c.id, organisation.c.erased_at).where(organisation.c.number == number)
    of = (await conn.execute(asked)).one_or_none()
    if of is None:
        raise NotFound("There is no such organisation.")
    if of.erased_at is not None:
        raise Conflict("This organisation has been erased: nothing of it opens any more.")
    made: UUID | None = await conn.scalar(
        insert(sign_in_mapping)
        .values(
            id=uuid4(),
            organisation_id=of.id,
            issuer=issuer,
            claim=claim,
            value=value,
            scopes=list(scopes),
            school_units=None if school_units is None else sorted(set(school_units)),
        )
        .on_conflict_do_nothing()
        .returning(sign_in_mapping.c.id)
    )
    if made is None:
        raise Conflict("This value of the claim is mapped already: unmap that first.")
    return (await conn.execute(_LISTED.where(sign_in_mapping.c.id == made))).mappings().one()


async def list_mappings(conn: AsyncConnection, number: str | None = None) -> list[Row]:
    """Lists what claims are worth, by organisation. Raises NotFound when there is none with the number asked for."""
    await check_number(conn, number)
    listed = _LISTED if number is None else _LISTED.where(organisation.c.number == number)
    return list((await conn.execute(listed)).mappings())


async def unmap(conn: AsyncConnection, mapping_id: UUID) -> None:
    """Deletes a row; whoever has signed in by it is signed out for good, and has what is left at the next time.

    Raises NotFound.
    """
    # Who signs in meanwhile is either signed out below, or waits here and is told by the row that it has ended.
    await conn.execute(sa.text("LOCK TABLE session IN SHARE MODE"))
    gone = await conn.execute(sa.delete(sign_in_mapping).where(sign_in_mapping.c.id == mapping_id))
    if gone.rowcount == 0:
        raise NotFound("There is no such mapping.")
    now, by_it = sa.func.clock_timestamp(), sa.literal(mapping_id) == sa.any_(api_key.c.granted_by)
    await conn.execute(sa.update(api_key).where(by_it, api_key.c.expires_at > now).values(expires_at=now))
    # The same row counts again once its account is admitted anew, and no session of before may.
    await conn.execute(sa.delete(session).where(session.c.api_key_id == api_key.c.id, by_it))
