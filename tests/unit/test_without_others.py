"""What is kept of an object as it came: not what its source says of others."""

import copy
from typing import Any

import pytest

from app.domain.ss12000 import without_others

OTHER = {"id": "b", "displayName": "Mo Ek"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"id": "a", "responsibles": [{"person": OTHER}], "note": {"x": 1}}, {"id": "a", "note": {"x": 1}}),
        ({"_embedded": {"duties": [OTHER]}, "enrolments": [{"_embedded": OTHER, "endDate": "x"}]}, None),
        ({"groupMemberships": [{"person": OTHER, "startDate": "x"}]}, None),
        ({"teachers": [{"duty": {**OTHER, "person": OTHER}}]}, {"teachers": [{"duty": {"id": "b"}}]}),
        ({"person": {"displayName": "Mo Ek"}, "dutyAt": OTHER}, {"person": {}, "dutyAt": OTHER}),
        ({"person": "b", "duty": ["b"]}, {"person": "b", "duty": ["b"]}),
        ({"person": [OTHER, [OTHER], "b"]}, {"person": [{"id": "b"}, [{"id": "b"}], "b"]}),
        ({"Person": OTHER, "x": [{"DUTY": [OTHER]}]}, {"Person": {"id": "b"}, "x": [{"DUTY": [{"id": "b"}]}]}),
        ({"id": "a", "_Embedded": OTHER, "Responsibles": [OTHER]}, {"id": "a"}),
        ({"person": {"ID": "b", "id": OTHER}, "duty": {"id": [OTHER]}}, {"person": {}, "duty": {}}),
        ({"birthDate": "x", "emails": [{"value": "y"}], "Embedded": 1}, None),
    ],
)
def test_what_is_said_of_others_goes_wherever_it_stands(given: dict[str, Any], kept: Any) -> None:
    """All that is an object's own stays, published or not; the given object is not changed."""
    expected = {
        "_embedded": {"enrolments": [{"endDate": "x"}]},
        "groupMemberships": {"groupMemberships": [{"person": {"id": "b"}, "startDate": "x"}]},
    }
    before = copy.deepcopy(given)
    assert without_others(given) == (kept or expected.get(next(iter(given)), given))
    assert given == before
