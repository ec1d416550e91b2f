"""An answer without its items, and put together again: the same JSON, each item stored once."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.envelope import compact, fold, folded_digests, unfold

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _kept(items: list[Any]) -> dict[UUID, tuple[bytes, bytes]]:
    return {uuid4(): (compact(item), bytes([number]) * 32) for number, item in enumerate(items, 1)}


@given(
    st.lists(st.dictionaries(st.text(max_size=6), _values, min_size=1, max_size=3), max_size=4, unique_by=repr), _values
)
def test_what_is_folded_unfolds_to_the_same(items: list[dict[str, Any]], beside: Any) -> None:
    kept = _kept(items)
    answer = compact({"jobId": "j", "responses": [*items, beside], "beside": beside})
    envelope = fold(answer, kept)
    contents = {digest: plain for plain, digest in kept.values()}
    assert json.loads(unfold(envelope, contents)) == json.loads(answer)
    assert set(folded_digests(envelope)) == set(contents)


def test_an_erased_item_is_null() -> None:
    [(plain, digest)] = _kept([{"id": 1}]).values()
    envelope = fold(b'{"responses":[{"id":1},{"id":2}]}', {uuid4(): (plain, digest)})
    assert plain not in envelope
    assert json.loads(unfold(envelope, {})) == {"responses": [None, {"id": 2}]}


@pytest.mark.parametrize("answer", [b"<html>", b"[1,2]", b"", b'"x"', b"[" * 100_000])
def test_what_is_no_object_stays_as_it_came(answer: bytes) -> None:
    assert fold(answer, {}) == answer
    assert unfold(answer, {}) == answer
    assert folded_digests(answer) == []
