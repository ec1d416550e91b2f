"""A batch is exactly the JSON of its objects, and never more bytes than Skolverket takes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.batching import CallCount, Packing, encode
from app.skolverket.published import BODY_FORM

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=5)


@given(st.lists(objects, max_size=6))
def test_a_body_is_the_json_of_its_objects(items: list[dict[str, Any]]) -> None:
    """Same values, same order of keys; and its size is known before it is made."""
    encoded = [encode(item) for item in items]
    made = BODY_FORM.body(encoded)
    assert json.loads(made) == {"data": items}
    assert [list(item) for item in json.loads(made)["data"]] == [list(item) for item in items]
    assert len(made) == BODY_FORM.size([len(each) for each in encoded])


def test_an_object_is_compact_and_its_letters_are_not_escaped() -> None:
    assert encode({"namn": "Åsa", "år": [6, None, True]}) == '{"namn":"Åsa","år":[6,null,true]}'.encode()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "\ud800"])
def test_what_has_no_json_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError is one too
        encode({"x": wrong})


@given(st.lists(st.integers(0, 90_000), max_size=40), st.integers(100_000, BODY_FORM.max_bytes))
def test_a_batch_is_never_larger_than_allowed_and_never_closed_too_early(lengths: list[int], most: int) -> None:
    """Every object goes into exactly one batch, in order; the one that opens a batch did not fit into that before."""
    items = [str(number).encode() + b"x" * length for number, length in enumerate(lengths)]
    form = replace(BODY_FORM, max_bytes=most)
    packings = [Packing(form)]
    for item in items:
        if not packings[-1].take(item):
            previous = packings[-1]
            assert form.size([len(each) for each in (*previous.items, item)]) > most
            packings.append(Packing(form))
            assert packings[-1].take(item)
    assert [item for packing in packings for item in packing.items] == items
    counted = CallCount(form)
    for item in items:
        counted.add(len(item))
    assert counted.calls == (len(packings) if items else 0)
    assert all(len(packing.body()) <= most for packing in packings)


def test_without_another_limit_it_is_200_000_bytes() -> None:
    room = BODY_FORM.max_bytes - len(b'{"data":[]}')
    packing = Packing(BODY_FORM)
    assert not packing.take(b"x" * (room + 1))
    assert packing.take(b"x" * room)
    assert len(packing.body()) == 200_000
    assert not packing.take(b"x")


@pytest.mark.parametrize(("length", "is_too_large"), [(199_989, False), (199_990, True)])
def test_an_object_that_fits_nowhere_is_known(length: int, is_too_large: bool) -> None:
    item = b"x" * length
    assert BODY_FORM.fits(item) is not is_too_large
    assert Packing(BODY_FORM).take(item) is not is_too_large


@given(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=30))
def test_objects_with_different_limits_never_share_a_batch(limits: list[int | None]) -> None:
    packings: list[tuple[Packing, list[int | None]]] = [(Packing(BODY_FORM), [])]
    for limit in limits:
        if not packings[-1][0].take(b"{}", limit):
            packings.append((Packing(BODY_FORM), []))
            assert packings[-1][0].take(b"{}", limit)
        packings[-1][1].append(limit)
    for _, together in packings:
        assert len(set(together)) <= 1
        assert len(together) <= (together[0] or len(together) if together else 0)
