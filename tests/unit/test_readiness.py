"""Which pupils are through, and what keeps the others: decided from small rows."""

from collections.abc import Mapping, Sequence

import pytest

from app.domain.kinds import Kind
from app.domain.readiness import Readiness, readiness, within, without_members
from app.domain.roster_state import Alike, Member, Roster, Seen, Stage
from app.domain.standing import Cause, State

PUPILS = A, B, C = ["pupil a", "pupil b", "pupil c"]
TEACHER, DUTY = "teacher", "duty"
CLASS, MATHS, ENGLISH, EXAM, OTHER_EXAM = ["6A", "Maths 6A", "English 6A", "exam", "other exam"]

THERE = Seen(current=True, known=True, status="succeeded")
NEVER = Seen()
THROUGH = (State.THROUGH, None)
CHANGED = Seen(known=True, status="succeeded", same=False)
CHANGED_AND_IN_NO_RUN = Seen(known=True)
BROKEN = Seen(sendable=False)
WAITS = Seen(status="pending")
SENT = Seen(status="sent")
REFUSED = Seen(status="error")
SKIPPED = Seen(status="skipped")
REFUSED_AND_MENDED = Seen(status="error", same=False)
REFUSED_THEN_NEWER_THERE = Seen(current=True, known=True, status="error")

SUCCEEDED = [Stage(kind, "succeeded") for kind in Kind]
RUNNING = [Stage(Kind.PERSONS, "succeeded"), Stage(Kind.DUTIES, "succeeded"), Stage(Kind.GROUPS, "running")]
RUNNING = [*RUNNING, Stage(Kind.ACTIVITIES, "waiting")]
CANCELLED = [Stage(Kind.PERSONS, "succeeded"), *(Stage(kind, "cancelled") for kind in list(Kind)[1:])]


def stopped(at: Kind, code: str | None = "records_failed") -> list[Stage]:
    """Makes the jobs of a run that failed at a stage."""
    at_or_after = [
        Stage(kind, "failed", code) if kind is at else Stage(kind, "blocked") for kind in list(Kind)[at.position - 1 :]
    ]
    return [*(Stage(kind, "succeeded") for kind in list(Kind)[: at.position - 1]), *at_or_after]


def decided(
    persons: Mapping[str, Seen] | None = None,
    *,
    group: Seen = THERE,
    at_target: Sequence[str] | None = None,
    activity: Seen = THERE,
    activity_held: Sequence[str] = (MATHS,),
    stages: Sequence[Stage] = SUCCEEDED,
    staff: Seen = THERE,
    duty: Seen = THERE,
) -> Readiness:
    """Decides of three pupils in one group of one activity; of whom nothing is said, everything is there."""
    seen = {**dict.fromkeys(PUPILS, THERE), **(persons or {})}
    return readiness(
        Roster(
            persons=[*(Alike(seen[each], [each]) for each in PUPILS), Alike(staff, [TEACHER], pupils=False)],
            duties=[Alike(duty, [DUTY])],
            persons_of={DUTY: TEACHER},
            groups=[Member(MATHS, group, PUPILS, at_target if group.known else ())],
            activities=[Member(EXAM, activity, [MATHS, DUTY], activity_held if activity.known else ())],
            stages=stages,
        )
    )


def counts(made: Readiness) -> dict[str, int]:
    return {state: number for state, number in made.counts.items() if number}


def causes(made: Readiness) -> dict[Cause, int]:
    return {each.cause: each.pupils for each in made.hindrances}


@pytest.mark.parametrize(
    ("seen", "stages", "state", "cause"),
    [
        (THERE, SUCCEEDED, State.THROUGH, None),
        (THERE, RUNNING, State.THROUGH, None),
        (REFUSED_THEN_NEWER_THERE, SUCCEEDED, State.THROUGH, None),
        (NEVER, [], State.NOT_SENT, Cause(Kind.PERSONS, None, "never_sent")),
        (NEVER, SUCCEEDED, State.NOT_SENT, Cause(Kind.PERSONS, None, "never_sent")),
        (CHANGED, SUCCEEDED, State.NOT_SENT, Cause(Kind.PERSONS, None, "changed_since")),
        (CHANGED_AND_IN_NO_RUN, SUCCEEDED, State.NOT_SENT, Cause(Kind.PERSONS, None, "changed_since")),
        (REFUSED_AND_MENDED, SUCCEEDED, State.NOT_SENT, Cause(Kind.PERSONS, None, "changed_since")),
        (Seen(known=True, status="unchanged"), SUCCEEDED, State.NOT_SENT, Cause(Kind.PERSONS, None, "changed_since")),
        (WAITS, [Stage(Kind.PERSONS, "queued")], State.UNDER_WAY, None),
        (SENT, [Stage(Kind.PERSONS, "running")], State.UNDER_WAY, None),
        (WAITS, [Stage(Kind.PERSONS, "waiting")], State.UNDER_WAY, None),
        (WAITS, [Stage(Kind.PERSONS, "held")], State.UNDER_WAY, None),
        (WAITS, [Stage(Kind.PERSONS, "cancelled")], State.NOT_SENT, Cause(Kind.PERSONS, None, "run_cancelled")),
        (WAITS, stopped(Kind.PERSONS, "no_contact"), State.HINDERED, Cause(Kind.PERSONS, None, "no_contact")),
        (WAITS, stopped(Kind.PERSONS), State.NOT_SENT, Cause(Kind.PERSONS, None, "mended_since")),
        (BROKEN, [], State.HINDERED, Cause(Kind.PERSONS, A)),
        (BROKEN, RUNNING, State.HINDERED, Cause(Kind.PERSONS, A)),
        (REFUSED, SUCCEEDED, State.HINDERED, Cause(Kind.PERSONS, A)),
        (REFUSED, [Stage(Kind.PERSONS, "running")], State.HINDERED, Cause(Kind.PERSONS, A)),
        (SKIPPED, SUCCEEDED, State.HINDERED, Cause(Kind.PERSONS, A)),
    ],
)
def test_how_a_pupil_stands_whose_group_and_activity_are_there(
    seen: Seen, stages: list[Stage], state: State, cause: Cause | None
) -> None:
    assert decided({A: seen}, stages=stages).others.get(A, THROUGH) == (state, cause)


@pytest.mark.parametrize(
    ("group", "activity", "stages", "state", "cause"),
    [
        (NEVER, NEVER, [], State.NOT_SENT, Cause(Kind.GROUPS, None, "never_sent")),
        (WAITS, WAITS, RUNNING, State.UNDER_WAY, None),
        (THERE, WAITS, RUNNING, State.UNDER_WAY, None),
        (REFUSED, SKIPPED, SUCCEEDED, State.HINDERED, Cause(Kind.GROUPS, MATHS)),
        (REFUSED, THERE, SUCCEEDED, State.HINDERED, Cause(Kind.GROUPS, MATHS)),
        (BROKEN, NEVER, [], State.HINDERED, Cause(Kind.GROUPS, MATHS)),
        (THERE, REFUSED, SUCCEEDED, State.HINDERED, Cause(Kind.ACTIVITIES, EXAM)),
        (THERE, NEVER, SUCCEEDED, State.NOT_SENT, Cause(Kind.ACTIVITIES, None, "never_sent")),
        (CHANGED, THERE, SUCCEEDED, State.THROUGH, None),
        (THERE, CHANGED, SUCCEEDED, State.THROUGH, None),
        (WAITS, WAITS, CANCELLED, State.NOT_SENT, Cause(Kind.DUTIES, None, "run_cancelled")),
        (REFUSED, WAITS, stopped(Kind.GROUPS), State.HINDERED, Cause(Kind.GROUPS, MATHS)),
        (
            THERE,
            WAITS,
            stopped(Kind.ACTIVITIES, "no_contact"),
            State.HINDERED,
            Cause(Kind.ACTIVITIES, None, "no_contact"),
        ),
    ],
)
def test_how_pupils_stand_who_are_there_themselves(
    group: Seen, activity: Seen, stages: list[Stage], state: State, cause: Cause | None
) -> None:
    """The first thing on the way that is missing is the cause; what is there of before counts as there."""
    made = decided(group=group, activity=activity, stages=stages)
    assert {standing for _, standing in made.pupils} == {(state, cause)}


def test_one_wrong_person_at_which_the_run_stopped_is_one_cause_for_all_who_wait_behind_it() -> None:
    made = decided({A: REFUSED}, group=WAITS, activity=WAITS, duty=WAITS, stages=stopped(Kind.PERSONS))
    assert counts(made) == {"hindered": 3}
    assert causes(made) == {Cause(Kind.PERSONS, A): 3}
    assert made.duty_counts[State.HINDERED] == 1


def test_a_wrong_teacher_stops_a_run_too() -> None:
    made = decided(group=WAITS, activity=WAITS, duty=WAITS, staff=REFUSED, stages=stopped(Kind.PERSONS))
    assert causes(made) == {Cause(Kind.PERSONS, TEACHER): 3}


def test_a_duty_at_which_the_run_stopped_is_the_cause() -> None:
    made = decided(group=WAITS, activity=WAITS, duty=REFUSED, stages=stopped(Kind.DUTIES))
    assert causes(made) == {Cause(Kind.DUTIES, DUTY): 3}


def test_several_wrong_persons_each_keep_themselves_and_together_all_others() -> None:
    made = decided({A: REFUSED, B: REFUSED}, group=WAITS, activity=WAITS, stages=stopped(Kind.PERSONS))
    together = Cause(Kind.PERSONS, None, "records_failed")
    assert causes(made) == {Cause(Kind.PERSONS, A): 1, Cause(Kind.PERSONS, B): 1, together: 1}


def test_what_stopped_the_run_has_been_mended_since() -> None:
    """Then nobody is hindered any more: the roster is to be sent again."""
    made = decided({A: REFUSED_AND_MENDED}, group=WAITS, activity=WAITS, stages=stopped(Kind.PERSONS))
    assert counts(made) == {"not_sent": 3}
    assert causes(made)[Cause(Kind.PERSONS, None, "mended_since")] == 2


def test_a_group_that_was_accepted_without_a_pupil_is_to_be_sent_again() -> None:
    made = decided(at_target=[A, B])
    assert counts(made) == {"through": 2, "not_sent": 1}
    assert causes(made) == {Cause(Kind.GROUPS, None, "group_without_pupil"): 1}


def test_a_group_that_was_accepted_without_a_pupil_is_on_its_way_again() -> None:
    again = Seen(current=True, known=True, status="pending")
    assert counts(decided(group=again, at_target=[A, B], stages=RUNNING)) == {"through": 2, "under_way": 1}


def test_who_came_to_a_group_after_it_was_sent_is_not_in_it_yet() -> None:
    made = decided(group=CHANGED, at_target=[A, B])
    assert dict(made.pupils)[C] == (State.NOT_SENT, Cause(Kind.GROUPS, None, "changed_since"))


def test_a_pupil_that_failed_is_the_cause_and_not_the_group_that_went_without() -> None:
    made = decided({C: REFUSED}, at_target=[A, B])
    assert causes(made) == {Cause(Kind.PERSONS, C): 1}


def test_an_activity_that_was_sent_without_a_group_is_to_be_sent_again() -> None:
    made = decided(activity_held=[])
    assert causes(made) == {Cause(Kind.ACTIVITIES, None, "activity_without_group"): 3}


@pytest.mark.parametrize(
    ("english", "exam", "state", "cause"),
    [
        (THERE, THERE, State.THROUGH, None),
        (WAITS, WAITS, State.UNDER_WAY, None),
        (NEVER, NEVER, State.NOT_SENT, Cause(Kind.GROUPS, None, "never_sent")),
        # as hindered as the other way, and further on it
        (THERE, REFUSED, State.HINDERED, Cause(Kind.ACTIVITIES, OTHER_EXAM)),
        (REFUSED, REFUSED, State.HINDERED, Cause(Kind.GROUPS, MATHS)),
    ],
)
def test_one_way_into_the_exam_is_enough(english: Seen, exam: Seen, state: State, cause: Cause | None) -> None:
    """Beside a group that was refused; of two ways the better one counts."""
    made = readiness(
        Roster(
            persons=[Alike(THERE, [A])],
            groups=[Member(MATHS, REFUSED, [A]), Member(ENGLISH, english, [A], [A] if english.known else [])],
            activities=[
                Member(EXAM, THERE, [MATHS], [MATHS]),
                Member(OTHER_EXAM, exam, [ENGLISH], [ENGLISH] if exam.known else []),
            ],
            stages=RUNNING,
        )
    )
    assert dict(made.pupils)[A] == (state, cause)


@pytest.mark.parametrize("seen", [[THERE, REFUSED], [REFUSED, THERE]])
def test_one_activity_that_has_a_group_is_enough(seen: Sequence[Seen]) -> None:
    activities = [
        Member(id_, each, [MATHS], [MATHS] if each.known else [])
        for id_, each in zip((EXAM, OTHER_EXAM), seen, strict=True)
    ]
    groups = [Member(MATHS, THERE, [A], [A])]
    made = readiness(Roster(persons=[Alike(THERE, [A])], groups=groups, activities=activities, stages=RUNNING))
    assert dict(made.pupils)[A] == (State.THROUGH, None)


def test_who_is_in_no_group_of_an_activity_takes_no_part() -> None:
    """Whatever is wrong with them, and whatever class they are in."""
    made = readiness(Roster(persons=[Alike(REFUSED, [A]), Alike(THERE, [B])], groups=[Member(CLASS, THERE, [A], [A])]))
    assert counts(made) == {"not_in_exam": 2}
    assert (made.hindrances, [each.in_exam for each in made.groups]) == ([], [False])


def test_a_cause_has_the_groups_in_which_it_keeps_pupils_and_a_group_its_causes() -> None:
    made = readiness(
        Roster(
            persons=[Alike(REFUSED, [A]), Alike(THERE, [B, C])],
            groups=[
                Member(CLASS, THERE, PUPILS, PUPILS),
                Member(MATHS, THERE, [A, B], [B]),
                Member(ENGLISH, THERE, [C], [C]),
            ],
            activities=[Member(EXAM, THERE, [MATHS, ENGLISH], [MATHS, ENGLISH])],
        )
    )
    [hindrance] = made.hindrances
    assert (hindrance.pupils, hindrance.groups) == (1, [CLASS, MATHS])
    assert [(each.id, each.pupils[State.THROUGH], list(each.causes)) for each in made.groups] == [
        (CLASS, 2, [hindrance.cause]),
        (MATHS, 1, [hindrance.cause]),
        (ENGLISH, 1, []),
    ]


def test_causes_come_by_how_many_they_keep() -> None:
    made = decided({A: REFUSED, B: NEVER, C: NEVER})
    assert [each.pupils for each in made.hindrances] == [2, 1]


@pytest.mark.parametrize(
    ("staff", "duty", "state"),
    [
        (THERE, THERE, "through"),
        (REFUSED, SKIPPED, "hindered"),
        (NEVER, THERE, "not_sent"),
        (THERE, REFUSED, "hindered"),
        (THERE, NEVER, "not_sent"),
    ],
)
def test_a_duty_is_through_when_its_person_is(staff: Seen, duty: Seen, state: State) -> None:
    assert decided(staff=staff, duty=duty).duty_counts[state] == 1


def test_who_has_been_seen_to_arrive_counts_when_they_are_through() -> None:
    persons = [Alike(THERE, [A], landed=True), Alike(CHANGED, [B], landed=True), Alike(THERE, [C])]
    groups = [Member(MATHS, THERE, PUPILS, PUPILS)]
    made = readiness(Roster(persons=persons, groups=groups, activities=[Member(EXAM, THERE, [MATHS], [MATHS])]))
    assert (made.landed, counts(made)) == ({A}, {"through": 2, "not_sent": 1})


def test_a_roster_without_anybody() -> None:
    made = readiness(Roster())
    assert (sum(made.counts.values()), made.groups, made.hindrances) == (0, [], [])


@pytest.mark.parametrize("persons", [{}, {A: REFUSED}, {B: REFUSED}])
@pytest.mark.parametrize("group", [THERE, REFUSED])
def test_no_group_counts_who_is_not_to_be_seen(persons: Mapping[str, Seen], group: Seen) -> None:
    """Nor has it a cause that keeps nobody else of it: nothing of it tells that they are in it. In all they count."""
    made = decided(persons, group=group)
    seen = without_members(made, {MATHS: PUPILS}, {A})
    [counted] = seen.groups
    assert (seen.counts, sum(counted.pupils.values())) == (made.counts, 2)
    behind = [standing.cause for each, standing in made.pupils if each != A]
    assert set(counted.causes) == {each for each in behind if each is not None}
    assert causes(seen) == causes(made)
    for each in seen.hindrances:
        assert bool(each.groups) == (each.cause in behind)
    assert without_members(made, {MATHS: PUPILS}, frozenset()) is made


def placed(at: str, maths: Member, english: Member, exam: Member, person: Seen = THERE) -> Readiness:
    """Decides of A, who is in one of two groups, of which nothing is to tell which, and of B and C, who are in both."""
    groups = [
        member._replace(refs=[*member.refs, A] if member.id == at else member.refs) for member in (maths, english)
    ]
    roster = Roster(
        persons=[Alike(person, [A], landed=True), Alike(THERE, [B, C])],
        groups=groups,
        activities=[exam],
        stages=SUCCEEDED,
    )
    return readiness(roster, {A})


OF_BOTH, OF_MATHS = Member(EXAM, THERE, [MATHS, ENGLISH], None), Member(EXAM, THERE, [MATHS], None)
WHOLE = Member(ENGLISH, THERE, [B, C], None)


@pytest.mark.parametrize(
    ("maths", "english", "exam", "person", "state"),
    [
        (THERE, WHOLE, OF_BOTH, THERE, State.THROUGH),
        (REFUSED, WHOLE, OF_BOTH, THERE, State.HINDERED),
        (NEVER, WHOLE, OF_BOTH, THERE, State.NOT_SENT),
        (THERE, WHOLE._replace(at_target=[B]), OF_BOTH, THERE, State.NOT_SENT),
        (THERE, WHOLE._replace(doubted=True), OF_BOTH, THERE, State.NOT_SENT),
        (THERE, WHOLE, OF_BOTH._replace(at_target=[ENGLISH]), THERE, State.NOT_SENT),
        (THERE, WHOLE, OF_MATHS, THERE, State.NOT_IN_EXAM),
        (REFUSED, WHOLE, OF_MATHS, THERE, State.HINDERED),
        (THERE, WHOLE, OF_BOTH, REFUSED, State.HINDERED),
        (THERE, WHOLE, OF_MATHS, REFUSED, State.HINDERED),
        (REFUSED, WHOLE, OF_BOTH, NEVER, State.NOT_SENT),
    ],
)
def test_no_state_tells_in_which_of_several_groups_somebody_is(
    maths: Seen, english: Member, exam: Member, person: Seen, state: State
) -> None:
    """It is the worst that any group leaves them; what the person itself lacks comes first. So nobody is through by it
    who is not, and nobody who is in one is told from who is in the other.
    """
    first = Member(MATHS, maths, [B, C], None if maths.known else ())
    one, other = (placed(at, first, english, exam, person) for at in (MATHS, ENGLISH))
    assert (dict(one.pupils)[A].state, one.counts, one.landed) == (state, other.counts, other.landed)
    assert dict(one.pupils) == dict(other.pupils)
    assert causes(one) == causes(other)


@pytest.mark.parametrize("maths", [THERE, REFUSED])
def test_no_state_tells_that_somebody_is_in_no_group_where_others_are(maths: Seen) -> None:
    """As after one of three groups was taken out: who was in it has the same state as who was not."""
    made = [
        readiness(
            Roster(
                persons=[Alike(THERE, [A, B, C])],
                groups=[Member(MATHS, maths, of_maths, None if maths.known else ()), Member(ENGLISH, THERE, [B], None)],
                activities=[OF_BOTH],
                stages=SUCCEEDED,
            ),
            {A},
        )
        for of_maths in ([A, B], [B])
    ]
    state = State.NOT_IN_EXAM if maths is THERE else State.HINDERED
    assert {dict(each.pupils)[A].state for each in made} == {state}


def test_where_there_is_one_group_of_all_its_members_stand_as_they_do() -> None:
    """That they are in it nobody is told by that; where somebody is in none they would be."""
    group = Member(MATHS, THERE, PUPILS, [B, C])
    made = readiness(Roster(persons=[Alike(THERE, PUPILS)], groups=[group], activities=[OF_MATHS]), {A, B})
    assert counts(made) == {"through": 2, "not_sent": 1}
    one, other = (
        readiness(
            Roster(
                persons=[Alike(THERE, PUPILS)],
                groups=[group._replace(refs=refs, at_target=None)],
                activities=[OF_MATHS],
            ),
            {A},
        ).counts
        for refs in ([A, B], [B])
    )
    assert one == other


def test_without_groups_nobody_takes_part_whoever_may_be_seen() -> None:
    assert counts(readiness(Roster(persons=[Alike(THERE, [A]), Alike(NEVER, [B])]), {A, B})) == {"not_in_exam": 2}
    assert readiness(Roster(), {A}).counts == readiness(Roster()).counts


def test_what_is_another_units_counts_nowhere_and_is_not_named() -> None:
    """A pupil of theirs who has failed, a group of theirs that holds one of ours: ours wait for something unnamed."""
    of_theirs, of_ours = "group of theirs", "group of ours"
    made = readiness(
        Roster(
            persons=[Alike(THERE, [A], landed=True), Alike(THERE, [B]), Alike(REFUSED, [C])],
            duties=[Alike(THERE, [DUTY]), Alike(REFUSED, ["their duty"])],
            groups=[Member(of_ours, THERE, [A, C], [A]), Member(of_theirs, REFUSED, [B, C])],
            activities=[Member(EXAM, THERE, [of_ours, of_theirs], [of_ours, of_theirs])],
        )
    )
    assert causes(made) == {Cause(Kind.PERSONS, C): 1, Cause(Kind.GROUPS, of_theirs): 1}
    seen = within(made, {of_ours: [A, C], of_theirs: [B, C]}, {A, B, of_ours, DUTY})
    assert (counts(seen), seen.landed, seen.duties) == ({"through": 1, "hindered": 1}, {A}, {DUTY: State.THROUGH})
    [ours] = seen.groups
    assert (ours.id, ours.pupils[State.THROUGH], sum(ours.pupils.values())) == (of_ours, 1, 1)
    [hindrance] = seen.hindrances
    assert (hindrance.cause, hindrance.pupils) == (Cause(Kind.GROUPS, None, "of_another_unit"), 1)
    assert hindrance.groups == []
