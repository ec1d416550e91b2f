"""What pydantic finds wrong, in our codes and in English: never with the value in it, nor an unknown name."""

import json
import re
from collections.abc import Mapping
from typing import Any

from app.catalogue import refusal_text

# Our codes for what pydantic finds, with those of their values that it tells; all else is `wrong_form`.
_REFUSALS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "missing": ("missing_field", {}),
    "literal_error": ("not_one_of", {"allowed": "expected"}),
    "enum": ("not_one_of", {"allowed": "expected"}),
    "string_type": ("not_a_string", {}),
    "int_type": ("not_a_whole_number", {}),
    "int_parsing": ("not_a_whole_number", {}),
    "int_from_float": ("not_a_whole_number", {}),
    "dict_type": ("not_an_object", {}),
    "model_type": ("not_an_object", {}),
    "model_attributes_type": ("not_an_object", {}),
    "list_type": ("not_a_list", {}),
    "greater_than_equal": ("too_small", {"least": "ge"}),
    "less_than_equal": ("too_great", {"most": "le"}),
    "string_too_long": ("too_long", {"most": "max_length"}),
    "too_long": ("too_many_values", {"most": "max_length"}),
    # Nothing has to be longer than that.
    "string_too_short": ("empty", {}),
    "too_short": ("empty", {}),
    "empty": ("empty", {}),
    "bad_character": ("bad_character", {}),
    "uuid_parsing": ("not_a_uuid", {}),
    "uuid_type": ("not_a_uuid", {}),
    "timezone_aware": ("no_time_zone", {}),
    "datetime_parsing": ("not_a_time", {}),
    "datetime_from_date_parsing": ("not_a_time", {}),
}
_ALLOWED = re.compile(r"'([^']*)'")
# How deep pydantic reads.
_MOST_LEVELS = 200


def refusal(error: Mapping[str, Any]) -> tuple[str, str]:
    """Gives our code for what pydantic found, and says it in English; neither has the value, nor an unknown name."""
    code, values = _REFUSALS.get(error["type"], ("wrong_form", {}))
    told: Mapping[str, Any] = error.get("ctx") or {}
    given = {name: told.get(its) for name, its in values.items()}
    if "allowed" in given:
        given["allowed"] = _ALLOWED.findall(str(given["allowed"]))
    return code, refusal_text(code, given)


def json_refusal(raw: bytes, found: str) -> tuple[str, str]:
    """Gives our code for a body that pydantic can't read, and says it in English; `found` is what pydantic says of it.

    The codes are those of rosters, which are read by other means.
    """
    try:
        text = raw.decode()
        # Long numbers are no fault of the form.
        json.loads(text, parse_int=len)
    except UnicodeDecodeError:
        return _said("not_utf8")
    except json.JSONDecodeError as broken:
        if text.startswith("\ufeff"):
            return _said("byte_order_mark")
        return _said("trailing_content") if broken.msg == "Extra data" else _said("not_json", place=broken.pos)
    except RecursionError:
        return _said("too_deep", most=_MOST_LEVELS)
    # What Python reads and pydantic does not.
    if found.startswith("recursion"):
        return _said("too_deep", most=_MOST_LEVELS)
    return _said("bad_number") if found.startswith("number") else _said("bad_character")


def _said(code: str, **values: object) -> tuple[str, str]:
    return code, refusal_text(code, values)
