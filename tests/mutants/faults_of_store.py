"""Faults of the schema and of the store's functions: what Postgres is to keep, whatever the workers do."""

from typing import Final

from tests.mutants.fault import Fault

_SPINE, _GUARDS = "migrations/versions/0001_spine.py", "migrations/versions/0002_guards.sql"

SCHEMA: Final = (
    Fault(
        "the order constraint is dropped",
        _SPINE,
        """        sa.ForeignKeyConstraint(
            ["run_id", "gate_position", "gate_status"],
            ["job.run_id", "job.position", "job.status"],
            name="fk_job_after_succeeded",
        ),
""",
        "",
        ("hostile SQL",),
    ),
    Fault(
        "two runs may be under way in a lane",
        _SPINE,
        '"run",\n        ["organisation_id", "activity_id"],\n        unique=True,',
        '"run",\n        ["organisation_id", "activity_id"],\n        unique=False,',
        ("refusals",),
    ),
    Fault(
        "a run may start before those ahead of it",
        _GUARDS,
        "AND ahead.sequence < NEW.sequence AND ahead.status IN ('queued', 'running')",
        "AND ahead.sequence < NEW.sequence AND ahead.status = 'running'",
        ("lanes",),
    ),
    Fault(
        "results of an old claim are accepted",
        _GUARDS,
        "job.status = 'running' AND job.claim = fenced_job.fence",
        "job.status = 'running' AND job.claim >= fenced_job.fence",
        ("hostile SQL",),
    ),
    Fault(
        "a job may be claimed while it is leased",
        _GUARDS,
        "IF OLD.lease_until > clock_timestamp() THEN",
        "IF OLD.lease_until > clock_timestamp() + interval '1 day' THEN",
        ("refusals",),
    ),
    Fault(
        "a job may succeed with records that are pending",
        _GUARDS,
        "unnest(ARRAY['sent', CASE NEW.status WHEN 'succeeded' THEN 'pending' END])",
        "unnest(ARRAY['sent'])",
        ("refusals",),
    ),
    Fault(
        "a success may be overwritten",
        _GUARDS,
        "IF OLD.status IN ('succeeded', 'warning') THEN",
        "IF OLD.status = 'warning' THEN",
        ("refusals",),
    ),
    Fault(
        "the history has only beginnings",
        _GUARDS,
        "CREATE TRIGGER job_event AFTER INSERT OR UPDATE OF status ON job",
        "CREATE TRIGGER job_event AFTER INSERT ON job",
        ("model",),
    ),
)

_HOLD = "SELECT id FROM job WHERE id = :job AND claim = :claim AND status = 'running' FOR NO KEY UPDATE"
_HOLD_ANY = "SELECT id FROM job WHERE id = :job AND status = 'running' FOR NO KEY UPDATE"

STORE: Final = (
    Fault("a job is settled without its claim number", "app/db/lane.py", _HOLD, _HOLD_ANY, ("model",)),
    Fault(
        "a job is let go without its claim number",
        "app/db/claims.py",
        "WHERE id = :job AND claim = :claim AND status = 'running' RETURNING ring",
        "WHERE id = :job AND status = 'running' RETURNING ring",
        ("claims",),
    ),
    Fault("a step goes on without its claim number", "app/db/claims.py", _HOLD, _HOLD_ANY, ("claims",)),
    Fault(
        "the lease is not looked at",
        "app/db/claims.py",
        'AND (lease_until IS NULL OR lease_until < clock_timestamp())\n                        {"AND id',
        'AND true\n                        {"AND id',
        ("claims",),
    ),
    Fault(
        "a lost lease is not counted",
        "app/db/claims.py",
        "losses = losses + (lease_until IS NOT NULL)::int",
        "losses = losses",
        ("claims",),
    ),
    Fault(
        "the sweeper forgets those whose worker died",
        "app/db/claims.py",
        "AND (lease_until IS NULL OR lease_until < clock_timestamp())\n                    AND (rung_at",
        "AND lease_until IS NULL\n                    AND (rung_at",
        ("model",),
    ),
    Fault(
        "the due time comes from the worker's clock",
        "app/db/claims.py",
        "due_at = clock_timestamp() + :delay, ring = ring + 1",
        "due_at = TIMESTAMPTZ '{datetime.now().astimezone()}' + :delay, ring = ring + 1",
        ("claims",),
    ),
    Fault(
        "the next job is not queued",
        "app/db/lane.py",
        "return await queue_job(conn, lane.run_id, lane.position + 1)",
        "return []",
        ("model",),
    ),
    Fault(
        "a run starts beside the one under way",
        "app/db/lane.py",
        "AND ahead.activity_id = :activity AND ahead.status = 'running'",
        "AND ahead.activity_id = :activity AND ahead.status = 'cancelled'",
        ("lanes",),
    ),
    Fault(
        "the next run is not started",
        "app/db/lane.py",
        "    await end_run(conn, lane.run_id, outcome)\n    return await start_next(",
        "    await end_run(conn, lane.run_id, outcome)\n    return [] and await start_next(",
        ("model",),
    ),
    Fault(
        "the lane is not locked",
        "app/db/lane.py",
        "WHERE organisation_id = :organisation AND id = :activity FOR NO KEY UPDATE",
        "WHERE organisation_id = :organisation AND id = :activity",
        ("model",),
    ),
    Fault(
        "a cancel is ignored",
        "app/db/batches.py",
        "SELECT cancel_requested_at IS NOT NULL FROM run WHERE id = :run",
        "SELECT false FROM run WHERE id = :run",
        ("model",),
    ),
    Fault(
        "a late call leaves in spite of a cancel",
        "app/db/batches.py",
        "return not await _cancelled(conn, claim)",
        "return True",
        ("batches",),
    ),
    Fault(
        "what is dropped keeps its attempt",
        "app/db/batches.py",
        "attempts = attempts - 1, fence",
        "fence",
        ("batches",),
    ),
    Fault(
        "what is dropped forgets an earlier sending",
        "app/db/batches.py",
        "sent = CASE WHEN attempts > 1 THEN sent END",
        "sent = NULL",
        ("batches",),
    ),
    Fault(
        "what stayed here counts as having left",
        "app/db/batches.py",
        "\"UPDATE batch SET status = 'written', called_at = NULL, fence = :claim\"",
        "\"UPDATE batch SET status = 'called', fence = :claim\"",
        ("batches",),
    ),
    Fault(
        "a record is left sent",
        "app/db/answers.py",
        'changes = [Change(each, "pending", again_in=again_in, faulty=True) for each in records]',
        'changes = [Change(each, "pending", again_in=again_in, faulty=True) for each in records[1:]]',
        ("batches",),
    ),
    Fault(
        "an answer counts for another batch's records",
        "app/db/answers.py",
        "WHERE one.status = 'sent' AND one.batch_id = :batch",
        "WHERE one.status = 'sent'",
        ("batches",),
    ),
    Fault(
        "a retry leaves out what was skipped",
        "app/db/runs.py",
        "AND record.stage = job.stage AND record.status IN ('error', 'skipped')",
        "AND record.stage = job.stage AND record.status IN ('error')",
        ("lanes",),
    ),
    Fault(
        "a retry opens what has succeeded",
        "app/db/runs.py",
        "AND record.stage = job.stage AND record.status IN ('error', 'skipped')",
        "AND record.stage = job.stage AND record.status <> 'pending'",
        ("lanes",),
    ),
    Fault(
        "an Idempotency-Key keeps no answer",
        "app/db/idempotency.py",
        "idempotency_key.c.created_at > _KEPT",
        "idempotency_key.c.created_at <= _KEPT",
        ("API",),
    ),
    Fault(
        "two requests with one Idempotency-Key overlap", "app/db/idempotency.py", "if not alone:", "if False:", ("API",)
    ),
    Fault("twice as many calls as allowed", "app/db/limits.py", "_SLACK = 1.05", "_SLACK = 0.525", ("shared",)),
    Fault(
        "a 429 holds nobody back",
        "app/db/limits.py",
        "next_at = greatest(next_at, clock_timestamp() + :delay)",
        "next_at = greatest(next_at, clock_timestamp())",
        ("shared",),
    ),
    Fault("everybody probes", "app/db/circuits.py", "if row.probe_at > row.now:", "if False:", ("shared",)),
)
