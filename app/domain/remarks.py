"""What we ourselves say of a record: codes, pointers and ids, never a value of the object."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

Remark = dict[str, Any]


def remark(code: str, severity: str = "error", ids: Iterable[UUID] = ()) -> Remark:
    """Makes a remark; `ids` are the objects that it speaks of."""
    made: Remark = {"code": code, "severity": severity}
    if listed := [str(each) for each in ids]:
        made["ids"] = listed
    return made
