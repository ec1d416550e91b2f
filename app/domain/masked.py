"""The mask that stands for a personal value which somebody may not see, and where it is in an object that came back.

Who may see what is not decided here.
"""

from collections.abc import Iterator
from typing import Any, Final

MASK: Final = "***"

_NAMES: Final = {
    "persons": ("givenName", "middleName", "familyName"),
    "groups": ("displayName",),
    "activities": ("displayName",),
}


def masked_values(kind: str, item: Any) -> Iterator[str]:
    """Gives a JSON pointer to each name, EPPN and civic number that is the mask, in an `item` of this `kind`."""
    if not isinstance(item, dict):
        return
    for field in _NAMES.get(kind, ()):
        if item.get(field) == MASK:
            yield f"/{field}"
    if kind != "persons":
        return
    names = item.get("eduPersonPrincipalNames")
    if names == MASK:
        yield "/eduPersonPrincipalNames"
    elif isinstance(names, list) and MASK in names:
        yield f"/eduPersonPrincipalNames/{names.index(MASK)}"
    number = item.get("civicNo")
    if number == MASK:
        yield "/civicNo"
    elif isinstance(number, dict) and number.get("value") == MASK:
        yield "/civicNo/value"
