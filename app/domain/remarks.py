"""What we ourselves say of a record: codes, pointers and ids, never a value of the object."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

Remark = dict[str, Any]


def remark(code: str, severity: str = "error", ids: Iterable[UUID] = (), cause: str | None = None) -> Remark:
    """Makes a remark; `ids` are the objects that it speaks of, `cause` is the code of the fault behind it."""
    made: Remark = {"code": code, "severity": severity}
    if listed := [str(each) for each in ids]:
        made["ids"] = listed
    if cause is not None:
        made["cause"] = cause
    return made
