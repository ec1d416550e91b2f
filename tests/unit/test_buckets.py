"""What a caller may ask at once and for long, and that what is kept of callers stays small."""

from uuid import UUID, uuid4

import pytest

from app.api.http.problems import TooManyRequests, TooManyStreams
from app.api.limits.buckets import Buckets, Rate
from app.api.limits.key_handles import KeyHandles
from app.api.limits.limits import FROM_MEMORY, Limits

ONE, OTHER, THIRD = uuid4(), uuid4(), uuid4()


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, *, each: float = 10, together: float = 15, streams: int = 2) -> Limits:
    """Makes limits of so many requests a second, twice as many at once."""
    return Limits(Buckets(Rate(each, 2 * each)), Buckets(Rate(together, 2 * together)), streams, clock)


def taken(of: Limits, key: UUID = ONE, organisation: UUID = THIRD, *, cost: float = 1.0, most: int = 1000) -> int:
    """Gives how many requests of a key are taken at this moment, at most so many."""
    for number in range(most):
        try:
            of.count(key, organisation, cost)
        except TooManyRequests:
            return number
    return most


def test_a_key_has_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    of = limits(clock)
    assert taken(of) == 20
    for seconds, expected in ((0.05, 0), (0.05, 1), (0.5, 5), (3600, 20)):
        clock.now += seconds
        assert taken(of) == expected


def test_what_is_left_and_how_long_to_wait_is_told() -> None:
    clock = Clock()
    of = limits(clock)
    assert of.policy == '"key";q=20;w=2, "organisation";q=30;w=2'
    assert [of.count(ONE, None) for _ in range(3)] == ['"key";r=19;t=1', '"key";r=18;t=1', '"key";r=17;t=1']
    taken(of)
    with pytest.raises(TooManyRequests) as refused:
        of.count(ONE, None)
    assert refused.value.retry_after == 1


def test_one_key_leaves_some_of_its_organisation_to_others() -> None:
    """Together they have no more than theirs; another organisation's has all of its own."""
    of = limits(Clock())
    assert (taken(of, ONE), taken(of, OTHER)) == (20, 10)
    assert of.count(OTHER, ONE).startswith('"key";r=9')
    with pytest.raises(TooManyRequests, match="This organisation"):
        of.count(OTHER, THIRD)


def test_a_request_that_is_refused_costs_nothing() -> None:
    """Whoever goes on asking is taken as soon as who has waited."""
    clock = Clock()
    of = limits(clock)
    taken(of)
    for _ in range(1000):
        assert taken(of) == 0
    clock.now += 0.1
    assert taken(of) == 1


def test_an_answer_from_memory_costs_a_tenth() -> None:
    assert taken(limits(Clock()), cost=FROM_MEMORY) == 200


def test_streams_of_a_key_are_counted_until_they_end() -> None:
    of = limits(Clock())
    first, _ = of.open_stream(ONE), of.open_stream(ONE)
    of.open_stream(OTHER)
    with pytest.raises(TooManyStreams):
        of.open_stream(ONE)
    first()
    of.open_stream(ONE)


def test_what_is_kept_has_a_bound() -> None:
    """Whoever sends under ever new names fills no memory, and those who were last are still known."""
    buckets: Buckets[int] = Buckets(Rate(1, 10), most=100)
    for number in range(10_000):
        buckets.take(number, 0)
    assert len(buckets) == 100
    assert (buckets.standing(9_999, 0).left, buckets.standing(0, 0).left) == (9, 10)


@pytest.mark.parametrize(
    ("failing", "asking", "waits"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2:3:4:5", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_has_so_many_failures(failing: str, asking: str, waits: bool) -> None:
    """Of IPv6 the network counts: whoever has one address of it has all."""
    clock = Clock()
    of = limits(clock)
    for _ in range(20):
        assert of.wait_after_failures(failing) == 0
        of.note_failure(failing)
    assert (of.wait_after_failures(asking) > 0) is waits
    clock.now += 7
    assert of.wait_after_failures(asking) == 0


def test_many_addresses_have_so_many_failures_together() -> None:
    of = limits(Clock())
    for number in range(200):
        of.note_failure(f"192.0.2.{number}")
    assert of.wait_after_failures("198.51.100.1") > 0


def test_keys_that_fail_keep_no_code_waiting() -> None:
    """A code waits for codes from the same address alone, and good tokens for those of the same subject."""
    of = limits(Clock())
    for number in range(300):
        of.note_failure("192.0.2.1")
        of.note_failure(f"198.51.100.{number}")
    assert of.wait_after_failed_codes("192.0.2.1") == of.wait_after_refused_tokens("subject-1") == 0
    for _ in range(60):
        assert of.wait_after_failed_codes("2001:db8::1") == 0
        of.note_failed_code("2001:db8::1")
        of.note_refused_token("subject-1")
    assert of.wait_after_failed_codes("2001:db8::2") > 0
    assert of.wait_after_refused_tokens("subject-1") > 0
    assert of.wait_after_failed_codes("2001:db8:0:1::1") == of.wait_after_refused_tokens("subject-2") == 0


async def test_which_keys_there_are_is_read_now_and_then() -> None:
    """However many ask for keys that do not exist; one that is known needs no reading at all."""
    clock, reads = Clock(), list[float]()

    async def read() -> set[str]:
        reads.append(clock.now)
        return {"a", *(["b"] if len(reads) > 1 else [])}

    handles = KeyHandles(read, clock)
    assert [await handles.has(each) for each in ("a", "b", "c", "d", "a")] == [True, False, False, False, True]
    clock.now += 9
    assert (await handles.has("b"), len(reads)) == (False, 1)
    clock.now += 1
    assert (await handles.has("b"), await handles.has("a"), len(reads)) == (True, True, 2)
