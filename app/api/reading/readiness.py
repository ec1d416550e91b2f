"""Who is missing in an exam, for one viewer: how its pupils stand, what keeps them, and which pupils those are."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.api.dependencies import Parts, check_school_filters
from app.api.http import cursors
from app.api.http.lists import MOST_NAMED
from app.api.reading.activities import check_activity
from app.api.reading.disclosures import Disclosure
from app.api.reading.narrowed import only_own, opened_cursor, own_counts, sealed_cursor
from app.db import readiness as rows_of
from app.db.cipher import OrganisationCipher
from app.db.free_text import name_place, open_text
from app.db.protection import list_marked
from app.db.units import roster_within
from app.domain.kinds import Kind, tells_school
from app.domain.outcome import in_all, outcome_of
from app.domain.readiness import GroupReadiness, Readiness, readiness, within, without_members
from app.domain.roster import uuid_of
from app.domain.roster_state import Alike, Member, Roster, Seen, Stage
from app.domain.standing import Cause, Standing, State
from app.errors import NotFound
from app.target import Published
from app.views import Row, Shown
from app.views.readiness import MOST_CAUSES, MOST_GROUPS, cause_id, show_pupil, show_readiness
from app.views.record import is_hidden, show_names
from app.views.sealed import open_record
from app.views.viewer import Viewer

_TIMES: Final = ("created_at", "started_at", "finished_at", "as_of")


@dataclass(frozen=True, slots=True)
class PupilFilter:
    """What a list of pupils is narrowed to; no state means all who take part and are not through."""

    states: Sequence[State] = ()
    causes: Sequence[str] = ()
    groups: Sequence[UUID] = ()

    @property
    def wanted_states(self) -> Set[State]:
        """Gives the states of those who are listed."""
        return frozenset(self.states or (State.UNDER_WAY, State.NOT_SENT, State.HINDERED))

    @property
    def by_school(self) -> bool:
        """Tells whether who is found shows where somebody goes to school: groups and activities are of one."""
        return bool(self.groups) or any(map(_is_of_school, self.causes))


@dataclass(frozen=True, slots=True)
class _Sight:
    """Whom one may see: `everybody`; else, with `names`, all but the `unseen`, and without them nobody."""

    everybody: bool
    names: bool
    unseen: frozenset[str] = frozenset()

    def told(
        self, refs: Sequence[str], at_target: Set[str] | None, *, current: bool, own: bool, doubted: bool
    ) -> Set[str] | None:
        """Gives of what a group has `at_target`, None for all its `refs`, what may be told.

        Where that is of its `own` exam's upload and run, all of it. Else whoever may not be seen is in it when it is
        `current` as a whole, whatever is known of them: who guesses a group would be told when they are right. Where
        that is `doubted` they are not: it may be them whom the answer did not know.
        """
        hidden = set(refs) if not self.names else self.unseen.intersection(refs)
        if self.everybody or not hidden or (current and (own or at_target is None)):
            return at_target
        there = set(refs) if at_target is None else set(at_target)
        return there | hidden if current and not doubted else there - hidden


@dataclass(frozen=True, slots=True)
class _Exam:
    """An activity with its last run, how its pupils stand, and the places of all objects in their lists.

    One by one pupils are told as they are `listed`; for a viewer who sees nobody no state tells a group of theirs.
    """

    here: Row
    made: Readiness
    listed: Readiness
    places: Mapping[str, int]
    members: Mapping[str, Sequence[str]]
    # Of a viewer who is narrowed to school units: the objects that are told.
    own: Set[str] | None = None


async def read_readiness(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    activity_id: UUID,
    *,
    limit: int,
    cursor: str | None = None,
    missing_first: bool = False,
) -> Shown:
    """Gives how an activity's pupils stand, with a page of its groups; raises NotFound without the activity.

    Groups are in the roster's order, or those first that miss somebody.
    """
    listed = ("readiness", activity_id, missing_first)
    after = cursors.read(opened_cursor(cipher, viewer, cursor), (cursors.number, cursors.number), *listed)
    sight = await _sight(parts, viewer)
    exam = await _exam(parts, cipher, viewer, activity_id, sight)
    made = without_members(exam.made, exam.members, sight.unseen)

    def place_of(group: GroupReadiness) -> tuple[int, int]:
        return (int(missing_first and not group.misses_somebody), exam.places[group.id])

    in_order = sorted(made.groups, key=place_of)
    groups = [each for each in in_order if after is None or place_of(each) > after]
    cut, following = cursors.page(groups, limit, place_of, *listed)
    hindrances = made.hindrances[:MOST_CAUSES]
    named = [each.id for each in cut]
    named += [group_id for each in hindrances for group_id in each.groups[:MOST_GROUPS]]
    opened = await _open(
        parts,
        cipher,
        viewer,
        activity_id,
        [*_references(each.cause for each in hindrances), *((Kind.GROUPS, each) for each in named)],
    )
    disclosure = Disclosure(viewer)
    disclosure.add(opened.values())
    await disclosure.write(parts, "read_readiness", activity_id=activity_id, after=after)
    names = show_names((row for (kind, _), row in opened.items() if kind is Kind.GROUPS), viewer)
    following = sealed_cursor(cipher, viewer, following)
    shown = show_readiness(exam.here, made, cut, opened, viewer, names, next_cursor=following)
    [own] = await only_own(parts, viewer, [shown], {activity_id, *_runs(exam), *map(UUID, exam.own or ())})
    return own


async def list_pupils(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    activity_id: UUID,
    wanted: PupilFilter,
    *,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Shown], str | None]:
    """Gives a page of pupils in the roster's order, and the next page's cursor.

    Whom the viewer may not see is not found by a group. Raises NotFound without the activity, Forbidden for a list by
    groups where the viewer is shown nobody's, and BadRequest for a cursor of another list.
    """
    check_school_filters(viewer, by_school=wanted.by_school)
    listed = ("readiness pupils", activity_id, *map(sorted, (wanted.states, wanted.causes, map(str, wanted.groups))))
    after = cursors.read(opened_cursor(cipher, viewer, cursor), (cursors.number,), *listed)
    sight = await _sight(parts, viewer)
    exam = await _exam(parts, cipher, viewer, activity_id, sight)
    places, states = exam.places, wanted.wanted_states
    unseen = sight.unseen if wanted.by_school else frozenset[str]()
    of_groups = {each for group in wanted.groups for each in exam.members.get(str(group), ())}
    found = [
        (places[each], each, standing)
        for each, standing in exam.listed.pupils
        if standing.state in states
        and each not in unseen
        and (not wanted.groups or each in of_groups)
        and _has_cause(standing, wanted.causes)
    ]
    found.sort(key=lambda each: each[0])
    rest = [each for each in found if after is None or each[0] > after[0]]
    cut, following = cursors.page(rest, limit, lambda each: (each[0],), *listed)
    causes = _references(standing.cause for _, _, standing in cut)
    opened = await _open(parts, cipher, viewer, activity_id, [*((Kind.PERSONS, each) for _, each, _ in cut), *causes])
    shown = [
        show_pupil(row, standing.state, standing.cause, exam.here, opened, viewer)
        for _, each, standing in cut
        # gone with a roster that has come in meanwhile
        if (row := opened.get((Kind.PERSONS, each))) is not None
        # marked meanwhile
        and not (wanted.by_school and is_hidden(row, viewer))
    ]
    own = await only_own(parts, viewer, shown, map(UUID, exam.own or ()))
    disclosure = Disclosure(viewer)
    disclosure.add(opened.values())
    await disclosure.write(parts, "read_pupils", activity_id=activity_id, after=after)
    return own, sealed_cursor(cipher, viewer, following)


def _runs(exam: _Exam) -> list[UUID]:
    run_id = exam.here["run_id"]
    return [] if run_id is None else [UUID(run_id)]


def _is_of_school(cause: str) -> bool:
    kind, _, object_id = cause.partition(":")
    return tells_school(kind) and uuid_of(object_id) is not None


def _has_cause(standing: Standing, causes: Sequence[str]) -> bool:
    return not causes or (standing.cause is not None and cause_id(standing.cause) in causes)


async def _sight(parts: Parts, viewer: Viewer) -> _Sight:
    """Tells whom the viewer may see; of the `unseen`, where others are named, a number would tell of who is not."""
    if viewer.may_see_protected or not viewer.may_see_names:
        return _Sight(viewer.may_see_protected, viewer.may_see_names)
    async with parts.statement(viewer.organisation_id) as conn:
        marked = await list_marked(conn, viewer.organisation_id)
    return _Sight(everybody=False, names=True, unseen=frozenset(map(str, marked)))


async def _exam(parts: Parts, cipher: OrganisationCipher, viewer: Viewer, activity_id: UUID, sight: _Sight) -> _Exam:
    if viewer.school_units is None:
        return await _whole_exam(parts, cipher, viewer, activity_id, sight)
    await check_activity(parts, viewer, activity_id)
    exam = await _whole_exam(parts, cipher, viewer, activity_id, sight)
    async with parts.statement(viewer.organisation_id) as conn:
        own = await roster_within(
            conn, viewer.organisation_id, activity_id, viewer.units, protected=viewer.may_see_protected
        )
    here, runs = dict(exam.here), _runs(exam)
    counts = await own_counts(parts, viewer, runs)
    if not counts:
        # Nobody of theirs was in it.
        here |= {"run_id": None, "jobs": None}
    elif here["outcome"] is not None:
        here["outcome"] = outcome_of(in_all(counts[runs[0]].values()))
    made = await asyncio.to_thread(within, exam.made, exam.members, own)
    members = {group: [each for each in refs if each in own] for group, refs in exam.members.items() if group in own}
    return replace(exam, here=here, made=made, listed=made, members=members, own=own)


async def _whole_exam(
    parts: Parts, cipher: OrganisationCipher, viewer: Viewer, activity_id: UUID, sight: _Sight
) -> _Exam:
    async with parts.statement(viewer.organisation_id) as conn:
        # Before the rows: what changes meanwhile changes the state of who asks next.
        state = await rows_of.roster_state(conn, viewer.organisation_id, activity_id)
        if state is None:
            raise NotFound("There is no such activity.")
        place = (viewer.organisation_id, activity_id, sight.everybody, sight.names)
        # Who is marked changes without the roster.
        key = (*state.key, sight.unseen)
        if isinstance(kept := parts.exams.get(place, key), _Exam):
            return replace(kept, here={**kept.here, "as_of": state.as_of})
        rows = await rows_of.read_roster(
            conn, viewer.organisation_id, activity_id, everybody=sight.everybody, names=sight.names
        )
    if not rows:
        raise NotFound("There is no such activity.")
    # Tens of thousands of pupils: others have the loop meanwhile.
    exam = await asyncio.to_thread(_of_rows, rows, cipher, viewer.published, sight)
    if state.settled:
        kept_twice = exam.listed is not exam.made
        parts.exams.keep(place, key, len(exam.places) * (1 + kept_twice), exam)
    return exam


def _of_rows(rows: Sequence[Row], cipher: OrganisationCipher, published: Published, sight: _Sight) -> _Exam:
    here, *objects = rows
    activity: dict[str, Any] = here["here"]
    sealed = here["display_name_sealed"]
    activity["display_name"] = open_text(cipher, sealed, name_place(UUID(activity["id"])))
    activity |= {name: datetime.fromisoformat(activity[name]) for name in _TIMES if activity[name] is not None}
    alike: dict[str, list[Alike]] = {Kind.PERSONS: [], Kind.DUTIES: []}
    members: dict[str, list[Member]] = {Kind.GROUPS: [], Kind.ACTIVITIES: []}
    places: dict[str, int] = {}
    persons_of: dict[str, str] = {}
    for row in objects:
        kind, ids = row["part"], row["ids"]
        seen = Seen(row["current"], row["known"], row["sendable"], row["status"], row["same"] is not False)
        places.update(zip(ids, row["places"], strict=True))
        if kind in members:
            own, unknown = row["own"] is True, _unknown_members(row, cipher, published)
            there, doubted = _at_target(row, unknown), not own and (unknown is None or bool(unknown))
            if kind == Kind.GROUPS:
                there = sight.told(row["refs"], there, current=seen.current, own=own, doubted=doubted)
            members[kind].append(Member(ids[0], seen, row["refs"], there, doubted))
        else:
            alike[kind].append(Alike(seen, ids, row["role"] == "Elev", row["landed"]))
            persons_of.update(zip(ids, row["refs"] or (), strict=False))
    in_order = sorted(members[Kind.GROUPS], key=lambda group: places[group.id])
    roster = Roster(
        persons=alike[Kind.PERSONS],
        duties=alike[Kind.DUTIES],
        groups=in_order,
        activities=members[Kind.ACTIVITIES],
        stages=[Stage(Kind(kind), status, code) for kind, status, code in activity["stages"] or ()],
        persons_of=persons_of,
    )
    made = listed = readiness(roster, sight.unseen)
    if not sight.names and not sight.everybody:
        listed = readiness(roster, {each for alike in roster.persons for each in alike.ids})
    return _Exam(activity, made, listed, places, {group.id: group.refs for group in in_order})


def _at_target(row: Row, unknown: Set[str] | None) -> Set[str] | None:
    """Gives with what the target has a group or an activity: without what it was sent without, or did not know."""
    if not row["known"] or unknown is None:
        return frozenset()
    if row["accepted_refs"] is None and not row["accepted_issues"] and not unknown:
        return None
    accepted = set(row["refs"] if row["accepted_refs"] is None else row["accepted_refs"])
    for each in row["accepted_issues"] or ():
        if each["code"] == "sent_without":
            accepted.difference_update(each.get("ids", ()))
    return accepted - unknown


def _unknown_members(row: Row, cipher: OrganisationCipher, published: Published) -> Set[str] | None:
    """Reads in the answer about a group which pupils were not known; None where it has gone by its age."""
    if row["received"] is None:
        return frozenset()
    if row["received_sealed"] is None:
        return None
    received, sent = (
        None if row[f"{name}_sealed"] is None else cipher.open(bytes(row[f"{name}_sealed"]), bytes(row[name]))
        for name in ("received", "sent")
    )
    with suppress(ValueError, RecursionError):
        said = published.messages(json.loads(received or b"null"), row["part"], json.loads(sent or b"null"))
        return {str(each.about[1]) for each in said if each.about is not None and each.about[0] is Kind.PERSONS}
    return frozenset()


def _references(causes: Iterable[Cause | None]) -> list[tuple[Kind, str]]:
    return [(each.kind, each.object_id) for each in causes if each is not None and each.object_id is not None]


async def _open(
    parts: Parts,
    cipher: OrganisationCipher,
    viewer: Viewer,
    activity_id: UUID,
    references: Iterable[tuple[Kind, str]],
) -> Mapping[tuple[Kind, str], Row]:
    """Reads and opens these objects of the roster, at most so many as answers name."""
    wanted = list(dict.fromkeys(references))[:MOST_NAMED]
    if not wanted:
        return {}
    async with parts.statement(viewer.organisation_id) as conn:
        rows = await rows_of.list_objects(
            conn, viewer.organisation_id, activity_id, [(kind.value, UUID(each)) for kind, each in wanted]
        )
    opened: dict[tuple[Kind, str], Row] = {}
    for row in rows:
        if len(opened) % 20 == 0:
            await asyncio.sleep(0)
        opened[Kind(row["kind"]), str(row["object_id"])] = open_record(row, cipher)
    return opened
