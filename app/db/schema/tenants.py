"""Who calls: organisations, their keys and sessions, and the answers that are kept for repeats."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from app.db.schema.columns import NOW, UUID, Time, metadata
from app.security.keys import NEEDS, OPERATOR, READING, SCOPES

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    # What its keys are derived with: without it nothing of the organisation can be opened any more.
    sa.Column("salt", sa.LargeBinary, nullable=False),
    # What digests and the search's buckets are made with, sealed: it never changes. None when all of it is erased.
    sa.Column("digest_key", sa.LargeBinary),
    # How many rosters it has uploaded: the next one is committed as one more.
    sa.Column("last_upload", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    # Since when its keys open nothing.
    sa.Column("disabled_at", Time),
    # Since when nothing of it can be opened any more: its salt is zeros then.
    sa.Column("erased_at", Time),
    # Where its certificate and private key lie (never what is in them); what the federation calls it, if it is in one.
    sa.Column("certificate_file", sa.Text),
    sa.Column("key_file", sa.Text),
    sa.Column("entity_id", sa.Text),
    # The domains that its logins (EPPN) are of, in lower case; none while it has declared none.
    sa.Column("eppn_domains", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.CheckConstraint("number ~ '^[0-9]{10}$'", name="number"),
    sa.CheckConstraint("octet_length(salt) = 32", name="salt"),
    sa.CheckConstraint("(erased_at IS NULL) = (digest_key IS NOT NULL)", name="erased_without_its_keys"),
    sa.CheckConstraint("erased_at IS NULL OR disabled_at IS NOT NULL", name="erased_is_disabled"),
    sa.CheckConstraint(
        "(certificate_file IS NULL) = (key_file IS NULL) AND (entity_id IS NULL OR certificate_file IS NOT NULL)",
        name="certificate_with_key",
    ),
)

# Those of an operator, or else some of an organisation, each with the one that it needs.
_SCOPES = f"""
CASE WHEN organisation_id IS NULL THEN scopes = ARRAY['{OPERATOR}']
    ELSE scopes <> '{{}}' AND scopes <@ ARRAY[{", ".join(f"'{each}'" for each in SCOPES)}]
    {" ".join(f"AND ('{scope}' <> ALL (scopes) OR '{needed}' = ANY (scopes))" for scope, needed in NEEDS.items())} END
"""
# To some units, all of them known, and only a key that reads: by names, since whom it shows is of these units.
_NARROWED = f"""
school_units IS NULL OR school_units <> '{{}}' AND array_position(school_units, NULL) IS NULL
    AND 'pii' = ANY (scopes) AND scopes <@ ARRAY[{", ".join(f"'{each}'" for each in READING)}]
"""

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", UUID, primary_key=True),
    # None for an operator's.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id")),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("handle", sa.Text, nullable=False, unique=True),
    # None for what nobody can show: a subject's.
    sa.Column("digest", sa.LargeBinary),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    # Whose objects alone are shown to it; None for all of the organisation's.
    sa.Column("school_units", pg.ARRAY(UUID)),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.Column("expires_at", Time),
    sa.Column("revoked_at", Time),
    # Of somebody whom an OpenID provider knows, its issuer, a keyed digest of what it calls them, and by which rows of
    # sign_in_mapping they have their scopes. No secret is theirs: `admit_subject` writes such rows and no others.
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.LargeBinary),
    sa.Column("granted_by", pg.ARRAY(UUID)),
    sa.CheckConstraint(_SCOPES, name="scopes"),
    sa.CheckConstraint(_NARROWED, name="narrowed"),
    sa.CheckConstraint(
        "CASE WHEN subject IS NULL THEN digest IS NOT NULL AND num_nonnulls(issuer, granted_by) = 0"
        " ELSE digest IS NULL AND num_nulls(issuer, granted_by, organisation_id, expires_at) = 0"
        " AND octet_length(subject) = 16 AND starts_with(handle, 'oi_') END",
        name="subject",
    ),
    sa.UniqueConstraint("organisation_id", "subject"),
    sa.Index(None, "organisation_id"),
)

sign_in_mapping = sa.Table(
    "sign_in_mapping",
    metadata,
    # What a claim of a provider's is worth: operators make and delete these, and nobody changes one.
    sa.Column("id", UUID, primary_key=True),
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("claim", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("school_units", pg.ARRAY(UUID)),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.CheckConstraint(_SCOPES, name="scopes"),
    sa.CheckConstraint(_NARROWED, name="narrowed"),
    # One value leads to one organisation.
    sa.UniqueConstraint("issuer", "claim", "value"),
    sa.Index(None, "organisation_id"),
)

session = sa.Table(
    "session",
    metadata,
    # Who has signed in to the pages with a key. What the browser has is not stored: this is its SHA-256. The row
    # counts for the key that the cookie names, sealed.
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    # None for an operator's.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id")),
    sa.Column("api_key_id", UUID, sa.ForeignKey("api_key.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    # When somebody asked for a page last; what a page asks for by itself does not count.
    sa.Column("seen_at", Time, nullable=False, server_default=NOW),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
    sa.Index(None, "seen_at"),
    sa.Index(None, "api_key_id"),
)

# When a key was last used, about: apart from the key, whose row is written anew with its version only when it changes.
api_key_use = sa.Table(
    "api_key_use",
    metadata,
    sa.Column("key_id", UUID, sa.ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("used_at", Time, nullable=False),
)

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    # What an API key was answered when it gave an Idempotency-Key. Of that a keyed digest is kept: a caller may have
    # made it of somebody's name or number.
    sa.Column("organisation_id", UUID, sa.ForeignKey("organisation.id"), nullable=False),
    sa.Column("api_key_id", UUID, sa.ForeignKey("api_key.id"), primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("request_digest", sa.LargeBinary, nullable=False),
    # The run that the request made or changed, and the answer's body to the letter, sealed: callers name things in it.
    sa.Column("run_id", UUID, nullable=False),
    sa.Column("body_sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Time, nullable=False, server_default=NOW),
    sa.CheckConstraint("octet_length(digest) = 32 AND octet_length(request_digest) = 32", name="digests"),
    sa.Index(None, "created_at"),
)
