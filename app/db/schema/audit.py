"""Who has seen or changed what about whom: rows that nobody changes, chained behind each other by the workers.

No row has a foreign key: what it names may go, and a lock on an organisation for each page that is read would be one
that others wait for.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, metadata, one_of

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    # None for what operators do, and for who could not say who it is.
    sa.Column("organisation_id", UUID),
    sa.Column("at", Time, nullable=False, server_default=NOW),
    sa.Column("actor_kind", sa.Text, nullable=False),
    # The key's id and handle; on the command line the name that the system has for who types.
    sa.Column("actor_id", UUID),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("run_id", UUID),
    sa.Column("job_id", UUID),
    sa.Column("activity_id", UUID),
    sa.Column("details", pg.JSONB, nullable=False, server_default="{}"),
    # Keyed digests of ids, 16 bytes each: with the organisation's own key one finds somebody, without it nobody.
    sa.Column("objects", sa.LargeBinary, nullable=False, server_default=""),
    # How many of them are protected persons.
    sa.Column("protected", sa.Integer, nullable=False, server_default="0"),
    one_of("actor_kind", "key", "operator", "command", "service", "unknown"),
    one_of("via", "api", "page", "export", "command", "service"),
    sa.CheckConstraint("mod(octet_length(objects), 16) = 0", name="objects"),
    sa.CheckConstraint("protected >= 0", name="protected"),
    sa.Index(None, "organisation_id", "at", "id"),
)

audit_unchained = sa.Table(
    "audit_unchained",
    metadata,
    # Rows that have no link yet: made by a trigger, gone with the link.
    sa.Column("audit_id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID),
    sa.Column("at", Time, nullable=False),
    sa.Index(None, "organisation_id"),
)

audit_link = sa.Table(
    "audit_link",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("audit_id", UUID, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("seq > 0", name="seq"),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    # A link, up to which no row is newer than `at`: what stands up to it can go, and the chain still holds.
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("made_at", Time, nullable=False, server_default=NOW),
    # Since when what stands up to it may be gone.
    sa.Column("cut_at", Time),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
)

audit_object = sa.Table(
    "audit_object",
    metadata,
    # In which chained rows somebody is: the newest of one is found at once.
    sa.Column("organisation_id", UUID, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("at", Time, primary_key=True),
    sa.Column("audit_id", UUID, primary_key=True),
)

audit_key = sa.Table(
    "audit_key",
    metadata,
    # What links are made with, sealed with the service's keys under a salt of its own: random, and made once.
    sa.Column("owner", UUID, primary_key=True),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("key_sealed", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("owner = '00000000-0000-0000-0000-000000000000'", name="one"),
    sa.CheckConstraint("octet_length(salt) = 32", name="salt"),
)

audit_reading = sa.Table(
    "audit_reading",
    metadata,
    # How much a key was shown on a day (UTC): how often, objects in all, protected persons among them.
    sa.Column("organisation_id", UUID, primary_key=True),
    sa.Column("key_id", UUID, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("answers", sa.BigInteger, nullable=False),
    sa.Column("objects", sa.BigInteger, nullable=False),
    sa.Column("protected", sa.BigInteger, nullable=False),
    sa.Index(None, "day"),
)
