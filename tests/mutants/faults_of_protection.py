"""Faults of who is protected: what was said once is forgotten, or is not believed in one of the places that show it."""

from typing import Final

from tests.mutants.fault import Fault

PROTECTION: Final = (
    Fault(
        "a marking goes with its roster",
        "FROM staged WHERE {STAGED} AND protected ORDER BY object_id, kind",
        "FROM staged WHERE {STAGED} AND protected AND false ORDER BY object_id, kind",
        ("marked once",),
    ),
    Fault(
        "a marking counts from its first upload",
        "DO UPDATE SET marked_at = excluded.marked_at",
        "DO NOTHING",
        ("marked once",),
    ),
    Fault(
        "what is accepted with a marking hides nobody",
        "FROM known WHERE marking > 0 ORDER BY id",
        "FROM known WHERE marking > 9 ORDER BY id",
        ("marked once",),
    ),
    Fault(
        "a weaker marking counts though nobody has allowed it",
        "AND 'weaker_marking' = ANY (run.allow) OFFSET 0",
        "OFFSET 0",
        ("marked once",),
    ),
    Fault(
        "what is not sent over a newer upload counts as what Skolverket has",
        "AND object.id = became.object_id AND object.marking = 0\n",
        "AND object.id = became.object_id\n",
        ("marked once",),
    ),
    Fault(
        "a marking is forgotten while another roster has it",
        "WHERE item.object_id = became.object_id AND item.protected\n",
        "WHERE item.object_id = became.object_id AND false\n",
        ("marked once",),
    ),
    Fault(
        "what was allowed before a marking counts for it",
        "\n            AND protected_object.marked_at < lowered.created_at;",
        ";",
        ("exceptions",),
    ),
    Fault(
        "what was allowed before a marking sends less",
        "AND ('weaker_marking' <> ALL (allowed) OR since.marked IS TRUE),",
        "AND 'weaker_marking' <> ALL (allowed),",
        ("exceptions",),
    ),
    Fault(
        "whom a roster has marked that is gone leaves by a run from before",
        "OR stronger.said OR since.marked AND mine.marking = 0)",
        "OR stronger.said)",
        ("exceptions",),
    ),
    Fault(
        "who is marked with as much does not leave by a run from before",
        "since.marked AND mine.marking = 0) IS TRUE",
        "since.marked) IS TRUE",
        ("exceptions",),
    ),
    Fault(
        "who was marked before a run was asked for counts as marked since",
        "            AND one.marked_at > asked OFFSET 0\n",
        "            OFFSET 0\n",
        ("exceptions",),
    ),
    Fault(
        "what has been there already is not allowed by anything",
        "WHERE became.run_id = ANY (allowing) AND became.status IN ('succeeded', 'warning', 'unchanged')",
        "WHERE became.run_id = ANY (allowing) AND became.status IN ('succeeded', 'warning')",
        ("marked once",),
    ),
    Fault(
        "a record is hidden by its own run alone",
        "SELECT one.protected OR coalesce(person.protected, false) OR {_MARKED} AS hidden",
        "SELECT one.protected OR coalesce(person.protected, false) AS hidden",
        ("marked once",),
    ),
    Fault(
        "what is ready tells of a duty whose person is in another roster",
        """one.object_id", "CASE WHEN one.kind = 'duties' THEN one.refs[1] END")}\n                AS hidden,\n""",
        """one.object_id", "person.object_id")}\n                AS hidden,\n""",
        ("markings",),
    ),
    Fault(
        "a finding speaks openly of a duty whose person is in another roster",
        """one.object_id", "CASE WHEN one.kind = 'duties' THEN one.refs[1] END")}\n                AS hidden\n""",
        """one.object_id", "person.object_id")}\n                AS hidden\n""",
        ("markings",),
    ),
    Fault(
        "the counts of a plan tell what its items do not",
        'viewer.may_see_protected if row["marked_since"] else viewer.may_see_names',
        "viewer.may_see_names",
        ("plans",),
    ),
    Fault(
        "a plan counts as if somebody had been marked before it",
        "        > plan.c.created_at,\n",
        "        < plan.c.created_at,\n",
        ("plans",),
    ),
    Fault(
        "a group names who was marked",
        'OR {is_marked(":organisation", "wanted.id")} OR EXISTS (',
        "OR EXISTS (",
        ("marked once",),
    ),
    Fault(
        "an exam names the duty that was somebody's who is protected",
        "SELECT FROM unnest(item.persons || sent.persons) AS person (id)",
        "SELECT FROM unnest(coalesce(item.persons, sent.persons)) AS person (id)",
        ("protected and erased",),
    ),
    Fault(
        "an object shows with what its duty was accepted last",
        'SELECT one.hidden OR person.hidden OR {is_marked(":organisation", "was_of.id")} AS hidden OFFSET 0',
        "SELECT one.hidden OR person.hidden AS hidden OFFSET 0",
        ("protected and erased",),
    ),
    Fault(
        "a plan shows what a duty is compared with",
        """OR one.kind = 'duties' AND {was_of_marked("one.organisation_id", "one.object_id")} AS hidden""",
        "AS hidden",
        ("protected and erased",),
    ),
    Fault(
        "whoever writes says when somebody was marked",
        "    NEW.marked_at := greatest(OLD.marked_at, clock_timestamp());\n",
        "",
        ("policies",),
    ),
    Fault(
        "a clock that was put back makes a marking older",
        "greatest(OLD.marked_at, clock_timestamp())",
        "clock_timestamp()",
        ("policies",),
    ),
    Fault(
        "a marking becomes another's",
        "TG_OP = 'UPDATE' AND (NEW.organisation_id, NEW.object_id, NEW.kind) <>",
        "TG_OP = 'DELETE' AND (NEW.organisation_id, NEW.object_id, NEW.kind) <>",
        ("policies",),
    ),
    Fault(
        "the API may forget who was marked",
        '        "protected_object": "SELECT, INSERT, UPDATE (marked_at)",\n',
        "",
        ("policies",),
    ),
    Fault(
        "nobody forgets who was marked",
        "AND protected_object.kind = given.kind AND given.id <> ALL (teaching)",
        "AND protected_object.kind = 'nothing' AND given.id <> ALL (teaching)",
        ("retention",),
    ),
    Fault(
        "whom a roster marks is forgotten by age",
        "AND sent.there IS NULL AND wanted.there IS NULL;\n    IF unknown",
        "AND sent.there IS NULL;\n    IF unknown",
        ("retention",),
    ),
    Fault(
        "whom a run has is forgotten by the age of a marking",
        "AND sent.there IS NULL AND wanted.there IS NULL;\n    IF unknown",
        "AND wanted.there IS NULL;\n    IF unknown",
        ("retention",),
    ),
    Fault(
        "a duty that a run has keeps nobody protected",
        "WHERE run.organisation_id = of_organisation AND sent.refs[1] = ANY (unknown)",
        "WHERE run.organisation_id = of_organisation AND false",
        ("retention",),
    ),
    Fault(
        "a duty that a roster has keeps nobody protected",
        "WHERE activity.organisation_id = of_organisation AND item.refs[1] = ANY (unknown)",
        "WHERE activity.organisation_id = of_organisation AND false",
        ("retention",),
    ),
    Fault(
        "a duty that a plan has keeps nobody protected",
        "WHERE plan.organisation_id = of_organisation AND said.person_id = ANY (unknown)",
        "WHERE plan.organisation_id = of_organisation AND false",
        ("retention",),
    ),
    Fault(
        "a repair sends somebody unmarked whose marking has no roster any more",
        "job.organisation_id, job.kind, '{}', '-infinity', ARRAY[known.id]",
        "job.organisation_id, job.kind, '{}', NULL, ARRAY[known.id]",
        ("tasks",),
    ),
    Fault(
        "a repair that was read before a marking is called",
        "withheld(one.organisation_id, of_kind, '{}', '-infinity', ids, digests)",
        "withheld(one.organisation_id, of_kind, '{}', NULL, ids, digests)",
        ("tasks",),
    ),
    Fault(
        "a page tells anybody that somebody's protection has become weaker",
        "    if not viewer.may_see_protected:\n        return frozenset()\n",
        "",
        ("exam pages",),
    ),
)
