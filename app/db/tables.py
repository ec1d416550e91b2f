"""The tables. Guards that are more than a constraint (transitions, fences, order) are triggers in the migrations.

Every table with an organisation's data carries its id, at the head of the indexes that serve callers' lists. What
belongs to one job or roster is found by the id of that alone: a planner that multiplies how rare the organisation is
with how rare the job is takes 50,000 rows for one. The engine's indexes are partial and hold only what is under way.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _stage() -> sa.CheckConstraint:
    return _one_of("stage", "persons", "duties", "groups", "activities")


UUID = pg.UUID(as_uuid=True)
Time = sa.DateTime(timezone=True)
_now = sa.text("clock_timestamp()")

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    # Where its certificate and private key lie (never what is in them); what the federation calls it, if it is in one.
    sa.Column("certificate_file", sa.Text),
    sa.Column("key_file", sa.Text),
    sa.Column("entity_id", sa.Text),
    sa.CheckConstraint("number ~ '^[0-9]{10}$'", name="number"),
    sa.CheckConstraint(
        "(certificate_file IS NULL) = (key_file IS NULL) AND (entity_id IS NULL OR certificate_file IS NOT NULL)",
        name="certificate_with_key",
    ),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("handle", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Column("revoked_at", Time),
    sa.Index(None, "organisation_id"),
)

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    # The items of the roster that counts; those of an older one are deleted when it is replaced.
    sa.Column("roster_id", UUID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("counts", pg.JSONB, nullable=False),
    sa.Column("findings_errors", sa.Integer, nullable=False, server_default="0"),
    sa.Column("findings_warnings", sa.Integer, nullable=False, server_default="0"),
    # The lane's memory: how many runs it has taken.
    sa.Column("last_sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Column("updated_at", Time, nullable=False, server_default=_now),
    sa.Index("ix_activity_newest", "organisation_id", "created_at", "id"),
)

roster_item = sa.Table(
    "roster_item",
    metadata,
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("roster_id", UUID, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("words", pg.ARRAY(sa.BigInteger), nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("sendable", sa.Boolean, nullable=False),
    sa.Column("flaws", pg.JSONB),
    _stage(),
    sa.Index("ix_roster_item_order", "roster_id", "stage", "ordinal"),
    sa.Index(
        "ix_roster_item_flawed",
        "roster_id",
        "stage",
        "ordinal",
        postgresql_where=sa.text("flaws IS NOT NULL"),
    ),
    sa.Index("ix_roster_item_protected", "object_id", postgresql_where=sa.text("protected")),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="queued"),
    sa.Column("on_record_error", sa.Text, nullable=False),
    sa.Column("requested_by_id", UUID, sa.ForeignKey("api_key.id"), nullable=False),
    sa.Column("requested_by_name", sa.Text, nullable=False),
    sa.Column("roster_version", sa.Integer, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Column("started_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("cancel_requested_at", Time),
    sa.ForeignKeyConstraint(["organisation_id", "activity_id"], ["activity.organisation_id", "activity.id"]),
    sa.UniqueConstraint("organisation_id", "activity_id", "sequence"),
    # What a live job refers to, so that its run can't leave `running` before it.
    sa.UniqueConstraint("id", "status"),
    _one_of("status", "queued", "running", "succeeded", "failed", "cancelled"),
    _one_of("on_record_error", "halt", "continue"),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="finished_has_its_time"
    ),
    sa.CheckConstraint("status NOT IN ('running', 'succeeded', 'failed') OR started_at IS NOT NULL", name="started"),
    # Two runs of one activity are never under way.
    sa.Index(
        "uq_run_one_under_way",
        "organisation_id",
        "activity_id",
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    ),
    # The head of each lane, for the sweeper.
    sa.Index(
        "ix_run_queued", "organisation_id", "activity_id", "sequence", postgresql_where=sa.text("status = 'queued'")
    ),
    sa.Index("ix_run_made_by", "organisation_id", "requested_by_id", "created_at", "id"),
)

_LIVE = "status IN ('queued', 'running')"
_PAST_GATE = "status IN ('queued', 'running', 'succeeded', 'failed') AND position > 1"

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("run_id", UUID, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("position", sa.SmallInteger, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("due_at", Time),
    # Raised by every claim, never lowered; `fence` is what a write repeats of it (the trigger empties it again).
    sa.Column("claim", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("fence", sa.BigInteger),
    sa.Column("lease_until", Time),
    sa.Column("worker", UUID),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    # Claims over an expired lease since the last settle.
    sa.Column("losses", sa.Integer, nullable=False, server_default="0"),
    # Since when nothing but faults; and whether Skolverket has ever taken a batch of it.
    sa.Column("fault_since", Time),
    sa.Column("contact_at", Time),
    sa.Column("ring", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rung_at", Time),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Column("started_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("error", pg.JSONB),
    sa.Column("total", sa.Integer, nullable=False, server_default="0"),
    sa.Column("pending", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("succeeded", sa.Integer, nullable=False, server_default="0"),
    sa.Column("warnings", sa.Integer, nullable=False, server_default="0"),
    sa.Column("errors", sa.Integer, nullable=False, server_default="0"),
    sa.Column("skipped", sa.Integer, nullable=False, server_default="0"),
    # Gates: NULL while a job claims nothing, a value when it claims to have been let in.
    sa.Column("gate_run", sa.Text, sa.Computed(f"CASE WHEN {_LIVE} THEN 'running' END", persisted=True)),
    sa.Column(
        "gate_position", sa.SmallInteger, sa.Computed(f"CASE WHEN {_PAST_GATE} THEN position - 1 END", persisted=True)
    ),
    sa.Column("gate_status", sa.Text, sa.Computed(f"CASE WHEN {_PAST_GATE} THEN 'succeeded' END", persisted=True)),
    sa.UniqueConstraint("run_id", "position"),
    sa.UniqueConstraint("run_id", "position", "status"),
    # A live job belongs to a running run; a job past its gate has a succeeded one ahead, which can't leave that state.
    sa.ForeignKeyConstraint(["run_id", "gate_run"], ["run.id", "run.status"], name="fk_job_live_in_running_run"),
    sa.ForeignKeyConstraint(
        ["run_id", "gate_position", "gate_status"],
        ["job.run_id", "job.position", "job.status"],
        name="fk_job_after_succeeded",
    ),
    _stage(),
    _one_of("status", "waiting", "queued", "running", "succeeded", "failed", "blocked", "cancelled"),
    sa.CheckConstraint(
        "position = CASE stage WHEN 'persons' THEN 1 WHEN 'duties' THEN 2 WHEN 'groups' THEN 3 ELSE 4 END",
        name="position_of_stage",
    ),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'blocked', 'cancelled')) = (finished_at IS NOT NULL)",
        name="finished_has_its_time",
    ),
    sa.CheckConstraint(f"({_LIVE}) = (due_at IS NOT NULL)", name="live_is_due"),
    sa.CheckConstraint("lease_until IS NULL OR status = 'running'", name="lease_only_while_running"),
    # The queue.
    sa.Index("ix_job_due", "due_at", postgresql_where=sa.text(_LIVE)),
    sa.Index("ix_job_history", "organisation_id", "created_at", "run_id", sa.text("(-position)")),
    sa.Index("ix_job_history_status", "organisation_id", "status", "created_at", "run_id", sa.text("(-position)")),
    sa.Index(
        "ix_job_history_activity", "organisation_id", "activity_id", "created_at", "run_id", sa.text("(-position)")
    ),
)

record = sa.Table(
    "record",
    metadata,
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("job_id", UUID, sa.ForeignKey("job.id"), primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("run_id", UUID, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="pending"),
    sa.Column("fence", sa.BigInteger),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("words", pg.ARRAY(sa.BigInteger), nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("sendable", sa.Boolean, nullable=False),
    # What we ourselves have to say of it: [{"code", "severity", "pointer"?, "ids"?}]; never a value of the object.
    sa.Column("remarks", pg.JSONB),
    sa.Column("sent", sa.LargeBinary),
    sa.Column("received", sa.LargeBinary),
    # The batch in which it left last.
    sa.Column("batch_id", UUID),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # When it may be sent (again), since when it has met only faults, how many may share its batch.
    sa.Column("due_at", Time),
    sa.Column("fault_since", Time),
    sa.Column("max_together", sa.Integer),
    sa.Column("completed_at", Time),
    _stage(),
    _one_of("status", "pending", "sent", "succeeded", "warning", "error", "skipped"),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'warning', 'error', 'skipped')) = (completed_at IS NOT NULL)",
        name="final_has_its_time",
    ),
    sa.CheckConstraint("status NOT IN ('sent', 'succeeded', 'warning') OR sent IS NOT NULL", name="sent_is_kept"),
    sa.CheckConstraint("sendable OR status IN ('pending', 'error', 'skipped')", name="broken_never_leaves"),
    # One of a job's records is found by `job_id`, those of a status in their order by run and stage: the indexes have
    # no column in common, so that no statistics can make the planner take one for the other.
    sa.Index("ix_record_status", "run_id", "stage", "status", "ordinal"),
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
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("request_bytes", sa.Integer, nullable=False),
    sa.Column("request_sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Column("called_at", Time),
    sa.Column("answered_at", Time),
    sa.Column("http_status", sa.SmallInteger),
    sa.Column("remote_job_id", sa.Text),
    sa.Column("polls", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_poll_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("organisation_id", "job_id", "number"),
    _one_of("status", "written", "called", "accepted", "answered", "refused", "lost"),
    sa.CheckConstraint("request_bytes BETWEEN 1 AND 200000", name="size"),
    sa.CheckConstraint("octet_length(request_sha256) = 32", name="sha256"),
    sa.CheckConstraint("(status = 'written') = (called_at IS NULL)", name="called_has_its_time"),
    sa.CheckConstraint("status NOT IN ('accepted', 'answered') OR remote_job_id IS NOT NULL", name="accepted"),
    sa.CheckConstraint("(status = 'accepted') = (next_poll_at IS NOT NULL)", name="accepted_is_polled"),
    sa.CheckConstraint(
        "(status IN ('answered', 'refused', 'lost')) = (finished_at IS NOT NULL)", name="finished_has_its_time"
    ),
    sa.Index("ix_batch_open", "job_id", postgresql_where=sa.text("status IN ('written', 'called', 'accepted')")),
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
    sa.Column("at", Time, nullable=False, server_default=_now),
    sa.Index(None, "organisation_id", "run_id", "id"),
)

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_digest", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("headers", pg.JSONB, nullable=False),
    sa.Column("body", pg.JSONB, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=_now),
    sa.Index(None, "created_at"),
)

call_limit = sa.Table(
    "call_limit",
    metadata,
    # When the next call of this kind may leave, over all workers.
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("next_at", Time, nullable=False, server_default=_now),
    # The slots of the last moments: what of Skolverket's own count is ours.
    sa.Column("recent", pg.ARRAY(Time), nullable=False, server_default="{}"),
    _one_of("bucket", "calls", "reads"),
)

call_turn = sa.Table(
    "call_turn",
    metadata,
    # When an organisation last asked for a slot, and when it last got one.
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("asked_at", Time, nullable=False),
    sa.Column("granted_at", Time, nullable=False),
    _one_of("bucket", "calls", "reads"),
)

access_token = sa.Table(
    "access_token",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("token", sa.LargeBinary),
    sa.Column("expires_at", Time),
    # Raised by every new token, so that the refusal of an old one ends no other.
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    # When one that was refused was last given up for a new one.
    sa.Column("renewed_at", Time),
    # One worker fetches; the others wait for it, and share what it met.
    sa.Column("fetching_until", Time),
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.CheckConstraint("(token IS NULL) = (expires_at IS NULL)", name="token_has_its_end"),
)

circuit = sa.Table(
    "circuit",
    metadata,
    # Failures of a service since its last sign of life, over all workers; open, nothing but a probe goes there.
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failing_since", Time),
    sa.Column("code", sa.Text),
    sa.Column("opened_at", Time),
    sa.Column("probe_at", Time),
    _one_of("service", "provisioning", "authorisation"),
    sa.CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="failing_since"),
    sa.CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name="probed_while_open"),
)

answer_time = sa.Table(
    "answer_time",
    metadata,
    # How long Skolverket usually takes with a batch, learned from the earlier ones.
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("usual", sa.Interval, nullable=False),
    _stage(),
)

holding = sa.Table(
    "holding",
    metadata,
    # Whether Skolverket holds from before what has failed now: such a record blocks nobody.
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("job_id", UUID, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("asked_at", Time, nullable=False, server_default=_now),
    sa.ForeignKeyConstraint(["job_id", "object_id"], ["record.job_id", "record.object_id"]),
)

reference_item = sa.Table(
    "reference_item",
    metadata,
    # Skolverket's open data as it came: public, and the same for all organisations.
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("payload", pg.JSONB, nullable=False),
    sa.Column("fetched_at", Time, nullable=False, server_default=_now),
    _one_of("kind", "organisation", "school_unit", "programme", "exam"),
    sa.Index(None, "kind", "code"),
)

reference_refresh = sa.Table(
    "reference_refresh",
    metadata,
    # What is kept fresh: `programmes`, `exams`, or an organisation's number.
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("due_at", Time, nullable=False, server_default=_now),
    sa.Column("refreshed_at", Time),
    sa.Column("failed_at", Time),
    sa.Column("failure", sa.Text),
    sa.Index(None, "due_at"),
)

worker = sa.Table(
    "worker",
    metadata,
    # One row a process: when it was last heard of, and what it has met. Those of the past are added up in one.
    sa.Column("id", UUID, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started_at", Time, nullable=False, server_default=_now),
    sa.Column("seen_at", Time, nullable=False, server_default=_now),
    sa.Column("ended_at", Time),
    # Steps that are being made now.
    sa.Column("in_hand", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
    # Claims over a lease that had run out, and claims of its own that somebody else took over.
    sa.Column("reaped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rings", sa.BigInteger, nullable=False, server_default="0"),
    # From a ring to the claim that followed: how many took up to each of some bounds, and all seconds together.
    sa.Column("heard", pg.ARRAY(sa.BigInteger), nullable=False, server_default="{}"),
    sa.Column("heard_seconds", sa.Double, nullable=False, server_default="0"),
)
