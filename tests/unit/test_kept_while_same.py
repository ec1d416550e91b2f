"""When what was kept is given again: never of another state, nor for long, and never too much of it."""

from app.api.kept_while_same import KeptWhileSame


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_given_for_the_same_state_alone() -> None:
    kept = KeptWhileSame[str](10, 5)
    kept.keep("exam", 1, 3, "as it was")
    assert kept.get("exam", 1) == "as it was"
    assert kept.get("another", 1) is None
    assert kept.get("exam", 2) is None
    # It is not there for one who still has the older state either.
    assert kept.get("exam", 1) is None


def test_it_is_given_for_its_time() -> None:
    clock = Clock()
    kept = KeptWhileSame[str](10, 5, clock)
    kept.keep("exam", 1, 3, "as it was")
    clock.now = 4.9
    assert kept.get("exam", 1) == "as it was"
    clock.now = 5.0
    assert kept.get("exam", 1) is None


def test_what_was_asked_for_longest_ago_gives_way() -> None:
    kept = KeptWhileSame[str](10, 5)
    for name in ("first", "second", "third"):
        kept.keep(name, 1, 3, name)
    kept.get("first", 1)
    kept.keep("fourth", 1, 4, "fourth")
    assert [name for name in ("first", "second", "third", "fourth") if kept.get(name, 1)] == [
        "first",
        "third",
        "fourth",
    ]


def test_what_is_too_large_is_not_kept_and_lets_the_others_be() -> None:
    kept = KeptWhileSame[str](10, 5)
    kept.keep("small", 1, 3, "small")
    kept.keep("large", 1, 11, "large")
    assert (kept.get("small", 1), kept.get("large", 1)) == ("small", None)
