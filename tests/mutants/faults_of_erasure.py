"""Faults of erasure: what stays that should go, what goes that should stay, and a file that does not know of it."""

from typing import Final

from tests.mutants.fault import Fault

ERASURE: Final = (
    Fault(
        "what counts as erased does not stand in the file",
        "                await asyncio.to_thread(erasures_file.append, self.file, line)\n",
        "                pass\n",
        ("erasure",),
    ),
    Fault(
        "without the file it is erased all the same",
        "if not self.file and erasing.logged_at is None:",
        "if not self.file and erasing.logged_at is not None:",
        ("erasure",),
    ),
    Fault(
        "a line is not on the disk when it counts",
        "        os.fsync(file)\n",
        "",
        ("erasure",),
    ),
    Fault(
        "a line is written behind one that was cut off",
        'whole = (("\\n" if is_cut_off else "") + text + "\\n").encode("ascii")',
        'whole = (text + "\\n").encode("ascii")',
        ("erasure",),
    ),
    Fault(
        "somebody stays in a roster that only refers to them",
        "WHERE item.refs && CAST(:objects AS uuid[])",
        "WHERE false",
        ("erasure",),
    ),
    Fault(
        "what an erasure leaves of a roster is nobody's",
        '            stored_by=roster["stored_by_id"],',
        "            stored_by=None,",
        ("erasure",),
    ),
    Fault(
        "what a duty was before it was somebody else's stays",
        "    await conn.execute(former, {",
        "    _ = (former, {",
        ("erasure",),
    ),
    Fault(
        "the call that carried a former duty keeps what it has sealed",
        "WHERE id = ANY (carried) AND request_sha256 IS NOT NULL;\n    UPDATE plan_item",
        "WHERE false;\n    UPDATE plan_item",
        ("erasure",),
    ),
    Fault(
        "what a duty is now goes with what it was",
        "AND (one.digest = ANY (of_others.digests || wanted.digests || planned.digests)) IS NOT TRUE",
        "",
        ("erasure",),
    ),
    Fault(
        "a duty stays in the roster that has it as theirs",
        'or (kind == "duties" and _names(item, "person", gone)) else item',
        "else item",
        ("erasure",),
    ),
    Fault(
        "who is erased is protected no more",
        "SET eppn = NULL, civic_no = NULL, name = NULL\n        WHERE organisation_id = of_organisation",
        "SET marking = 0, eppn = NULL, civic_no = NULL, name = NULL\n        WHERE organisation_id = of_organisation",
        ("contents",),
    ),
    Fault(
        "somebody else's duty goes",
        "HAVING bool_and((person = :person) IS TRUE)",
        "HAVING bool_or((person = :person) IS TRUE OR true)",
        ("erasure",),
    ),
    Fault(
        "a person that a run under way has is erased",
        "        WHERE run.finished_at IS NULL AND sent.organisation_id = :organisation",
        "        WHERE run.finished_at IS NULL AND sent.organisation_id <> :organisation",
        ("erasure",),
    ),
    Fault(
        "an organisation with a run under way is erased",
        "                await erasures.check_organisation_at_rest(conn, erasing.organisation_id)\n",
        "",
        ("erasure",),
    ),
    Fault(
        "an erased organisation keeps what opens it",
        "SET salt = decode(repeat('00', 32), 'hex'), digest_key = NULL,",
        "SET digest_key = NULL,",
        ("erasure",),
    ),
    Fault(
        "where an erased person belonged stays in history",
        "    UPDATE record SET role = NULL, school_year = NULL, school_unit = NULL, more_units = NULL\n    FROM",
        "    UPDATE record SET role = record.role\n    FROM",
        ("erasure", "contents"),
    ),
    Fault(
        "a spelling among more findings than are told is not looked for",
        "OR jsonb_array_length(issues) >= {MOST_ISSUES}",
        "OR jsonb_array_length(issues) > {MOST_ISSUES}",
        ("erasure",),
    ),
    Fault(
        "what is erased again counts from its line in the file",
        "erased_at=max(logged, at)",
        "erased_at=logged",
        ("erasure",),
    ),
    Fault(
        "who came back is erased again after a restore",
        "return erased_at is None or erased_at < line.at",
        "return erased_at is None or erased_at <= line.at",
        ("erasure",),
    ),
    Fault(
        "four digits name a person",
        "return len(self.words) == 1 and _civic_no(self.words[0]) is not None",
        "return len(self.words) == 1",
        ("erasure",),
    ),
    Fault(
        "a person of another organisation can be erased",
        "WHERE one.organisation_id = :organisation AND one.kind = 'persons'\n    ) OR EXISTS (\n"
        "        SELECT FROM (SELECT organisation_id, kind FROM record",
        "WHERE one.kind = 'persons'\n    ) OR EXISTS (\n        SELECT FROM (SELECT organisation_id, kind FROM record",
        ("erasure",),
    ),
    Fault(
        "nobody is told that somebody erased is back",
        "        ) item CROSS JOIN (VALUES ('erased_before', 'warning')) said (code, severity)\n"
        "        WHERE item.roster_id = one.roster_id",
        "        ) item CROSS JOIN (VALUES ('erased_before', 'warning')) said (code, severity)\n"
        "        WHERE item.roster_id <> one.roster_id",
        ("erasure",),
    ),
    Fault(
        "somebody stays in a roster that names them and has nothing of theirs",
        'if roster["has_one"] or await left.names_one(self.share):',
        'if roster["has_one"]:',
        ("erasure",),
    ),
    Fault(
        "somebody's duty stays in a roster that has nothing else of theirs",
        "AND roster_item.kind IN ('duties', 'groups', 'activities')\n        OFFSET 0",
        "AND roster_item.kind IN ('groups', 'activities')\n        OFFSET 0",
        ("erasure",),
    ),
    Fault(
        "somebody's duty goes on teaching in a roster that has nothing else of theirs",
        "AND roster_item.kind IN ('duties', 'groups', 'activities')\n        OFFSET 0",
        "AND roster_item.kind IN ('duties', 'groups')\n        OFFSET 0",
        ("erasure",),
    ),
    Fault(
        "somebody stays in a roster that was put while they were erased",
        "if not all(gone <= free_of.get(each, frozenset()) for each in current):",
        "if not any(gone <= free_of.get(each, frozenset()) for each in current):",
        ("erasure",),
    ),
    Fault(
        "a duty that went from the roster that had it goes on teaching in one that was put meanwhile",
        "SELECT id FROM unnest(CAST(:known AS uuid[])) AS known (id) WHERE id NOT IN (SELECT object_id FROM current)",
        "SELECT id FROM unnest(CAST(:known AS uuid[])) AS known (id) WHERE false",
        ("erasure",),
    ),
    Fault(
        "whoever is erased has each roster put anew",
        'if left_of(row["kind"], row["object_id"], item, self._gone) is not item:',
        'if left_of(row["kind"], row["object_id"], item, self._gone) is item:',
        ("erasure",),
    ),
)
