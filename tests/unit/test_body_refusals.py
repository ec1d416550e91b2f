"""What is wrong with small bodies has codes and words of ours, and no value or name that came from outside."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.api.http.refusals import refusal
from app.api.schemas.operations import PauseRequest
from app.api.schemas.requests import ProvisionRequest, RenameRequest, SearchRequest
from app.api.schemas.webhooks import WebhookChange

CIVIC_NO = "201201019807"
UNIT = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
NO_UUID = "There must be an id here: a UUID of 36 characters, with its hyphens."


@pytest.mark.parametrize(
    ("model", "body", "code", "text"),
    [
        (ProvisionRequest, {"on_record_error": CIVIC_NO}, "not_one_of", "This must be one of: halt, continue."),
        (ProvisionRequest, [], "not_an_object", "This must be an object."),
        (SearchRequest, {"q": [CIVIC_NO]}, "not_a_string", "This must be a string."),
        (SearchRequest, {"q": CIVIC_NO * 50}, "too_long", "This may have at most 500 characters."),
        (SearchRequest, {"limit": CIVIC_NO}, "not_a_whole_number", "This must be a whole number."),
        (SearchRequest, {"limit": 0}, "too_small", "This must be at least 1."),
        (SearchRequest, {"school_unit": f"{{{UNIT}}}"}, "not_a_uuid", NO_UUID),
        (SearchRequest, {"school_unit": [UNIT.replace("-", "")]}, "not_a_uuid", NO_UUID),
        (RenameRequest, {"display_name": " \n"}, "empty", "This must not be empty."),
        (RenameRequest, {"display_name": ""}, "empty", "This must not be empty."),
        (RenameRequest, {"display_name": "a\0"}, "bad_character", "This holds a character that cannot be stored."),
        (PauseRequest, {"reason": ""}, "empty", "This must not be empty."),
        (PauseRequest, {"reason": "a\nb"}, "bad_character", "This holds a character that cannot be stored."),
        (WebhookChange, {"enabled": "yes"}, "wrong_form", "The value does not have the expected form."),
        (WebhookChange, {"types": []}, "empty", "This must not be empty."),
        (WebhookChange, {"types": ["run.failed"] * 5}, "too_many_values", "There may be at most 4 values here."),
        (WebhookChange, {"description": "\0"}, "bad_character", "This holds a character that cannot be stored."),
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
