"""What runs would do, as it was found at some time: plans, and what each says of each object."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, kind_of_object, metadata, one_of

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("roster_version", sa.Integer, nullable=False),
    sa.Column("on_record_error", sa.Text, nullable=False),
    sa.Column("allow", pg.ARRAY(sa.Text), nullable=False),
    # No run is accepted: the roster has no objects, some were sent before, and that is not allowed.
    sa.Column("shrinks", sa.Boolean, nullable=False),
    sa.Column("requested_by_id", UUID, sa.ForeignKey("api_key.id"), nullable=False),
    sa.Column("requested_by_name", sa.Text, nullable=False),
    # Its counts, by stage in their order.
    sa.Column("stages", pg.JSONB, nullable=False),
    # Before anything of it was read.
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    one_of("on_record_error", "halt", "continue"),
    sa.CheckConstraint("allow <@ ARRAY['shrinks', 'weaker_marking', 'reused_id']", name="allow"),
    # No reference to the activity: a roster that is stored meanwhile need not wait for a plan.
    sa.Index("ix_plan_activity", "organisation_id", "activity_id", "created_at", "id"),
    sa.Index("ix_plan_created", "created_at"),
)

plan_item = sa.Table(
    "plan_item",
    metadata,
    # Ids, codes, marks and digests; values are opened by these for as long as something else keeps the contents.
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("plan_id", UUID, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    # As in the roster; those that are in none any more come after.
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("object_id", UUID, nullable=False),
    # Whose name a duty is shown with.
    sa.Column("person_id", UUID),
    sa.Column("decision", sa.Text, nullable=False),
    # Digests of contents: the object as it came, as it would be sent, as it was accepted last.
    sa.Column("source", sa.LargeBinary),
    sa.Column("outgoing", sa.LargeBinary),
    sa.Column("accepted", sa.LargeBinary),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("likely_refused", sa.Boolean, nullable=False),
    # As who may see protected persons is told of it, as who sees nobody protected is, and as who sees nobody's name is.
    sa.Column("marks", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("open_marks", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("plain_marks", pg.ARRAY(sa.Text), nullable=False),
    # The codes among the issues, which are as a record has them.
    sa.Column("codes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("issues", pg.JSONB),
    kind_of_object(),
    one_of("decision", "send", "kept_here", "blocked", "skipped", "unchanged", "not_reached", "left"),
    # For whoever erases an object, and for the names of others.
    sa.Index("ix_plan_item_object", "object_id"),
)
