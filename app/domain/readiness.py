"""Which pupils of an exam are through at the target, which are not, and what keeps them.

A pupil is through when what the roster has of the person, or something newer, has been accepted, a group that has the
pupil has been accepted with the pupil, and an activity has been accepted with that group. The first thing on that way
that is missing is the cause: one wrong person at which a run has stopped is one cause, however many wait behind it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from app.domain.kinds import Kind
from app.domain.roster_state import Id, Member, Roster
from app.domain.standing import THROUGH, UNDER_WAY, Cause, LastRun, Standing, State


@dataclass(slots=True)
class Hindrance:
    """A cause with how many pupils it keeps, and their groups in the roster's order."""

    cause: Cause
    state: State
    pupils: int = 0
    groups: list[Id] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GroupReadiness:
    """A group of the roster, how its pupils stand, and what keeps them; `in_exam` is whether an activity has it."""

    id: Id
    in_exam: bool
    pupils: Mapping[State, int]
    causes: Sequence[Cause]

    @property
    def misses_somebody(self) -> bool:
        """Tells whether a pupil of it takes part in the exam and is not through."""
        return any(self.pupils[state] for state in (State.UNDER_WAY, State.NOT_SENT, State.HINDERED))


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the pupils of an exam stand: those who are `through`, and each of the `others`.

    The causes are those of most pupils first. `landed` are those who are through and have been seen to have arrived.
    """

    through: set[Id]
    others: Mapping[Id, Standing]
    landed: Set[Id]
    duties: Mapping[Id, State]
    groups: Sequence[GroupReadiness]
    hindrances: Sequence[Hindrance]

    @property
    def counts(self) -> Mapping[State, int]:
        """Counts the pupils by how they stand."""
        counted = Counter(each.state for each in self.others.values())
        counted[State.THROUGH] = len(self.through)
        return _in_order(counted)

    @property
    def duty_counts(self) -> Mapping[State, int]:
        """Counts the duties by how they stand."""
        return _in_order(Counter(self.duties.values()))

    @property
    def pupils(self) -> Iterator[tuple[Id, Standing]]:
        """Gives all pupils of the roster, in no order."""
        yield from ((each, THROUGH) for each in self.through)
        yield from self.others.items()


_NOT_IN_EXAM: Final = Standing(State.NOT_IN_EXAM)
_RANK: Final = {state: rank for rank, state in enumerate(State)}
# From the best to the worst, for whom only the worst may be told: that somebody may be in no exam is worse than that
# they are through, and no reason to be silent about what is to be put right.
_WORST_LAST: Final = (State.THROUGH, State.NOT_IN_EXAM, State.UNDER_WAY, State.NOT_SENT, State.HINDERED)
_FURTHEST_FIRST: Final = {kind: -kind.position for kind in Kind}


def readiness(roster: Roster, unplaced: Set[Id] = frozenset()) -> Readiness:
    """Decides how every pupil of a roster stands, and why. Whole sets are taken where nothing is missing: mostly.

    Of those who are `unplaced` nothing tells in which group they are: each of them stands as the worst of all groups
    lets them, and where there are pupils who are in none, as if one of these.
    """
    run = LastRun(roster)
    missing = {each: why for alike in roster.persons for each, why in run.missing_of(Kind.PERSONS, alike)}
    ways = _ways(roster, run)
    reached, best = _reached(roster.groups, ways)
    # In a single group that has all pupils everybody is known to be, and in none where there is none.
    if unplaced and roster.groups and not (len(roster.groups) == 1 and _all_grouped(roster)):
        worst = _worst(roster, ways)
        reached = reached - unplaced | (unplaced if worst == THROUGH else frozenset())
        best = {**{each: way for each, way in best.items() if each not in unplaced}, **dict.fromkeys(unplaced, worst)}
    through: set[Id] = set()
    others: dict[Id, Standing] = {}
    for alike in roster.persons:
        if not alike.pupils:
            continue
        there = reached.intersection(alike.ids) if alike.seen.current else frozenset[Id]()
        through |= there
        for each in alike.ids:
            if each not in there:
                way = THROUGH if each in reached else best.get(each)
                others[each] = _NOT_IN_EXAM if way is None else missing.get(each, way)
    groups, hindrances = _gathered({each.id: each.refs for each in roster.groups}, ways, through, others)
    landed = (through.intersection(alike.ids) for alike in roster.persons if alike.landed)
    return Readiness(
        through=through,
        others=others,
        landed=frozenset(chain.from_iterable(landed)),
        duties=dict(_duties(roster, run, missing)),
        groups=groups,
        hindrances=hindrances,
    )


def within(made: Readiness, members: Mapping[Id, Sequence[Id]], own: Set[Id]) -> Readiness:
    """Gives the same of those objects alone that are one's `own`; what keeps them and is another's is not named.

    `members` are those of each group, in the roster's order.
    """
    through = made.through.intersection(own)
    others = {each: _unnamed(standing, own) for each, standing in made.others.items() if each in own}
    seen = {group: [each for each in refs if each in own] for group, refs in members.items() if group in own}
    groups, hindrances = _gathered(seen, {each.id for each in made.groups if each.in_exam}, through, others)
    return Readiness(
        through=through,
        others=others,
        landed=made.landed & own,
        duties={each: state for each, state in made.duties.items() if each in own},
        groups=groups,
        hindrances=hindrances,
    )


def _unnamed(standing: Standing, own: Set[Id]) -> Standing:
    cause = standing.cause
    if cause is None or cause.object_id is None or cause.object_id in own:
        return standing
    return Standing(standing.state, Cause(cause.kind, None, "of_another_unit"))


def without_members(made: Readiness, members: Mapping[Id, Sequence[Id]], unseen: Set[Id]) -> Readiness:
    """Gives the same where no group counts anybody who is `unseen`, nor has a cause that keeps nobody else of it.

    `members` are those of each group. How many pupils there are in all, and how many a cause keeps, stays.
    """
    touched = {group.id for group in made.groups if not unseen.isdisjoint(members.get(group.id, ()))} if unseen else ()
    if not touched:
        return made
    groups, kept = list[GroupReadiness](), dict[Id, set[Cause]]()
    for group in made.groups:
        if group.id in touched:
            seen = [each for each in members[group.id] if each not in unseen]
            states, standings = _counted(seen, made.through, made.others)
            causes = [each.cause for each in standings if each.cause is not None]
            kept[group.id] = set(causes)
            groups.append(GroupReadiness(group.id, group.in_exam, states, causes))
        else:
            groups.append(group)
    hindrances = [
        replace(each, groups=[one for one in each.groups if one not in kept or each.cause in kept[one]])
        for each in made.hindrances
    ]
    return replace(made, groups=groups, hindrances=hindrances)


def _counted(
    members: Sequence[Id], through: set[Id], others: Mapping[Id, Standing]
) -> tuple[Mapping[State, int], list[Standing]]:
    """Counts how the members of a group stand, and gives what keeps those who are not through, the commonest first."""
    states = Counter({State.THROUGH: len(through.intersection(members))})
    standings: list[Standing] = []
    if states[State.THROUGH] < len(members):
        for standing, number in Counter(others[each] for each in members if each in others).most_common():
            states[standing.state] += number
            standings.append(standing)
    return _in_order(states), standings


def _ways(roster: Roster, run: LastRun) -> Mapping[Id, tuple[Standing, Standing]]:
    """Gives, for each group that an activity has, how a pupil stands that it is there with, and one that it is not."""
    inside: dict[Id, Standing] = {}
    for activity in roster.activities:
        left_out = _left_out(run, Kind.ACTIVITIES, activity, code="activity_without_group")
        for group_id in activity.refs:
            standing = THROUGH if activity.at_target is None or group_id in activity.at_target else left_out
            known = inside.get(group_id)
            inside[group_id] = standing if known is None else min(known, standing, key=_order)
    return {
        group.id: (inside[group.id], _left_out(run, Kind.GROUPS, group, code="group_without_pupil"))
        for group in roster.groups
        if group.id in inside
    }


def _left_out(run: LastRun, kind: Kind, member: Member, *, code: str) -> Standing:
    """Tells how something stands that a group or an activity is not there with: it is as it is, and goes again."""
    if member.seen.current:
        waits = member.seen.status in ("pending", "sent") and run.live.get(kind)
        return UNDER_WAY if waits else Standing(State.NOT_SENT, Cause(kind, None, code))
    return run.standing(kind, member.id, member.seen)


def _order(standing: Standing) -> tuple[int, int]:
    return _RANK[standing.state], 0 if standing.cause is None else _FURTHEST_FIRST[standing.cause.kind]


def _reached(
    groups: Sequence[Member], ways: Mapping[Id, tuple[Standing, Standing]]
) -> tuple[set[Id], Mapping[Id, Standing]]:
    """Gives who is reached by a group that has them in the exam, and how the others stand by their best group."""
    reached: set[Id] = set()
    best: dict[Id, Standing] = {}
    for group in groups:
        if (way := ways.get(group.id)) is None:
            continue
        inside, outside = way
        if inside is THROUGH and group.at_target is None:
            reached.update(group.refs)
            continue
        for each in group.refs:
            standing = inside if group.at_target is None or each in group.at_target else outside
            if standing is THROUGH:
                reached.add(each)
            elif (before := best.get(each)) is None or _order(standing) < _order(before):
                best[each] = standing
    return reached, best


def _all_grouped(roster: Roster) -> bool:
    grouped = set(chain.from_iterable(group.refs for group in roster.groups))
    return all(grouped.issuperset(alike.ids) for alike in roster.persons if alike.pupils)


def _worst(roster: Roster, ways: Mapping[Id, tuple[Standing, Standing]]) -> Standing:
    """Gives the worst standing that a pupil may have by where they are, with its cause where all have that one."""
    standings = set[Standing]()
    for group in roster.groups:
        inside, outside = ways.get(group.id, (_NOT_IN_EXAM, _NOT_IN_EXAM))
        standings.add(inside)
        has_all = group.at_target is None or set(group.refs) <= set(group.at_target)
        if group.doubted or not (group.seen.current and has_all):
            standings.add(outside)
    if not _all_grouped(roster):
        standings.add(_NOT_IN_EXAM)
    worst = max(standings, key=lambda each: _WORST_LAST.index(each.state))
    tells_nothing = len(standings) == 1 and worst.cause is not None and not worst.cause.tells_school
    return Standing(worst.state, worst.cause if tells_nothing else None)


def _gathered(
    groups: Mapping[Id, Sequence[Id]], ways: Collection[Id], through: set[Id], others: Mapping[Id, Standing]
) -> tuple[list[GroupReadiness], list[Hindrance]]:
    found: dict[Cause, Hindrance] = {}
    for standing in others.values():
        if (cause := standing.cause) is not None:
            found.setdefault(cause, Hindrance(cause, standing.state)).pupils += 1
    gathered: list[GroupReadiness] = []
    for group, members in groups.items():
        states, standings = _counted(members, through, others)
        causes = [each.cause for each in standings if each.cause is not None]
        for cause in causes:
            found[cause].groups.append(group)
        gathered.append(GroupReadiness(group, group in ways, states, causes))
    return gathered, sorted(found.values(), key=lambda each: -each.pupils)


def _duties(roster: Roster, run: LastRun, persons: Mapping[Id, Standing]) -> Iterator[tuple[Id, State]]:
    """Tells how duties stand: one is through when its person is."""
    for alike in roster.duties:
        missing = dict(run.missing_of(Kind.DUTIES, alike))
        for each in alike.ids:
            person = persons.get(roster.persons_of.get(each, each))
            yield each, (person or missing.get(each, THROUGH)).state


def _in_order(counted: Mapping[State, int]) -> Mapping[State, int]:
    return {state: counted.get(state, 0) for state in _RANK}
