"""Faults of what is kept in memory: it would be answered for too long, or to somebody else."""

from typing import Final

from tests.mutants.fault import Fault

READS: Final = (
    Fault(
        "what was right once is used for an hour",
        "FRESH_FOR: Final = 1.0",
        "FRESH_FOR: Final = 3600.0",
        ("reads",),
    ),
    Fault(
        "a revoked key stays in memory",
        "if (handle, caller.version) in changed.keys:",
        "if False:",
        ("reads",),
    ),
    Fault(
        "a run that has changed stays in memory",
        "if (run_id, run.version) in changed.runs:",
        "if False:",
        ("reads",),
    ),
    Fault(
        "another organisation's run is answered from memory",
        "if run is None or run.organisation_id != caller.organisation_id:",
        "if run is None:",
        ("reads",),
    ),
    Fault(
        "another key's run is answered from memory",
        "if not viewer_of(caller, parts).may_see_run(run.made_by):",
        "if False:",
        ("reads",),
    ),
    Fault(
        "what this process has changed is kept by who read it before",
        "if right_at > self._changed_here_at:",
        "if right_at > float('-inf'):",
        ("reads",),
    ),
    Fault(
        "what this process has changed stays in memory",
        "if run.activity_id == activity_id:",
        "if False:",
        ("reads",),
    ),
    Fault(
        "a stream's version is not asked about",
        "return followed | Versions(frozenset(runs), frozenset(callers))",
        "return Versions(frozenset(runs), frozenset(callers))",
        ("reads",),
    ),
    Fault(
        "streams wait on when nobody answers any longer",
        "if not self.fresh and self._right_at != lapsed:",
        "if False:",
        ("reads",),
    ),
)
