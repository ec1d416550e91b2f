"""How numbers in a JSON body and in a query are read."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.api.http.moments import Moment
from app.api.http.refusals import refusal
from app.api.schemas.requests import SearchRequest


@pytest.mark.parametrize(("given", "limit"), [("3", 3), ("3.0", 3), ("3e0", 3), ("1e3", 1000)])
def test_json_has_no_integers_of_its_own(given: str, limit: int) -> None:
    assert SearchRequest.model_validate_json(f'{{"limit": {given}}}').limit == limit


@pytest.mark.parametrize("given", ["3.5", '"3"', "true", "null", "0", "-1", "1e400", "NaN", "[3]"])
def test_what_is_no_whole_number_from_one_is_no_limit(given: str) -> None:
    with pytest.raises(ValidationError):
        SearchRequest.model_validate_json(f'{{"limit": {given}}}')


@pytest.mark.parametrize(
    "given",
    [
        "1",
        "2026-01-01",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00 01:00",
    ],
)
def test_what_is_no_time_is_told_the_form_that_is_wanted(given: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Moment).validate_python(given)
    code, said = refusal(dict(refused.value.errors()[0]))
    assert code == "not_a_time"
    assert "RFC 3339 with its offset, such as 2026-11-23T08:00:00Z" in said
    assert given not in said or given == "1"
