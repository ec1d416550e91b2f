"""Faults of retention: what goes too early or never, what goes with it, and who may do so."""

from typing import Final

from tests.mutants.fault import Fault

RETENTION: Final = (
    Fault(
        "a content that a current roster has goes by its age",
        "                AND (found.digest = ANY (each.wanted)) IS NOT TRUE\n",
        "",
        ("retention",),
    ),
    Fault(
        "a content that a later run has goes with the earlier one",
        "AND listed.lately IS NULL AND (found.digest = ANY (each.digests)) IS NOT TRUE\n",
        "AND listed.lately IS NULL\n",
        ("retention",),
    ),
    Fault(
        "what was answered to an earlier call of a later run goes",
        "                AND (NOT each.sent_again OR found.digest = ANY (each.old))\n",
        "",
        ("retention",),
    ),
    Fault(
        "an object that a run under way has is gone over",
        "AND found.kind = of_kind AND NOT each.under_way\n",
        "AND found.kind = of_kind\n",
        ("retention",),
    ),
    Fault(
        "what a run under way has kept is never looked at again",
        "before FROM unnest(in_use) AS given (id) CROSS JOIN LATERAL (",
        "before FROM unnest('{}'::uuid[]) AS given (id) CROSS JOIN LATERAL (",
        ("retention",),
    ),
    Fault(
        "a day in a current roster counts as no use",
        "                AND listed.lately IS NULL AND",
        "                AND",
        ("retention",),
    ),
    Fault(
        "nobody notes that a roster has a content no more",
        "clock_timestamp() FROM left_over WHERE used\n",
        "clock_timestamp() FROM left_over WHERE NOT used\n",
        ("retention",),
    ),
    Fault(
        "a run that is tried again loses what it sends",
        "AND (organisation_id = of_organisation) IS TRUE AND finished_at < before AND content_expired_at IS NULL",
        "AND (organisation_id = of_organisation) IS TRUE AND content_expired_at IS NULL",
        ("retention",),
    ),
    Fault(
        "the first object of each slice is passed over",
        "WHERE job_id = stage.id AND object_id >= coalesce(",
        "WHERE job_id = stage.id AND object_id > coalesce(",
        ("retention",),
    ),
    Fault(
        "a run that was tried again is gone over from where it was",
        "        expiring_position = NULL, expiring_from = NULL,\n",
        "",
        ("retention",),
    ),
    Fault(
        "an old run is tried again without its contents",
        "    IF one.content_expired_at IS NOT NULL THEN\n",
        "    IF false THEN\n",
        ("retention",),
    ),
    Fault(
        "what was answered to a call stays",
        "        PERFORM expire_calls(of_organisation, of_run);\n",
        "        NULL;\n",
        ("retention",),
    ),
    Fault(
        "what was sent can be tried by its digest while a run goes piece by piece",
        "    IF one.expiring_position IS NULL THEN\n        PERFORM",
        "    IF one.expiring_position = 4 THEN\n        PERFORM",
        ("retention",),
    ),
    Fault(
        "where somebody belonged stays in old history",
        "school_year = NULL, school_unit = NULL, more_units = NULL\n        WHERE job_id",
        "school_year = NULL, school_unit = NULL\n        WHERE job_id",
        ("retention",),
    ),
    Fault(
        "digests of logins stay",
        "            WHERE had.organisation_id = of_organisation AND kept.there IS NULL\n",
        "            WHERE had.organisation_id = of_organisation AND kept.there\n",
        ("retention",),
    ),
    Fault(
        "by age alone somebody is protected no more",
        "        UPDATE object SET eppn = NULL, civic_no = NULL, name = NULL\n        FROM",
        "        UPDATE object SET marking = 0, eppn = NULL, civic_no = NULL, name = NULL\n        FROM",
        ("retention",),
    ),
    Fault(
        "history goes before its contents",
        "        AND content_expired_at IS NOT NULL\n    FOR UPDATE;",
        "    FOR UPDATE;",
        ("retention",),
    ),
    Fault(
        "the run that an activity has sent last goes",
        "AND id = one.activity_id AND deleted_at IS NULL AND NOT EXISTS (",
        "AND id = one.activity_id AND false AND NOT EXISTS (",
        ("retention",),
    ),
    Fault(
        "an object that a roster has is forgotten with its last run",
        "            WHERE sent.there IS NULL AND wanted.there IS NULL\n",
        "            WHERE sent.there IS NULL\n",
        ("retention",),
    ),
    Fault(
        "a roster goes that was replaced a moment ago",
        "WHERE roster.ctid = old.place AND replaced.at < before;",
        "WHERE roster.ctid = old.place AND replaced.at IS NOT NULL;",
        ("retention",),
    ),
    Fault(
        "a run under way can be deleted",
        "\n        AND (to_jsonb(OLD) ->> 'finished_at' IS NOT NULL OR TG_TABLE_NAME NOT IN ('run', 'job')) THEN",
        " THEN",
        ("retention",),
    ),
    Fault(
        "records of a run under way can be deleted",
        "            AND EXISTS (SELECT FROM run WHERE run.id = OLD.run_id AND run.finished_at IS NOT NULL) THEN",
        "            THEN",
        ("retention",),
    ),
    Fault(
        "whoever has contents go may change a run",
        "        IF OLD.finished_at IS NULL OR to_jsonb(NEW) - '{content_expired_at",
        "        IF to_jsonb(NEW) IS NULL AND to_jsonb(NEW) - '{content_expired_at",
        ("retention",),
    ),
    Fault(
        "contents that are late are late from the first moment",
        "oldest_end >= self.content_before(now) - LATE_AFTER:",
        "oldest_end >= self.content_before(now):",
        ("retention",),
    ),
    Fault(
        "keys of organisations stay in memory",
        "            if now - used_at <= KEPT_UNUSED:\n",
        "            if used_at <= now:\n",
        ("keys",),
    ),
)
