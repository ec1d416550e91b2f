"""Faults of who may do what: other keys' runs, scopes, and keys of single school units."""

from typing import Final

from tests.mutants.fault import Fault

ACCESS: Final = (
    Fault(
        "a refusal repeats a name that is not ours",
        'steps = (str(step) if isinstance(step, int) or step in ours else "*" for step in path)',
        "steps = (str(step) for step in path if ours)",
        ("nothing repeated",),
    ),
    Fault(
        "a roster is refused with the name of a field that is not ours",
        'self._refuse(pointer, "unknown_field", known=list(known))',
        'self._refuse(f"{pointer}/{name}", "unknown_field", known=list(known))',
        ("nothing repeated",),
    ),
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
        "a route that does not narrow its answer takes a key of single units",
        "        check_scopes(caller, *needed)\n        check_whole(caller)\n",
        "        check_scopes(caller, *needed)\n",
        ("access",),
    ),
    Fault(
        "a run that is known is shown whole to a key of single units",
        "    if caller.school_units is not None:\n        # What is kept",
        "    if False:\n        # What is kept",
        ("units",),
    ),
    Fault(
        "records of other units are listed",
        '            "of_units": is_within(one),\n',
        '            "of_units": "true",\n',
        ("units",),
    ),
    Fault(
        "a record of another unit is read by its id",
        'if row is None or not viewer.is_told(row["hidden"], {row["school_unit"], *(row["more_units"] or ())}):',
        "if row is None:",
        ("units",),
    ),
    Fault(
        "runs of other units are there",
        "        own = (narrow(each, counts[each[of_run]]) for each in rows if each[of_run] in counts)",
        "        own = (narrow(each, counts.get(each[of_run], {})) for each in rows)",
        ("units",),
    ),
    Fault(
        "a cursor tells a place by its length",
        "padded = cursor.encode().ljust(-(-len(cursor) // _PADDED_TO) * _PADDED_TO)",
        "padded = cursor.encode()",
        ("units",),
    ),
    Fault(
        "pupils of other units are counted as missing",
        "own = await roster_within(",
        "own = exam.places.keys() or await roster_within(",
        ("units",),
    ),
    Fault(
        "what keeps a pupil at another unit is named",
        "if cause is None or cause.object_id is None or cause.object_id in own:",
        "if True:",
        ("units", "readiness"),
    ),
    Fault(
        "findings of other units are counted by their code",
        "    if viewer.school_units is None:\n        whole = await findings.list_by_code(",
        "    if True:\n        whole = await findings.list_by_code(",
        ("units",),
    ),
    Fault(
        "a cursor tells a place among the objects of all units",
        "    if viewer.school_units is None or cursor is None:\n        return cursor\n    # In base64",
        "    if viewer.school_units is None or cursor is not None:\n        return cursor\n    # In base64",
        ("units",),
    ),
    Fault(
        "what an object names of other units stays",
        "            sifted[name] = _masked(part, within, 0)",
        "            sifted[name] = part",
        ("units",),
    ),
    Fault(
        "staff are of no unit by their duties",
        "found.units || coalesce(roster_item.more_units, '{{}}')",
        "coalesce(roster_item.more_units, '{{}}')",
        ("units",),
    ),
    Fault(
        "whoever plans often has the plans of others go",
        "over(partition_by=plan.c.requested_by_id, order_by=newest_first)",
        "over(order_by=newest_first)",
        ("plans as rows",),
    ),
    Fault(
        "the oldest plan goes, whoever has made too many",
        "over(order_by=(ranked.c.place, ranked.c.age))",
        "over(order_by=ranked.c.age)",
        ("plans as rows",),
    ),
    Fault(
        "many keys have as many plans as they like",
        " | (kept.c.among > MOST_KEPT_TOGETHER))",
        ")",
        ("plans as rows",),
    ),
    Fault(
        "the version of a roster tells one school of another's uploads",
        '            "version": 0,\n            "counts"',
        '            "version": shown["roster"]["version"],\n            "counts"',
        ("units",),
    ),
    Fault(
        "the time of a roster tells one school of another's uploads",
        '            "updated_at": within["updated_at"],\n',
        '            "updated_at": shown["roster"]["updated_at"],\n',
        ("units",),
    ),
    Fault(
        "readiness tells one school of another's uploads",
        'here["version"] if viewer.school_units is None else 0',
        'here["version"]',
        ("units",),
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
