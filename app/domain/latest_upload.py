"""The latest upload of an object: an older one is never put over it."""

from enum import Enum, auto


class Standing(Enum):
    """What to do with an object whose turn it is to be sent."""

    SEND = auto()
    # The target has accepted a later upload of it.
    NEWER_AT_TARGET = auto()
    # Another run's call with it is under way, and what the target has after that is not known before its answer.
    WAIT = auto()


def standing(upload: int, accepted_upload: int | None, *, under_way: bool) -> Standing:
    """Gives what to do with an object of `upload`, of which the target has `accepted_upload`, if any.

    `under_way` says whether a call of another run has it and has no answer yet.
    """
    if accepted_upload is not None and accepted_upload > upload:
        return Standing.NEWER_AT_TARGET
    return Standing.WAIT if under_way else Standing.SEND
