"""What callers have put: activities, their rosters, and the objects in them."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, key_of, kind_of_object, metadata, one_of

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    # What callers call it, sealed: it may name a person, and goes when the activity is deleted.
    sa.Column("display_name_sealed", sa.LargeBinary),
    # The roster that counts.
    sa.Column("roster_id", UUID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    # Raised by its trigger with every change that its runs and jobs show: of its name, and whether it is there.
    sa.Column("shown_version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("counts", pg.JSONB, nullable=False),
    # What the roster's contents take, sealed; what other rosters have as well counts for each.
    sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
    # Of what came, in its order: the same again changes nothing.
    sa.Column("digest", sa.LargeBinary),
    sa.Column("findings_errors", sa.Integer, nullable=False, server_default="0"),
    sa.Column("findings_warnings", sa.Integer, nullable=False, server_default="0"),
    sa.Column("findings_by_code", pg.JSONB, nullable=False, server_default="{}"),
    # The activity queue's memory: how many runs it has taken.
    sa.Column("last_sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("updated_at", Time, nullable=False, server_default=NOW),
    # It stays for its runs; the next roster under its id makes it anew.
    sa.Column("deleted_at", Time),
    sa.ForeignKeyConstraint(["organisation_id", "roster_id"], ["roster.organisation_id", "roster.id"]),
    sa.CheckConstraint("(display_name_sealed IS NULL) = (deleted_at IS NOT NULL)", name="named_while_it_is_there"),
    sa.Index("ix_activity_newest", "organisation_id", "created_at", "id"),
    # For whoever deletes a roster.
    sa.Index("ix_activity_roster", "roster_id"),
    # What a key seals, for those who count it or seal it anew.
    sa.Index("ix_activity_key", sa.text(key_of("display_name_sealed")), "organisation_id"),
)

roster = sa.Table(
    "roster",
    metadata,
    # One upload. It stays when another replaces it, and its items go.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    sa.Column("activity_id", UUID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # Its place among all uploads of the organisation, in the order in which they were committed.
    sa.Column("upload", sa.BigInteger, nullable=False),
    # The key that put it: it alone is told what of its next one is the same. What an erasure leaves is of the same key.
    sa.Column("stored_by_id", UUID, sa.ForeignKey("api_key.id")),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.UniqueConstraint("organisation_id", "upload"),
    sa.UniqueConstraint("organisation_id", "activity_id", "version"),
    sa.Index("ix_roster_created", "created_at", "id"),
)

content = sa.Table(
    "content",
    metadata,
    # Whatever is personal, sealed and stored once, known by a keyed digest of what it is and whose.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    # Whose it is: an object's, or a batch's.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object_id", UUID, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    # The buckets of the search keys by which an object is found.
    sa.Column("words", pg.ARRAY(sa.Integer)),
    # How strongly its person is protected, and keyed digests of what two contents are compared by; they go with it.
    sa.Column("marking", sa.SmallInteger),
    sa.Column("eppn", sa.LargeBinary),
    sa.Column("civic_no", sa.LargeBinary),
    sa.Column("name", sa.LargeBinary),
    one_of("kind", "persons", "duties", "groups", "activities", "batch"),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
    # For whoever erases all that is an object's.
    sa.Index("ix_content_object", "object_id"),
    sa.Index("ix_content_words", "words", postgresql_using="gin"),
    # What a key seals, for those who count it or seal it anew.
    sa.Index("ix_content_key", sa.text(key_of("sealed")), "organisation_id"),
)

last_listed = sa.Table(
    "last_listed",
    metadata,
    # Contents that no current roster has any more and a run still has: until when a roster had each. Of what a run
    # under way kept from going by its age, the time since which it is to go.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("at", Time, nullable=False),
    sa.Index("ix_last_listed_at", "at"),
)

roster_staging = sa.Table(
    "roster_staging",
    metadata,
    # Rosters while they arrive; empty between two.
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("roster_id", UUID, nullable=False),
    # By which what a process that died has left is found.
    sa.Column("staged_at", Time, nullable=False, server_default=NOW),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object_id", UUID, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("source", sa.LargeBinary, nullable=False),
    sa.Column("source_sealed", sa.LargeBinary, nullable=False),
    # Sealed only where it is another than the source.
    sa.Column("outgoing", sa.LargeBinary),
    sa.Column("outgoing_sealed", sa.LargeBinary),
    sa.Column("words", pg.ARRAY(sa.Integer), nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    sa.Column("role", sa.Text),
    sa.Column("school_year", sa.SmallInteger),
    sa.Column("school_unit", UUID),
    sa.Column("more_units", pg.ARRAY(UUID)),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("marking", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("eppn", sa.LargeBinary),
    sa.Column("civic_no", sa.LargeBinary),
    sa.Column("name", sa.LargeBinary),
    sa.Column("sendable", sa.Boolean, nullable=False),
    sa.Column("issues", pg.JSONB),
    # What is a finding and nothing of the record's.
    sa.Column("findings", pg.JSONB),
    sa.Index(None, "roster_id"),
    prefixes=["UNLOGGED"],
)

roster_item = sa.Table(
    "roster_item",
    metadata,
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("roster_id", UUID, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("ordinal", sa.Integer, nullable=False),
    # The object as it came, and as it would be sent; None where it can't be.
    sa.Column("source", sa.LargeBinary, nullable=False),
    sa.Column("outgoing", sa.LargeBinary),
    # The upload since which it would be sent as it is, in this activity.
    sa.Column("upload", sa.BigInteger, nullable=False),
    sa.Column("refs", pg.ARRAY(UUID), nullable=False),
    # Where it belongs, as far as lists are narrowed by it.
    sa.Column("role", sa.Text),
    sa.Column("school_year", sa.SmallInteger),
    sa.Column("school_unit", UUID),
    # The others that it is of, where there are some: a person's by further enrolments, and by duties in this roster.
    sa.Column("more_units", pg.ARRAY(UUID)),
    sa.Column("protected", sa.Boolean, nullable=False),
    # How strongly: 0 not at all, 1 by a marking, 2 in the population register too.
    sa.Column("marking", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("sendable", sa.Boolean, nullable=False),
    sa.Column("issues", pg.JSONB),
    kind_of_object(),
    sa.Index("ix_roster_item_order", "roster_id", "kind", "ordinal"),
    sa.Index("ix_roster_item_object", "object_id"),
    sa.Index("ix_roster_item_protected", "object_id", postgresql_where=sa.text("protected")),
)

finding = sa.Table(
    "finding",
    metadata,
    # What is wrong with a current roster, or worth a look, before anything of it is sent; never a value of an object.
    sa.Column("organisation_id", UUID, nullable=False),
    sa.Column("roster_id", UUID, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    # The object's place in its list; -1 stands for one that counts objects.
    sa.Column("ordinal", sa.Integer, primary_key=True),
    # What it was found in: those of one origin are made anew together.
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("object_id", UUID),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    # In one that counts objects `-` stands for any element of a list.
    sa.Column("pointer", sa.Text, nullable=False),
    # Other objects that it speaks of; the code of what is behind it; how many objects have it.
    sa.Column("ids", pg.ARRAY(UUID)),
    sa.Column("cause", sa.Text),
    sa.Column("count", sa.Integer),
    kind_of_object(),
    one_of("origin", "object", "across", "open_data", "rosters"),
    one_of("severity", "error", "warning"),
    sa.CheckConstraint("(object_id IS NULL) = (count IS NOT NULL)", name="of_one_object_or_counted"),
    sa.Index("ix_finding_code", "code", "roster_id", "kind", "ordinal"),
)
