"""Faults of the schema and of the store's functions: what Postgres is to keep, whatever the workers do."""

from typing import Final

from tests.mutants.fault import Fault

SCHEMA: Final = (
    Fault(
        "the order constraint is dropped",
        "    CONSTRAINT fk_job_after_succeeded FOREIGN KEY(run_id, gate_position, gate_status)"
        " REFERENCES job (run_id, position, status),\n",
        "",
        ("hostile SQL",),
    ),
    Fault(
        "two runs may be under way in an activity queue",
        "CREATE UNIQUE INDEX uq_run_one_under_way",
        "CREATE INDEX uq_run_one_under_way",
        ("refusals",),
    ),
    Fault(
        "a run may start before those ahead of it",
        "AND ahead.sequence < NEW.sequence AND ahead.status IN ('queued', 'running')",
        "AND ahead.sequence < NEW.sequence AND ahead.status = 'running'",
        ("queues",),
    ),
    Fault(
        "results of an old claim are accepted",
        "job.status = 'running' AND job.claim = fenced_job.fence",
        "job.status = 'running' AND job.claim >= fenced_job.fence",
        ("hostile SQL",),
    ),
    Fault(
        "a job may be claimed while somebody holds it",
        "IF OLD.holder IS NOT NULL THEN",
        "IF false THEN",
        ("refusals",),
    ),
    Fault(
        "a job may succeed with records that are pending",
        "unnest(ARRAY['sent', CASE NEW.status WHEN 'succeeded' THEN 'pending' END])",
        "unnest(ARRAY['sent'])",
        ("refusals",),
    ),
    Fault(
        "a success may be overwritten",
        "IF OLD.status IN ('unchanged', 'succeeded', 'warning') THEN",
        "IF OLD.status = 'warning' THEN",
        ("refusals",),
    ),
    Fault(
        "a job's progress forgets what was accepted",
        "unchanged = unchanged + moved.unchanged, succeeded = succeeded + moved.succeeded,",
        "unchanged = unchanged + moved.unchanged, succeeded = succeeded,",
        ("queues",),
    ),
    Fault(
        "a content goes although a run has it",
        "WHERE roster.used IS NULL AND history.used IS NULL",
        "WHERE roster.used IS NULL",
        ("contents",),
    ),
    Fault(
        "an object is erased although a roster has it",
        "item.object_id = each.id AND item.organisation_id = organisation AND item.kind = of_kind LIMIT 1",
        "false",
        ("contents",),
    ),
    Fault(
        "an answer that another one has followed is not erased",
        "earlier = [each for row in rows for each",
        "earlier = [each for row in rows[:0] for each",
        ("contents",),
    ),
    Fault(
        "what a batch has sealed of its own is not erased",
        "            OR (found.kind = 'batch' AND found.object_id = ANY (carried))\n",
        "",
        ("contents",),
    ),
    Fault(
        "a batch changes while it is erased",
        "IS DISTINCT FROM to_jsonb(OLD) || '{\"request_sha256\": null}' THEN",
        "IS NULL THEN",
        ("contents",),
    ),
    Fault(
        "the history has only beginnings",
        "CREATE OR REPLACE TRIGGER job_event AFTER INSERT OR UPDATE OF status ON job",
        "CREATE OR REPLACE TRIGGER job_event AFTER INSERT ON job",
        ("model",),
    ),
)

STORE: Final = (
    Fault(
        "a job is settled without its claim number",
        "    IF one.pending > 0 THEN\n        PERFORM hold_job(of_organisation, of_job, of_claim);\n        -- A retry",
        "    of_claim := (SELECT claim FROM job WHERE id = of_job);\n    IF one.pending > 0 THEN\n        -- A retry",
        ("model",),
    ),
    Fault(
        "a job is let go without its claim number",
        "    one := hold_job(of_organisation, of_job, of_claim);\n    SELECT CASE WHEN cancel_requested_at",
        "    SELECT * INTO one FROM job WHERE id = of_job;\n    of_claim := one.claim;\n"
        "    SELECT CASE WHEN cancel_requested_at",
        ("claims",),
    ),
    Fault(
        "a step goes on without its claim number",
        "IS TRUE AND claim = of_claim AND holder IS NOT NULL\n    RETURNING * INTO one;",
        "IS TRUE AND holder IS NOT NULL\n    RETURNING * INTO one;",
        ("claims",),
    ),
    Fault(
        "a claim of another organisation's job holds",
        "fence = of_claim\n    WHERE id = of_job AND (organisation_id = of_organisation) IS TRUE AND claim",
        "fence = of_claim\n    WHERE id = of_job AND claim",
        ("organisations",),
    ),
    Fault(
        "nothing says for whom a verb acts",
        "    PERFORM act_for(of_organisation);\n    -- In this form",
        "    -- In this form",
        ("organisations",),
    ),
    Fault(
        "a claim does not look whether somebody holds the job",
        "status IN ('queued', 'running') AND holder IS NULL AND due_at <= now_\n            FOR",
        "status IN ('queued', 'running') AND due_at <= now_\n            FOR",
        ("claims",),
    ),
    Fault(
        "who has given its right to call away claims what follows",
        "FROM epoch WHERE epoch.id = of_epoch AND state = 'holds';",
        "FROM epoch WHERE epoch.id = of_epoch AND state <> 'ended';",
        ("queues",),
    ),
    Fault(
        "what has a process to itself gets company",
        "NOT FOUND OR (trial IS NOT NULL AND EXISTS (SELECT FROM job WHERE holder = of_epoch)) THEN",
        "NOT FOUND THEN",
        ("suspects",),
    ),
    Fault(
        "a death is not counted",
        "worker_deaths = worker_deaths + accused::integer",
        "worker_deaths = worker_deaths",
        ("suspects",),
    ),
    Fault(
        "whoever is beside a suspect is accused with it",
        "THEN suspects = 0 OR worker_deaths >= 2 ELSE",
        "THEN true ELSE",
        ("suspects",),
    ),
    Fault(
        "a full disk ends records",
        "own integer := one.internal_rests + (code = 'internal')::integer;",
        "own integer := one.rests + 1;",
        ("faults",),
    ),
    Fault(
        "a wrong key is taken for damaged contents",
        "if unproven := {key_id for _, key_id in closed} - cipher.proven:",
        "if unproven := set[str]():",
        ("faults",),
    ),
    Fault(
        "who lives has died all the same",
        "WHERE accused_by = of_epoch AND status IN ('queued', 'running');",
        "WHERE accused_by = of_epoch AND false;",
        ("suspects",),
    ),
    Fault(
        "times that are too far ahead stay there",
        "AND organisation_id = waiting.organisation_id AND due_at > longest",
        "AND organisation_id = waiting.organisation_id AND due_at > longest + interval '1 day'",
        ("claims",),
    ),
    Fault(
        "all suspects are admitted at once",
        "CONTINUE WHEN suspects >= greatest(1, 16 >> least(one.worker_deaths - 2, 10));",
        "NULL;",
        ("suspects",),
    ),
    Fault(
        "what a dead worker had in hand stays its own",
        "RETURN free_claims(of_epoch, died);",
        "RETURN 0;",
        ("model",),
    ),
    Fault(
        "the due time comes from the worker's clock",
        '"delay": delay, "cancelled": cancelled}',
        '"delay": delay + (datetime.now().astimezone() - await database_time(conn)), "cancelled": cancelled}',
        ("claims",),
    ),
    Fault(
        "the next job is not queued",
        "follows := queue_job(one.run_id, one.position + 1);",
        "follows := '[]';",
        ("model",),
    ),
    Fault(
        "a run starts beside the one under way",
        "AND ahead.activity_id = of_activity AND ahead.status = 'running'",
        "AND ahead.activity_id = of_activity AND ahead.status = 'cancelled'",
        ("queues",),
    ),
    Fault(
        "the next run is not started",
        "follows := start_next_run(one.organisation_id, one.activity_id);",
        "follows := '[]';",
        ("model",),
    ),
    Fault(
        "the activity queue is not locked",
        "PERFORM FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id FOR NO KEY UPDATE;",
        "PERFORM FROM activity WHERE organisation_id = one.organisation_id AND id = one.activity_id;",
        ("queues",),
    ),
    Fault(
        "a cancel is ignored",
        "    IF FOUND THEN\n        RETURN 'cancelled';",
        "    IF false THEN\n        RETURN 'cancelled';",
        ("model",),
    ),
    Fault(
        "whoever stands by takes over at once",
        "WHERE id = of_epoch AND beat = seen_beat AND state <> 'ended' FOR NO KEY UPDATE;",
        "WHERE id = of_epoch AND state <> 'ended' FOR NO KEY UPDATE;",
        ("egress",),
    ),
    Fault(
        "after a cancel the next job begins",
        "IF becomes = 'succeeded' AND NOT cancelled THEN",
        "IF becomes = 'succeeded' THEN",
        ("queues",),
    ),
    Fault(
        "a retry inherits the faults of the try before",
        "AND (due_at IS NOT NULL OR failed_at IS NOT NULL);",
        "AND false;",
        ("queues",),
    ),
    Fault(
        "an older upload goes over a newer one",
        "accepted_upload is not None and accepted_upload > upload",
        "accepted_upload is not None and accepted_upload < upload",
        ("uploads",),
    ),
    Fault(
        "a batch that was overtaken leaves all the same",
        "WHERE known.accepted_upload > mine.upload",
        "WHERE false",
        ("uploads",),
    ),
    Fault(
        "an object is in two calls at once",
        "AND job.id IS DISTINCT FROM of_job",
        "AND job.id = of_job",
        ("uploads", "model"),
    ),
    Fault(
        "two calls are marked without seeing each other",
        "PERFORM pg_advisory_xact_lock(hashtextextended(format('calls %s %s', one.organisation_id, one.kind), 0));",
        "",
        ("uploads",),
    ),
    Fault(
        "a call without an answer is forgotten",
        "WHEN (NEW.status = 'lost' AND OLD.status <> 'lost'",
        "WHEN (false AND OLD.status <> 'lost'",
        ("tasks",),
    ),
    Fault(
        "a repair and a job have an object under way at once",
        "WHERE task.organisation_id = organisation AND task.under_way IS NOT NULL",
        "WHERE false",
        ("tasks",),
    ),
    Fault(
        "a repair sends what is no longer what was accepted last",
        "WHERE known.accepted <> each.digest",
        "WHERE false",
        ("tasks",),
    ),
    Fault(
        "a repair does not wait for the end of its job",
        "AND NOT EXISTS (SELECT FROM job WHERE job.id = one.after_job AND job.finished_at IS NULL)",
        "",
        ("tasks",),
    ),
    Fault(
        "a task is written by whoever had it",
        " WHERE id = :task AND claim = :claim AND (holder",
        " WHERE id = :task AND (holder",
        ("tasks",),
    ),
    Fault(
        "a task outlives the epoch that has it",
        "    PERFORM free_tasks(of_epoch, died);\n",
        "",
        ("tasks",),
    ),
    Fault(
        "an upload makes all of its objects newer",
        "coalesce(same.upload, :upload)",
        "coalesce(NULL, :upload)",
        ("uploads",),
    ),
    Fault(
        "a run freezes what its own roster has",
        "ORDER BY other.upload DESC LIMIT 1",
        "ORDER BY other.upload = item.upload DESC LIMIT 1",
        ("uploads",),
    ),
    Fault(
        "a retry leaves out what was skipped",
        "AND record.kind = job.kind AND record.status IN ('error', 'skipped')",
        "AND record.kind = job.kind AND record.status IN ('error')",
        ("queues",),
    ),
    Fault(
        "a retry opens what has succeeded",
        "AND record.kind = job.kind AND record.status IN ('error', 'skipped')",
        "AND record.kind = job.kind AND record.status <> 'pending'",
        ("queues",),
    ),
    Fault(
        "an Idempotency-Key keeps no answer",
        "idempotency_key.c.created_at > _KEPT",
        "idempotency_key.c.created_at <= _KEPT",
        ("API",),
    ),
    Fault("two requests with one Idempotency-Key overlap", "if not alone:", "if False:", ("API",)),
)
