"""Faults by data: objects whose id starts with a mark fail in a known way, in every kind and without any switch.

Meant for demonstrations and for whoever wants to see a rare answer: put the mark in front of an otherwise random UUID.
"""

from enum import Enum


class Mark(Enum):
    """What a marked object does; the value is the first eight letters of its id."""

    TEMPORARY_ONCE = "5e000001"  # TemporaryError the first time it is sent, then decided as any other
    TEMPORARY_ALWAYS = "5e000002"  # TemporaryError each time
    UNLISTED_ERROR = "5e000003"  # Error with a LogEntry id that is in no list
    UNLISTED_STATUS = "5e000004"  # a status that no document has, and never another
    SLOW = "5e000005"  # its whole bulk job takes SLOW_SECONDS longer


SLOW_SECONDS = 10.0
_MARKS = {mark.value: mark for mark in Mark}


def mark_of(object_id: str) -> Mark | None:
    """Reads the mark of an id, if it has one."""
    return _MARKS.get(object_id[:8].lower())
