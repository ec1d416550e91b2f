"""What is known of each object, beyond its runs.

Who wants it is in the rosters' items, and what became of each time that it was sent in the records.
"""

import sqlalchemy as sa

from app.db.schema.columns import NOW, UUID, Time, kind_of_object, metadata, one_of

object_ = sa.Table(
    "object",
    metadata,
    # Made when the target accepts it for the first time.
    sa.Column("organisation_id", UUID, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", UUID, primary_key=True),
    # The content that was accepted last, the upload it was of, the job that sent it. Of a group or an activity it is
    # empty, as no content is, once that is too long ago.
    sa.Column("accepted", sa.LargeBinary, nullable=False),
    sa.Column("accepted_upload", sa.BigInteger, nullable=False),
    sa.Column("accepted_job_id", UUID, nullable=False),
    sa.Column("accepted_at", Time, nullable=False),
    # Of that content: how strongly its person is protected, and keyed digests of its EPPN, civic number and name.
    sa.Column("marking", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("eppn", sa.LargeBinary),
    sa.Column("civic_no", sa.LargeBinary),
    sa.Column("name", sa.LargeBinary),
    # When it was seen at the target, and when it was seen to be gone; whether it is there because of us. None: unknown.
    sa.Column("landed_at", Time),
    sa.Column("gone_at", Time),
    sa.Column("ours", sa.Boolean),
    one_of("kind", "persons", "duties", "groups", "activities"),
    # Room beside each row for the next time that it is accepted: with less all indexes would have it twice.
    postgresql_with={"fillfactor": 50},
)

protected_object = sa.Table(
    "protected_object",
    metadata,
    # What an upload has marked as protected, whatever has become of its roster; until the target has it as not
    # protected, which a run that was asked for after `marked_at` has allowed.
    sa.Column("organisation_id", UUID, primary_key=True),
    sa.Column("object_id", UUID, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    # When it was so in an upload last.
    sa.Column("marked_at", Time, nullable=False, server_default=NOW),
    kind_of_object(),
)

eppn = sa.Table(
    "eppn",
    metadata,
    # Which person of the organisation had an EPPN last, by its keyed digest, of all that the target has accepted.
    sa.Column("organisation_id", UUID, primary_key=True),
    sa.Column("eppn", sa.LargeBinary, primary_key=True),
    sa.Column("object_id", UUID, nullable=False),
    # For whoever erases a person.
    sa.Index("ix_eppn_object", "object_id"),
)
