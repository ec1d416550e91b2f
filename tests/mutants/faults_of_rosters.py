"""Faults of what a later roster may change: what stays here, who goes first, and what rosters say of each other."""

from typing import Final

from tests.mutants.fault import Fault

ROSTERS: Final = (
    Fault(
        "what stays here is not looked at again before the call",
        "        SELECT FROM kept_here(one.organisation_id, one.kind, one.run_id, leaving, carried)\n",
        "        SELECT FROM kept_here(one.organisation_id, one.kind, one.run_id, leaving, carried) WHERE false\n",
        ("exceptions",),
    ),
    Fault(
        "a marking is held against what was accepted alone",
        "item.kind = of_kind AND item.marking > mine.marking LIMIT 1",
        "item.kind = of_kind AND item.marking > 9 LIMIT 1",
        ("exceptions",),
    ),
    Fault(
        "a marking is held against rosters alone",
        "known.marking > mine.marking OR stronger.said OR once",
        "stronger.said OR once",
        ("exceptions",),
    ),
    Fault(
        "another name alone makes an id a reused one",
        "                AND mine.civic_no IS DISTINCT FROM known.civic_no AND",
        "                AND",
        ("exceptions",),
    ),
    Fault(
        "what is allowed for one reason is allowed for another",
        "AND 'reused_id' <> ALL (allowed)",
        "AND allowed = '{}'",
        ("exceptions",),
    ),
    Fault(
        "a number that is left out is nobody's",
        "                AND mine.civic_no IS DISTINCT FROM known.civic_no AND",
        "                AND mine.civic_no <> known.civic_no AND",
        ("exceptions",),
    ),
    Fault(
        "what stays here blocks what needs it",
        "SELECT status = 'error' OR (status = 'skipped' AND",
        "SELECT status = 'error' OR (status = 'skipped' OR",
        ("exceptions",),
    ),
    Fault(
        "a taker goes while its giver's answer is not there",
        "WHERE record.status IN ('pending', 'sent') AND becomes.eppn",
        "WHERE record.status IN ('pending') AND becomes.eppn",
        ("exceptions",),
    ),
    Fault(
        "all of a circle wait",
        "for taker in givers if taker not in swapping}",
        "for taker in givers}",
        ("exceptions",),
    ),
    Fault(
        "an EPPN stays with who had it first",
        "        WHERE eppn.object_id <> excluded.object_id;",
        "        WHERE false;",
        ("exceptions",),
    ),
    Fault(
        "a retry forgets what was allowed",
        "FROM unnest(allow) AS given (each) WHERE given.each <> ALL (taken_back)",
        "FROM unnest(allow) AS given (each) WHERE false",
        ("exceptions",),
    ),
    Fault(
        "a retry has what its caller may not allow",
        " WHERE given.each <> ALL (taken_back)",
        "",
        ("exceptions",),
    ),
    Fault(
        "an empty roster is sent over one that is going to be sent",
        "            status IN ('queued', 'running', 'held', 'succeeded') OR EXISTS (",
        "            status IN ('succeeded') OR EXISTS (",
        ("exceptions",),
    ),
    Fault(
        "rosters are compared with any other, and not with the latest",
        "AND (other.latest < mine.upload OR other.upload = other.latest) AS differs",
        "AS differs",
        ("exceptions",),
    ),
    Fault(
        "a task that is asked for again while it is under way is done with",
        "DO UPDATE SET claim = next_claim(task.claim), leased_until = NULL,",
        "DO UPDATE SET",
        ("exceptions",),
    ),
)
