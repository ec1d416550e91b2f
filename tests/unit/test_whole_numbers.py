"""JSON knows numbers alone: a whole one may be written with a fraction of nothing wherever a body has one."""

import pytest
from pydantic import BaseModel, ValidationError

from app.api.schemas.requests import ObjectSearchRequest, ProvisionRequest, RetryRequest, SearchRequest

PLACES = [
    (SearchRequest, "limit"),
    (ObjectSearchRequest, "limit"),
    (SearchRequest, "school_year"),
    (ProvisionRequest, "stop_at_errors"),
    (RetryRequest, "stop_at_errors"),
]


@pytest.mark.parametrize(("model", "field"), PLACES)
def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(model: type[BaseModel], field: str) -> None:
    """`9.0` is 9, alone and in a list or an object."""
    with_point = model.model_validate_json(f'{{"{field}": 9.0}}')
    assert with_point == model.model_validate_json(f'{{"{field}": 9}}')
    assert "9.0" not in with_point.model_dump_json()


@pytest.mark.parametrize(("model", "field"), PLACES)
@pytest.mark.parametrize("given", ["9.5", "true", '"9"', "-9.0"])
def test_what_is_no_whole_number_is_refused(model: type[BaseModel], field: str, given: str) -> None:
    """Neither a part, nor a truth value, nor a text, nor less than nothing."""
    with pytest.raises(ValidationError):
        model.model_validate_json(f'{{"{field}": {given}}}')
