"""Erasures: what has been asked to go, what a worker does of it, and the row that stays when it has gone.

A person's content goes from every roster, run, batch and plan, and with it the duties that say whose they are, as they
were before they were somebody else's too; an organisation's by taking away what opens it. Ids, states, codes and times
stay.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import audit, tasks
from app.db.cipher import OrganisationCipher
from app.db.content import erase_objects
from app.db.schema import activity, erasure, organisation
from app.db.tenants import OWN_KEYS
from app.domain.audit import Actor, Entry
from app.domain.erasing import ORGANISATION, PERSONS
from app.errors import NotFound, RunHasIt

# The kind of the tasks; their keys are `organisation kind id`.
ERASE: Final = "erase"
_SERVICE: Final = Actor("service", None, "", "service")

Row = sa.RowMapping

_C = erasure.c
# All that has anything of a person: each over its own index.
_KNOWN = """
    SELECT EXISTS (
        SELECT FROM (SELECT organisation_id, kind FROM content WHERE object_id = :person OFFSET 0) one
        WHERE one.organisation_id = :organisation AND one.kind = 'persons'
    ) OR EXISTS (
        SELECT FROM (SELECT organisation_id, kind FROM record WHERE object_id = :person OFFSET 0) one
        WHERE one.organisation_id = :organisation AND one.kind = 'persons'
    ) OR EXISTS (
        SELECT FROM (SELECT organisation_id, kind FROM plan_item WHERE object_id = :person OFFSET 0) one
        WHERE one.organisation_id = :organisation AND one.kind = 'persons'
    ) OR EXISTS (SELECT FROM object WHERE organisation_id = :organisation AND kind = 'persons' AND id = :person)
    OR EXISTS (
        SELECT FROM erasure WHERE organisation_id = :organisation AND kind = 'persons' AND object_id = :person
    )
"""
_CONTENT_LEFT = """
    SELECT EXISTS (
        SELECT FROM (SELECT organisation_id, kind FROM content WHERE object_id = :person OFFSET 0) one
        WHERE one.organisation_id = :organisation AND one.kind = 'persons'
    )
"""
_UNDER_WAY = """
    SELECT EXISTS (
        SELECT FROM unnest(CAST(:objects AS uuid[])) AS each (id) CROSS JOIN LATERAL (
            SELECT run_id, organisation_id, kind FROM record WHERE record.object_id = each.id OFFSET 0
        ) sent JOIN run ON run.id = sent.run_id
        WHERE run.finished_at IS NULL AND sent.organisation_id = :organisation AND sent.kind IN ('persons', 'duties')
    )
"""
_ANY_RUN = """
    SELECT EXISTS (
        SELECT FROM run WHERE organisation_id = :organisation AND status IN ('queued', 'running', 'held')
    )
"""
# A duty that a roster has by now for somebody else is theirs.
_DUTIES = """
    WITH current AS MATERIALIZED (
        SELECT item.object_id, item.refs[1] AS person FROM activity CROSS JOIN LATERAL (
            SELECT object_id, refs FROM roster_item
            WHERE roster_id BETWEEN activity.roster_id AND activity.roster_id AND kind = 'duties' OFFSET 0
        ) item
        WHERE activity.organisation_id = :organisation
    )
    SELECT object_id FROM current GROUP BY object_id HAVING bool_and((person = :person) IS TRUE)
    UNION
    SELECT sent.object_id FROM run CROSS JOIN LATERAL (
        SELECT object_id, refs FROM record WHERE record.run_id = run.id AND record.kind = 'duties' OFFSET 0
    ) sent
    WHERE run.organisation_id = :organisation AND sent.refs[1] = :person
        AND sent.object_id NOT IN (SELECT object_id FROM current)
    UNION
    SELECT id FROM unnest(CAST(:known AS uuid[])) AS known (id) WHERE id NOT IN (SELECT object_id FROM current)
"""
# By its own row a roster is found over the index, by whom it names all of its references are looked through.
_ROSTERS = """
    SELECT activity.id, activity.version, activity.roster_id, activity.display_name_sealed, (
        SELECT stored_by_id FROM roster
        WHERE roster.organisation_id = activity.organisation_id AND roster.id = activity.roster_id
    ) AS stored_by_id, EXISTS (
        SELECT FROM (
            SELECT roster_id FROM roster_item WHERE object_id = ANY (CAST(:objects AS uuid[])) OFFSET 0
        ) item WHERE item.roster_id = activity.roster_id
    ) OR EXISTS (
        SELECT FROM (
            SELECT refs FROM roster_item
            WHERE roster_item.roster_id BETWEEN activity.roster_id AND activity.roster_id
                AND roster_item.kind IN ('duties', 'groups', 'activities')
            OFFSET 0
        ) item WHERE item.refs && CAST(:objects AS uuid[])
    ) AS has_one
    FROM activity WHERE activity.organisation_id = :organisation AND activity.deleted_at IS NULL
    ORDER BY activity.id
"""


@dataclass(frozen=True, slots=True)
class Erasing:
    """An erasure that a worker has before it: whose, and what the organisation's values are opened with.

    `logged_at` is the time of its line, where the file of erasures has it already.
    """

    organisation_id: UUID
    number: str
    kind: str
    object_id: UUID
    logged_at: datetime | None
    # Both are there when it is a whole organisation of which rows are still to be cleared away.
    is_erased: bool
    own_keys: bytes


async def find(conn: AsyncConnection, organisation_id: UUID, kind: str, object_id: UUID) -> Row:
    """Gives how an erasure stands: object_id, requested_at, erased_at (None while it goes on). Raises NotFound."""
    asked = sa.select(_C.object_id, _C.requested_at, _C.erased_at).where(*_this(organisation_id, kind, object_id))
    row = (await conn.execute(asked)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such erasure.")
    return row


async def ask_for_person(conn: AsyncConnection, organisation_id: UUID, person_id: UUID, by: str) -> Row:
    """Has a worker erase a person's content, asked for `by` a key's handle; gives how that stands, as `find` does.

    Once it has been erased, and is not back, it stays so. Raises NotFound where the organisation has never had such a
    person, RunHasIt while a run that has it is under way.
    """
    given = {"organisation": organisation_id, "person": person_id}
    if not await conn.scalar(sa.text(_KNOWN), given):
        raise NotFound("There is no such person.")
    await check_person_at_rest(conn, organisation_id, [person_id, *await duties_of(conn, organisation_id, person_id)])
    if not await conn.scalar(sa.text(_CONTENT_LEFT), given):
        done = (*_this(organisation_id, PERSONS, person_id), _C.erased_at.is_not(None))
        if await conn.scalar(sa.select(_C.object_id).where(*done)) is not None:
            return await find(conn, organisation_id, PERSONS, person_id)
    await ask(conn, organisation_id, PERSONS, person_id, by)
    return await find(conn, organisation_id, PERSONS, person_id)


async def ask_for_organisation(conn: AsyncConnection, organisation_id: UUID, by: str) -> Row:
    """Has a worker erase a whole organisation; gives how that stands. Raises RunHasIt while a run is under way."""
    await check_organisation_at_rest(conn, organisation_id)
    done = sa.select(organisation.c.erased_at).where(organisation.c.id == organisation_id)
    if await conn.scalar(done) is None:
        await ask(conn, organisation_id, ORGANISATION, organisation_id, by)
    return await find(conn, organisation_id, ORGANISATION, organisation_id)


async def ask(
    conn: AsyncConnection,
    organisation_id: UUID,
    kind: str,
    object_id: UUID,
    by: str,
    logged_at: datetime | None = None,
) -> None:
    """Makes the row of an erasure and the task of it; with `logged_at` its line is in the file already."""
    await conn.execute(
        sa.text(
            """
            INSERT INTO erasure (organisation_id, kind, object_id, requested_by, logged_at)
            VALUES (:organisation, :kind, :object, :by, :logged_at)
            ON CONFLICT (organisation_id, kind, object_id) DO UPDATE SET requested_by = excluded.requested_by,
                requested_at = CASE WHEN erasure.erased_at IS NULL THEN erasure.requested_at
                    ELSE excluded.requested_at END,
                logged_at = excluded.logged_at, erased_at = NULL
            """
        ),
        {"organisation": organisation_id, "kind": kind, "object": object_id, "by": by, "logged_at": logged_at},
    )
    await tasks.renew(conn, ERASE, {f"{organisation_id} {kind} {object_id}": organisation_id})


async def load(conn: AsyncConnection, organisation_id: UUID, kind: str, object_id: UUID) -> Erasing | None:
    """Gives an erasure that is to be done; None when it has been, or nobody has asked for it."""
    asked = (
        sa.select(organisation.c.number, OWN_KEYS, _C.logged_at, _C.erased_at)
        .join(organisation, organisation.c.id == _C.organisation_id)
        .where(*_this(organisation_id, kind, object_id))
    )
    row = (await conn.execute(asked)).one_or_none()
    # Of an organisation rows may be left to clear away; of a person nothing is.
    if row is None or (row.erased_at is not None and kind == PERSONS):
        return None
    is_erased = row.erased_at is not None
    return Erasing(organisation_id, row.number, kind, object_id, row.logged_at, is_erased, bytes(row.own_keys))


async def duties_of(
    conn: AsyncConnection, organisation_id: UUID, person_id: UUID, known: Collection[UUID] = ()
) -> Sequence[UUID]:
    """Lists the duties that any current roster or any run has of a person; not one that is somebody else's by now.

    Those that were `known` as theirs stay it when no roster has them any more: others may still name them.
    """
    given = {"organisation": organisation_id, "person": person_id, "known": list(known)}
    return (await conn.execute(sa.text(_DUTIES), given)).scalars().all()


async def list_rosters(conn: AsyncConnection, organisation_id: UUID, objects: Collection[UUID]) -> Sequence[Row]:
    """Lists the activities with their rosters: id, version, roster_id, display_name_sealed, stored_by_id.

    `has_one` is whether the roster has one of these `objects`, or refers to one. In any other they may still be named
    in a spelling that is no reference, which its contents alone say.
    """
    given = {"organisation": organisation_id, "objects": list(objects)}
    return (await conn.execute(sa.text(_ROSTERS), given)).mappings().all()


async def current_rosters(conn: AsyncConnection, organisation_id: UUID) -> Sequence[UUID]:
    """Lists the ids of the rosters that the activities have by now."""
    current = sa.select(activity.c.roster_id).where(
        activity.c.organisation_id == organisation_id, activity.c.deleted_at.is_(None)
    )
    return (await conn.execute(current)).scalars().all()


async def check_person_at_rest(conn: AsyncConnection, organisation_id: UUID, objects: Collection[UUID]) -> None:
    """Raises RunHasIt while a run that has one of a person's `objects` is queued, running or held."""
    if await conn.scalar(sa.text(_UNDER_WAY), {"organisation": organisation_id, "objects": list(objects)}):
        raise RunHasIt("A run that has the person is queued, running or held.")


async def check_organisation_at_rest(conn: AsyncConnection, organisation_id: UUID) -> None:
    """Raises RunHasIt while a run of the organisation is queued, running or held."""
    if await conn.scalar(sa.text(_ANY_RUN), {"organisation": organisation_id}):
        raise RunHasIt("A run of the organisation is queued, running or held.")


async def hold(conn: AsyncConnection, organisation_id: UUID) -> datetime:
    """Holds the organisation's row, so that no roster is stored and no run retried meanwhile; gives the time."""
    await conn.execute(
        sa.select(organisation.c.id).where(organisation.c.id == organisation_id).with_for_update(key_share=True)
    )
    # Not in the same statement, which would read the clock before it waits.
    at: datetime = (await conn.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    return at


async def erase_person(conn: AsyncConnection, organisation_id: UUID, person_id: UUID, duties: Collection[UUID]) -> None:
    """Erases what is kept of a person, its `duties`, and those that were its own once.

    Raises what `is_wanted` knows where one of them is wanted.
    """
    await erase_objects(conn, organisation_id, "persons", [person_id])
    if duties:
        await erase_objects(conn, organisation_id, "duties", duties)
    former = sa.text("SELECT erase_former_duties(:organisation, :person)")
    await conn.execute(former, {"organisation": organisation_id, "person": person_id})


def is_wanted(refusal: sa.exc.IntegrityError) -> bool:
    """Tells whether an erasure was refused since a roster or a run under way has one of the objects again."""
    diag = getattr(refusal.orig, "diag", None)
    return getattr(diag, "constraint_name", None) == "erased_while_wanted"


async def erase_organisation(conn: AsyncConnection, organisation_id: UUID, at: datetime) -> None:
    """Takes away what an organisation's contents are opened with, and who may ask for them; to be seen at `at`."""
    await conn.execute(
        sa.text("SELECT erase_organisation(:organisation, :at)"), {"organisation": organisation_id, "at": at}
    )
    gone = sa.text("DELETE FROM task WHERE organisation_id = :organisation AND kind <> :kind")
    await conn.execute(gone, {"organisation": organisation_id, "kind": ERASE})


async def clear_organisation(conn: AsyncConnection, organisation_id: UUID, most: int) -> bool:
    """Deletes some of what nobody can open any more, at most so many rows of a table; False when nothing is left."""
    cleared = sa.text("SELECT clear_organisation(:organisation, :most)")
    return bool(await conn.scalar(cleared, {"organisation": organisation_id, "most": most}))


async def note(conn: AsyncConnection, erasing: Erasing, at: datetime, digest: bytes | None) -> None:
    """Notes that something has been erased at `at`, in the transaction in which it is.

    Its line in the file is of then, or has been there: a restored backup is erased again long after. Its row of the
    audit has the `digest` by which the audit knows a person; None for a whole organisation.
    """
    logged = erasing.logged_at or at
    done = Entry(erasing.organisation_id, _SERVICE, f"erased_{erasing.kind}", objects=[digest] if digest else [])
    await audit.write(conn, done)
    await conn.execute(
        sa.update(erasure)
        .where(*_this(erasing.organisation_id, erasing.kind, erasing.object_id))
        .values(logged_at=logged, erased_at=max(logged, at))
    )


def id_digest(cipher: OrganisationCipher, kind: str, object_id: UUID) -> str | None:
    """Gives the keyed digest, as the file of erasures has it, of an object's id; None for a whole organisation."""
    return None if kind == ORGANISATION else cipher.digest(kind, object_id, b"erased").hex()


def _this(organisation_id: UUID, kind: str, object_id: UUID) -> tuple[Any, ...]:
    return _C.organisation_id == organisation_id, _C.kind == kind, _C.object_id == object_id
