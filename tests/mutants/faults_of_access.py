"""Faults of who may do what: other keys' runs, scopes, and keys of single school units."""

from typing import Final

from tests.mutants.fault import Fault

ACCESS: Final = (
    Fault(
        "another key's run is an activity's last",
        "    if narrowed:\n        newest = newest.where(",
        "    if not narrowed:\n        newest = newest.where(",
        ("access",),
    ),
    Fault(
        "a key that provisions changes another key's runs",
        "    await visible_run(parts, viewer_of(changes.caller, parts), run_id)\n\n    async def cancel(",
        "    async def cancel(",
        ("access",),
    ),
    Fault(
        "any key of an organisation plans",
        'Planner = Annotated[Caller, Depends(_with("history|provision"))]',
        "Planner = Annotated[Caller, Depends(_with())]",
        ("access",),
    ),
    Fault(
        "a lock of an Idempotency-Key may be another lock's",
        "pg_try_advisory_xact_lock(CAST(:high AS integer), CAST(:low AS integer))",
        "pg_try_advisory_xact_lock(CAST(:high AS bigint) + CAST(:low AS bigint))",
        ("access",),
    ),
)
