"""Faults of what answers say to browsers, and of what is left in one."""

from typing import Final

from tests.mutants.fault import Fault

HEADERS: Final = (
    Fault(
        "what is no page leaves under no policy",
        "for each in _NO_PAGE if each[0] not in own",
        "for each in _NO_PAGE if each[0] in own",
        ("headers",),
    ),
    Fault(
        "who has signed out goes back to what was seen",
        '    answer.headers["Clear-Site-Data"] = \'"cache", "storage"\'\n',
        "",
        ("sessions",),
    ),
)
