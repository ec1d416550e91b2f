"""Records of a cancelled run that were called and whose answer never came: what was sent, and that it has arrived.

Every function here is called under a claim; the one that writes raises LeaseLost when it no longer holds.
"""

import json
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.cipher import KeyUnknown, OrganisationCipher
from app.db.claims import Claim, keys
from app.db.verbs import call_verb, snapshot_of
from app.domain.intents import Unanswered
from app.domain.issues import Issue, stored
from app.domain.open_work import JobSnapshot

_MOST = 500


async def unanswered(
    conn: AsyncConnection, cipher: OrganisationCipher, claim: Claim, after: int
) -> Sequence[Unanswered]:
    """Lists records of which a call got no answer, behind the place `after`, as many as are asked for in one call.

    Protected persons are not among them: what Skolverket shows of them need not be what was sent.
    """
    rows = await conn.execute(
        sa.text(
            """
            SELECT one.object_id, one.ordinal, one.sent, kept.sealed FROM (
                SELECT DISTINCT record.* FROM batch CROSS JOIN unnest(batch.record_ids) AS listed (id)
                CROSS JOIN LATERAL (
                    SELECT object_id, ordinal, sent, status, protected FROM record
                    WHERE record.job_id = :job AND record.object_id = listed.id OFFSET 0
                ) record
                WHERE batch.job_id = :job AND batch.status = 'lost' AND batch.error IS DISTINCT FROM 'no_connection'
                    AND record.status = 'pending' AND NOT record.protected AND record.ordinal > :after
                ORDER BY ordinal LIMIT :most
            ) one LEFT JOIN LATERAL (
                SELECT sealed FROM content
                WHERE content.organisation_id = :organisation AND content.digest = one.sent OFFSET 0
            ) kept ON true
            ORDER BY one.ordinal
            """
        ),
        {**keys(claim), "after": after, "most": _MOST},
    )
    return [Unanswered(row.object_id, row.ordinal, _opened(cipher, row.sealed, bytes(row.sent))) for row in rows.all()]


def _opened(cipher: OrganisationCipher, sealed: bytes | None, digest: bytes) -> bytes | None:
    """Opens what was sent; a run that is to end waits for no key, and for no content that was erased."""
    try:
        return None if sealed is None else cipher.open(bytes(sealed), digest)
    except (InvalidTag, KeyUnknown):
        return None


async def note_arrived(conn: AsyncConnection, claim: Claim, arrived: Sequence[UUID]) -> JobSnapshot:
    """Notes which of them Skolverket was found to have as they were sent; gives what is open."""
    return snapshot_of(
        await call_verb(
            conn,
            "note_arrived(:organisation, :job, :claim, CAST(:arrived AS uuid[]), CAST(:issues AS jsonb))",
            {
                **keys(claim),
                "arrived": list(arrived),
                "issues": json.dumps(stored([Issue("found_without_answer", "warning")])),
            },
        )
    )
