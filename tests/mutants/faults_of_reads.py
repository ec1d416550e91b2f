"""Faults of what is read: kept in memory for too long, answered to somebody else, found wrongly or not at all."""

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
        "if changed in (run.activity_id, run.organisation_id):",
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
    Fault(
        "a short page of a search is the last one",
        "return found, write(key(rows[-1]), *listed) if len(rows) == most else None",
        "return found, None",
        ("search",),
    ),
    Fault(
        "an object is hidden by its newest form alone",
        'OR {is_marked(":organisation", object_id)} AS hidden',
        "OR false AS hidden",
        ("search",),
    ),
    Fault(
        "a beginning is looked up by more letters than there are keys of",
        "keys = {word, _local_part(word), _beginnings(word)[-1]}",
        "keys = {word, _local_part(word)}",
        ("search",),
    ),
    Fault(
        "a name is found by any of its words alone",
        "return all(_fits(word, texts) for word in self.words)",
        "return any(_fits(word, texts) for word in self.words)",
        ("search",),
    ),
)
