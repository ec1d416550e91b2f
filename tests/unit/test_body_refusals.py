"""What is wrong with small bodies has codes and words of ours, and no value or name that came from outside."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.api.problems import refusal
from app.api.requests import ProvisionRequest, SearchRequest

CIVIC_NO = "201201019807"


@pytest.mark.parametrize(
    ("model", "body", "code", "text"),
    [
        (ProvisionRequest, {"on_record_error": CIVIC_NO}, "not_one_of", "This must be one of: halt, continue."),
        (ProvisionRequest, {CIVIC_NO: 1}, "surplus_field", "This field is not taken here."),
        (ProvisionRequest, [], "not_an_object", "This must be an object."),
        (SearchRequest, {"q": [CIVIC_NO]}, "not_a_string", "This must be a string."),
        (SearchRequest, {"q": CIVIC_NO * 50}, "too_long", "This may have at most 500 characters."),
        (SearchRequest, {"limit": CIVIC_NO}, "not_a_whole_number", "This must be a whole number."),
        (SearchRequest, {"limit": 0}, "too_small", "This must be at least 1."),
    ],
)
def test_a_body_is_refused_in_our_words(model: Any, body: Any, code: str, text: str) -> None:
    with pytest.raises(ValidationError) as invalid:
        model.model_validate(body)
    [error] = invalid.value.errors()
    assert refusal(error) == (code, text)


@pytest.mark.parametrize("type_", ["value_error", "a_type_of_tomorrow"])
def test_what_is_not_known_has_a_general_word(type_: str) -> None:
    error = {"type": type_, "loc": (CIVIC_NO,), "msg": CIVIC_NO, "input": CIVIC_NO, "ctx": {"error": CIVIC_NO}}
    assert refusal(error) == ("wrong_form", "The value does not have the expected form.")
