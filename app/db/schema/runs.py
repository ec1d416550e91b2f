"""What has been asked for and what became of it: runs, jobs, records, batches, and the events of their states."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, TransactionId, key_of, kind_of_object, metadata, one_of
from app.domain.outcome import OUTCOMES

# What has not ended has no outcome; in the indexes that is a value like the others: of NULL they give no order. In this
# form: beside policies an index serves no condition that Postgres does not know to give nothing away, as `coalesce`.
OUTCOME_OR_NONE = sa.text("(greatest(outcome, ''))")

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="queued"),
    # Raised by every change that callers see, but for those of its jobs, which have versions of their own.
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    # The transaction that has raised it last: with the id, the place in the order of all changes.
    sa.Column("changed_in", TransactionId, nullable=False, server_default=sa.text("pg_current_xact_id()")),
    sa.Column("on_record_error", sa.Text, nullable=False),
    # What its caller has allowed that would otherwise be refused, or stay here.
    sa.Column("allow", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("requested_by_id", UUID, sa.ForeignKey("api_key.id"), nullable=False),
    sa.Column("requested_by_name", sa.Text, nullable=False),
    sa.Column("roster_version", sa.Integer, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("started_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("cancel_requested_at", Time),
    # What keeps it from going on, while it is under way: it is held as soon as nothing of it is out.
    sa.Column("pause_id", UUID, sa.ForeignKey("pause.id")),
    # Over the records of all its jobs, once it has ended: written by its guard.
    sa.Column("outcome", sa.Text),
    # When what it had has gone by its age; while that goes on, at which job it is and at which object of it.
    sa.Column("content_expired_at", Time),
    sa.Column("expiring_position", sa.SmallInteger),
    sa.Column("expiring_from", UUID),
    sa.ForeignKeyConstraint(["organisation_id", "activity_id"], ["activity.organisation_id", "activity.id"]),
    sa.UniqueConstraint("organisation_id", "activity_id", "sequence"),
    # What a live job refers to, so that its run can't leave `running` before it.
    sa.UniqueConstraint("id", "status"),
    one_of("status", "queued", "running", "held", "succeeded", "failed", "cancelled"),
    one_of("on_record_error", "halt", "continue"),
    sa.CheckConstraint("allow <@ ARRAY['shrinks', 'weaker_marking', 'reused_id']", name="allow"),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="finished_has_its_time"
    ),
    sa.CheckConstraint(
        "status NOT IN ('running', 'held', 'succeeded', 'failed') OR started_at IS NOT NULL", name="started"
    ),
    sa.CheckConstraint("status <> 'held' OR pause_id IS NOT NULL", name="held_by_a_pause"),
    sa.CheckConstraint("pause_id IS NULL OR status IN ('running', 'held')", name="paused_while_under_way"),
    one_of("outcome", *OUTCOMES),
    sa.CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name="finished_has_its_outcome"),
    sa.CheckConstraint("content_expired_at IS NULL OR finished_at IS NOT NULL", name="expired_when_finished"),
    # Two runs of one activity are never under way.
    sa.Index(
        "uq_run_one_under_way",
        "organisation_id",
        "activity_id",
        unique=True,
        postgresql_where=sa.text("status IN ('running', 'held')"),
    ),
    # The head of each activity queue, for the sweeper.
    sa.Index(
        "ix_run_queued", "organisation_id", "activity_id", "sequence", postgresql_where=sa.text("status = 'queued'")
    ),
    # The history across an organisation, newest first: all, of an activity, of a state, made by a key.
    sa.Index("ix_run_history", "organisation_id", "created_at", "id"),
    sa.Index("ix_run_history_activity", "organisation_id", "activity_id", "created_at", "id"),
    sa.Index("ix_run_history_state", "organisation_id", "status", OUTCOME_OR_NONE, "created_at", "id"),
    sa.Index("ix_run_changed", "organisation_id", "changed_in", "id"),
    sa.Index("ix_run_made_by", "organisation_id", "requested_by_id", "created_at", "id"),
    # By their end, the oldest first: what has gone by its age, and what has content that will.
    sa.Index("ix_run_finished", "finished_at", "id", postgresql_where=sa.text("finished_at IS NOT NULL")),
    sa.Index(
        "ix_run_unexpired",
        *("finished_at", "id"),
        postgresql_where=sa.text("finished_at IS NOT NULL AND content_expired_at IS NULL"),
    ),
    # For whoever deletes a pause.
    sa.Index("ix_run_paused", "pause_id", postgresql_where=sa.text("pause_id IS NOT NULL")),
)

_LIVE = "status IN ('queued', 'running')"
_OUTCOME = """
CASE WHEN status NOT IN ('succeeded', 'failed', 'blocked', 'cancelled') THEN NULL
    WHEN total = succeeded + unchanged THEN 'clean'
    WHEN succeeded + warnings + unchanged = 0 THEN 'nothing_accepted'
    WHEN errors + skipped + pending > 0 THEN 'with_errors'
    ELSE 'with_warnings' END
"""
_RUN_OF = f"CASE WHEN {_LIVE} THEN 'running' WHEN status = 'held' THEN 'held' END"
_PAST_GATE = "status IN ('queued', 'running', 'held', 'succeeded', 'failed') AND position > 1"

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("run_id", UUID, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("position", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False, server_default="send"),
    sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
    # Raised by every change that callers see.
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    # The transaction that has raised it last, as of a run.
    sa.Column("changed_in", TransactionId, nullable=False, server_default=sa.text("pg_current_xact_id()")),
    sa.Column("due_at", Time),
    # Raised by every claim, never lowered; `fence` is what a write repeats of it (the trigger empties it again).
    sa.Column("claim", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("fence", sa.BigInteger),
    # Raised by every verb under a claim: the order of what they leave open, whatever the clock does.
    sa.Column("changes", sa.BigInteger, nullable=False, server_default="0"),
    # The epoch that has claimed it; without one it is free for whoever may call, once it is due.
    sa.Column("holder", UUID, sa.ForeignKey("epoch.id")),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    # Claims that ended with the death of their process, since a step came to its end.
    sa.Column("worker_deaths", sa.Integer, nullable=False, server_default="0"),
    # Of those, at which it was the only suspect in hand; and since the first of them.
    sa.Column("sole_deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("suspect_since", Time),
    # The epoch with which it was accused last, and whether alone: taken back when its process says that it lives.
    sa.Column("accused_by", UUID),
    sa.Column("accused_alone", sa.Boolean, nullable=False, server_default="false"),
    # How often in a row it was laid down for a fault of ours, how often of these for `internal`, and the last of them.
    sa.Column("rests", sa.Integer, nullable=False, server_default="0"),
    sa.Column("internal_rests", sa.Integer, nullable=False, server_default="0"),
    sa.Column("rest_code", sa.Text),
    # For how long it has been tried in vain, at the last failed try; `planned_wait` is what was to pass before the next
    # one, less what it had `rested` by then. And whether Skolverket has ever taken a batch of it.
    sa.Column("tried_for", sa.Interval, nullable=False, server_default="0"),
    sa.Column("failed_at", Time),
    sa.Column("planned_wait", sa.Interval),
    sa.Column("last_accepted_at", Time),
    # How long it has been let go by plan, added up.
    sa.Column("rested", sa.Interval, nullable=False, server_default="0"),
    sa.Column("wake_up", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("notified_at", Time),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("started_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("error", pg.JSONB),
    sa.Column("total", sa.Integer, nullable=False, server_default="0"),
    sa.Column("pending", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unchanged", sa.Integer, nullable=False, server_default="0"),
    sa.Column("succeeded", sa.Integer, nullable=False, server_default="0"),
    sa.Column("warnings", sa.Integer, nullable=False, server_default="0"),
    sa.Column("errors", sa.Integer, nullable=False, server_default="0"),
    sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
    # With so many errors nothing more of it is sent, and it fails; without a number all is tried.
    sa.Column("stop_at_errors", sa.Integer),
    sa.Column("outcome", sa.Text, sa.Computed(_OUTCOME, persisted=True)),
    # Gates: NULL while a job claims nothing, a value when it claims to have been let in.
    sa.Column("gate_run", sa.Text, sa.Computed(_RUN_OF, persisted=True)),
    sa.Column(
        "gate_position", sa.SmallInteger, sa.Computed(f"CASE WHEN {_PAST_GATE} THEN position - 1 END", persisted=True)
    ),
    sa.Column("gate_status", sa.Text, sa.Computed(f"CASE WHEN {_PAST_GATE} THEN 'succeeded' END", persisted=True)),
    sa.UniqueConstraint("run_id", "position"),
    sa.UniqueConstraint("run_id", "position", "status"),
    # A live job belongs to a running run, a held one to a held run; a job past its gate has a succeeded one ahead,
    # which can't leave that state.
    sa.ForeignKeyConstraint(["run_id", "gate_run"], ["run.id", "run.status"], name="fk_job_live_in_running_run"),
    sa.ForeignKeyConstraint(
        ["run_id", "gate_position", "gate_status"],
        ["job.run_id", "job.position", "job.status"],
        name="fk_job_after_succeeded",
    ),
    kind_of_object(),
    one_of("status", "waiting", "queued", "running", "held", "succeeded", "failed", "blocked", "cancelled"),
    one_of("action", "send", "remove"),
    sa.CheckConstraint("position >= 1", name="position"),
    sa.CheckConstraint("stop_at_errors >= 1", name="stop_at_errors"),
    sa.CheckConstraint(
        "pending + sent + unchanged + succeeded + warnings + errors + skipped = total", name="all_records_are_counted"
    ),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'blocked', 'cancelled')) = (finished_at IS NOT NULL)",
        name="finished_has_its_time",
    ),
    sa.CheckConstraint(f"({_LIVE}) = (due_at IS NOT NULL)", name="live_is_due"),
    sa.CheckConstraint("holder IS NULL OR status = 'running'", name="held_only_while_running"),
    # The queue: organisations are served in turn.
    sa.Index("ix_job_due", "organisation_id", "due_at", "id", postgresql_where=sa.text(f"{_LIVE} AND holder IS NULL")),
    # Those that are next claimed with a process to themselves.
    sa.Index("ix_job_on_trial", "due_at", postgresql_where=sa.text(f"{_LIVE} AND sole_deaths >= 2")),
    sa.Index("ix_job_paused", "id", postgresql_where=sa.text("status = 'held'")),
    sa.Index("ix_job_held", "holder", "id", postgresql_where=sa.text("holder IS NOT NULL")),
    sa.Index("ix_job_accused", "accused_by", postgresql_where=sa.text("accused_by IS NOT NULL")),
    # Suspects in hand are counted with each claim, however many others there are.
    sa.Index("ix_job_suspect", "holder", postgresql_where=sa.text("holder IS NOT NULL AND worker_deaths >= 2")),
    # Whose calls may be under way: what another job has out is not sent beside it.
    sa.Index("ix_job_running", "organisation_id", "kind", postgresql_where=sa.text("status = 'running'")),
    sa.Index("ix_job_changed", "organisation_id", "changed_in", "id"),
    sa.Index("ix_job_history", "organisation_id", "created_at", "run_id", sa.text("(-position)")),
    sa.Index(
        "ix_job_history_state",
        "organisation_id",
        "status",
        OUTCOME_OR_NONE,
        "kind",
        "created_at",
        "run_id",
        sa.text("(-position)"),
    ),
    sa.Index(
        "ix_job_history_activity", "organisation_id", "activity_id", "created_at", "run_id", sa.text("(-position)")
    ),
)

_CODES = """
CASE WHEN issues IS NULL THEN message_codes
    ELSE jsonb_path_query_array(issues, '$[0 to 19].code') || coalesce(message_codes, '[]') END
"""

record = sa.Table(
    "record",
    metadata,
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("job_id", UUID, sa.ForeignKey("job.id"), primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("run_id", UUID, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    sa.Column("fence", sa.BigInteger),
    # Digests of contents: the object as it came, as it would be sent, as it was sent last, the answer about it.
    sa.Column("source", sa.LargeBinary, nullable=False),
    sa.Column("outgoing", sa.LargeBinary),
    sa.Column("sent", sa.LargeBinary),
    sa.Column("received", sa.LargeBinary),
    # The upload that the object is of: the latest of it in the organisation when the run was accepted.
    sa.Column("upload", sa.BigInteger, nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    # Where it belongs, as far as lists are narrowed by it.
    sa.Column("role", sa.Text),
    sa.Column("school_year", sa.SmallInteger),
    sa.Column("school_unit", UUID),
    # The others that it is of, as of a roster's item.
    sa.Column("more_units", pg.ARRAY(UUID)),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("sendable", sa.Boolean, nullable=False),
    # What we ourselves have to say of it: [{"code", "severity", "pointer"?, "ids"?}]; never a value of the object.
    sa.Column("issues", pg.JSONB),
    # The codes of the messages in what was received; and these with those of the issues, null where nothing is said. No
    # more than twenty of each: an index has them.
    sa.Column("message_codes", pg.JSONB),
    sa.Column("codes", pg.JSONB, sa.Computed(_CODES, persisted=True)),
    # The batch in which it left last.
    sa.Column("batch_id", UUID),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # When it may be sent (again), and how many may share its batch.
    sa.Column("due_at", Time),
    sa.Column("max_together", sa.Integer),
    # For how long it has been tried in vain; as of its job.
    sa.Column("tried_for", sa.Interval),
    sa.Column("failed_at", Time),
    sa.Column("planned_wait", sa.Interval),
    sa.Column("completed_at", Time),
    kind_of_object(),
    one_of("status", "pending", "sent", "unchanged", "succeeded", "warning", "error", "skipped"),
    sa.CheckConstraint(
        "(status IN ('unchanged', 'succeeded', 'warning', 'error', 'skipped')) = (completed_at IS NOT NULL)",
        name="final_has_its_time",
    ),
    sa.CheckConstraint("status NOT IN ('sent', 'succeeded', 'warning') OR sent IS NOT NULL", name="sent_is_kept"),
    sa.CheckConstraint("NOT sendable OR outgoing IS NOT NULL", name="sendable_has_its_form"),
    sa.CheckConstraint(
        "sendable OR status IN ('pending', 'unchanged', 'error', 'skipped')", name="broken_never_leaves"
    ),
    # One of a job's records is found by `job_id`, those of a status in their order by run and kind: the indexes have
    # no column in common, so that no statistics can make the planner take one for the other.
    sa.Index("ix_record_object", "object_id"),
    # What a job's records are narrowed, sorted and counted by stands in the index itself.
    sa.Index(
        "ix_record_status",
        *("run_id", "kind", "status", "ordinal"),
        postgresql_include=["object_id", "completed_at", "role", "school_year", "school_unit"],
    ),
    # Of few records anything is said.
    sa.Index(
        "ix_record_codes",
        *("run_id", "kind", "status", "ordinal"),
        postgresql_include=["object_id", "completed_at", "role", "school_year", "school_unit", "codes"],
        postgresql_where=sa.text("codes IS NOT NULL"),
    ),
    # What a claim ends first: mostly there is none.
    sa.Index("ix_record_unsendable", "job_id", postgresql_where=sa.text("status = 'pending' AND NOT sendable")),
)

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("job_id", UUID, sa.ForeignKey("job.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="written"),
    sa.Column("fence", sa.BigInteger),
    sa.Column("record_ids", pg.ARRAY(UUID), nullable=False),
    # The contents of which its bytes are put together, in the order of the records, and a keyed digest of these bytes.
    sa.Column("items", pg.ARRAY(sa.LargeBinary), nullable=False),
    sa.Column("request_digest", sa.LargeBinary, nullable=False),
    sa.Column("request_bytes", sa.Integer, nullable=False),
    # The plain SHA-256 of the bytes, sealed: for whoever holds them against what was on the wire. None when erased.
    sa.Column("request_sha256", sa.LargeBinary),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("called_at", Time),
    sa.Column("answered_at", Time),
    sa.Column("http_status", sa.SmallInteger),
    sa.Column("remote_job_id", sa.Text),
    sa.Column("polls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_poll_at", Time),
    # For how long its answer has been asked for in vain; as of its job, since it was accepted.
    sa.Column("tried_for", sa.Interval),
    sa.Column("failed_at", Time),
    sa.Column("planned_wait", sa.Interval),
    sa.Column("finished_at", Time),
    # The content of the last answer, without what it says of each record.
    sa.Column("answer", sa.LargeBinary),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("organisation_id", "job_id", "number"),
    one_of("status", "written", "called", "accepted", "answered", "refused", "lost"),
    sa.CheckConstraint("request_bytes BETWEEN 1 AND 200000", name="size"),
    sa.CheckConstraint("octet_length(request_digest) = 32", name="digest"),
    sa.CheckConstraint("request_sha256 IS NOT NULL OR finished_at IS NOT NULL", name="sha256"),
    sa.CheckConstraint("cardinality(items) = cardinality(record_ids)", name="an_item_a_record"),
    sa.CheckConstraint("(status = 'written') = (called_at IS NULL)", name="called_has_its_time"),
    sa.CheckConstraint("status NOT IN ('accepted', 'answered') OR remote_job_id IS NOT NULL", name="accepted"),
    sa.CheckConstraint("(status = 'accepted') = (next_poll_at IS NOT NULL)", name="accepted_is_polled"),
    sa.CheckConstraint(
        "(status IN ('answered', 'refused', 'lost')) = (finished_at IS NOT NULL)", name="finished_has_its_time"
    ),
    sa.Index("ix_batch_open", "job_id", postgresql_where=sa.text("status IN ('written', 'called', 'accepted')")),
    # For whoever deletes a job.
    sa.Index("ix_batch_job", "job_id"),
    # What a key seals, for those who count it or seal it anew.
    sa.Index("ix_batch_key", sa.text(key_of("request_sha256")), "organisation_id"),
)

pause = sa.Table(
    "pause",
    metadata,
    # Nothing new of an activity leaves, or of a whole organisation, until it has ended; what has ended is history.
    sa.Column("id", UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("activity_id", UUID),
    # Who lifts it again: an operator's stays until an operator does.
    sa.Column("by", sa.Text, nullable=False),
    # The handle of the key, or the command line; and why, as callers are shown it.
    sa.Column("made_by", sa.Text, nullable=False),
    # An organisation's is sealed, since it may name a person, and goes with the organisation; an operator's is for all
    # to see.
    sa.Column("reason", sa.Text),
    sa.Column("reason_sealed", sa.LargeBinary),
    sa.Column("since", Time, nullable=False, server_default=NOW),
    sa.Column("ended_at", Time),
    sa.Column("ended_by", sa.Text),
    sa.ForeignKeyConstraint(["organisation_id", "activity_id"], ["activity.organisation_id", "activity.id"]),
    one_of("by", "operator", "organisation"),
    sa.CheckConstraint("char_length(reason) BETWEEN 1 AND 200", name="reason"),
    sa.CheckConstraint("(reason IS NOT NULL) = (by = 'operator')", name="reason_of_an_operator"),
    sa.CheckConstraint("reason_sealed IS NULL OR by = 'organisation'", name="reason_of_an_organisation"),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_somebody"),
    sa.Index(
        "uq_pause_in_force",
        "organisation_id",
        "activity_id",
        "by",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    sa.Index("ix_pause_ended", "ended_at", "id", postgresql_where=sa.text("ended_at IS NOT NULL")),
)

event = sa.Table(
    "event",
    metadata,
    # Written by triggers, in the statement that changes the state.
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("run_id", UUID, nullable=False),
    sa.Column("job_id", UUID),
    sa.Column("from_status", sa.Text),
    sa.Column("to_status", sa.Text, nullable=False),
    sa.Column("claim", sa.BigInteger),
    sa.Column("at", Time, nullable=False, server_default=NOW),
    sa.Index(None, "organisation_id", "run_id", "id"),
)

at_target = sa.Table(
    "at_target",
    metadata,
    # Whether Skolverket holds from before what has failed now: such a record blocks nobody.
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("job_id", UUID, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("asked_at", Time, nullable=False, server_default=NOW),
    sa.ForeignKeyConstraint(["job_id", "object_id"], ["record.job_id", "record.object_id"]),
)
