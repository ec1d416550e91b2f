"""Texts in requests: what may not stand in them, each refused by the code that a roster's name is refused with."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def _not_blank(text: str) -> str:
    """Raises an error for a `text` without a character that is seen."""
    if not text.strip():
        raise PydanticCustomError("empty", "blank")
    return text


def _storable(text: str) -> str:
    """Raises an error for a `text` with a character that no column takes."""
    if "\0" in text:
        raise PydanticCustomError("bad_character", "NUL")
    return text


def _in_one_line(text: str) -> str:
    """Raises an error for a `text` with a control character."""
    if any(char < " " for char in text):
        raise PydanticCustomError("bad_character", "control character")
    return text


# The patterns are for the description: they can't say which of the two it is.
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]
Name = Annotated[
    str,
    AfterValidator(_not_blank),
    AfterValidator(_storable),
    Field(json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}),
]
Line = Annotated[
    str,
    AfterValidator(_not_blank),
    AfterValidator(_in_one_line),
    Field(json_schema_extra={"minLength": 1, "pattern": r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$"}),
]
