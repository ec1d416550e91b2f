"""Takes a roster in: from its source to encrypted rows, without holding it whole.

The rows are staged under a new roster id while the source still gives objects, and taken in in one transaction at the
very end: nobody sees them before the activity points to them, under the organisation's lock.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import reads
from app.db.assessment import FINDINGS_OF_OBJECTS, Assessment
from app.db.cipher import OrganisationCipher
from app.db.comparisons import compare_upload, rosters_left_with
from app.db.content import forget_contents, sealed_content
from app.db.engine import transaction
from app.db.findings import remove_findings
from app.db.free_text import name_place, open_text, seal_text
from app.db.given import read_given
from app.db.loop_share import LoopShare
from app.db.schema import activity, roster, roster_item
from app.db.search_index import SearchIndex
from app.db.staging import STAGED, RosterDigest, Row, Staging
from app.domain.issues import stored
from app.domain.reading import Reading
from app.domain.roster import RosterObject, affiliation, further_units, is_nobodys, is_protected, refs
from app.domain.ss12000 import without_others
from app.domain.traits import traits
from app.errors import OrganisationFull, PreconditionFailed
from app.target import Published

_COLUMNS = {
    "organisation_id": "uuid",
    "roster_id": "uuid",
    "kind": "text",
    "object_id": "uuid",
    "ordinal": "int4",
    "source": "bytea",
    "source_sealed": "bytea",
    "outgoing": "bytea",
    "outgoing_sealed": "bytea",
    "words": "int4[]",
    "refs": "uuid[]",
    "role": "text",
    "school_year": "int2",
    "school_unit": "uuid",
    "more_units": "uuid[]",
    "protected": "bool",
    "marking": "int2",
    "eppn": "bytea",
    "civic_no": "bytea",
    "name": "bytea",
    "sendable": "bool",
    "issues": "jsonb",
    "findings": "jsonb",
}
# One roster of an organisation at a time, until the commit: their order is that of the uploads, and a content that one
# needs must not go with another's, or wait for it.
_NEXT_UPLOAD = "UPDATE organisation SET last_upload = last_upload + 1 WHERE id = :organisation RETURNING last_upload"
_TAKE_IN = (
    f"""
    INSERT INTO content (organisation_id, digest, kind, object_id, sealed, words, marking, eppn, civic_no, name)
    SELECT :organisation, source, kind, object_id, source_sealed, words, marking, eppn, civic_no, name
    FROM staged WHERE {STAGED}
    ON CONFLICT (organisation_id, digest) DO UPDATE SET words = excluded.words WHERE content.words IS NULL
    """,  # noqa: S608 - constants of ours
    f"""
    INSERT INTO content (organisation_id, digest, kind, object_id, sealed, marking, eppn, civic_no, name)
    SELECT :organisation, outgoing, kind, object_id, outgoing_sealed, marking, eppn, civic_no, name FROM staged
    WHERE {STAGED} AND outgoing_sealed IS NOT NULL
    ON CONFLICT DO NOTHING
    """,  # noqa: S608 - constants of ours
    # Who is as in the roster that it is held against is of the upload that it was of. The OFFSET makes this a look by
    # the object's id: by the roster's, old statistics might make it read all of the roster for each.
    f"""
    INSERT INTO roster_item (organisation_id, roster_id, kind, object_id, ordinal, source, outgoing, upload, refs,
        role, school_year, school_unit, more_units, protected, marking, sendable, issues)
    SELECT :organisation, roster_id, kind, object_id, ordinal, source, outgoing, coalesce(same.upload, :upload), refs,
        role, school_year, school_unit, more_units, protected, marking, sendable, issues
    FROM staged given LEFT JOIN LATERAL (
        SELECT upload FROM (
            SELECT * FROM roster_item item
            WHERE item.object_id = given.object_id AND CAST(:held_against AS uuid) IS NOT NULL OFFSET 0
        ) old
        WHERE old.roster_id = :held_against AND old.kind = given.kind
            AND coalesce(old.outgoing, old.source) = coalesce(given.outgoing, given.source)
    ) same ON true
    WHERE {STAGED}
    """,  # noqa: S608 - constants of ours
    # Who has duties is of their units as well. The OFFSET makes this a look by the object's id for each, as above.
    f"""
    UPDATE roster_item SET more_units = found.units || coalesce(roster_item.more_units, '{{}}')
    FROM (
        SELECT one.place, one.roster_id, one.kind, posts.units FROM (
            SELECT refs[1] AS person, array_agg(DISTINCT school_unit) AS units FROM staged
            WHERE {STAGED} AND kind = 'duties' AND school_unit IS NOT NULL AND refs <> '{{}}' GROUP BY refs[1] OFFSET 0
        ) posts CROSS JOIN LATERAL (
            SELECT ctid AS place, roster_id, kind FROM roster_item WHERE object_id = posts.person OFFSET 0
        ) one
    ) found
    WHERE found.roster_id = :roster AND found.kind = 'persons' AND roster_item.ctid = found.place
    """,  # noqa: S608 - constants of ours
    # Beyond this roster: whoever replaces or deletes it, or sends less than it, does not show them. In one order, as
    # workers write them. A duty is protected as its person is, and while it can't be read whose it is.
    f"""
    INSERT INTO protected_object (organisation_id, object_id, kind)
    SELECT :organisation, object_id, kind FROM staged WHERE {STAGED} AND protected AND kind <> 'duties'
    ORDER BY object_id, kind
    ON CONFLICT (organisation_id, object_id, kind) DO UPDATE SET marked_at = excluded.marked_at
    """,  # noqa: S608 - constants of ours
    FINDINGS_OF_OBJECTS,
    f"DELETE FROM staged WHERE {STAGED}",  # noqa: S608 - constants of ours
)
# It stays that while the organisation's row is held; the activity's is left to its runs until the end.
_CURRENT = """
    SELECT activity.version, activity.roster_id, bytes, display_name_sealed, digest, deleted_at IS NOT NULL AS deleted,
        roster.stored_by_id
    FROM activity JOIN roster
        ON roster.organisation_id = activity.organisation_id AND roster.id = activity.roster_id
    WHERE activity.organisation_id = :organisation AND activity.id = :activity
"""
# Of all its activities; the organisation's row keeps it as it is.
_TOGETHER = "SELECT coalesce(sum(bytes), 0)::bigint FROM activity WHERE organisation_id = :organisation"
# What the roster before has and this one has not.
_GONE = """
    SELECT array_agg(gone.digest) FROM (
        SELECT unnest(ARRAY[old.source, old.outgoing]) AS digest FROM roster_item old
        WHERE old.roster_id BETWEEN :old AND :old
        EXCEPT
        SELECT unnest(ARRAY[new.source, new.outgoing]) FROM roster_item new
        WHERE new.roster_id BETWEEN :new AND :new
    ) gone WHERE gone.digest IS NOT NULL
"""

# Made once: to make one takes longer than to write an object.
_ascii = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Stored:
    """A roster that is in: whether its activity is new, and the activity as this roster left it."""

    created: bool
    activity: reads.Row


class Source(Protocol):
    """Where a roster comes from; name and counts are known when all its parts have been read."""

    @property
    def display_name(self) -> str | None:
        """Gives the activity's name."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Gives how many objects of each kind there are."""

    def parts(self) -> AsyncGenerator[Iterator[RosterObject]]:
        """Gives the objects as they arrive; raises Refused when nothing of it may be stored."""


class _Unchanged(Exception):
    """Ends the transaction of a roster that is there already."""

    def __init__(self, activity: reads.Row) -> None:
        super().__init__()
        self.activity = activity


@dataclass
class _Intake:
    """The reading of one source, and what was counted on the way."""

    cipher: OrganisationCipher
    staging: Staging
    share: LoopShare
    source: Source
    index: SearchIndex
    assessment: Assessment
    bytes: int = 0
    digest: RosterDigest = field(default_factory=RosterDigest)

    @property
    def roster_id(self) -> UUID:
        """Gives the new roster's id."""
        return self.staging.roster_id

    async def read(self) -> None:
        """Reads the source to its end into rows, and stages all but the last piece; raises whatever it raises."""
        async with aclosing(self.source.parts()) as parts:
            async for objects in parts:
                while await self._collect(objects):
                    await self.staging.store_piece()
        # Before a place is taken to store the rest: the last piece may still wait for one.
        await self.staging.stored()

    async def _collect(self, objects: Iterator[RosterObject]) -> bool:
        """Makes rows of objects until a piece is full, which is True, or there are no more."""
        async with self.share:
            for each in objects:
                await self.share.rest()
                before = self.bytes
                row = self._row(each)
                self.staging.collect(row, self.bytes - before)
                if self.staging.is_full:
                    return True
                await self.share.rest()
        return False

    def _row(self, given: RosterObject) -> Row:
        kind, ordinal, object_id, payload = given
        leaves, findings = self.assessment.read(given)
        outgoing = leaves.plain
        stays = payload if leaves.is_whole else without_others(payload)
        # ASCII: a text that has no UTF-8 form is kept as well.
        source = outgoing if leaves.is_whole and outgoing is not None else _ascii(stays).encode("ascii")
        kept = sealed_content(self.cipher, kind, object_id, source)
        sent, belongs = kept, affiliation(kind, payload)
        if outgoing is not None and outgoing is not source:
            sent = sealed_content(self.cipher, kind, object_id, outgoing)
        # What is said of others is not kept; that it came is known, as a finding speaks of it.
        came = kept.digest if stays == payload else self.cipher.digest(kind, object_id, _ascii(payload).encode("ascii"))
        # What leaves may be another on another day, of the same object.
        self.digest.add(kind, came, None if outgoing is None else sent.digest)
        self.bytes += len(kept.sealed) + (0 if sent is kept else len(sent.sealed))
        return (
            self.cipher.organisation_id,
            self.roster_id,
            kind,
            object_id,
            ordinal,
            kept.digest,
            kept.sealed,
            None if outgoing is None else sent.digest,
            None if sent is kept else sent.sealed,
            self.index.buckets(kind, payload),
            refs(kind, payload),
            belongs.role,
            belongs.school_year,
            belongs.school_unit,
            further_units(kind, payload, belongs.school_unit),
            is_protected(payload) or is_nobodys(kind, payload),
            *self._traits(kind, object_id, payload),
            outgoing is not None,
            Jsonb(stored(leaves.issues)) if leaves.issues else None,
            Jsonb(findings) if findings else None,
        )

    def _traits(self, kind: str, object_id: UUID, item: dict[str, Any]) -> Row:
        found, trait = traits(kind, item), self.cipher.trait
        return (
            found.marking,
            # Another object may have had it.
            trait("eppn", found.eppn),
            trait("civic_no", found.civic_no, object_id),
            trait("name", found.name, object_id),
        )


TakenIn = Callable[[AsyncConnection, Stored], Awaitable[None]]


async def store_roster(
    engine: AsyncEngine,
    cipher: OrganisationCipher,
    published: Published,
    activity_id: UUID,
    source: Source,
    *,
    stored_by: UUID | None,
    made_by: UUID | None,
    if_match: Callable[[int | None], bool],
    share: LoopShare,
    most_bytes: int,
    taken_in: TakenIn | None = None,
) -> Stored:
    """Stores what `source` gives as the roster of an activity of the cipher's organisation, whole or not at all.

    `published` says what breaks the schema. `stored_by` is the key whose it is then. A name and
    objects that are there already change nothing, where the same key has stored them: whoever stores a guess over
    another's roster would be told by that whether it is right. The last run that is given is the activity's, or with
    `made_by` the last that this key has made. `if_match` is asked with the version that is there (None: no activity),
    under the organisation's lock; `share` is that of all intakes of a process. `taken_in` is told of what was stored
    in its transaction, and afterwards of what was there already. Raises PreconditionFailed; OrganisationFull when the
    organisation's rosters would grow beyond `most_bytes` together; and whatever the source raises.
    """
    staging = Staging(engine, share, cipher.organisation_id, _COLUMNS)
    async with (
        share.connections.take(cipher.organisation_id),
        transaction(engine, "read_given", of=cipher.organisation_id) as conn,
    ):
        given = await read_given(conn, published, cipher.organisation_id)
    assessment = Assessment(published, Reading(published.outgoing, published.body_form, given))
    intake = _Intake(cipher, staging, share, source, SearchIndex(cipher), assessment)
    try:
        await intake.read()
        async with (
            share.connections.take(cipher.organisation_id),
            transaction(engine, "store_roster", of=cipher.organisation_id) as conn,
        ):
            stored = await _take_in(conn, intake, activity_id, stored_by, made_by, if_match, most_bytes)
            if taken_in is not None:
                await taken_in(conn, stored)
            return stored
    except BaseException as exc:
        # An error of the database hides no other; what it leaves is forgotten later.
        with suppress(sa.exc.SQLAlchemyError, OSError):
            await staging.forget()
        if not isinstance(exc, _Unchanged):
            raise
        unchanged = Stored(created=False, activity=exc.activity)
    if taken_in is not None:
        async with transaction(engine, "same_roster", of=cipher.organisation_id) as conn:
            await taken_in(conn, unchanged)
    return unchanged


async def _take_in(
    conn: AsyncConnection,
    intake: _Intake,
    activity_id: UUID,
    stored_by: UUID | None,
    made_by: UUID | None,
    if_match: Callable[[int | None], bool],
    most_bytes: int,
) -> Stored:
    await intake.staging.store_rest(conn)
    organisation_id = intake.cipher.organisation_id
    keys = {"organisation": organisation_id, "activity": activity_id}
    upload: int = (await conn.execute(sa.text(_NEXT_UPLOAD), keys)).scalar_one()
    # By now nobody erases any more what has been staged.
    await intake.staging.check_whole(conn)
    old = (await conn.execute(sa.text(_CURRENT), keys)).one_or_none()
    current = None if old is None or old.deleted else old
    _check(if_match, None if current is None else current.version)
    named = None if current is None else open_text(intake.cipher, current.display_name_sealed, name_place(activity_id))
    # However much a key may see: whoever has stored a guess before it would see what of it stays.
    is_own = old is not None and stored_by == old.stored_by_id
    given = intake.source.display_name, intake.digest.value()
    if current is not None and is_own and (named, current.digest) == given:
        raise _Unchanged(await _shown(conn, organisation_id, activity_id, made_by))
    together = await conn.scalar(sa.text(_TOGETHER), keys) or 0
    _check_size(most_bytes, together, 0 if old is None else old.bytes, intake.bytes)
    await intake.assessment.set_guardians_apart(conn, intake.roster_id)
    for statement in _TAKE_IN:
        held_against = old.roster_id if old is not None and is_own else None
        values = {"roster": intake.roster_id, "held_against": held_against, "upload": upload}
        await conn.execute(sa.text(statement), {**keys, **values})
    await intake.assessment.write(conn, organisation_id, intake.roster_id)
    left_with: Sequence[UUID] = ()
    if old is not None:
        left_with = await rosters_left_with(conn, organisation_id, old.roster_id, intake.roster_id)
    await _put_in_place(conn, intake, activity_id, stored_by, upload, old, named)
    await compare_upload(conn, organisation_id, activity_id, intake.roster_id, upload, left_with)
    return Stored(current is None, await _shown(conn, organisation_id, activity_id, made_by))


async def _shown(conn: AsyncConnection, organisation_id: UUID, activity_id: UUID, made_by: UUID | None) -> reads.Row:
    # In the same transaction, or the answer might show somebody else's roster.
    row = await reads.find_activity(conn, organisation_id, activity_id, made_by=made_by)
    assert row is not None  # noqa: S101 - it was found or written just now
    return row


async def _put_in_place(
    conn: AsyncConnection,
    intake: _Intake,
    activity_id: UUID,
    stored_by: UUID | None,
    upload: int | None,
    old: sa.Row[Any] | None,
    named: str | None,
) -> None:
    organisation_id = intake.cipher.organisation_id
    name = intake.source.display_name
    given = {
        "roster_id": intake.roster_id,
        "version": 1 if old is None else old.version + 1,
        "counts": intake.source.counts,
        "bytes": intake.bytes,
        "digest": intake.digest.value(),
    }
    # Sealed again, the same name would be a change that runs show.
    if name is not None and name != named:
        given["display_name_sealed"] = seal_text(intake.cipher, name, name_place(activity_id))
    await conn.execute(
        sa.insert(roster).values(
            organisation_id=organisation_id,
            id=intake.roster_id,
            activity_id=activity_id,
            version=given["version"],
            upload=upload,
            stored_by_id=stored_by,
        )
    )
    if old is None:
        await conn.execute(sa.insert(activity).values(organisation_id=organisation_id, id=activity_id, **given))
        return
    await conn.execute(
        sa.update(activity)
        .where(activity.c.organisation_id == organisation_id, activity.c.id == activity_id)
        .values(updated_at=sa.func.clock_timestamp(), deleted_at=None, **given)
    )
    gone = await conn.scalar(sa.text(_GONE), {"old": old.roster_id, "new": intake.roster_id})
    await conn.execute(sa.delete(roster_item).where(roster_item.c.roster_id.between(old.roster_id, old.roster_id)))
    await remove_findings(conn, organisation_id, old.roster_id)
    if gone:
        await forget_contents(conn, intake.cipher, gone)


def _check(if_match: Callable[[int | None], bool], version: int | None) -> None:
    if not if_match(version):
        raise PreconditionFailed("The activity is not in the state that the request's conditions ask for.")


def _check_size(most: int, together: int, before: int, given: int) -> None:
    # Where there is too much already, less must be possible.
    if given > before and together - before + given > most:
        raise OrganisationFull(
            f"The organisation's rosters may take {most} bytes together, and this one would be too much; nothing was"
            " stored. Smaller ones in place of others make room."
        )
