"""Faults of the report of what is held: it names somebody, counts somebody else's, or counts wrong."""

from typing import Final

from tests.mutants.fault import Fault

PRIVACY_REPORT: Final = (
    Fault(
        "the report has the names of keys",
        '_OF_A_KEY = ("handle", "scopes",',
        '_OF_A_KEY = ("handle", "name", "scopes",',
        ("privacy report",),
    ),
    Fault(
        "the report counts rows twice that are new",
        '*(f"at < {newer}" for newer in bounds[:place])',
        '*(f"at < {newer}" for newer in bounds[:0])',
        ("privacy report",),
    ),
    Fault(
        "who was erased counts as held",
        '_OBJECTS.format(counts=_counts("kept.object_id IS NOT NULL"))',
        '_OBJECTS.format(counts=_counts("true"))',
        ("privacy report",),
    ),
)
