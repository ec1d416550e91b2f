"""Makes plans: reads a roster and what the target has accepted of it by slices, and writes down what a run would do.

All of it is of one moment, whatever is stored meanwhile. What is decided of an object stands in the domain.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.cipher import OrganisationCipher, plain_length
from app.db.content import open_contents
from app.db.engine import transaction
from app.db.loop_share import LoopShare
from app.db.plan_rows import job_slice, last_jobs, roster_slice, was_sent_with_objects, withheld
from app.db.protection import protected_among
from app.db.rows import insert_rows
from app.db.schema import activity, organisation, plan, plan_item
from app.domain.differences import as_told, differing_names, marks, plain_marks
from app.domain.issues import Issue, issues_of, stored
from app.domain.kinds import Kind, tells_school
from app.domain.plan import AS_IF_KNOWN, Candidate, Decided, Decision, Forecast, Stage, as_sent
from app.domain.roster import is_protected
from app.errors import NotFound
from app.target import Published

# As many plans are kept of an activity for each key that has made some, and for all of them together.
MOST_KEPT: Final = 5
MOST_KEPT_TOGETHER: Final = 25

# However often somebody is erased, whoever makes a plan has it, or is told to come back.
_TRIES: Final = 3

_SLICE: Final = 200
# What is opened together has about so many bytes.
_OPENED_TOGETHER: Final = 250_000

_COLUMNS: Final = {
    "organisation_id": "uuid",
    "plan_id": "uuid",
    "kind": "text",
    "ordinal": "int4",
    "object_id": "uuid",
    "person_id": "uuid",
    "decision": "text",
    "source": "bytea",
    "outgoing": "bytea",
    "accepted": "bytea",
    "protected": "bool",
    "likely_refused": "bool",
    "marks": "text[]",
    "open_marks": "text[]",
    "plain_marks": "text[]",
    "codes": "text[]",
    "issues": "jsonb",
}


# Each person is looked for over the index, their duties among those of the plan. Of an organisation all goes.
_ERASED_SINCE: Final = """
    SELECT EXISTS (
        SELECT FROM erasure gone
        WHERE gone.organisation_id = :organisation AND gone.erased_at >= :began AND (
            gone.kind <> 'persons' OR EXISTS (
                SELECT FROM (SELECT plan_id FROM plan_item WHERE plan_item.object_id = gone.object_id OFFSET 0) said
                WHERE said.plan_id = :plan
            ) OR EXISTS (
                SELECT FROM (
                    SELECT person_id FROM plan_item
                    WHERE plan_item.plan_id BETWEEN :plan AND :plan AND plan_item.kind = 'duties' OFFSET 0
                ) duty
                WHERE duty.person_id = gone.object_id
            )
        )
    )
"""


class PlanOvertaken(Exception):
    """Whenever the plan was made somebody was erased who is in it."""


class _Marks(NamedTuple):
    """What an item says is different: as who may see all is told, as who sees nobody protected, as who sees nobody."""

    whole: list[str]
    seen: list[str]
    plain: list[str]


class _Found(NamedTuple):
    """An object with what is decided of it, and its two forms where they were needed; `new` as it would go."""

    row: sa.Row[Any]
    decided: Decided
    old: Any
    new: Any


_LEFT: Final = _Marks(["left"], ["left"], ["left"])


@dataclass(slots=True)
class _Making:
    """One plan while it is made."""

    conn: AsyncConnection
    cipher: OrganisationCipher
    roster_id: UUID
    # Of the run that began last, by kind.
    last_jobs: Mapping[str, UUID]
    allowed: Collection[str]
    forecast: Forecast
    share: LoopShare
    plan_id: UUID

    async def stage(self, kind: Kind) -> None:
        """Decides of all objects of a kind, then finds those that are in no roster any more."""
        stage, after = self.forecast.begin(kind), -1
        of, roster_id = self.cipher.organisation_id, self.roster_id
        while rows := await roster_slice(self.conn, of, roster_id, kind, after=after, limit=_SLICE):
            written: list[tuple[Any, ...]] = []
            kept = await withheld(self.conn, of, kind, self.allowed, rows) if kind is Kind.PERSONS else {}
            for portion in _portions(rows):
                written += await self._decided(stage, portion, kept)
            await self._write(written)
            after = rows[-1].ordinal
        await self._left(stage, after + 1)

    async def _decided(
        self, stage: Stage, rows: Sequence[sa.Row[Any]], kept: Mapping[UUID, sa.Row[Any]]
    ) -> list[tuple[Any, ...]]:
        candidates = [_candidate(row, kept.get(row.object_id)) for row in rows]
        wanted: set[bytes] = set()
        for row, candidate in zip(rows, candidates, strict=True):
            if _differs(row):
                wanted |= {bytes(row.outgoing), bytes(row.accepted)}
            elif self.forecast.refers_to_missing(candidate):
                wanted.add(bytes(row.outgoing))
        opened = await open_contents(self.conn, self.cipher, wanted) if wanted else {}
        found: list[_Found] = []
        async with self.share:
            for row, candidate in zip(rows, candidates, strict=True):
                found.append(self._found(stage.kind, row, candidate, opened))
                await self.share.rest()
        named = {one for each in found for one in _names(stage.kind, each)}
        unseen = await protected_among(self.conn, self.cipher.organisation_id, named) if named else frozenset[UUID]()
        made: list[tuple[Any, ...]] = []
        async with self.share:
            for each in found:
                made.append(self._item(stage, each, unseen))
                await self.share.rest()
        return made

    def _found(self, kind: Kind, row: sa.Row[Any], candidate: Candidate, opened: Mapping[bytes, bytes]) -> _Found:
        new, old = (_json(opened, digest) for digest in (row.outgoing, row.accepted))
        needed = new if self.forecast.refers_to_missing(candidate) else None
        decided = self.forecast.decide(candidate, needed)
        return _Found(row, decided, old, None if new is None else as_sent(kind, new, decided.without))

    def _item(self, stage: Stage, found: _Found, unseen: Set[UUID]) -> tuple[Any, ...]:
        row, kind = found.row, stage.kind
        is_hidden = row.protected or (found.old is not None and kind is Kind.PERSONS and is_protected(found.old))
        whole = _marks(found)
        if not tells_school(kind):
            plain = plain_marks(whole)
            said = _Marks(whole, plain if is_hidden or row.is_marked else whole, plain)
        elif found.old is None or found.new is None:
            said = _Marks(whole, whole, whole)
        else:
            seen, plain = (marks(*(as_told(each, of) for each in (found.old, found.new))) for of in (unseen, None))
            said = _Marks(whole, seen, plain)
        stage.count(*said)
        return self._row(kind, row.ordinal, row, found.decided, said, outgoing=row.outgoing, protected=is_hidden)

    async def _left(self, stage: Stage, ordinal: int) -> None:
        job_id, after = self.last_jobs.get(stage.kind), UUID(int=0)
        decided = Decided(Decision.LEFT)
        of, kind = self.cipher.organisation_id, stage.kind
        while job_id and (rows := await job_slice(self.conn, of, job_id, kind, after=after, limit=_SLICE)):
            after = rows[-1].object_id
            left = [row for row in rows if row.is_left]
            stage.decisions[Decision.LEFT] += len(left)
            for _ in left:
                stage.count(*_LEFT)
            await self._write(
                [self._row(stage.kind, n, row, decided, _LEFT) for n, row in enumerate(left, start=ordinal)]
            )
            ordinal += len(left)

    def _row(
        self,
        kind: Kind,
        ordinal: int,
        row: sa.Row[Any],
        decided: Decided,
        said: _Marks,
        *,
        outgoing: bytes | None = None,
        protected: bool | None = None,
    ) -> tuple[Any, ...]:
        return (
            self.cipher.organisation_id,
            self.plan_id,
            kind.value,
            ordinal,
            row.object_id,
            row.refs[0] if kind is Kind.DUTIES and row.refs else None,
            decided.decision.value,
            row.source,
            outgoing,
            row.accepted,
            row.protected if protected is None else protected,
            decided.likely_refused,
            *said,
            list(dict.fromkeys(each.code for each in decided.issues)),
            json.dumps(stored(decided.issues)) if decided.issues else None,
        )

    async def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        for first in range(0, len(rows), _SLICE):
            async with self.share:
                await insert_rows(self.conn, "plan_item", _COLUMNS, rows[first : first + _SLICE])


async def make_plan(
    engine: AsyncEngine,
    cipher: OrganisationCipher,
    published: Published,
    activity_id: UUID,
    *,
    on_record_error: str,
    allow: Collection[str],
    key_id: UUID,
    key_name: str,
    share: LoopShare,
    made: Callable[[AsyncConnection, UUID], Awaitable[None]] | None = None,
) -> UUID:
    """Writes down what a run of an activity would do if it were asked for now by this key; gives the plan's id.

    `made` is told of it in its transaction, once; `share` is shared by all that works through rosters in a process. The
    oldest plans of the activity go when the key has made more than MOST_KEPT; and when there are more than
    MOST_KEPT_TOGETHER, of those who have the most. A plan in whose making somebody was erased who is in it is made
    again under the same id: it could hold what is said of them. Raises NotFound without the activity, and
    PlanOvertaken when that happens again and again.
    """
    plan_id = uuid4()
    for _ in range(_TRIES):
        began = await _begin(engine, cipher.organisation_id)
        await _make(
            engine,
            cipher,
            published,
            activity_id,
            plan_id,
            began,
            on_record_error=on_record_error,
            allow=allow,
            key_id=key_id,
            key_name=key_name,
            share=share,
            made=made,
        )
        if not await _forget_erased(engine, cipher.organisation_id, plan_id, began):
            await _forget_old(engine, cipher.organisation_id, activity_id)
            return plan_id
        made = None
    raise PlanOvertaken


async def _begin(engine: AsyncEngine, organisation_id: UUID) -> datetime:
    """Gives a time that no upload of the organisation spans: whom one has marked before it can be read by now."""
    async with transaction(engine, "begin_plan", of=organisation_id) as conn:
        await _hold(conn, organisation_id)
        # Not in the same statement, which would read the clock before it waits.
        began: datetime = (await conn.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    return began


async def _hold(conn: AsyncConnection, organisation_id: UUID) -> None:
    """Has no roster of an organisation stored, and nobody erased, until the transaction ends."""
    held = sa.select(organisation.c.id).where(organisation.c.id == organisation_id)
    await conn.execute(held.with_for_update(read=True))


async def _make(
    engine: AsyncEngine,
    cipher: OrganisationCipher,
    published: Published,
    activity_id: UUID,
    plan_id: UUID,
    began: datetime,
    *,
    on_record_error: str,
    allow: Collection[str],
    key_id: UUID,
    key_name: str,
    share: LoopShare,
    made: Callable[[AsyncConnection, UUID], Awaitable[None]] | None,
) -> None:
    one_moment = engine.execution_options(isolation_level="REPEATABLE READ")
    async with transaction(one_moment, "make_plan", of=cipher.organisation_id) as conn:
        query = sa.select(activity.c.roster_id, activity.c.version)
        found = await conn.execute(
            query.where(
                activity.c.organisation_id == cipher.organisation_id,
                activity.c.id == activity_id,
                activity.c.deleted_at.is_(None),
            )
        )
        current = found.one_or_none()
        if current is None:
            raise NotFound("There is no such activity.")
        forecast = Forecast(published.body_form, on_record_error)
        jobs = await last_jobs(conn, cipher.organisation_id, activity_id)
        making = _Making(conn, cipher, current.roster_id, jobs, allow, forecast, share, plan_id)
        for kind in Kind:
            await making.stage(kind)
        is_empty = "shrinks" not in allow and not any(stage.total for stage in forecast.stages)
        shrinks = is_empty and await was_sent_with_objects(conn, cipher.organisation_id, activity_id)
        await conn.execute(
            sa.insert(plan).values(
                organisation_id=cipher.organisation_id,
                id=plan_id,
                activity_id=activity_id,
                roster_version=current.version,
                on_record_error=on_record_error,
                allow=sorted(set(allow)),
                shrinks=shrinks,
                requested_by_id=key_id,
                requested_by_name=key_name,
                stages=[_counts(stage) for stage in forecast.stages],
                created_at=began,
            )
        )
        if made is not None:
            await made(conn, plan_id)


async def _forget_erased(engine: AsyncEngine, organisation_id: UUID, plan_id: UUID, began: datetime) -> bool:
    """Deletes a plan when somebody who is in it has been erased since it `began`, and tells whether that was so."""
    async with transaction(engine, "forget_erased_plan", of=organisation_id) as conn:
        await _hold(conn, organisation_id)
        given = {"organisation": organisation_id, "plan": plan_id, "began": began}
        if not await conn.scalar(sa.text(_ERASED_SINCE), given):
            return False
        await _forget(conn, organisation_id, plan_id)
    return True


async def _forget_old(engine: AsyncEngine, organisation_id: UUID, activity_id: UUID) -> None:
    newest_first = plan.c.created_at.desc(), plan.c.id.desc()
    of_its_key = sa.func.row_number().over(partition_by=plan.c.requested_by_id, order_by=newest_first)
    ranked = (
        sa.select(plan.c.id, of_its_key.label("place"), sa.func.row_number().over(order_by=newest_first).label("age"))
        .where(plan.c.organisation_id == organisation_id, plan.c.activity_id == activity_id)
        .subquery()
    )
    # However many plans somebody makes, the newest of others stay.
    among = sa.func.row_number().over(order_by=(ranked.c.place, ranked.c.age)).label("among")
    kept = sa.select(ranked.c.id, ranked.c.place, among).subquery()
    too_many = sa.select(kept.c.id).where((kept.c.place > MOST_KEPT) | (kept.c.among > MOST_KEPT_TOGETHER))
    old = (
        sa.select(plan.c.id)
        .where(plan.c.organisation_id == organisation_id, plan.c.id.in_(too_many))
        # Somebody else may be at it.
        .with_for_update(skip_locked=True)
    )
    async with transaction(engine, "forget_plans", of=organisation_id) as conn:
        for plan_id in (await conn.scalars(old)).all():
            await _forget(conn, organisation_id, plan_id)


async def _forget(conn: AsyncConnection, organisation_id: UUID, plan_id: UUID) -> None:
    await conn.execute(sa.delete(plan_item).where(plan_item.c.plan_id.between(plan_id, plan_id)))
    await conn.execute(sa.delete(plan).where(plan.c.organisation_id == organisation_id, plan.c.id == plan_id))


def _portions(rows: Sequence[sa.Row[Any]]) -> Iterator[list[sa.Row[Any]]]:
    """Divides rows so that what is opened of them fits into little memory."""
    portion: list[sa.Row[Any]] = []
    opened = 0
    for row in rows:
        portion.append(row)
        opened += row.bytes or 0
        if opened >= _OPENED_TOGETHER:
            yield portion
            portion, opened = [], 0
    if portion:
        yield portion


def _candidate(row: sa.Row[Any], kept: sa.Row[Any] | None) -> Candidate:
    refused = _issues(row.refused) if row.sendable else ()
    return Candidate(
        id=row.object_id,
        refs=row.refs,
        upload=row.upload,
        sendable=row.sendable,
        size=0 if row.bytes is None else plain_length(row.bytes, row.first_byte),
        accepted_upload=row.accepted_upload,
        issues=_issues(row.issues),
        withheld=() if kept is None else _why(kept),
        # What has been allowed is none of these.
        refused=tuple(each for each in refused if each.code not in AS_IF_KNOWN),
    )


def _why(kept: sa.Row[Any]) -> tuple[Issue, ...]:
    weaker = (Issue("weaker_marking"),) if kept.weaker else ()
    return (*weaker, *((Issue("reused_id"),) if kept.reused else ()))


def _issues(given: list[dict[str, Any]] | None) -> tuple[Issue, ...]:
    return tuple(issues_of(given)) if given else ()


def _differs(row: sa.Row[Any]) -> bool:
    return row.accepted is not None and row.outgoing is not None and row.accepted != row.outgoing


def _marks(found: _Found) -> list[str]:
    if found.row.outgoing is None:
        return []
    if found.row.accepted is None:
        return ["new"]
    if not _differs(found.row) and not found.decided.without:
        return ["unchanged"]
    # What has been erased can't be compared.
    return ["changed"] if found.old is None or found.new is None else marks(found.old, found.new)


def _names(kind: Kind, found: _Found) -> Set[UUID]:
    """Gives by whom a group or an activity differs."""
    if not tells_school(kind) or found.old is None or found.new is None:
        return frozenset()
    return differing_names(found.old, found.new)


def _json(opened: Mapping[bytes, bytes], digest: bytes | None) -> Any:
    plain = None if digest is None else opened.get(bytes(digest))
    return None if plain is None else json.loads(plain)


def _counts(stage: Stage) -> dict[str, Any]:
    return {
        "stage": stage.kind.value,
        "total": stage.total,
        **{each.value: stage.decisions[each] for each in Decision},
        "likely_refused": stage.likely_refused,
        "sent_without": stage.sent_without,
        "calls": stage.calls.calls,
        "stops_here": stage.stops_here,
        "may_stop_here": stage.may_stop_here,
        "marks": dict(sorted(stage.marks.items())),
        "open_marks": dict(sorted(stage.open_marks.items())),
        "plain_marks": dict(sorted(stage.plain_marks.items())),
    }
