"""The order of changes: whoever goes on from page to page is given every run and job as it is last, and none twice."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.change_log import OLDEST, Change, ChangePage, Place, Stamp, Stamped, page_of


def stamp(transaction: int, row: int) -> Stamp:
    return Stamp(transaction, UUID(int=row))


def run(number: int, own: int, *jobs: int) -> Stamped[int]:
    """Makes a run whose row was changed in `own`, and its jobs in those."""
    return Stamped(number, stamp(own, 10 * number), [stamp(each, 10 * number + n) for n, each in enumerate(jobs, 1)])


def named(changes: Sequence[Change[int]]) -> list[str]:
    return [f"run {each.run}" if each.part == 0 else f"job {each.run}.{each.part}" for each in changes]


def page(runs: list[Stamped[int]], after: Place = OLDEST, limit: int = 9) -> ChangePage[int]:
    last = max((max(each.own, *each.jobs) for each in runs), default=None)
    return page_of(runs, after=after, scanned_to=last, whole=False, limit=limit)


@pytest.mark.parametrize(
    ("runs", "changes"),
    [
        ([], []),
        # A run changes with its jobs: it stands where the last of them does.
        ([run(1, 5, 6, 7)], ["job 1.1", "run 1", "job 1.2"]),
        # And a job with its run: all stand where that does.
        ([run(1, 9, 6, 7)], ["run 1", "job 1.1", "job 1.2"]),
        # Those of several runs go by their transactions.
        ([run(1, 5, 8, 6), run(2, 1, 7, 2)], ["job 2.2", "job 1.2", "run 2", "job 2.1", "run 1", "job 1.1"]),
        # What one transaction has changed goes by the rows.
        ([run(2, 5, 5), run(1, 5, 5)], ["run 1", "job 1.1", "run 2", "job 2.1"]),
    ],
)
def test_each_stands_where_its_last_change_does(runs: list[Stamped[int]], changes: list[str]) -> None:
    assert named(page(runs).changes) == changes


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_put_together_are_the_whole(limit: int) -> None:
    """Also when a page ends among things that stand at one stamp."""
    runs = [run(1, 9, 6, 7, 8), run(2, 4, 5, 10, 4)]
    found, after, more = list[Change[int]](), OLDEST, True
    while more:
        each = page(runs, after, limit)
        found += each.changes
        after, more = each.following, each.more
    assert named(found) == named(page(runs).changes)
    assert page(runs, after).changes == []


def test_what_changes_again_behind_the_page_comes_later() -> None:
    """Of the run one job was changed by a transaction that is not settled: the run and that job wait for it."""
    found = page_of([run(1, 5, 6, 9)], after=OLDEST, scanned_to=stamp(6, 11), whole=False, limit=9)
    assert named(found.changes) == ["job 1.1"]
    found = page_of([run(1, 5, 6, 9)], after=found.following, scanned_to=stamp(9, 12), whole=False, limit=9)
    assert named(found.changes) == ["run 1", "job 1.2"]


def test_a_place_is_kept_when_nothing_was_found() -> None:
    here = Place.before(7)
    assert page_of([], after=here, scanned_to=None, whole=False, limit=9) == ChangePage([], here, more=False)


_ROWS = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
_STEP = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, 3)),
    st.tuples(st.just("change"), st.integers(0, 3), st.sampled_from(_ROWS)),
    st.tuples(st.just("commit"), st.integers(0, 3)),
    st.tuples(st.just("read"), st.integers(1, 4)),
)


@given(st.lists(_STEP, max_size=60))
def test_a_reader_misses_nothing_whatever_is_committed_when(steps: list[tuple[object, ...]]) -> None:
    """Transactions begin, change rows and commit in any order beside one who reads page by page.

    What the reader has is never ahead of what is settled, nothing comes twice in one version, and in the end it is all.
    """
    stamps = dict.fromkeys(_ROWS, 0)
    versions = dict.fromkeys(_ROWS, 1)
    open_: dict[int, tuple[int, set[tuple[int, int]]]] = {}
    following, mirror, told = OLDEST, dict[tuple[int, int], tuple[int, int]](), set[object]()
    next_transaction = 1

    def read(limit: int) -> None:
        nonlocal following
        settled = min((number for number, _ in open_.values()), default=next_transaction)
        rows = sorted(stamp(at, 10 * of + part) for (of, part), at in stamps.items())
        scanned = [each for each in rows if each >= following.stamp and each.changed_in < settled][: limit + 1]
        runs = sorted({each.row_id.int // 10 for each in scanned})
        found = page_of(
            [run(each, *(stamps[each, part] for part in (0, 1, 2))) for each in runs],
            after=following,
            scanned_to=scanned[-1] if scanned else None,
            whole=len(scanned) == limit + 1,
            limit=limit,
        )
        assert len(found.changes) <= limit
        for change in found.changes:
            own = (change.run, change.part)
            shown = (
                (versions[change.run, 0], versions[own])
                if change.part
                else tuple(versions[change.run, part] for part in (0, 1, 2))
            )
            assert (own, shown) not in told
            told.add((own, shown))
            mirror[own] = shown  # type: ignore[assignment]
        assert found.following >= following
        following = found.following
        if found.more:
            read(limit)

    for step in steps:
        match step:
            case ("begin", int(who)) if who not in open_:
                open_[who] = (next_transaction, set())
                next_transaction += 1
            case ("change", int(who), (int(of), int(part))) if who in open_:
                # A row that another open transaction has changed is locked.
                if not any((of, part) in rows for other, (_, rows) in open_.items() if other != who):
                    open_[who][1].add((of, part))
            case ("commit", int(who)) if who in open_:
                number, changed = open_.pop(who)
                for row in changed:
                    stamps[row], versions[row] = number, versions[row] + 1
            case ("read", int(limit)):
                read(limit)
    for number, changed in open_.values():
        for row in changed:
            stamps[row], versions[row] = number, versions[row] + 1
    open_.clear()
    read(3)
    for of in (1, 2):
        assert mirror[of, 0] == tuple(versions[of, part] for part in (0, 1, 2))
        assert all(mirror[of, part] == (versions[of, 0], versions[of, part]) for part in (1, 2))
